"""What people click and type in Slack: orders to the daemon, and answers to them.

Every click is authorised against the owner and the on-call rotation; what is done is in the trail
with the address of who did it. The same click twice is one order.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias
from uuid import NAMESPACE_URL, uuid5

from monitor.api.errors import DeliveryError, MonitorError
from monitor.core.hours import next_morning
from monitor.core.incident import IncidentView
from monitor.core.matcher import Matcher, Operator
from monitor.core.orders import (
    Accept,
    Acknowledge,
    Explain,
    Look,
    MakeSilence,
    Order,
    Reassign,
    Refusal,
)
from monitor.core.permit import Permit, Person, permit, permit_check
from monitor.core.silence import Silence
from monitor.core.view import facts_of
from monitor.core.world import World
from monitor.render.slack_parts import PREFIX
from monitor.render.templates import escape
from monitor.render.units import local
from monitor.store import Store
from monitor.web.changes import Doer
from monitor.web.slack_texts import explain, look_text, status_text, usage
from monitor.web.slack_windows import SPANS, chosen, not_mine_window, silence_window

log = logging.getLogger(__name__)

Payload: TypeAlias = Mapping[str, Any]
MOST_REMEMBERED = 2000
HOUR = timedelta(hours=1)
CLICKED = "clicked in Slack"


class SlackCalls(Protocol):
    """One workspace. A protocol, for a daemon that tells nobody in Slack needs no SDK of it."""

    def write(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change something. Raise DeliveryError."""

    def read(self, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Ask for something. Raise DeliveryError."""

    def listen(self, app_token: str, heard: Callable[[str, dict[str, Any]], None]) -> "Socket":
        """Open a connection of Socket Mode; blocks. Raise DeliveryError."""


class Socket(Protocol):
    """One connection of Socket Mode."""

    @property
    def answered_at(self) -> float | None:
        """When the other side last answered a ping; None before the first."""

    def close(self) -> None:
        """Hang up; blocks."""


@dataclass(frozen=True, slots=True)
class Click:
    """One thing that somebody wants: ``key`` is Slack's name of the click."""

    key: str
    action: str
    incident: str
    user: str
    trigger: str = ""
    answers: Mapping[str, str] = field(default_factory=dict)


def read_click(payload: Payload) -> Click | None:
    """Read a button or a window that was sent off; None for anything else of Slack's."""
    user = str((payload.get("user") or {}).get("id", ""))
    if payload.get("type") == "block_actions":
        (action, *_) = payload.get("actions") or [{}]
        name = str(action.get("action_id", ""))
        if not name.startswith(PREFIX):
            return None
        key = f"{user}:{name}:{action.get('action_ts', '')}"
        trigger = str(payload.get("trigger_id", ""))
        return Click(key, name.removeprefix(PREFIX), str(action.get("value", "")), user, trigger)
    if payload.get("type") == "view_submission":
        view = payload["view"]
        name = str(view.get("callback_id", ""))
        if not name.startswith(PREFIX):
            return None
        key = f"{user}:{view.get('id', '')}:{view.get('hash', '')}"
        action = f"{name.removeprefix(PREFIX)}!"
        return Click(key, action, str(view["private_metadata"]), user, answers=chosen(view))
    return None


@dataclass
class Desk:
    """Does what is clicked; ``reply`` of every method is what only the clicking person reads."""

    doer: Doer
    store: Store
    now: Callable[[], datetime]
    world: Callable[[], World]
    views: Callable[[], list[IncidentView]]
    _done: OrderedDict[str, str] = field(default_factory=OrderedDict)
    _addresses: dict[str, str] = field(default_factory=dict)

    async def click(self, click: Click, slack: SlackCalls) -> str:
        """Do it once, and say what came of it; empty where the message itself will say it."""
        if click.key in self._done:
            return self._done[click.key]
        self._done[click.key] = ""
        while len(self._done) > MOST_REMEMBERED:
            self._done.popitem(last=False)
        try:
            reply = await self._do(click, slack)
        except MonitorError as error:
            self._done.pop(click.key)  # it was not done: the next try may be
            reply = f"That did not work: {error}"
        else:
            self._done[click.key] = reply
        return reply

    async def _do(self, click: Click, slack: SlackCalls) -> str:
        view = await asyncio.to_thread(self._view, click.incident)
        if view is None or not view.is_open:
            return "This incident is over."
        who = await asyncio.to_thread(self._address, click.user, slack)
        granted = permit(Person(who) if who else None, view, self.world())
        if not granted.is_granted:
            return _refused(who, f"{click.action} {click.incident}", granted)
        if click.action in {"silence", "not_mine"}:
            await asyncio.to_thread(self._open_window, click, view, slack)
            return ""
        if click.action in {"run", "explain"}:
            return await self._tell(click, view, who or click.user)
        order = self._order(click, view, who or click.user)
        if order is None:
            return "This button is from another version of the monitor."
        refusal: Refusal | None = await self.doer.order(order)
        done = _done_text(order, self.world().timezone)
        return f"That was refused: {refusal}." if refusal is not None else done

    async def _tell(self, click: Click, view: IncidentView, who: str) -> str:
        incident = view.incident
        if click.action == "run" and not self._is_ours(incident.check):
            return "There is no check to run: this comes from elsewhere."
        if click.action == "run":
            return look_text(await self.doer.look_now(Look(incident.check, who, CLICKED)))
        await self.doer.order(Explain(incident.id, who, CLICKED))
        return await asyncio.to_thread(explain, view, self.store, self.world().timezone)

    def _is_ours(self, check: str) -> bool:
        """Say whether it can be looked at: no source, nothing of another system, nothing gone."""
        return check in self.world().checks and not check.startswith("source/")

    def _order(self, click: Click, view: IncidentView, who: str) -> Order | None:  # noqa: PLR0911  # one for each button
        now, incident = self.now(), view.incident
        match click.action:
            case "ack":
                return Acknowledge(incident.id, who, why=CLICKED)
            case "accept":
                return Accept(incident.id, who, CLICKED)
            case "not_mine!":
                to = click.answers.get("to", "")
                tag = f"not mine; tag {incident.resource or incident.check} with maintainer: {to}"
                return Reassign(incident.id, to, who, tag)
            case "silence_1h":
                return self._silence(click, view, who, now + HOUR)
            case "silence_morning":
                team = self.world().maintainers.get(incident.owner)
                hours = team.hours if team else None
                until = next_morning(hours, now, self.world().timezone)
                return self._silence(click, view, who, until)
            case "silence!":
                span = SPANS.get(click.answers.get("span", ""), HOUR)
                return self._silence(click, view, who, now + span)
        return None

    def _silence(self, click: Click, view: IncidentView, who: str, until: datetime) -> MakeSilence:
        """Silence the check of the incident; the same click makes the same silence."""
        matcher = Matcher("check", Operator.EQUAL, view.incident.check)
        why = click.answers.get("why") or f"{CLICKED} at {view.incident.id}"
        key = str(uuid5(NAMESPACE_URL, click.key))
        return MakeSilence(Silence(key, (matcher,), self.now(), until, who, why))

    def _open_window(self, click: Click, view: IncidentView, slack: SlackCalls) -> None:
        names = sorted(self.world().maintainers)
        made = silence_window(view) if click.action == "silence" else not_mine_window(view, names)
        slack.write("views.open", {"trigger_id": click.trigger, "view": made})

    def _view(self, incident: str) -> IncidentView | None:
        return next((view for view in self.views() if view.incident.id == incident), None)

    def _address(self, user: str, slack: SlackCalls) -> str | None:
        """Return the address of who clicked; None where Slack does not tell it."""
        if user not in self._addresses:
            try:
                found = slack.read("users.info", {"user": user})
            except DeliveryError as error:
                log.warning("who %s is cannot be found out: %s", user, error)
                return None
            address = ((found.get("user") or {}).get("profile") or {}).get("email")
            if not address:
                return None
            self._addresses[user] = str(address)
        return self._addresses[user]

    async def command(self, text: str, user: str, slack: SlackCalls) -> str:
        """Answer ``/monitor``: ``status``, or ``check ID``, which looks at once for who may."""
        verb, _, rest = text.strip().partition(" ")
        if verb in {"", "status"}:
            views = await asyncio.to_thread(self.views)
            states = await asyncio.to_thread(self.store.story.states)
            return status_text(views, states, self.world(), self.now())
        if verb == "check" and rest.strip():
            check = rest.strip().strip("`")
            if not self._is_ours(check):
                return f"There is no check {escape(check)}. {usage()}"
            try:
                return await self._look(check, user, slack)
            except MonitorError as error:
                return f"That did not work: {escape(error)}"
        return usage()

    async def _look(self, check: str, user: str, slack: SlackCalls) -> str:
        who, world = await asyncio.to_thread(self._address, user, slack), self.world()
        granted = permit_check(Person(who) if who else None, facts_of(check, world), world)
        if not granted.is_granted:
            return _refused(who, f"look at {check}", granted)
        return look_text(await self.doer.look_now(Look(check, who or user, "typed in Slack")))


def _refused(who: str | None, what: str, granted: Permit) -> str:
    log.warning("%s may not %s: %s", who, what, granted)
    return f"You may not do that here: {granted}."


def is_look(text: str) -> bool:
    """Say whether a command asks a source, which may take as long as that likes."""
    return text.split()[:1] == ["check"]


def _done_text(order: Order, timezone: str) -> str:
    """Say what was done where the message does not; the thread tells of the rest."""
    if not isinstance(order, MakeSilence):
        return ""
    until = f"{local(order.silence.ends_at, timezone)} ({timezone})"
    return f"Silenced until {until}. End it with `monitor silence expire {order.silence.id}`."
