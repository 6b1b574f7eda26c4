"""The pages for people: status, checks, incidents, silences, digests, maintainers.

They work without scripts. What changes something is a form with a token that only these pages
know, besides the check of where a request comes from.
"""

import base64
import hmac
import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, quote
from uuid import uuid4

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from monitor.api.errors import MonitorError
from monitor.api.fields import parse_duration
from monitor.config.plan import Plan
from monitor.core.incident import IncidentView
from monitor.core.matcher import MatcherError, parse_matchers
from monitor.core.orders import (
    Accept,
    Acknowledge,
    EndSilence,
    Look,
    MakeSilence,
    Order,
    Reassign,
    Resolve,
)
from monitor.core.permit import Permit, permit, role_of
from monitor.core.silence import Silence
from monitor.core.world import World
from monitor.render.digest import as_html
from monitor.render.templates import Templates
from monitor.store import Store
from monitor.web.auth import who_is
from monitor.web.changes import Doer
from monitor.web.gate import Gate
from monitor.web.paper import HEADERS, STATIC, csrf_of, page, render, static
from monitor.web.reading import Reading
from monitor.web.receiving import read_body

log = logging.getLogger(__name__)

DIGEST_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'"
"""A digest is a page of its own with its style in it, as it goes out by mail."""

MOST_BYTES = 100_000


