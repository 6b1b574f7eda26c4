"""A draft into a planned check: typed by its kind, and held against everything that it names."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache, lru_cache
from sys import intern
from typing import Any, TypeVar

from monitor.api.check import KINDS, Check, Measure
from monitor.api.errors import MissingExtraError
from monitor.api.query import Query
from monitor.config.beside import put_query_file, read_tests
from monitor.config.calendars import HolidayNames
from monitor.config.grammar import zones
from monitor.config.integrations import why_failed
from monitor.config.links import Named, find_maintainer, find_source, objections
from monitor.config.plan import Place, PlannedCheck
from monitor.config.platform_file import Platform
from monitor.config.plugins import find_plugin, missing_extra
from monitor.config.report import Report, nearest
from monitor.config.schedules import read_schedule
from monitor.config.sections import CommonSection
from monitor.config.tiers import read_tiers
from monitor.config.typed import Subject, construct, guarded
from monitor.config.yaml_tree import Entry, Text

_TIERS = ("warn", "page")
_OTHER = ("kind", *_TIERS, "like", "for_each", "query_file")
_AT_ONCE = timedelta(0)
_NONE: dict[str, Any] = {}
_Value = TypeVar("_Value", bound=Hashable)
_ANY_MOMENT = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Draft:
    """One check with its own keys and the defaults that reach it, not typed yet.

    ``is_doomed`` says that its defaults have problems, or that its values are made up: it is
    checked, and never run. ``written`` is the id as it stands in the file, ``values`` what
    ``for_each`` put into it.
    """

    id: str
    place: Place
    team: str
    own: Mapping[str, Entry]
    defaults: Mapping[str, Entry]
    is_doomed: bool = False
    written: str = ""
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a check is held against: the platform, plugins that failed, what names stand for."""

    platform: Platform
    failed: Sequence[str]
    context: Mapping[str, Any]
    notes_origins: bool = False

    @classmethod
    def of(
        cls, platform: Platform, failed: Sequence[str], *, notes_origins: bool = False
    ) -> "Surroundings":
        """Describe what is around every check of a platform."""
        names = HolidayNames(platform.calendars)
        context = {"calendar": platform.calendars, "country or calendar": names}
        return cls(platform, failed, context, notes_origins)


@dataclass(frozen=True, slots=True)
class _Made:
    """A check with what it says about itself."""

    check: Check
    measures: Mapping[str, Measure]
    asked: tuple[Query, ...]


def build_check(draft: Draft, around: Surroundings, report: Report) -> PlannedCheck | None:
    """Build one check; None after reporting, or for one that is not enabled."""
    before = report.count
    entries = _merged(draft)
    cls = _kind_of(draft, entries, around, report)
    if cls is None:
        return None
    subject = Subject(f"check '{draft.id}'", draft.place, draft.id)
    folder = around.platform.checks
    put_query_file(cls, entries, draft.values, folder, report=report, subject=subject)
    common = _common(cls, entries, report, subject)
    timezone = _timezone(entries, around, report, draft)
    made = _made(cls, entries, timezone=timezone, around=around, report=report, draft=draft)
    if made is None or common is None:
        return None
    tiers = read_tiers(entries, made.measures, made.check.complete, report, subject)
    schedule = read_schedule(
        cls, common, entries, timezone=timezone, report=report, subject=subject
    )
    named = Named(draft.id, draft.place, entries, draft.own)
    source = find_source(made.check, common.source, named, around.platform, report)
    maintainer = find_maintainer(common, named, around.platform, report)
    tests = read_tests(entries, common, timezone, folder, report=report, subject=subject)
    if source is not None and report.count == before:
        objections(source, made.asked, named, around.platform, report)
    if report.count > before or draft.is_doomed or source is None or not common.enabled:
        return None
    # What most checks have alike is held once: ten thousand of them then take half the memory.
    return PlannedCheck(
        check=made.check,
        source=intern(source),
        schedule=schedule,
        tiers=_shared(tiers),
        place=draft.place,
        team=draft.team,
        maintainer=_shared(maintainer),
        resource=_shared(common.resource),
        after=common.after,
        wake=common.wake,
        keep_firing_for=_keep(cls, common, entries),
        critical=common.critical,
        batch=common.batch,
        runbook=common.runbook,
        description=common.description,
        labels=common.labels or _NONE,
        tests=tests,
        written=draft.written or draft.id,
        origins=_origins(entries) if around.notes_origins else _NONE,
    )


def _origins(entries: Mapping[str, Entry]) -> dict[str, Place]:
    return {key: entry.place for key, entry in entries.items()}


