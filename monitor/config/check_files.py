"""checks/**/*.yaml: which files there are, their texts, and the defaults that reach them."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2s
from pathlib import Path

from monitor.config.defaults import Defaults, read_defaults
from monitor.config.plan import Place, Problem
from monitor.config.report import Report
from monitor.config.yaml_tree import MAX_BYTES, YamlError, read_tree

DEFAULTS_FILE = "_defaults.yaml"
MAX_FILES = 20_000
"""The most files that are read."""


@dataclass(frozen=True, slots=True)
class CheckFile:
    """One file of checks as it was read; ``text`` is None where it cannot be, with the reason.

    ``inherited`` are the defaults that reach the file, ``digest`` hashes them and the text.
    """

    path: Path
    team: str
    inherited: Defaults
    digest: bytes
    text: str | None = None
    reason: str = ""


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


def read_check_files(folder: Path, base: Defaults, report: Report) -> Iterator[CheckFile]:
    """Go through every file below a folder, in the order of their paths."""
    folders: dict[Path, tuple[Defaults, bytes]] = {}
    for path in check_paths(folder, report):
        if path.name == DEFAULTS_FILE:
            folders[path.parent] = _folder_defaults(path, report)
            continue
        inherited, digest = _inherited(folder, path, base, folders)
        parts = path.relative_to(folder).parts
        team = parts[0] if len(parts) > 1 else ""
        try:
            text = read_text(path)
        except YamlError as error:
            reason = error.problem.message
            yield CheckFile(path, team, inherited, b"", reason=reason)
            continue
        own = blake2s(text.encode(), key=digest).digest()
        yield CheckFile(path, team, inherited, own, text)


def check_paths(folder: Path, report: Report) -> list[Path]:
    """Return the files to read, the defaults of a folder before anything that they reach."""
    paths: list[Path] = []
    for path in _walk(folder, report, {}):
        if path.suffix == ".yml":
            report.add(Place(str(path), 1, 1), "only files named *.yaml are read; rename it")
        elif path.suffix == ".yaml":
            paths.append(path)
        if len(paths) > MAX_FILES:
            message = f"more than {MAX_FILES} files of checks; the others are not read"
            report.add(Place(str(folder), 1, 1), message)
            break
    return sorted(paths, key=lambda path: (path.name != DEFAULTS_FILE, path.parts))


def _walk(folder: Path, report: Report, seen: dict[tuple[int, int], Path]) -> Iterator[Path]:
    """Go through the files below a folder, each folder once, whatever links to it."""
    try:
        status = folder.stat()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        reason = f"the folder cannot be read: {error.strerror}"
        report.add(Place(str(folder), 1, 1), reason)
        return
    first = seen.setdefault((status.st_dev, status.st_ino), folder)
    if first is not folder:
        report.add(Place(str(folder), 1, 1), f"the folder is {first} again, by a link")
        return
    for entry in entries:
        path = folder / entry.name
        if entry.name.startswith("."):
            continue
        if path.is_dir():
            yield from _walk(path, report, seen)
        elif path.is_file() or (entry.is_symlink() and path.suffix == ".yaml"):
            yield path


def _folder_defaults(path: Path, report: Report) -> tuple[Defaults, bytes]:
    try:
        text = read_text(path)
        root = read_tree(text, str(path))
    except YamlError as error:
        report.add(error.problem.place, error.problem.message)
        return Defaults(is_doomed=True), b"broken"
    made = read_defaults(root, "the defaults of the folder", report)
    return made, blake2s(text.encode()).digest()


def _inherited(
    folder: Path, path: Path, base: Defaults, folders: Mapping[Path, tuple[Defaults, bytes]]
) -> tuple[Defaults, bytes]:
    merged, code = base, blake2s(str(path).encode())
    for parent in reversed(path.parents):
        found = folders.get(parent)
        if found is not None and (parent == folder or folder in parent.parents):
            merged = merged.below(found[0])
            code.update(found[1])
    return merged, code.digest()
