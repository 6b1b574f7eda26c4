"""What can be read as JSON: lists that are filtered by ``matcher=`` and paged, and one incident."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

from pydantic import TypeAdapter
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from monitor.api.fields import parse_duration
from monitor.config.plan import Plan
from monitor.config.settings import settings_of
from monitor.core.alert import Alert
from monitor.core.incident import IncidentView
from monitor.core.matcher import match_all
from monitor.core.route import owner_of
from monitor.core.series import Series
from monitor.core.state import SliceState
from monitor.core.view import alert_labels, facts_of, views_of
from monitor.core.world import World
from monitor.store import Store
from monitor.store.codec import DIGEST, SLICE_STATES
from monitor.web.changes import WrongError, read_filters
from monitor.web.gate import find_view
from monitor.web.json import Json
from monitor.web.timeline import timeline
from monitor.web.told import (
    moment,
    silence_as_json,
    state_labels,
    told_states,
    told_view,
    told_views,
    view_labels,
)
from monitor.web.whom import told_lines

T = TypeVar("T")
MOST = 1000
PAST = timedelta(days=1)
MOST_LOOKS, MOST_DAYS = 40, 90
_SERIES = TypeAdapter(tuple[Series, ...])
SILENCE_STATES = ("active", "pending", "expired")
INCIDENT_STATES = ("open", "resolved")


@dataclass(frozen=True)
class Page:
    """Which part of a list is asked for."""

    offset: int
    limit: int

    def of(self, found: Sequence[T]) -> Sequence[T]:
        """Cut it out."""
        return found[self.offset : self.offset + self.limit]


def page_of(request: Request) -> Page:
    """Read ``limit=`` and ``offset=``. Raise WrongError."""
    numbers = []
    for name, default in (("offset", 0), ("limit", MOST)):
        text = request.query_params.get(name, str(default))
        if not text.isdecimal() or len(text) > 9:  # noqa: PLR2004  # more digits are no list
            raise WrongError(f"{name}: '{text}' is no number")
        numbers.append(int(text))
    return Page(numbers[0], min(numbers[1], MOST))


@dataclass(frozen=True)
class Lists:
    """The calls that read. Each answers the whole number in ``X-Total-Count``."""

    store: Store
    now: Callable[[], datetime]
    plan: Callable[[], Plan]
    world: Callable[[], World]

    async def checks(self, request: Request) -> Response:
        """List the newest verdict of every slice."""
        return await self._list(request, self._states, state_labels, told_states)

    async def check(self, request: Request) -> Response:
        """Tell one check: its settings, its slices, last looks, and the numbers of ``days=``."""
        days, name = request.query_params.get("days", "0"), request.path_params["id"]
        if not days.isdecimal() or len(days) > 3 or int(days) > MOST_DAYS:  # noqa: PLR2004  # a count of days
            return Json({"error": f"days: '{days}' is no number of days up to {MOST_DAYS}"}, 400)
        found = [state for state in await run_in_threadpool(self._states) if state.check == name]
        planned = self.plan().checks.get(name)
        if planned is None and not found:
            return Json({"error": f"there is no check '{name}'"}, 404)
        about = {
            "id": name,
            "kind": planned.kind if planned else "removed",
            "source": planned.source if planned else None,
            "resource": planned.resource if planned else None,
            "maintainer": planned.maintainer if planned else None,
            "description": planned.description if planned else "",
            "settings": settings_of(planned) if planned else {},
            "slices": SLICE_STATES.dump_python(found, mode="json"),
            "told": told_lines(planned, self.world(), self.now()) if planned else [],
            **await run_in_threadpool(self._history, name, timedelta(days=int(days))),
        }
        return Json(about)

    def _history(self, name: str, span: timedelta) -> dict[str, Any]:
        """Read the last looks of a check, and its numbers with their bands; none of no days."""
        now = self.now()
        end = now + timedelta(seconds=1)
        found = self.store.samples.series([name], now - span, end, is_brief=True) if span else ()
        looks = self.store.slots.last(name, MOST_LOOKS)
        return {
            "looks": [
                {"due_at": moment(one.due_at), "outcome": one.outcome, "reason": one.reason}
                for one in looks
            ],
            "numbers": _SERIES.dump_python(found, mode="json"),
        }

    async def alerts(self, request: Request) -> Response:
        """List the alerts that are open."""
        return await self._list(request, self._alerts, self._alert_labels, self._told_alerts)

    async def incidents(self, request: Request) -> Response:
        """List open incidents and those of the last day; ``state=`` picks open or resolved ones."""
        wanted = request.query_params.get("state")
        if wanted not in {None, *INCIDENT_STATES}:
            return _no_state(wanted, INCIDENT_STATES)

        def read() -> list[IncidentView]:
            views = self._views()
            return [one for one in views if wanted in {None, INCIDENT_STATES[not one.is_open]}]

        return await self._list(request, read, view_labels, told_views)

    async def incident(self, request: Request) -> Response:
        """Tell the whole story of one incident."""
        story = await run_in_threadpool(self._story, request.path_params["id"])
        if story is None:
            return Json({"error": "there is no incident with this id"}, 404)
        return Json(story)

    async def silences(self, request: Request) -> Response:
        """List silences as Alertmanager does; ``state=`` picks active, pending or expired ones."""
        now, wanted = self.now(), request.query_params.get("state")
        if wanted not in {None, *SILENCE_STATES}:
            return _no_state(wanted, SILENCE_STATES)
        found = await run_in_threadpool(self.store.history.silences)
        told = [silence_as_json(one, now) for one in found]
        kept = [one for one in told if wanted in {None, one["status"]["state"]}]
        try:
            shown = page_of(request).of(kept)
        except WrongError as error:
            return Json({"error": str(error)}, 400)
        return Json(shown, headers={"X-Total-Count": str(len(kept))})

    async def trail(self, request: Request) -> Response:
        """List what people did, the newest first: of one with ``who=``, since ``since=`` ago."""
        span, who = request.query_params.get("since", "1d"), request.query_params.get("who")
        try:
            page, since = page_of(request), self.now() - parse_duration(span)
        except (WrongError, ValueError, OverflowError) as error:
            return Json({"error": f"since: {error}"}, 400)
        read = self.store.history.trail
        count, found = await run_in_threadpool(read, since, who, page.offset, page.limit)
        told = [{**asdict(one), "at": moment(one.at)} for one in found]
        return Json(told, headers={"X-Total-Count": str(count)})

    async def digest(self, request: Request) -> Response:
        """Give the digest of a local day; ``name=`` picks one of several."""
        try:
            day = date.fromisoformat(request.path_params["date"])
        except ValueError as error:
            return Json({"error": f"write the day as 2026-11-25: {error}"}, 400)
        names = [plan.name for plan in self.plan().digests]
        name = request.query_params.get("name") or next(iter(names), "morning")
        found = await run_in_threadpool(self.store.journal.digest, name, day)
        if found is None:
            return Json({"error": f"there is no digest '{name}' of {day}"}, 404)
        return Response(DIGEST.dump_json(found), media_type="application/json")

    async def _list(
        self,
        request: Request,
        read: Callable[[], Sequence[T]],
        labels: Callable[[T], Iterable[Mapping[str, str]]],
        write: Callable[[list[T]], Any],
    ) -> Response:
        try:
            page = page_of(request)
            filters = read_filters(request.query_params.getlist("matcher"))
        except WrongError as error:
            return Json({"error": str(error)}, 400)
        found = await run_in_threadpool(read)
        if filters:
            found = [one for one in found if any(match_all(filters, of) for of in labels(one))]
        body = write(list(page.of(found)))
        return Json(body, headers={"X-Total-Count": str(len(found))})

    def _states(self) -> list[SliceState]:
        return self.store.story.states()

    def _alerts(self) -> list[Alert]:
        return self.store.history.open_alerts()

    def _alert_labels(self, alert: Alert) -> list[dict[str, str]]:
        world = self.world()
        facts = facts_of(alert.check, world)
        discovered = alert.last.maintainer if alert.last else None
        owner, _ = owner_of((facts.maintainer, discovered), world)
        return [alert_labels(alert, facts, owner)]

    def _told_alerts(self, alerts: list[Alert]) -> list[dict[str, Any]]:
        return [
            {
                "labels": self._alert_labels(alert)[0],
                "state": alert.state,
                "tier": alert.tier,
                "startsAt": moment(alert.fired_at or alert.opened_at),
                "incident": alert.incident,
                "summary": alert.last.reason if alert.last else "",
            }
            for alert in alerts
        ]

    def _views(self) -> list[IncidentView]:
        now = self.now()
        found = self.store.history.incidents(now - PAST, now + timedelta(seconds=1))
        alerts = self.store.history.alerts_of(incident.id for incident in found)
        return views_of(found, alerts, self.world())

    def _story(self, key: str) -> dict[str, Any] | None:
        view = find_view(self.store, key, self.world())
        if view is None:
            return None
        receipts = [
            {"receiver": one.receiver, "at": moment(one.at), "place": dict(one.place)}
            for one in self.store.outbox.receipts(key)
        ]
        return {
            **told_view(view),
            "receipts": receipts,
            "timeline": timeline(self.store, view.incident),
        }

    def routes(self) -> list[Route]:
        """Return the routes of these calls."""
        return [
            Route("/api/v1/checks", self.checks),
            Route("/api/v1/checks/{id:path}", self.check),
            Route("/api/v1/alerts", self.alerts),
            Route("/api/v1/incidents", self.incidents),
            Route("/api/v1/incidents/{id}", self.incident),
            Route("/api/v1/silences", self.silences),
            Route("/api/v1/trail", self.trail),
            Route("/api/v1/digests/{date}", self.digest),
        ]


def _no_state(wanted: str | None, states: Sequence[str]) -> Response:
    return Json({"error": f"state: '{wanted}' is none of {', '.join(states)}"}, 400)
