"""A draft into a planned check: typed by its kind, and held against everything that it names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronsim import CronSim, CronSimError

from monitor.api.check import KINDS, Check, Measure
from monitor.api.errors import MissingExtraError
from monitor.api.query import Query
from monitor.config.check_files import Draft
from monitor.config.integrations import why_failed
from monitor.config.plan import PlannedCheck, Schedule
from monitor.config.platform_file import Platform
from monitor.config.plugins import missing_extra
from monitor.config.report import Report, nearest
from monitor.config.sections import CommonSection, zones
from monitor.config.tiers import read_tiers
from monitor.config.typed import Subject, construct, guarded
from monitor.config.yaml_tree import Entry, Items, Node, Text
from monitor.sources.pings import PINGS, Pings

SMALLEST_EVERY = timedelta(seconds=1)
_TIERS = ("warn", "page")
_OTHER = ("kind", *_TIERS, "like", "for_each")
_NOT_YET = frozenset({"ready_by", "query_file", "tests", "slo", "calendar", "holidays"})
_ANY_MOMENT = datetime.fromisoformat("2026-01-01T00:00:00+00:00")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a check is held against: the platform, the ids of all checks, plugins that failed."""

    platform: Platform
    ids: frozenset[str]
    failed: Sequence[str]

    def answers_of(self, source: str) -> frozenset[type[Query]] | None:
        """Return what a source answers; None for one that does not exist or cannot be used."""
        if source == PINGS:
            return Pings.answers
        known = self.platform.sources.get(source)
        return known.answers if known else None


@dataclass(frozen=True, slots=True)
class _Made:
    """A check with what it says about itself."""

    check: Check
    measures: Mapping[str, Measure]
    queries: tuple[type[Query], ...]


def build_check(draft: Draft, around: Surroundings, report: Report) -> PlannedCheck | None:
    """Build one check; None after reporting, or for one that is not enabled."""
    before = report.count
    entries = _merged(draft)
    cls = _kind_of(draft, entries, around, report)
    if cls is None:
        return None
    subject = Subject(f"check '{draft.id}'", draft.place, draft.id)
    common = _common(cls, entries, report, subject)
    timezone = _timezone(entries, around, report, draft)
    made = _made(cls, entries, timezone, report, draft)
    if made is None or common is None:
        return None
    tiers = read_tiers(entries, made.measures, report, subject)
    schedule = _schedule(cls, common, entries, report, timezone=timezone, draft=draft)
    source = _source(made, common.source, draft, around, report)
    maintainer = _maintainer(common, draft, entries, around, report)
    _refer(common, entries, draft, around, report)
    if report.count > before or draft.is_doomed or source is None or not common.enabled:
        return None
    return PlannedCheck(
        check=made.check,
        source=source,
        schedule=schedule,
        tiers=tiers,
        place=draft.place,
        team=draft.team,
        maintainer=maintainer,
        resource=common.resource,
        after=common.after,
        wake=common.wake,
        runbook=common.runbook,
        description=common.description,
        labels=common.labels,
    )


def _merged(draft: Draft) -> dict[str, Entry]:
    """Lay the own keys over the defaults; an own schedule replaces a default of the other form."""
    defaults = dict(draft.defaults)
    if draft.own.keys() & {"every", "cron"}:
        defaults.pop("every", None)
        defaults.pop("cron", None)
    return {**defaults, **draft.own}


def _kind_of(
    draft: Draft, entries: Mapping[str, Entry], around: Surroundings, report: Report
) -> type[Check] | None:
    word = entries["kind"].value if "kind" in entries else None
    if not isinstance(word, Text):
        known = ", ".join(sorted(KINDS))
        message = f"check '{draft.id}' needs the key 'kind', one of: {known}"
        report.add(draft.place, message, check=draft.id)
        return None
    cls = KINDS.get(word.text)
    if cls is None:
        message = f"unknown kind '{word.text}'{why_failed(word.text, around.failed)}"
        report.add(word.place, message, suggestion=nearest(word.text, KINDS), check=draft.id)
        return None
    if missing_extra(cls.extra):
        message = str(MissingExtraError(f"kind '{word.text}'", str(cls.extra)))
        report.add(word.place, message, check=draft.id)
        return None
    return cls


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
    cls: type[Check], entries: Mapping[str, Entry], timezone: str, report: Report, draft: Draft
) -> _Made | None:
    common = _common_keys(cls)
    own = {key: e for key, e in entries.items() if key not in common and key not in _OTHER}
    for key in [key for key in own if key in _NOT_YET and key not in cls.model_fields]:
        report.add(own.pop(key).place, f"'{key}' is not supported yet; remove it", check=draft.id)
    given = {"id": draft.id}
    if "timezone" not in own:
        given["timezone"] = timezone
    known = (*common, *_OTHER)
    subject = Subject(f"check '{draft.id}' of kind '{cls.kind}'", draft.place, draft.id, known)
    check = construct(cls, own, report, subject, given)
    if check is None:
        return None
    return guarded(
        lambda: _Made(check, dict(check.measures_of()), check.queries()), report, subject
    )