def _keep(cls: type[Check], common: CommonSection, entries: Mapping[str, Entry]) -> timedelta:
    """Return how long an alert must be good; the kind's own word goes with its own tiers."""
    if common.keep_firing_for is not None:
        return common.keep_firing_for
    return _AT_ONCE if entries.keys() & set(_TIERS) else cls.default_keep


@lru_cache(maxsize=4096)
def _shared_set(keys: frozenset[str]) -> set[str]:
    """Return one set for equal ones; nobody changes that of a frozen model."""
    return set(keys)


@lru_cache(maxsize=4096)
def _shared(value: _Value) -> _Value:
    """Return the first of equal values."""
    return value


def _merged(draft: Draft) -> dict[str, Entry]:
    """Lay the own keys over the defaults; an own schedule replaces a default of the other form."""
    entries = {**draft.defaults, **draft.own}
    if "every" in draft.own or "cron" in draft.own:
        for key in {"every", "cron"} - draft.own.keys():
            entries.pop(key, None)
    return entries


def _kind_of(
    draft: Draft, entries: Mapping[str, Entry], around: Surroundings, report: Report
) -> type[Check] | None:
    word = entries["kind"].value if "kind" in entries else None
    if not isinstance(word, Text):
        _no_kind(draft, entries, report)
        return None
    cls: type[Check] | None = find_plugin("monitor.kinds", word.text)
    if cls is None:
        message = f"unknown kind '{word.text}'{why_failed(word.text, around.failed)}"
        hint = nearest(word.text, KINDS)
        report.add(word.place, message, suggestion=hint, check=draft.id)
        # The check will not run; what else is wrong with it is said in the same go.
        return KINDS.get(hint or "")
    if cls.extra is not None and missing_extra(cls.extra):
        message = str(MissingExtraError(f"kind '{word.text}'", str(cls.extra)))
        report.add(word.place, message, check=draft.id)
        return None
    return cls


def _no_kind(draft: Draft, entries: Mapping[str, Entry], report: Report) -> None:
    """Report that the kind is missing, misspelt or no text."""
    if "kind" in entries:
        message = f"'kind' of check '{draft.id}' must be a text"
        report.add(entries["kind"].place, message, check=draft.id)
        return
    known = {*CommonSection.model_fields, *_OTHER}
    known |= {key for cls in KINDS.values() for key in cls.model_fields}
    for key in draft.own.keys() - known:
        hint = nearest(key, ("kind", "like"))
        if hint is not None:
            message = f"unknown key '{key}' in check '{draft.id}'"
            report.add(draft.own[key].place, message, suggestion=hint, check=draft.id)
            return
    kinds = ", ".join(sorted(KINDS))
    message = f"check '{draft.id}' needs the key 'kind', one of: {kinds}"
    report.add(draft.place, message, check=draft.id)


@cache
def _common_keys(cls: type[Check]) -> frozenset[str]:
    """Return the common keys that the kind does not take over."""
    return frozenset(CommonSection.model_fields) - frozenset(cls.model_fields)


def _common(
    cls: type[Check], entries: Mapping[str, Entry], report: Report, subject: Subject
) -> CommonSection | None:
    keys = _common_keys(cls)
    own = {key: entry for key, entry in entries.items() if key in keys}
    return construct(CommonSection, own, report, subject)


def _timezone(
    entries: Mapping[str, Entry], around: Surroundings, report: Report, draft: Draft
) -> str:
    entry = entries.get("timezone")
    if entry is None or not isinstance(entry.value, Text):
        return around.platform.timezone
    name = entry.value.text
    report.is_known("timezone", name, zones(), entry.value.place, draft.id)
    return name


def _made(
    cls: type[Check],
    entries: Mapping[str, Entry],
    *,
    timezone: str,
    around: Surroundings,
    report: Report,
    draft: Draft,
) -> _Made | None:
    common = _common_keys(cls)
    own = {key: e for key, e in entries.items() if key not in common and key not in _OTHER}
    given: dict[str, Any] = {"id": draft.id}
    if "timezone" not in own:
        given["timezone"] = timezone
    if "holidays" in cls.model_fields and "holidays" not in own:
        given["holidays"] = around.platform.holidays
    known = (*common, *_OTHER)
    subject = Subject(f"check '{draft.id}' of kind '{cls.kind}'", draft.place, draft.id, known)
    check = construct(cls, own, report, subject, given, context=around.context)
    if check is None:
        return None
    given_keys = _shared_set(frozenset(check.model_fields_set))
    object.__setattr__(check, "__pydantic_fields_set__", given_keys)
    return guarded(
        lambda: _Made(check, check.measures_of(), tuple(check.ask(_ANY_MOMENT))), report, subject
    )
