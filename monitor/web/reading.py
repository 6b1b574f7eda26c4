"""What the pages show, read from the store; blocking."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import groupby
from operator import itemgetter
from typing import Any

from markupsafe import Markup

from monitor.config.plan import Plan, PlannedCheck
from monitor.core.incident import IncidentView
from monitor.core.judge import WORST_FIRST, worst
from monitor.core.labels import text_of
from monitor.core.matcher import Matcher, MatcherError, Operator, match_all, parse_matchers
from monitor.core.model import Hold, Limit, Tier, TierRule
from monitor.core.oncall import on_call_at
from monitor.core.route import ON_CALL
from monitor.core.series import Series
from monitor.core.state import SliceState
from monitor.core.view import alert_labels, evidence_of, facts_of, view_of
from monitor.core.world import World
from monitor.render.alert_chart import chart_of, charts_of
from monitor.render.chart import svg
from monitor.render.units import duration, number
from monitor.store import Store
from monitor.web import strips
from monitor.web.gate import find_view
from monitor.web.rows import Row, html_of, row_of, worst_of
from monitor.web.timeline import timeline
from monitor.web.whom import told_lines

HOURS, MONTH = 24, 30 * 24
MANY = timedelta(days=3)
MOST_ROWS = 5_000
"""Checks on one page: 100,000 are 36 MB, and a browser that hangs."""
MOST_CHARTS, MOST_ALERT_CHARTS, MOST_SLOTS = 12, 4, 40
MOST_PAST, MOST_SLICES = 50, 200


@dataclass(frozen=True)
class Reading:
    """Reads for one page each; None where there is no such thing."""

    store: Store
    now: Callable[[], datetime]
    plan: Callable[[], Plan]
    world: Callable[[], World]
    views: Callable[[], list[IncidentView]]

    def status(self, q: str, maintainer: str) -> dict[str, Any]:
        """Read what is open, what was, and the checks by maintainer, the bad ones first."""
        plan, views = self.plan(), self.views()
        still = sorted(
            (view for view in views if view.is_open),
            key=lambda view: (view.incident.tier is not Tier.PAGE, view.incident.opened_at),
        )
        past = [view for view in reversed(views) if not view.is_open]
        groups, left = self._groups(q.lower(), maintainer)
        pages = sum(view.incident.tier is Tier.PAGE for view in still)
        told = f"{len(still)} open ({pages} page)" if pages else f"{len(still)} open"
        return {
            "verdict": f"{told} · {len(plan.checks)} checks",
            "problems": [str(problem) for problem in plan.problems],
            "open": still,
            "past": past[:MOST_PAST],
            "past_left": len(past) - len(past[:MOST_PAST]),
            "groups": groups,
            "most": MOST_ROWS,
            "left": left,
            "maintainers": sorted({p.maintainer or ON_CALL for p in plan.checks.values()}),
            "q": q,
            "maintainer": maintainer,
        }

    def _groups(self, q: str, maintainer: str) -> tuple[list[tuple[str, int, Markup, int]], int]:
        """Write the rows of each maintainer's checks, those with the worst ones first.

        With each go the number of its checks and of those that have no row here, and with all how
        many have none: of very many only the worst are shown.
        """
        plan, hours = self.plan(), strips.Window(self.now(), HOURS)
        owners = {
            name: planned.maintainer or ON_CALL
            for name, planned in plan.checks.items()
            if q in name.lower() and maintainer in {"", planned.maintainer or ON_CALL}
        }
        some = None
        if len(owners) > MOST_ROWS:
            some = worst_of(list(owners), self.store.story.outcomes(), MOST_ROWS)
        days = [self.store.samples.letters(day, some) for day in hours.days]
        rows: dict[str, Row] = {}
        for name, found in groupby(self.store.story.newest(some), key=itemgetter(0)):
            if name in owners:
                rows[name] = row_of(name, [verdict for _, verdict in found], plan.timezone)
        groups: dict[str, list[Row]] = {}
        for name in owners if some is None else some:
            groups.setdefault(owners[name], []).append(rows.get(name) or row_of(name, [], ""))
        for mine in groups.values():
            mine.sort()
        counts = Counter(owners.values())
        order = sorted(groups, key=lambda owner: (groups[owner][0][0], owner))
        strip = lambda name: hours.cut([day.get(name, strips.UNKNOWN) for day in days])  # noqa: E731  # of this window
        made = [
            (of, counts[of], html_of(groups[of], strip), counts[of] - len(groups[of]))
            for of in order
        ]
        return made, 0 if some is None else len(owners) - len(some)

    def check(self, name: str, span: timedelta) -> dict[str, Any] | None:
        """Read one check: history, numbers of a span, slices, rules, incidents, last looks."""
        plan, now = self.plan(), self.now()
        planned = plan.checks.get(name)
        if planned is None:
            return None
        states = self.store.story.states(name)
        top = worst([state.verdict for state in states]) if states else None
        month = (now.astimezone(UTC) - timedelta(hours=MONTH)).date()
        days = self.store.samples.days(month, [name]).get(name, {})
        labels = [self._labels(planned, state) for state in states]
        active = [one for one in self.store.history.silences() if one.is_active(now)]
        return {
            "id": name,
            "outcome": strips.outcome_class(top.outcome if top else None),
            "planned": planned,
            "place": str(planned.place),
            "strip": strips.strip(strips.Window(now, MONTH).letters(days), is_long=True),
            "charts": [*self._drawn(_alert_charts(states)), *self._charts([name], now, span)],
            "slices": sorted(states, key=_badness)[:MOST_SLICES],
            "slices_left": len(states) - len(states[:MOST_SLICES]),
            "rules": [_rule(rule) for rule in planned.tiers],
            "told": told_lines(planned, self.world(), now),
            "silences": [one for one in active if any(one.covers(of) for of in labels)],
            "incidents": self._incidents_of(name, now),
            "slots": self.store.slots.last(name, MOST_SLOTS),
        }

    def _charts(self, checks: list[str], now: datetime, span: timedelta) -> list[Markup]:
        end = now + timedelta(seconds=1)
        # A point a minute is more than a picture of many days can show.
        found = self.store.samples.series(checks, now - span, end, is_brief=span > MANY)
        return self._drawn(sorted(found, key=lambda one: -_outside(one))[:MOST_CHARTS])

    def _drawn(self, found: Iterable[Series]) -> list[Markup]:
        zone = self.plan().timezone
        return [Markup(svg(one, zone)) for one in found]  # noqa: S704  # svg() escapes every text itself

    def _labels(self, planned: PlannedCheck, state: SliceState) -> dict[str, str]:
        facts = facts_of(planned.id, self.world())
        return {
            **dict(facts.labels),
            **dict(state.slice),
            "alertname": planned.id,
            "check": planned.id,
            "kind": planned.kind,
            "maintainer": planned.maintainer or ON_CALL,
            "resource": planned.resource or "",
            "source": planned.source,
        }

    def _incidents_of(self, name: str, now: datetime) -> list[IncidentView]:
        found = self.store.history.incidents(now - timedelta(days=30), now + timedelta(seconds=1))
        mine = [one for one in found if one.check == name][-20:][::-1]
        alerts = self.store.history.alerts_of(one.id for one in mine)
        return [view_of(one, alerts, self.world()) for one in mine]

    def incident(self, key: str) -> dict[str, Any] | None:
        """Read the story of an incident."""
        view = find_view(self.store, key, self.world())
        if view is None:
            return None
        found = view.incident
        end = found.resolved_at or self.now()
        charts = self._charts([found.check], end + timedelta(hours=1), timedelta(days=2))
        return {
            "view": view,
            "maintainers": sorted(self.world().maintainers),
            "silence": str(Matcher("check", Operator.EQUAL, found.check)),
            "receipts": self.store.outbox.receipts(key),
            "timeline": timeline(self.store, found),
            "charts": [*self._drawn(charts_of(view)[:MOST_ALERT_CHARTS]), *charts[:4]],
        }

    def silences(self, text: str) -> dict[str, Any]:
        """Read silences, and what the matchers of a new one would cover."""
        now = self.now()
        alerts = [(alert.check, text_of(alert.slice), of) for alert, of in self._open_alerts()]
        wrong, preview, checks = "", None, []
        if text:
            try:
                matchers = parse_matchers(text)
                preview = [
                    f"{check} {where}".strip()
                    for check, where, of in alerts
                    if match_all(matchers, of)
                ]
                checks = self._covered(matchers)
            except MatcherError as error:
                wrong = str(error)
        found = self.store.history.silences()
        counted = [(one, sum(one.covers(of) for _, _, of in alerts)) for one in found]
        lists = [
            ("Active", [pair for pair in counted if pair[0].is_active(now)]),
            ("Later", [pair for pair in counted if pair[0].starts_at > now]),
            ("Over", [(one, None) for one, _ in counted if one.ends_at <= now][:50]),
        ]
        return {
            "matchers": text,
            "wrong": wrong,
            "preview": preview,
            "checks": checks,
            "lists": lists,
            "has_any": bool(found),
        }

    def _open_alerts(self) -> Iterable[tuple[Any, dict[str, str]]]:
        world = self.world()
        for alert in self.store.history.open_alerts():
            facts = facts_of(alert.check, world)
            yield alert, alert_labels(alert, facts, facts.maintainer or ON_CALL)

    def _covered(self, matchers: Iterable[Matcher]) -> list[str]:
        """Name the checks of which a slice that was looked at is covered."""
        plan, wanted = self.plan(), list(matchers)
        found: dict[str, None] = {}
        for state in self.store.story.states():
            planned = plan.checks.get(state.check)
            if planned is not None and match_all(wanted, self._labels(planned, state)):
                found[state.check] = None
        return list(found)

    def maintainers(self) -> dict[str, Any]:
        """Read who is responsible for what."""
        plan, world = self.plan(), self.world()
        still = [view.incident.owner for view in self.views() if view.is_open]
        owners = [planned.maintainer for planned in plan.checks.values()]
        rows = [
            {
                "name": team.name,
                "checks": owners.count(team.name),
                "open": still.count(team.name),
                "receivers": team.receivers,
                "page": team.page,
                "people": team.people,
            }
            for team in world.maintainers.values()
        ]
        return {
            "rows": rows,
            "on_call": on_call_at(world.on_call, self.now()),
            "on_call_receivers": world.on_call.receivers,
            "unowned": sorted(name for name, p in plan.checks.items() if p.maintainer is None),
        }


def _alert_charts(states: Iterable[SliceState]) -> list[Series]:
    """Return the weeks before of what is bad now."""
    bad = [state for state in states if state.verdict.tier is not None]
    found = (chart_of(one.check, one.slice, evidence_of(one.verdict)) for one in bad)
    return [one for one in found if one is not None][:MOST_ALERT_CHARTS]


def _outside(series: Series) -> int:
    """Count the points outside their band: what is odd is drawn first."""
    return sum(
        point.low is not None
        and point.high is not None
        and not point.low <= point.value <= point.high
        for point in series.points
    )


def _rule(rule: TierRule) -> str:
    limits = " or ".join(_limit(limit) for limit in rule.limits)
    return f"{rule.tier} when {limits or 'it cannot be asked'}{_hold(rule.hold)}"


def _limit(limit: Limit) -> str:
    return f"{limit.measure} is {limit.bad} {number(limit.bound, limit.unit)}"


def _hold(hold: Hold) -> str:
    if hold.duration:
        return f", for {duration(hold.duration)}"
    return f", in {hold.needed} of {hold.window} looks" if hold.window > 1 else ""


def _badness(state: SliceState) -> int:
    return WORST_FIRST.index(state.verdict.outcome)
