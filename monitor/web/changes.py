"""What people and other systems change over HTTP. A 2xx answer means that it is committed."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias, TypeVar
from uuid import uuid4

from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from monitor.api.errors import BusyError, MonitorError
from monitor.api.fields import parse_duration
from monitor.core.matcher import Matcher, MatcherError, Operator, parse_matcher, parse_matchers
from monitor.core.model import Verdict
from monitor.core.orders import (
    Accept,
    Acknowledge,
    EndSilence,
    Look,
    MakeSilence,
    Order,
    Reassign,
    Refusal,
)
from monitor.core.orders import Resolve as ResolveOrder
from monitor.core.permit import Permit, Person
from monitor.core.silence import Silence
from monitor.store import StoreError
from monitor.store.codec import VERDICTS
from monitor.web.auth import who_is
from monitor.web.bodies import (
    AcceptBody,
    AckBody,
    MatcherBody,
    ReassignBody,
    ResolveBody,
    SilenceBody,
)
from monitor.web.gate import Gate
from monitor.web.json import Json
from monitor.web.receiving import read_body

log = logging.getLogger(__name__)

T = TypeVar("T")
MOST_BYTES = 20_000_000
RETRY_AFTER = "1"
"""Seconds; what waits is taken in at thousands a second."""

_STATUS = {Refusal.NO_INCIDENT: 404, Refusal.NO_SILENCE: 404}


class Doer(Protocol):
    """What does it: the engine."""

    async def order(self, order: Order) -> Refusal | None:
        """Do what somebody orders; committed when this returns."""

    async def receive(self, body: str) -> int:
        """Keep a batch of alerts; committed when this returns."""

    async def look_now(self, wish: Look) -> tuple[Verdict, ...]:
        """Look at a check at once, after writing down who wants it."""


class WrongError(MonitorError):
    """A request cannot be understood."""


class ForbiddenError(MonitorError):
    """Whoever asks may not do that."""


Answer = Callable[["Changes", Request], Awaitable[Response]]


def told(answer: Answer) -> Answer:
    """Turn what goes wrong into an answer that says what and why."""

    async def answered(self: "Changes", request: Request) -> Response:
        try:
            return await answer(self, request)
        except (StoreError, BusyError) as error:
            return Json({"error": str(error)}, 503, {"Retry-After": RETRY_AFTER})
        except ValidationError as error:
            where = error.errors()[0]
            place = ".".join(str(part) for part in where["loc"])
            return Json({"error": f"{place}: {where['msg']}"}, 400)
        except ForbiddenError as error:
            return Json({"error": str(error)}, 403)
        except MonitorError as error:
            return Json({"error": str(error)}, 400)

    return answered


@dataclass(frozen=True)
class Changes:
    """The calls that change something."""

    doer: Doer
    now: Callable[[], datetime]
    has_check: Callable[[str], bool]
    gate: Gate

    @told
    async def acknowledge(self, request: Request) -> Response:
        """Take care of an incident."""
        body = AckBody.model_validate_json(await _json(request))
        until = body.until
        if isinstance(until, str):
            until = self.now() + _duration(until)
        incident, by = await self._mine(request), _by(request, body.by)
        return await self._obey(Acknowledge(incident, by, until, body.comment))

    @told
    async def reassign(self, request: Request) -> Response:
        """Hand an incident to another maintainer."""
        body = ReassignBody.model_validate_json(await _json(request))
        incident, by = await self._mine(request), _by(request, body.by)
        return await self._obey(Reassign(incident, body.to, by, body.comment))

    @told
    async def accept(self, request: Request) -> Response:
        """Take the level that an incident fires about for the new normal."""
        body = AcceptBody.model_validate_json(await _json(request))
        incident, by = await self._mine(request), _by(request, body.by)
        return await self._obey(Accept(incident, by, body.comment))

    @told
    async def resolve(self, request: Request) -> Response:
        """Say that an incident is over."""
        body = ResolveBody.model_validate_json(await _json(request))
        incident, by = await self._mine(request), _by(request, body.by)
        return await self._obey(ResolveOrder(incident, by, body.comment))

    @told
    async def make_silence(self, request: Request) -> Response:
        """Store a silence."""
        body = SilenceBody.model_validate_json(await _json(request))
        silence = Silence(
            id=body.id or str(uuid4()),
            matchers=_matchers(body.matchers),
            starts_at=body.startsAt or self.now(),
            ends_at=body.endsAt,
            created_by=_by(request, body.createdBy, "createdBy"),
            comment=body.comment,
        )
        await _allowed(self.gate.silence, who_is(request), silence.matchers)
        if body.id is not None:  # one that is there is changed: that, too, must be theirs
            await _allowed(self.gate.end_silence, who_is(request), body.id)
            if not await run_in_threadpool(self.gate.has_silence, body.id):
                return Json({"error": f"there is no silence '{body.id}'; leave the id out"}, 404)
        return await self._obey(MakeSilence(silence), {"silenceID": silence.id})

    @told
    async def end_silence(self, request: Request) -> Response:
        """End a silence now."""
        key = request.path_params["id"]
        await _allowed(self.gate.end_silence, who_is(request), key)
        return await self._obey(EndSilence(key, _name(request)))

    @told
    async def run_check(self, request: Request) -> Response:
        """Look at a check at once."""
        check = request.path_params["id"]
        if not self.has_check(check):
            return Json({"error": f"there is no check '{check}'"}, 404)
        await _allowed(self.gate.check, who_is(request), check)
        verdicts = await self.doer.look_now(Look(check, _name(request)))
        return Response(VERDICTS.dump_json(list(verdicts)), media_type="application/json")

    @told
    async def receive(self, request: Request) -> Response:
        """Take alerts in Alertmanager's form."""
        if not who_is(request).is_admin:
            raise ForbiddenError("you may not do that: other systems bring the token")
        count = await self.doer.receive((await _json(request)).decode("utf-8", "strict"))
        return Json({"accepted": count})

    async def _mine(self, request: Request) -> str:
        """Return the incident of a request. Raise ForbiddenError where it is not theirs."""
        incident: str = request.path_params["id"]
        await _allowed(self.gate.incident, who_is(request), incident)
        return incident

    async def _obey(self, order: Order, answer: dict[str, Any] | None = None) -> Response:
        refusal = await self.doer.order(order)
        if refusal is not None:
            return Json({"error": str(refusal)}, _STATUS.get(refusal, 400))
        return Json(answer or {"ok": True})

    def routes(self) -> list[Route]:
        """Return the routes of these calls."""
        post, incident = ["POST"], "/api/v1/incidents/{id}"
        return [
            Route(f"{incident}/ack", self.acknowledge, methods=post),
            Route(f"{incident}/accept", self.accept, methods=post),
            Route(f"{incident}/reassign", self.reassign, methods=post),
            Route(f"{incident}/resolve", self.resolve, methods=post),
            Route("/api/v1/silences", self.make_silence, methods=post),
            Route("/api/v1/silences/{id}", self.end_silence, methods=["DELETE"]),
            Route("/api/v1/checks/{id:path}/run", self.run_check, methods=post),
            Route("/api/v1/alertmanager", self.receive, methods=post),
        ]