@dataclass(frozen=True)
class Site:
    """The pages. ``trouble`` says why the daemon is not ready; None when it is."""

    store: Store
    doer: Doer
    now: Callable[[], datetime]
    plan: Callable[[], Plan]
    world: Callable[[], World]
    views: Callable[[], list[IncidentView]]
    trouble: Callable[[], str | None]
    gate: Gate
    _key: bytes = field(default_factory=lambda: secrets.token_bytes(32))

    @property
    def reading(self) -> Reading:
        """What the pages show."""
        return Reading(self.store, self.now, self.plan, self.world, self.views)

    async def status(self, request: Request) -> Response:
        """Show what is open, what was, and every check with its history."""
        q, maintainer = (request.query_params.get(name, "") for name in ("q", "maintainer"))
        values = await run_in_threadpool(self.reading.status, q, maintainer)
        return await self._page(request, "status.j2", values)

    async def check(self, request: Request) -> Response:
        """Show one check: numbers against their band, last looks, why, who is told."""
        days = request.query_params.get("days", "2")
        span = timedelta(days=min(int(days), 90) if days.isdecimal() and len(days) < 4 else 2)  # noqa: PLR2004  # a count of days
        values = await run_in_threadpool(self.reading.check, request.path_params["id"], span)
        if values is None:
            return await self._missing(request, "There is no check of this name.")
        values["may"] = self.gate.check(who_is(request), values["id"])
        return await self._page(request, "check.j2", values)

    async def incident(self, request: Request) -> Response:
        """Show the story of an incident, and what can be done."""
        values = await run_in_threadpool(self.reading.incident, request.path_params["id"])
        if values is None:
            return await self._missing(request, "There is no incident of this id.")
        values["may"] = permit(who_is(request), values["view"], self.world())
        return await self._page(request, "incident.j2", values)

    async def silences(self, request: Request) -> Response:
        """Show silences, and before one is made what it covers."""
        text = request.query_params.get("matchers", "").strip()
        values = await run_in_threadpool(self.reading.silences, text)
        return await self._page(request, "silences.j2", values)

    async def digests(self, request: Request) -> Response:
        """Show the archive of digests."""
        archive = await run_in_threadpool(self.store.story.archive)
        return await self._page(request, "digests.j2", {"archive": archive})

    async def digest(self, request: Request) -> Response:
        """Show the digest of a local day as it was sent."""
        try:
            day = date.fromisoformat(request.path_params["date"])
        except ValueError:
            return await self._missing(request, "Write the day as 2026-11-25.")
        name = request.query_params.get("name", "morning")
        found = await run_in_threadpool(self.store.journal.digest, name, day)
        if found is None:
            return await self._missing(request, "There is no such digest.")
        headers = {**HEADERS, "Content-Security-Policy": DIGEST_POLICY}
        own = Templates(own=self.plan().templates)
        return HTMLResponse(await run_in_threadpool(as_html, found, own), headers=headers)

    async def maintainers(self, request: Request) -> Response:
        """Show who is responsible for what, and who is on call."""
        return await self._page(
            request, "maintainers.j2", await run_in_threadpool(self.reading.maintainers)
        )

    async def act(self, request: Request) -> Response:
        """Do what somebody wants of an incident."""
        incident, form = request.path_params["id"], await self._form(request)
        by, why = _by(request, form), form.get("comment", "").strip()[:2000]
        orders: Mapping[str, Order] = {
            "ack": Acknowledge(incident, by, why=why),
            "accept": Accept(incident, by, why),
            "reassign": Reassign(incident, form.get("to", ""), by, why),
            "resolve": Resolve(incident, by, why),
        }
        order = orders.get(form.get("do", "")) if by else None
        granted = await run_in_threadpool(self.gate.incident, who_is(request), incident)
        return await self._obey(request, f"/incidents/{quote(incident)}", order, granted)

    async def make_silence(self, request: Request) -> Response:
        """Make a silence that was looked at before."""
        form = await self._form(request)
        text, by = form.get("matchers", ""), _by(request, form)
        order = None
        try:
            matchers = parse_matchers(text)
            ends = self.now() + parse_duration(form.get("for", ""))
        except (MatcherError, ValueError) as error:
            return self._back(f"/silences?matchers={quote(text)}", refused=str(error))
        why = form.get("comment", "").strip()[:2000]
        if by and why and any(not matcher.holds("") for matcher in matchers):
            order = MakeSilence(Silence(str(uuid4()), matchers, self.now(), ends, by, why))
        granted = await run_in_threadpool(self.gate.silence, who_is(request), matchers)
        return await self._obey(request, "/silences", order, granted)

    async def end_silence(self, request: Request) -> Response:
        """End a silence now."""
        key, form = request.path_params["id"], await self._form(request)
        order = EndSilence(key, _by(request, form) or "somebody at the pages")
        granted = await run_in_threadpool(self.gate.end_silence, who_is(request), key)
        return await self._obey(request, "/silences", order, granted)

    async def run(self, request: Request) -> Response:
        """Look at a check at once."""
        check, form = request.path_params["id"], await self._form(request)
        back = f"/checks/{quote(check, safe='')}"
        granted = await run_in_threadpool(self.gate.check, who_is(request), check)
        refused = self._refused(request, form, granted)
        if refused:
            return self._back(back, refused=refused)
        if check not in self.plan().checks:
            return self._back("/", refused="There is no check of this name.")
        try:
            await self.doer.look_now(Look(check, _by(request, form) or "somebody at the pages"))
        except MonitorError as error:
            return self._back(back, refused=str(error))
        return self._back(back, said="Looked.")

    def _refused(self, request: Request, form: Mapping[str, str], granted: Permit) -> str:
        """Say why somebody may not; empty where they may."""
        if not self._is_ours(request, form):
            return "The form was too old; try again."
        if granted.is_granted:
            return ""
        log.warning("%s may not do %s: %s", who_is(request).name, request.url.path, granted)
        return f"You may not do that: {granted}."

    async def _obey(
        self, request: Request, back: str, order: Order | None, granted: Permit
    ) -> Response:
        refused = self._refused(request, await self._form(request), granted)
        if refused:
            return self._back(back, refused=refused)
        if order is None:
            return self._back(back, refused="Something is missing: who you are, or what and why.")
        try:
            refusal = await self.doer.order(order)
        except MonitorError as error:
            return self._back(back, refused=str(error))
        if refusal is not None:
            return self._back(back, refused=f"Refused: {refusal}.")
        return self._back(back, said="Done.")

    def _back(self, where: str, *, said: str = "", refused: str = "") -> Response:
        """Lead back to a page (303), which says what came of it."""
        word, text = ("said", said) if said else ("refused", refused)
        sign = "&" if "?" in where else "?"
        return RedirectResponse(f"{where}{sign}{word}={quote(text)}", 303)

    async def _form(self, request: Request) -> dict[str, str]:
        kind = request.headers.get("content-type", "")
        if not kind.startswith("application/x-www-form-urlencoded"):
            return {}
        body = await read_body(request, MOST_BYTES)
        return {} if body is None else _fields(body.decode("utf-8", "replace"))

    def _is_ours(self, request: Request, form: Mapping[str, str]) -> bool:
        wanted = csrf_of(self._key, who_is(request).name)
        return hmac.compare_digest(form.get("csrf", "").encode(), wanted.encode())

    async def _missing(self, request: Request, why: str) -> Response:
        values = {"archive": [], "refused": why}
        return await self._page(request, "missing.j2", values, status=404)

    async def _page(
        self, request: Request, name: str, values: Mapping[str, Any], status: int = 200
    ) -> Response:
        plan, who = self.plan(), who_is(request)
        common = {
            "now": self.now(),
            "zone": plan.timezone,
            "revision": plan.revision,
            "trouble": self.trouble(),
            "csrf": csrf_of(self._key, who.name),
            "by": who.name or _user_of(request),
            "me": who.name,
            "role": role_of(who, self.world()),
            "said": request.query_params.get("said", "")[:300],
            "refused": request.query_params.get("refused", "")[:300],
        }
        text = await run_in_threadpool(render, name, plan.timezone, {**common, **values})
        return page(text, status)

    async def static(self, request: Request) -> Response:
        """Give the style sheet, or the script."""
        name = request.url.path.rsplit("/", 1)[-1]
        return await run_in_threadpool(static, name)

    def routes(self) -> list[Route]:
        """Return the routes of the pages."""
        post = ["POST"]
        return [
            Route("/", self.status),
            *(Route(f"/static/{name}", self.static) for name in STATIC),
            Route("/checks/{id:path}/run", self.run, methods=post),
            Route("/checks/{id:path}", self.check),
            Route("/incidents/{id}", self.incident),
            Route("/incidents/{id}/act", self.act, methods=post),
            Route("/silences", self.silences),
            Route("/silences", self.make_silence, methods=post),
            Route("/silences/{id}/end", self.end_silence, methods=post),
            Route("/digests", self.digests),
            Route("/digests/{date}", self.digest),
            Route("/maintainers", self.maintainers),
        ]


def _fields(body: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(body).items()}


def _by(request: Request, form: Mapping[str, str]) -> str:
    """Return who does it: who signed in, else who they say."""
    return who_is(request).name or form.get("by", "").strip()[:200] or _user_of(request)


def _user_of(request: Request) -> str:
    """Return the name that was given with the password of a browser's dialogue."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return base64.b64decode(value).decode().partition(":")[0][:200]
    except ValueError:
        return ""
