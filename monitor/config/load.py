"""The way from the files to the plan."""

import gc
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from hashlib import blake2s
from pathlib import Path

from monitor.config.broken import broken_files
from monitor.config.build_check import Surroundings
from monitor.config.build_file import FileBuild, build_file
from monitor.config.cache import Cache, cache_beside, cache_key
from monitor.config.check_files import CheckFile, read_check_files, read_text
from monitor.config.environment import substitute
from monitor.config.finding import Ask, Finder, Recall
from monitor.config.for_each import Find
from monitor.config.graph import find_cycles
from monitor.config.plan import Place, Plan, PlannedCheck
from monitor.config.platform_file import Platform, read_platform
from monitor.config.plugins import load_plugins
from monitor.config.report import ConfigError, Report
from monitor.config.yaml_tree import Fields, YamlError, read_tree

__all__ = ["ConfigError", "Loader", "load"]

WORTH_KEEPING = 2000
"""From how many checks on that were built anew a cache is worth its writing: half a second of
building. Writing one for 1,000 checks leaves 1.5 MB more resident, for good."""


def load(config_file: Path, env: Mapping[str, str], ask: Ask | None = None) -> Plan:
    """Read config.yaml and all checks; see ``Loader.load``."""
    return Loader(config_file, env, ask).load()


@dataclass(slots=True)
class Loader:
    """Reads the configuration, again and again; what did not change is not built again.

    ``ask`` asks the sources for the values of ``for_each``; without it such checks are checked
    with made-up values, and do not run; ``recall`` remembers what was found. With ``is_thrifty``
    only those kinds, sources and receivers are imported that the files use, as long as there is no
    mistake to explain. With ``keeps`` a fresh process finds again what an earlier one has built.
    With ``notes_origins`` each check knows where its keys are written: a third of a plan's memory.
    """

    config_file: Path
    env: Mapping[str, str]
    ask: Ask | None = None
    is_thrifty: bool = False
    recall: Recall | None = None
    keeps: bool = False
    notes_origins: bool = False
    _cache: Cache | None = None
    _key: bytes = b""
    _unkept: int = 0
    _failed: tuple[str, ...] | None = None
    _platform: tuple[str, Platform, Report] | None = None
    _builds: dict[Path, tuple[bytes, FileBuild]] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The folder of checks, as the last load had it."""
        return self._platform[1].checks if self._platform else self.config_file.parent / "checks"

    def load(self, before: Plan | None = None) -> Plan:
        """Read all; every problem of every file is in ``Plan.problems``.

        A problem in a file of checks drops the checks that it concerns; of those, the versions
        that ``before`` holds go on. Raise ConfigError with all problems when config.yaml itself
        cannot be used.
        """
        with _without_collecting():
            if self.is_thrifty:
                plan = self._load_thriftily(before)
                if plan is not None:
                    return plan
                # To explain a mistake, all names must be known.
                self.is_thrifty, self._failed, self._platform = False, None, None
            return self._load(before)

    def _load_thriftily(self, before: Plan | None) -> Plan | None:
        try:
            plan = self._load(before)
        except ConfigError:
            return None
        return None if plan.problems else plan

    def keep(self) -> None:
        """Write what was built for the next start, where that is worth its while."""
        if self._cache is not None and self._unkept >= WORTH_KEEPING:
            self._unkept = 0
            self._cache.write(self._key, dict(self._builds))

    def _open_cache(self, text: str, platform: Platform) -> None:
        """Find again what an earlier process has built, once for each text of config.yaml."""
        if not self.keeps or self.notes_origins or self._builds:
            return
        self._key = cache_key(text, self.env, self._failed or ())
        self._cache = cache_beside(platform.store, self.env, self.config_file)
        if self._cache is not None:
            self._builds = self._cache.read(self._key)

    def build_text(self, text: str, name: str) -> PlannedCheck | None:
        """Build the first check of a text as if it were a file; None where it has problems.

        The configuration must have been loaded before.
        """
        assert self._platform is not None
        platform = self._platform[1]
        around = Surroundings.of(platform, self._failed or (), notes_origins=self.notes_origins)
        file = CheckFile(platform.checks / name, "", platform.defaults, b"", text)
        build = build_file(file, around, Report(), Finder(platform.sources))
        return build.checks[0] if build.checks and not build.problems else None

    def _load(self, before: Plan | None) -> Plan:
        report = Report()
        if self._failed is None:
            self._failed = load_plugins(with_built_in=not self.is_thrifty)
        failed = self._failed
        for line in failed:
            report.add(Place(str(self.config_file), 1, 1), line)
        text, platform = self._read_platform(report, failed)
        self._open_cache(text, platform)
        around = Surroundings.of(platform, failed, notes_origins=self.notes_origins)
        find = Finder(platform.sources, self.ask, self.recall)
        builds: dict[Path, FileBuild] = {}
        said = [("", text)]
        # One after the other: all texts at once would be as much again as what they come to.
        for file in read_check_files(platform.checks, platform.defaults, report):
            builds[file.path] = self._build(file, around, report, find)
            said.append((str(file.path), _hashed(file.text or "")))
        self._builds = {path: self._builds[path] for path in builds}
        checks = _together(builds, report)
        if before is not None:
            checks = {**_last_good(before, builds, checks, platform), **checks}
        if report.is_fatal:
            raise ConfigError(report.problems)
        return Plan(
            timezone=platform.timezone,
            store=platform.store,
            web=platform.web,
            auditor=platform.auditor,
            sources=platform.sources,
            receivers=platform.receivers,
            maintainers=platform.maintainers,
            resources=platform.resources,
            on_call=platform.on_call,
            checks=_known_after(checks),
            digests=platform.digests,
            routing=platform.routing,
            holidays=platform.holidays,
            templates=platform.templates,
            revision=_revision(said),
            problems=report.problems,
            warnings=report.warnings,
            broken=broken_files(report.problems, builds, platform, before),
            asks=any(build.asks for build in builds.values()),
            is_stale=find.is_stale,
            unasked=frozenset(name for build in builds.values() for name in build.unasked),
        )

    def _read_platform(self, report: Report, failed: tuple[str, ...]) -> tuple[str, Platform]:
        """Read config.yaml; the sources and receivers of before go on when it did not change."""
        try:
            text = read_text(self.config_file)
        except YamlError as error:
            raise ConfigError((*report.problems, error.problem)) from None
        known = self._platform
        if known is None or known[0] != text or not known[1].checks.is_dir():
            own = report.beside()
            platform = self._make_platform(text, own, failed)
            known = self._platform = (text, platform, own)
            self._builds = {}
        own = known[2]
        report.take_over(own)
        return text, known[1]

    def _make_platform(self, text: str, report: Report, failed: tuple[str, ...]) -> Platform:
        try:
            root = substitute(read_tree(text, str(self.config_file)), self.env, report)
        except YamlError as error:
            raise ConfigError((*report.problems, error.problem)) from None
        assert isinstance(root, Fields)
        return read_platform(root, self.config_file.parent, report, failed)

    def _build(
        self, file: CheckFile, around: Surroundings, report: Report, find: Find
    ) -> FileBuild:
        known = self._builds.get(file.path)
        if known is not None and known[0] == file.digest and file.digest:
            build = known[1]
        else:
            build = build_file(file, around, report.beside(), find)
            self._unkept += len(build.checks)
            # What lies in other files or is found by queries may change while the text does not.
            digest = b"" if build.asks or build.reads else file.digest
            self._builds[file.path] = (digest, build)
        report.take(build.problems, build.warnings)
        return build


@contextmanager
def _without_collecting() -> Iterator[None]:
    """Let the collector rest: it would walk all that was read again and again, and free nothing."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _together(builds: Mapping[Path, FileBuild], report: Report) -> dict[str, PlannedCheck]:
    """Join the checks of all files, and hold against each other what each of them says."""
    checks: dict[str, PlannedCheck] = {}
    ids: dict[str, Place] = {}
    for build in builds.values():
        for name, place in build.ids.items():
            first = ids.setdefault(name, place)
            if first is not place:
                message = f"check '{name}' is already defined at {first}"
                report.add(place, message, check=name)
        checks.update((one.id, one) for one in build.checks if ids[one.id] is build.ids[one.id])
    for build in builds.values():
        _hold_after(build, ids, checks, report)
    _cut_cycles(checks, report)
    return checks


