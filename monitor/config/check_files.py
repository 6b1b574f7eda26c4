"""checks/**/*.yaml into drafts: defaults, ``like:`` and ``for_each:`` are resolved here."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from monitor.config.expand import expand, resolve_likes
from monitor.config.plan import Place, Problem
from monitor.config.report import Report, nearest
from monitor.config.yaml_tree import MAX_BYTES, Entry, Fields, YamlError, read_tree

DEFAULTS_FILE = "_defaults.yaml"
DEFAULT_KEYS = (
    "kind",
    "source",
    "resource",
    "maintainer",
    "every",
    "cron",
    "after",
    "wake",
    "runbook",
    "labels",
    "enabled",
    "timezone",
    "timeout",
    "slices",
)
_FILE_KEYS = ("defaults", "checks")


@dataclass(frozen=True, slots=True)
class Draft:
    """One check with its own keys and the defaults that reach it, not typed yet.

    ``is_doomed`` says that its defaults have problems: it is checked, and never run.
    """

    id: str
    place: Place
    team: str
    own: Mapping[str, Entry]
    defaults: Mapping[str, Entry]
    is_doomed: bool = False


@dataclass(slots=True)
class CheckFiles:
    """What was read: the drafts by id, every id that is written anywhere, and all texts."""

    drafts: dict[str, Draft] = field(default_factory=dict)
    ids: set[str] = field(default_factory=set)
    texts: list[tuple[str, str]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Defaults:
    entries: Mapping[str, Entry] = field(default_factory=dict)
    is_doomed: bool = False

    def below(self, other: "_Defaults") -> "_Defaults":
        """Return these with nearer ones laid over them."""
        return _Defaults({**self.entries, **other.entries}, self.is_doomed or other.is_doomed)


def read_text(path: Path) -> str:
    """Read a file. Raise YamlError when it cannot be read, is too large or is no UTF-8."""
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
        if len(raw) > MAX_BYTES:
            reason = f"the file is larger than {MAX_BYTES // 1_000_000} MB"
            raise YamlError(Problem(Place(str(path), 1, 1), reason))
        return raw.decode("utf-8-sig")
    except OSError as error:
        reason = f"the file cannot be read: {error.strerror}"
    except UnicodeDecodeError as error:
        reason = f"the file is no UTF-8 (byte {error.start})"
    raise YamlError(Problem(Place(str(path), 1, 1), reason))


def read_check_files(folder: Path, report: Report) -> CheckFiles:
    """Read every file below a folder, in the order of their paths.

    A file with problems keeps the checks that have none.
    """
    found = CheckFiles()
    folders: dict[Path, _Defaults] = {}
    for path in _files(folder, report):
        try:
            text = read_text(path)
            found.texts.append((str(path.relative_to(folder)), text))
            root = read_tree(text, str(path))
        except YamlError as error:
            report.add(error.problem.place, error.problem.message)
            if path.name == DEFAULTS_FILE:
                folders[path.parent] = _Defaults(is_doomed=True)
            continue
        if path.name == DEFAULTS_FILE:
            folders[path.parent] = _defaults(root, "the defaults of the folder", report)
        else:
            _take_file(path, root, _inherited(folder, path, folders), found, report, folder=folder)
    return found


def _files(folder: Path, report: Report) -> Iterator[Path]:
    """Go through the files, the defaults of a folder before anything that they reach."""
    paths = [
        path
        for path in folder.rglob("*.y*ml")
        if path.is_file() and not any(p.startswith(".") for p in path.relative_to(folder).parts)
    ]
    for path in sorted(paths, key=lambda path: (path.name != DEFAULTS_FILE, path.parts)):
        if path.suffix == ".yaml":
            yield path
        elif path.suffix == ".yml":
            report.add(Place(str(path), 1, 1), "only files named *.yaml are read; rename it")


def _inherited(folder: Path, path: Path, folders: Mapping[Path, _Defaults]) -> _Defaults:
    merged = _Defaults()
    for parent in reversed(path.parents):
        if parent == folder or folder in parent.parents:
            merged = merged.below(folders.get(parent, _Defaults()))
    return merged


def _defaults(node: Fields, name: str, report: Report) -> _Defaults:
    before = report.count
    report.add_faults(node)
    for key, entry in node.entries.items():
        if key not in DEFAULT_KEYS:
            message = f"unknown key '{key}' in {name}"
            report.add(entry.place, message, suggestion=nearest(key, DEFAULT_KEYS))
    entries = {key: entry for key, entry in node.entries.items() if key in DEFAULT_KEYS}
    return _Defaults(entries, report.count > before)


def _take_file(
    path: Path,
    root: Fields,
    inherited: _Defaults,
    found: CheckFiles,
    report: Report,
    *,
    folder: Path,
) -> None:
    parts = path.relative_to(folder).parts
    team = parts[0] if len(parts) > 1 else ""
    for fault in root.faults:
        report.add(fault.place, fault.message)
    for key, entry in root.entries.items():
        if key not in _FILE_KEYS:
            message = f"unknown key '{key}' in a file of checks"
            report.add(entry.place, message, suggestion=nearest(key, _FILE_KEYS))
    defaults = inherited.below(_own_defaults(root, report))
    checks = _map_at(root, "checks", report) or Fields({}, root.place)
    found.ids.update(checks.entries)
    for written, entries in resolve_likes(checks, report).items():
        place = checks.entries[written].place
        for made, own in expand(written, place, entries, report):
            draft = Draft(made, place, team, own, defaults.entries, defaults.is_doomed)
            _keep(draft, found, report)


def _map_at(root: Fields, key: str, report: Report) -> Fields | None:
    node = root.get(key)
    if node is None or isinstance(node, Fields):
        return node
    if not report.add_faults(node, f"'{key}'"):
        report.add(root.place_of(key), f"'{key}' must be a map")
    return None


def _own_defaults(root: Fields, report: Report) -> _Defaults:
    node = _map_at(root, "defaults", report)
    if node is None:
        return _Defaults(is_doomed="defaults" in root.entries)
    return _defaults(node, "the defaults of the file", report)


def _keep(draft: Draft, found: CheckFiles, report: Report) -> None:
    first = found.drafts.get(draft.id)
    if first is None:
        found.ids.add(draft.id)
        found.drafts[draft.id] = draft
        return
    message = f"check '{draft.id}' is already defined at {first.place}"
    report.add(draft.place, message, check=draft.id)