Decide: TypeAlias = Callable[[Person, T], Permit]


async def _allowed(decide: Decide[T], who: Person, what: T) -> None:
    """Raise ForbiddenError where somebody may not do it."""
    granted = await run_in_threadpool(decide, who, what)
    if not granted.is_granted:
        log.warning("%s may not act on %s: %s", who.name, what, granted)
        raise ForbiddenError(f"you may not do that: {granted}")


def _by(request: Request, given: str | None, key: str = "by") -> str:
    """Return who does it: who signed in, else who they say. Raise WrongError without either."""
    name = who_is(request).name or given
    if not name:
        raise WrongError(f"{key}: say who you are")
    return name


def _name(request: Request) -> str:
    """Return who asks without a body: who signed in, else who ``by=`` says, else somebody."""
    given = request.query_params.get("by", "").strip()[:200]
    return who_is(request).name or given or "somebody"


async def _json(request: Request) -> bytes:
    """Read a JSON body. Raise WrongError for another type, or for one that is too large."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise WrongError("send JSON, with Content-Type: application/json")
    body = await read_body(request, MOST_BYTES)
    if body is None:
        raise WrongError(f"the body is larger than {MOST_BYTES} bytes")
    return body


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise WrongError(f"until: {error}; or write a moment with its offset") from None


def _matchers(given: list[MatcherBody | str]) -> tuple[Matcher, ...]:
    try:
        found = tuple(_matcher(one) for one in given)
    except MatcherError as error:
        raise WrongError(f"matchers: {error}") from None
    if all(matcher.holds("") for matcher in found):
        raise WrongError("matchers: at least one must not match the empty value")
    return found


def _matcher(given: MatcherBody | str) -> Matcher:
    if isinstance(given, str):
        return parse_matcher(given)
    operators = {
        (False, True): Operator.EQUAL,
        (False, False): Operator.NOT_EQUAL,
        (True, True): Operator.REGEX,
        (True, False): Operator.NOT_REGEX,
    }
    return Matcher(given.name, operators[given.isRegex, given.isEqual], given.value)


def read_filters(texts: list[str]) -> tuple[Matcher, ...]:
    """Read the ``matcher=`` parameters of a list. Raise WrongError."""
    try:
        return tuple(matcher for text in texts for matcher in parse_matchers(text))
    except MatcherError as error:
        raise WrongError(f"matcher: {error}") from None