def _hold_after(
    build: FileBuild,
    ids: Mapping[str, Place],
    checks: dict[str, PlannedCheck],
    report: Report,
) -> None:
    """Drop the checks that are after one that no file has."""
    for name, text in build.after:
        if text.text == name:
            report.add(text.place, f"check '{name}' is after itself", check=name)
            checks.pop(name, None)
        elif text.text not in ids:
            report.is_known("check", text.text, ids.keys() - {name}, text.place, name)
            checks.pop(name, None)


def _cut_cycles(checks: dict[str, PlannedCheck], report: Report) -> None:
    """Cut each circle of ``after`` at one check."""
    for cycle in find_cycles({name: planned.after for name, planned in checks.items()}):
        way = " -> ".join((*cycle, cycle[0]))
        last = checks[cycle[-1]]
        report.add(last.place, f"'after' goes round in a circle: {way}", check=cycle[-1])
        kept = tuple(name for name in last.after if name != cycle[0])
        checks[cycle[-1]] = replace(last, after=kept)


def _known_after(checks: Mapping[str, PlannedCheck]) -> dict[str, PlannedCheck]:
    """Let no check wait for one that does not run."""
    return {
        name: replace(planned, after=tuple(other for other in planned.after if other in checks))
        if planned.after
        else planned
        for name, planned in checks.items()
    }


def _last_good(
    before: Plan,
    builds: Mapping[Path, FileBuild],
    checks: Mapping[str, PlannedCheck],
    platform: Platform,
) -> dict[str, PlannedCheck]:
    """Return the checks of before whose definitions have problems now."""
    unread = {str(path) for path, build in builds.items() if build.is_unread}
    broken = {(str(path), name) for path, build in builds.items() for name in build.broken}
    return {
        name: old
        for name, old in before.checks.items()
        if name not in checks
        and (old.place.file in unread or (old.place.file, old.written) in broken)
        and (old.source in platform.sources or old.source not in before.sources)
    }


def _hashed(text: str) -> str:
    return blake2s(text.encode()).hexdigest()


def _revision(texts: Iterable[tuple[str, str]]) -> str:
    """Hash the names and texts of all files; twelve hexadecimal digits."""
    code = blake2s(digest_size=6)
    for name, text in texts:
        for part in (name, text):
            raw = part.encode()
            code.update(len(raw).to_bytes(8, "big") + raw)
    return code.hexdigest()
