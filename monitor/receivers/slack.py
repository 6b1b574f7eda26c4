"""Tell in Slack: one message per incident for life, edited for its state, threaded for events."""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from hashlib import blake2s
from typing import Any, ClassVar, TypeAlias

from pydantic import Field, PrivateAttr, SecretStr

from monitor.api import DeliveryError, Notification, NotifyReason, Receipt, Receiver
from monitor.api.slack_web import DEFAULT_URL, SlackError, SlackWeb
from monitor.core.notification import AWAITED
from monitor.core.series import Series
from monitor.render.alert_chart import charts_of
from monitor.render.blocks import plain, section
from monitor.render.chart import caption, png, title_of
from monitor.render.digest import verdict_line
from monitor.render.slack import (
    calls,
    digest_messages,
    incident_blocks,
    open_blocks,
    thread_line,
)
from monitor.render.slack_parts import Rung, chart_blocks, ladder, without_native
from monitor.render.summary import title
from monitor.render.templates import OwnTemplates, Safe, Templates, escape
from monitor.render.units import Zone

log = logging.getLogger(__name__)

Place: TypeAlias = dict[str, str]
MOST_REMEMBERED = 1000
LATEST_MESSAGES = 200
"""Messages of a channel or thread that are searched for one whose answer was lost."""

EVENT_TYPE = "monitor"

BAD_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
UNKNOWN_USER = frozenset({"users_not_found", "user_not_found", "unknown_method"})
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})


class Later(Exception):  # noqa: N818  # no error: the next message has to wait for its time
    """One call has posted its message, and there is another."""