def _schedule(
    cls: type[Check],
    common: CommonSection,
    entries: Mapping[str, Entry],
    report: Report,
    *,
    timezone: str,
    draft: Draft,
) -> Schedule:
    if common.every is not None and common.cron is not None:
        message = f"check '{draft.id}' has both 'every' and 'cron'; keep one"
        report.add(entries["cron"].place, message, check=draft.id)
    if common.cron is not None:
        try:
            CronSim(common.cron, _ANY_MOMENT)
        except CronSimError as error:
            place = entries["cron"].value.place
            message = f"'{common.cron}' is no cron expression: {error}"
            report.add(place, message, check=draft.id)
        return Schedule(cron=common.cron, timezone=timezone)
    if common.every is not None and common.every < SMALLEST_EVERY:
        report.add(entries["every"].value.place, "'every' must be at least 1s", check=draft.id)
    return Schedule(every=common.every or cls.default_every, timezone=timezone)


def _source(
    made: _Made, named: str | None, draft: Draft, around: Surroundings, report: Report
) -> str | None:
    """Return the source: the check's own, else a default that fits, else that of the kind."""
    kind = type(made.check)
    is_default = "source" not in draft.own
    if is_default and kind.default_source is not None:
        answers = around.answers_of(named) if named is not None else None
        if answers is None or not answers.issuperset(made.queries):
            named = kind.default_source
    if named is None:
        known = ", ".join(around.platform.sources) or "none is defined"
        message = f"check '{draft.id}' needs the key 'source', one of: {known}"
        report.add(draft.place, message, check=draft.id)
        return None
    return named if _can_answer(named, made, draft, around, report) else None


def _can_answer(
    source: str, made: _Made, draft: Draft, around: Surroundings, report: Report
) -> bool:
    entry = draft.own.get("source") or draft.defaults.get("source")
    place = entry.value.place if entry else draft.place
    broken = around.platform.broken.get(source)
    if broken is not None:
        message = f"source '{source}' cannot be used, see {broken}"
        report.add(place, message, check=draft.id)
        return False
    known = (*around.platform.sources, PINGS)
    if not report.is_known("source", source, known, place, draft.id):
        return False
    answers = around.answers_of(source) or frozenset()
    missing = sorted({query.__name__ for query in made.queries if query not in answers})
    if not missing:
        return True
    can = ", ".join(sorted(query.__name__ for query in answers))
    message = f"kind '{made.check.kind}' asks for {', '.join(missing)}, and source '{source}'"
    fits = [
        name
        for name in known
        if (other := around.answers_of(name)) and other.issuperset(made.queries)
    ]
    hint = fits[0] if len(fits) == 1 else None
    report.add(place, f"{message} answers only {can}", suggestion=hint, check=draft.id)
    return False


def _maintainer(
    common: CommonSection,
    draft: Draft,
    entries: Mapping[str, Entry],
    around: Surroundings,
    report: Report,
) -> str | None:
    """Return the check's own maintainer, else the resource's, else that of the defaults."""
    name = common.maintainer
    if name is not None:
        place = entries["maintainer"].value.place
        report.is_known("maintainer", name, around.platform.maintainers, place, draft.id)
    if "maintainer" in draft.own:
        return name
    resource = around.platform.resources.get(common.resource or "")
    return (resource.maintainer if resource else None) or name


def _refer(
    common: CommonSection,
    entries: Mapping[str, Entry],
    draft: Draft,
    around: Surroundings,
    report: Report,
) -> None:
    """Report what a check names and nobody defines: its resource, the checks that it is after."""
    if common.resource is not None:
        place = entries["resource"].value.place
        resources = around.platform.resources
        report.is_known("resource", common.resource, resources, place, draft.id)
    for text in _texts(entries["after"].value) if common.after else ():
        if text.text == draft.id:
            report.add(text.place, f"check '{draft.id}' is after itself", check=draft.id)
        else:
            report.is_known("check", text.text, around.ids - {draft.id}, text.place, draft.id)


def _texts(node: Node) -> Iterator[Text]:
    if isinstance(node, Items):
        yield from (item for item in node.items if isinstance(item, Text))
