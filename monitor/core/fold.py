"""Folding a window into a digest. Pure: everything that was read is an argument."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from monitor.core.digest import (
    Coverage,
    Digest,
    Edition,
    Elsewhere,
    ExperimentLine,
    MetricCell,
    Mood,
    NightLine,
    Noisy,
    NotRun,
    OwnerCount,
    Unavailable,
    Week,
)
from monitor.core.incident import IncidentView
from monitor.core.model import Outcome, Verdict
from monitor.core.series import Series
from monitor.core.state import SliceState
from monitor.core.world import World

ON_CALL_AUDIENCE = "on_call"
NEWEST = timedelta(days=2)
"""A verdict that is older than this is no news."""

NEWER = timedelta(minutes=5)
"""Looks go on while a digest is made; what is found later than this is of another window."""

Unseen = Mapping[str, NotRun]
"""Checks that could not be judged in the window: what they said before it says nothing of it."""


@dataclass(frozen=True, slots=True)
class Window:
    """What is folded: [since, until), for whom, which edition, and when the next one is due.

    ``timezone`` is that of the reader; empty for the platform's. ``late_by`` is how long after its
    moment the digest is made.
    """

    name: str
    audience: str
    since: datetime
    until: datetime
    next_at: datetime | None = None
    edition: Edition = Edition.FULL
    timezone: str = ""
    late_by: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True)
class Extras:
    """What a digest tells beside incidents, metrics and coverage; each part may be missing.

    ``told`` are the receivers that took a message, by subject.
    """

    night: tuple[NightLine, ...] = ()
    noisy: tuple[Noisy, ...] = ()
    elsewhere: tuple[Elsewhere, ...] = ()
    charts: tuple[Series, ...] = ()
    undelivered: tuple[str, ...] = ()
    unavailable: tuple[Unavailable, ...] = ()
    week: Week | None = None
    told: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pages_sent: int = 0
    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    revision: str = ""
    revision_before: str = ""
    ending: tuple[str, ...] = ()


def concerns(view: IncidentView, audience: str) -> bool:
    """Say whether an audience reads of an incident: on-call of all, a maintainer of its own."""
    if audience == ON_CALL_AUDIENCE:
        return True
    return audience in {view.incident.owner, *(member.maintainer for member in view.folded)}


def fold(
    window: Window,
    views: Iterable[IncidentView],
    states: Iterable[SliceState],
    covered: Coverage,
    world: World,
    *,
    extras: Extras | None = None,
) -> Digest:
    """Tell the story of a window: verdict first, then what to do, then what was."""
    more = extras or Extras()
    told = sorted(
        (view for view in views if concerns(view, window.audience)),
        key=lambda view: (view.incident.tier != "page", view.incident.opened_at),
    )
    known = [state for state in states if state.verdict.at <= window.until + NEWER]
    unseen = {one.check: one for one in covered.not_run if one.start is None}
    still_open = tuple(view for view in told if view.is_open)
    is_changes = window.edition is Edition.CHANGES
    old = [view for view in still_open if is_changes and view.incident.opened_at < window.since]
    return Digest(
        name=window.name,
        audience=window.audience,
        since=window.since,
        until=window.until,
        timezone=window.timezone or world.timezone,
        mood=_mood(still_open, covered),
        coverage=covered,
        open=tuple(view for view in still_open if view not in old),
        unchanged=tuple(old),
        overnight=tuple(view for view in told if not view.is_open),
        owners=_owners(told, more.told),
        metrics=_metrics(known, unseen, window),
        experiments=tuple(_experiments(known, unseen, window.until)),
        unowned=_unowned(told, window, world),
        revision=more.revision,
        next_at=window.next_at,
        edition=window.edition,
        night=more.night,
        noisy=more.noisy,
        elsewhere=more.elsewhere,
        charts=more.charts,
        unavailable=more.unavailable,
        undelivered=more.undelivered,
        week=more.week,
        pages_sent=more.pages_sent,
        added=more.added,
        removed=more.removed,
        revision_before=more.revision_before,
        late_by=window.late_by,
        ending=more.ending,
    )


def _mood(still_open: Sequence[IncidentView], covered: Coverage) -> Mood:
    if still_open:
        return Mood.OPEN
    if not covered.ran and all(one.start is None for one in covered.not_run):
        return Mood.BLIND
    return Mood.ALL_CLEAR if covered.is_whole else Mood.CLEAR_FOR_WHAT_RAN


def _owners(
    views: Iterable[IncidentView], told: Mapping[str, tuple[str, ...]]
) -> tuple[OwnerCount, ...]:
    fired: Counter[str] = Counter()
    still: Counter[str] = Counter()
    receivers: dict[str, dict[str, None]] = {}
    for view in views:
        owner = view.incident.owner
        fired[owner] += 1
        still[owner] += view.is_open
        receivers.setdefault(owner, {}).update(dict.fromkeys(told.get(view.incident.id, ())))
    return tuple(
        OwnerCount(owner, count, still[owner], tuple(receivers[owner]))
        for owner, count in fired.most_common()
    )


OWN_KINDS = frozenset({"source", "auditor"})
"""What the monitor watches by itself; no team wrote it, so none owes it a maintainer."""


def _unowned(views: Iterable[IncidentView], window: Window, world: World) -> tuple[str, ...]:
    """Name what nobody owns: what fired so, and for on-call every check without a maintainer."""
    found = {view.incident.check for view in views if view.incident.unowned}
    if window.audience == ON_CALL_AUDIENCE and window.edition is Edition.FULL:
        found |= {
            check
            for check, facts in world.checks.items()
            if facts.maintainer is None and facts.kind not in OWN_KINDS
        }
    return tuple(sorted(found))


def _metrics(
    states: Iterable[SliceState], unseen: Unseen, window: Window
) -> tuple[MetricCell, ...]:
    cells = _cells(states, unseen, window.until)
    if window.edition is Edition.CHANGES:
        return tuple(cell for cell in cells if cell.outcome is not Outcome.OK)
    return tuple(cells)


def _cells(states: Iterable[SliceState], unseen: Unseen, until: datetime) -> Iterator[MetricCell]:
    """Make the metrics table: every slice whose evidence says which business metric it is."""
    known: dict[str, str] = {}
    waiting: list[Verdict] = []
    for state in states:
        verdict = state.verdict
        evidence = verdict.samples[0].evidence if verdict.samples else {}
        metric = evidence.get("metric")
        if isinstance(metric, str) and until - verdict.at < NEWEST:
            known[verdict.check] = metric
            yield _cell(metric, verdict, unseen.get(verdict.check))
        elif not verdict.samples:
            waiting.append(verdict)
    for verdict in waiting:
        if verdict.check in known:
            note = verdict.reason or "not judged"
            yield MetricCell(known[verdict.check], verdict.slice, verdict.outcome, note=note)


def _cell(metric: str, verdict: Verdict, blind: NotRun | None) -> MetricCell:
    if blind is not None:
        return MetricCell(metric, verdict.slice, blind.outcome, at=verdict.at, note=blind.reason)
    evidence = verdict.samples[0].evidence
    value, expected = evidence.get("value"), evidence.get("expected")
    change = value / expected - 1 if value is not None and expected else None
    note = f"not judged: under {verdict.blocked_by}" if verdict.blocked_by else ""
    return MetricCell(
        metric,
        verdict.slice,
        verdict.outcome,
        value=value,
        expected=expected,
        change=change,
        at=verdict.at,
        note=note,
        is_outside=_is_outside(verdict),
    )


def _is_outside(verdict: Verdict) -> bool:
    """Look whether a number is beyond its band on a side that is bad."""
    evidence, measures = verdict.samples[0].evidence, {one.measure for one in verdict.samples}
    value, low, high = (evidence.get(name) for name in ("value", "low", "high"))
    if not isinstance(value, int | float):
        return False
    is_low = "drop" in measures and isinstance(low, int | float) and value < low
    return is_low or ("rise" in measures and isinstance(high, int | float) and value > high)


def _experiments(
    states: Iterable[SliceState], unseen: Unseen, until: datetime
) -> Iterator[ExperimentLine]:
    """Tell of every slice whose evidence names an experiment; red ones first."""
    lines = []
    for state in states:
        verdict = state.verdict
        evidence = verdict.samples[0].evidence if verdict.samples else {}
        name = evidence.get("experiment")
        if not isinstance(name, str) or until - verdict.at >= NEWEST:
            continue
        blind = unseen.get(verdict.check)
        if blind is not None:
            lines.append(
                ExperimentLine(name, verdict.check, blind.outcome, f"not judged: {blind.reason}")
            )
            continue
        says = str(evidence.get("standing") or verdict.reason or verdict.outcome)
        days = evidence.get("days_left")
        # What is decided has no days left to wait for.
        left = float(days) if isinstance(days, int | float) and days > 0 else None
        lines.append(ExperimentLine(name, verdict.check, verdict.outcome, says, left))
    yield from sorted(lines, key=lambda line: (not line.is_red, line.experiment))
