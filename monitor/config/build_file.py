"""One file of checks into planned checks; what is wrong stays in the file."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from monitor.config.build_check import Draft, Surroundings, build_check
from monitor.config.check_files import CheckFile
from monitor.config.defaults import defaults_at
from monitor.config.for_each import Find, asks, expand
from monitor.config.like import resolve_likes
from monitor.config.plan import Place, PlannedCheck, Problem
from monitor.config.report import Report, nearest
from monitor.config.tree_parts import map_at, texts_in
from monitor.config.yaml_tree import Entry, Fields, Text, YamlError, read_tree

_FILE_KEYS = ("defaults", "checks")


@dataclass(frozen=True, slots=True)
class FileBuild:
    """What one file came to.

    ``ids`` are all that it writes or makes, with their places; ``after`` are the names of other
    checks, by the check that has them, to be held against all files; ``broken`` are definitions
    with problems, as written. ``is_unread`` says that nothing in it could be read at all;
    ``asks`` that a query finds some checks, ``unasked`` which of them it was not asked for;
    ``reads`` that some have files of their own.
    """

    checks: tuple[PlannedCheck, ...] = ()
    ids: Mapping[str, Place] = field(default_factory=dict)
    after: tuple[tuple[str, Text], ...] = ()
    broken: frozenset[str] = frozenset()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    maintainer: str | None = None
    is_unread: bool = False
    asks: bool = False
    unasked: frozenset[str] = frozenset()
    reads: bool = False


def build_file(file: CheckFile, around: Surroundings, report: Report, find: Find) -> FileBuild:
    """Build every check of a file; ``report`` is empty and the file's own."""
    maintainer = _maintainer(file.inherited.entries)
    if file.text is None:
        report.add(Place(str(file.path), 1, 1), file.reason)
        return FileBuild(problems=report.problems, maintainer=maintainer, is_unread=True)
    try:
        root = read_tree(file.text, str(file.path))
    except YamlError as error:
        report.add(error.problem.place, error.problem.message)
        return FileBuild(problems=report.problems, maintainer=maintainer, is_unread=True)
    return _Building(file, around, report, find).build(root)


class _Building:
    """The working copy: what is gathered while the definitions are gone through."""

    def __init__(self, file: CheckFile, around: Surroundings, report: Report, find: Find) -> None:
        self.file, self.around, self.report, self.find = file, around, report, find
        self.checks: dict[str, PlannedCheck] = {}
        self.ids: dict[str, Place] = {}
        self.after: list[tuple[str, Text]] = []
        self.broken: set[str] = set()
        self.asks = False
        self.unasked: set[str] = set()
        self.reads = False

    def build(self, root: Fields) -> FileBuild:
        _check_keys(root, self.report)
        defaults = self.file.inherited.below(defaults_at(root, "the file", self.report))
        checks = map_at(root, "checks", self.report) or Fields({}, root.place)
        self.ids.update((name, entry.place) for name, entry in checks.entries.items())
        usable = resolve_likes(checks, self.report)
        self.broken.update(checks.entries.keys() - usable.keys())
        for written, entries in usable.items():
            before = self.report.count
            self._define(written, entries, defaults.entries, is_doomed=defaults.is_doomed)
            if self.report.count > before or defaults.is_doomed:
                self.broken.add(written)
        return FileBuild(
            checks=tuple(self.checks.values()),
            ids=self.ids,
            after=tuple(self.after),
            broken=frozenset(self.broken),
            problems=self.report.problems,
            warnings=self.report.warnings,
            maintainer=_maintainer(defaults.entries),
            asks=self.asks,
            unasked=frozenset(self.unasked),
            reads=self.reads,
        )

    def _define(
        self,
        written: str,
        entries: Mapping[str, Entry],
        defaults: Mapping[str, Entry],
        *,
        is_doomed: bool,
    ) -> None:
        place = self.ids[written]
        self.asks = self.asks or asks(entries)
        self.reads = self.reads or not entries.keys().isdisjoint({"tests", "query_file"})
        for made in expand(written, place, entries, self.report, self.find):
            first = self.ids.get(made.id)
            if made.id in self.checks and first is not None:
                message = f"check '{made.id}' is already defined at {first}"
                self.report.add(place, message, check=made.id)
                continue
            self.ids[made.id] = place
            if made.is_sample:
                self.unasked.add(written)
            draft = Draft(
                made.id,
                place,
                self.file.team,
                made.entries,
                defaults,
                is_doomed=is_doomed or made.is_sample,
                written=written,
                values=made.values,
            )
            self._build(draft)

    def _build(self, draft: Draft) -> None:
        planned = build_check(draft, self.around, self.report)
        if planned is None:
            return
        self.checks[draft.id] = planned
        entry = draft.own.get("after") or draft.defaults.get("after")
        if planned.after and entry is not None:
            self.after.extend((draft.id, text) for text in texts_in(entry.value))


def _check_keys(root: Fields, report: Report) -> None:
    for fault in root.faults:
        report.add(fault.place, fault.message)
    for key, entry in root.entries.items():
        if key not in _FILE_KEYS:
            message = f"unknown key '{key}' in a file of checks"
            report.add(entry.place, message, suggestion=nearest(key, _FILE_KEYS))


def _maintainer(entries: Mapping[str, Entry]) -> str | None:
    entry = entries.get("maintainer")
    return entry.value.text if entry and isinstance(entry.value, Text) else None