class Slack(Receiver, type="slack"):
    """Post with a bot token; the SDK's own retries are off, they post twice."""

    rate: ClassVar[float] = 1.0

    channel: str = Field(description="The channel: its name without #, or its id.")
    token: SecretStr = Field(description="A bot token, xoxb-...")
    base_url: str = Field(default=DEFAULT_URL, description="Another Slack, in tests.")
    app_token: SecretStr | None = Field(
        default=None, description="An app token, xapp-..., for buttons over Socket Mode."
    )
    signing_secret: SecretStr | None = Field(
        default=None, description="The signing secret, for buttons over HTTP: /slack/actions."
    )
    timezone: Zone = Field(default="UTC", description="IANA zone of the times in messages.")
    templates: OwnTemplates = None

    _web: SlackWeb | None = PrivateAttr(default=None)
    _thread: ThreadPoolExecutor | None = PrivateAttr(default=None)
    _posted: OrderedDict[str, Place] = PrivateAttr(default_factory=OrderedDict)
    _unsure: set[str] = PrivateAttr(default_factory=set)
    _pictures: set[str] = PrivateAttr(default_factory=set)
    _has_posted: bool = PrivateAttr(default=False)
    _channel_id: str | None = PrivateAttr(default=None)
    _has_recalled: bool = PrivateAttr(default=False)
    _draws: bool = PrivateAttr(default=True)
    _users: dict[str, str | None] = PrivateAttr(default_factory=dict)

    @property
    def place(self) -> str:
        """The channel: Slack takes one message a second in each, whoever posts it."""
        workspace = f"{self.base_url} {self.token.get_secret_value()}".encode()
        channel = self.channel.removeprefix("#")
        return f"slack {blake2s(workspace, digest_size=8).hexdigest()} {channel}"

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Post, or edit and thread. The SDK blocks, so it has a thread of its own.

        A call posts one message. Sending the same notification again posts what is left of it and
        nothing twice: what arrived is remembered, and where an answer was lost, Slack is asked.
        """
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, f"slack-{self.name}")
        loop = asyncio.get_running_loop()
        place, is_whole = await loop.run_in_executor(
            self._thread, self._send, notification, receipt
        )
        return Receipt(self.name, notification.subject, notification.at, place, is_whole=is_whole)

    def _send(self, notification: Notification, receipt: Receipt | None) -> tuple[Place, bool]:
        self._has_posted = False
        is_edit = receipt is not None and "ts" in receipt.place
        try:
            if notification.digest is not None:
                return self._digest(notification), True
            if receipt is not None and is_edit and notification.key not in self._posted:
                return self._update(notification, receipt.place), True
            return self._first(notification), True
        except Later:
            known = self._posted.get(notification.key)
            assert known is not None or receipt is not None
            return known or dict(receipt.place if receipt else {}), False

    def _first(self, notification: Notification) -> Place:
        parent = self._post(notification.key, self._rungs(notification))
        for chart in charts_of(notification.view)[:1] if notification.view else ():
            try:
                self._draw(f"{notification.key}#chart", chart, self.timezone, parent)
            except DeliveryError as error:  # the message has arrived, and says it in words
                log.warning("%s: no chart of %s: %s", self.name, notification.key, error)
        return parent

    def _draw(self, key: str, chart: Series, timezone: str, parent: Place) -> None:
        """Draw in a thread: by Slack itself, else as a picture beside a line of bars."""
        is_new = key not in self._posted
        blocks = chart_blocks(chart, timezone)
        self._post(key, ladder(plain(blocks), blocks), parent["ts"])
        if is_new and not self._draws:
            self._pictures.add(key)
        if key not in self._pictures:
            return
        self._only_one()
        self._pictures.discard(key)
        image = png(chart, timezone)
        if image is not None:
            try:
                about = f"{title_of(chart)}: {caption(chart)}"
                self.web().upload(image, "chart.png", about, parent)
            except DeliveryError as error:
                log.warning("%s: a picture was not taken, only its line: %s", self.name, error)

    def _only_one(self) -> None:
        """Note that a message is posted now. Raise Later for the second one of a call."""
        if self._has_posted:
            raise Later
        self._has_posted = True

    @property
    def has_buttons(self) -> bool:
        """Whether somebody listens for clicks."""
        return any(s and s.get_secret_value() for s in (self.app_token, self.signing_secret))

    def _update(self, notification: Notification, place: Mapping[str, str]) -> Place:
        parent = {"channel": place["channel"], "ts": place["ts"]}
        edit = f"{notification.key}#edit"
        if edit not in self._posted:
            rungs = self._rungs(notification)
            try:
                self._write("chat.update", parent, rungs)
            except SlackError as error:
                if error.word not in GONE:
                    raise
                # Somebody deleted the message, or it may no longer be edited: say it anew.
                return self._post(notification.key, rungs)
            self._remember(edit, parent)
            # An edit is no message: one that somebody waits for goes before its time.
            self._has_posted = notification.reason in AWAITED
        people = self._people(notification)
        line = thread_line(notification, self.timezone, people, self._templates())
        if line is not None:
            self._post(f"{notification.key}#line", [{"text": line}], parent["ts"])
        return parent

    def _digest(self, notification: Notification) -> Place:
        digest = notification.digest
        assert digest is not None
        first, *rest = digest_messages(digest, self._templates())
        text = escape(f"{digest.name} digest: {verdict_line(digest)}")
        parent = self._post(notification.key, ladder(text, first))
        if self.has_buttons and (called := open_blocks(digest, self._mention)):
            self._post(f"{notification.key}#open", ladder(plain(called), called), parent["ts"])
        texts = len(rest) - (0 if digest.is_quiet else len(digest.charts))
        for number, blocks in enumerate(rest[:texts], 1):
            self._post(f"{notification.key}#{number}", ladder(text, blocks), parent["ts"])
        for number, chart in enumerate(digest.charts if rest[texts:] else (), texts + 1):
            self._draw(f"{notification.key}#{number}", chart, digest.timezone, parent)
        return parent

    def _rungs(self, notification: Notification) -> list[Rung]:
        view = notification.view
        if view is None:
            text = escape(notification.headline or notification.reason)
            return ladder(text, [section(text)])
        # Who is called is called in a new message only: an edit that mentions notifies nobody.
        is_new = notification.reason is NotifyReason.FIRST
        blocks = incident_blocks(
            view,
            self.timezone,
            notification.headline,
            self._templates(),
            people=self._people(notification) if is_new else None,
            has_buttons=self.has_buttons,
        )
        return ladder(escape(title(view)), blocks)

    def _people(self, notification: Notification) -> list[str]:
        """Return the people to call, as mentions; whoever Slack does not know, by address."""
        view = notification.view
        if view is None or not calls(notification):
            return list(view.people) if view is not None else []
        return [self._mention(address) for address in view.people]

    def _mention(self, address: str) -> str:
        if "@" not in address:
            return escape(address)
        if address not in self._users:
            try:
                found = self.web().read("users.lookupByEmail", {"email": address})
                self._users[address] = str(found["user"]["id"])
            except SlackError as error:
                if error.word not in UNKNOWN_USER:
                    return escape(address)  # for now; the message must not wait for a name
                self._users[address] = None
        known = self._users[address]
        return Safe(f"<@{known}>") if known else escape(f"{address}, who is not in this Slack")

    def _templates(self) -> Templates:
        return Templates(own=self.templates)

    def _post(self, key: str, rungs: list[Rung], thread_ts: str | None = None) -> Place:
        """Post once per key, in the channel or in a thread, and return where it is."""
        self._recall()
        known = self._posted.get(key)
        if known is None and key in self._unsure:
            known = self._search(key, thread_ts)
        if known is None:
            metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": key}}
            body: Rung = {"channel": self._channel_id or self.channel, "metadata": metadata}
            if thread_ts is not None:
                body["thread_ts"] = thread_ts
            self._only_one()
            self._unsure.add(key)
            answer = self._write("chat.postMessage", body, rungs)
            known = {"channel": str(answer["channel"]), "ts": str(answer["ts"])}
            self._channel_id = known["channel"]
        self._remember(key, known)
        return known

    def _remember(self, key: str, place: Place) -> None:
        self._unsure.discard(key)
        self._posted[key] = place
        while len(self._posted) > MOST_REMEMBERED:
            self._posted.popitem(last=False)

    def _recall(self) -> None:
        """Learn once what an earlier process posted: it may have died before it stored that."""
        if self._has_recalled:
            return
        self._has_recalled = True
        try:
            self._search("", None)
        except DeliveryError:
            return  # at worst one message is there twice; what is to be told must not wait

    def _search(self, key: str, thread_ts: str | None) -> Place | None:
        """Look for a message whose answer was lost; whatever else is found is remembered, too."""
        self._channel_id = self._channel_id or self.web().channel_id(self.channel)
        if self._channel_id is None:
            return None
        for found, ts in self.web().keys_of(self._channel_id, thread_ts, LATEST_MESSAGES):
            self._remember(found, {"channel": self._channel_id, "ts": ts})
        return self._posted.get(key)

    def _write(self, method: str, body: Rung, rungs: list[Rung]) -> dict[str, Any]:
        """Write the richest form that Slack takes; the last one is plain text, which it must."""
        *richer, last = rungs
        for rung in richer:
            has_native = rung["blocks"] != without_native(rung["blocks"])
            try:
                answer = self.web().write(method, {**body, **rung})
            except SlackError as error:
                if error.word not in BAD_BLOCKS:
                    raise
                self._draws = self._draws and not has_native
            else:
                self._draws = self._draws or has_native
                return answer
        return self.web().write(method, {**body, **last})

    def web(self) -> SlackWeb:
        """Return the workspace that it posts to."""
        if self._web is None:
            self._web = SlackWeb(self.token.get_secret_value(), self.base_url)
        return self._web

    async def close(self) -> None:
        """Let go of the thread."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)
