"""The pages: status for people, JSON for scripts, pings for jobs, metrics for Prometheus."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Protocol

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from monitor.config.compare import VERSIONS, versions_of
from monitor.config.plan import Plan, Web
from monitor.core.incident import IncidentView
from monitor.core.view import views_of
from monitor.core.world import World
from monitor.store import Store
from monitor.store.journal import PingKind
from monitor.web.auth import Guard, who_is
from monitor.web.changes import Changes, Doer
from monitor.web.gate import Gate
from monitor.web.json import Json
from monitor.web.lists import Lists
from monitor.web.site import Site
from monitor.web.slack_desk import Desk
from monitor.web.slack_http import SlackHttp, slack_apps
from monitor.web.standing import standing

LARGEST_EXIT_STATUS = 255
PACKED = 5
"""How hard pages are compressed: a third of the time of 9, and a fifth larger."""


class Clock(Protocol):
    """What tells the time."""

    def now(self) -> datetime:
        """Return the present moment."""


@dataclass(frozen=True)
class Pages:
    """What the pages read. ``trouble`` says why the daemon is not ready; None when it is."""

    store: Store
    clock: Clock
    registry: CollectorRegistry
    plan: Callable[[], Plan]
    world: Callable[[], World]
    trouble: Callable[[], str | None]
    count: Callable[[], None]
    doer: Doer
    sources: Callable[[], Sequence[Mapping[str, Any]]] = tuple
    web: Web = field(default_factory=Web)

    @property
    def lists(self) -> Lists:
        """What can be read as JSON."""
        return Lists(self.store, self.clock.now, self.plan, self.world)

    @property
    def changes(self) -> Changes:
        """What can be changed."""
        known = lambda check: check in self.plan().checks  # noqa: E731  # read anew after a reload
        return Changes(self.doer, self.clock.now, known, self.gate)

    @property
    def gate(self) -> Gate:
        """What decides who may change what."""
        return Gate(self.store, self.world)

    @cached_property
    def desk(self) -> Desk:
        """What people in Slack talk to."""
        return Desk(self.doer, self.store, self.clock.now, self.world, self.views)

    @cached_property
    def site(self) -> Site:
        """The pages for people."""
        return Site(
            self.store,
            self.doer,
            self.clock.now,
            self.plan,
            self.world,
            self.views,
            self.trouble,
            self.gate,
        )

    @property
    def slack(self) -> SlackHttp:
        """What Slack calls."""
        apps = lambda: slack_apps(self.plan().receivers.values())  # noqa: E731  # read anew after a reload
        return SlackHttp(self.desk, apps, self.clock.now)

    def views(self) -> list[IncidentView]:
        """Return the open incidents and those of the last day, blocking."""
        now = self.clock.now()
        found = self.store.history.incidents(now - timedelta(days=1), now + timedelta(seconds=1))
        alerts = self.store.history.alerts_of(incident.id for incident in found)
        return views_of(found, alerts, self.world())

    async def api_status(self, _request: Request) -> Response:
        """Tell in short whether the daemon is well and what is open."""
        views = await run_in_threadpool(self.views)
        return Json(
            {
                "now": self.clock.now().astimezone(UTC).isoformat(),
                "trouble": self.trouble(),
                "checks": len(self.plan().checks),
                "outcomes": await run_in_threadpool(standing, self.plan(), self.store.story),
                "problems": [str(problem) for problem in self.plan().problems],
                "sources": [dict(one) for one in self.sources()],
                "open_incidents": sum(view.is_open for view in views),
                "revision": self.plan().revision,
            }
        )

    async def maintainers(self, _request: Request) -> Response:
        """Tell who is responsible for what, and who is on call."""
        return Json(await run_in_threadpool(self.site.reading.maintainers))

    async def digests(self, _request: Request) -> Response:
        """List the newest hundred digests, newest first."""
        archive = await run_in_threadpool(self.store.story.archive)
        return Json([{"name": name, "day": day} for name, day in archive])

    async def settings(self, _request: Request) -> Response:
        """Tell what runs, every setting of every check: for ``monitor plan --url``."""
        plan = self.plan()
        checks = await run_in_threadpool(
            lambda: VERSIONS.dump_python(versions_of(plan), mode="json")
        )
        return Json({"revision": plan.revision, "checks": checks})

    async def ping(self, request: Request) -> Response:
        """Keep the ping of a job: committed before the answer is 200."""
        check = request.path_params["check"]
        how = request.path_params.get("how", "0")
        planned = self.plan().checks.get(check)
        if planned is None or planned.kind != "heartbeat":
            return Json({"error": f"there is no heartbeat '{check}'"}, 404)
        status = {"start": 0, "fail": 1}.get(how) if not how.isdecimal() else int(how)
        if status is None or status > LARGEST_EXIT_STATUS:
            known = "start, fail or an exit status from 0 to 255"
            return Json({"error": f"'{how}' is not {known}"}, 400)
        kind: PingKind = "start" if how == "start" else "end"
        granted = self.gate.check(who_is(request), check)
        if not granted.is_granted:
            return Json({"error": f"you may not do that: {granted}"}, 403)
        rid = request.query_params.get("rid")
        await run_in_threadpool(self.store.journal.ping, check, self.clock.now(), kind, status, rid)
        return Json({"ok": True})

    async def metrics(self, _request: Request) -> Response:
        """Expose the metrics."""
        self.count()
        return Response(generate_latest(self.registry), media_type=CONTENT_TYPE_LATEST)

    async def ready(self, _request: Request) -> Response:
        """Say whether the plan is loaded, the store can be written and the first tick is over."""
        trouble = self.trouble()
        return PlainTextResponse(trouble or "ready", 503 if trouble else 200)

    async def health(self, _request: Request) -> Response:
        """Say that the process lives."""
        return PlainTextResponse("alive")


def make_web(pages: Pages) -> Starlette:
    """Make the application out of the pages."""
    post = ["POST", "GET"]  # GET, too: a job may have nothing but a plain curl
    routes = [
        *pages.site.routes(),
        Route("/healthz", pages.health),
        Route("/readyz", pages.ready),
        Route("/metrics", pages.metrics),
        Route("/api/v1/status", pages.api_status),
        Route("/api/v1/settings", pages.settings),
        Route("/api/v1/maintainers", pages.maintainers),
        Route("/api/v1/digests", pages.digests),
        *pages.lists.routes(),
        *pages.changes.routes(),
        *pages.slack.routes(),
        Route("/api/v1/ping/{check}", pages.ping, methods=post),
        Route("/api/v1/ping/{check}/{how}", pages.ping, methods=post),
    ]
    return Starlette(
        routes=routes,
        middleware=[
            Middleware(Guard, web=pages.web),
            Middleware(GZipMiddleware, compresslevel=PACKED),
        ],
    )
