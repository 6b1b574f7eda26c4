"""Tell in Slack: one message per incident for life, edited for its state, threaded for events."""

import asyncio
import re
from collections import OrderedDict
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any, ClassVar, TypeAlias
from urllib.error import URLError

from pydantic import Field, PrivateAttr, SecretStr
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from monitor.api import DeliveryError, Notification, Receipt, Receiver
from monitor.render.blocks import Block, cut, section, validate
from monitor.render.digest import verdict_line
from monitor.render.incident import notification_text
from monitor.render.slack import digest_messages, incident_blocks, thread_line
from monitor.render.summary import title
from monitor.render.templates import Templates, code, escape
from monitor.render.units import Zone

Place: TypeAlias = dict[str, str]

DEFAULT_URL = "https://slack.com/api/"
TIMEOUT_SECONDS = 10
LONGEST_PLAIN = 3500
"""Characters of a message without blocks; Slack recommends at most 4,000."""

MOST_REMEMBERED = 1000
LATEST_MESSAGES = 200
"""Messages of a channel or thread that are searched for one whose answer was lost."""

EVENT_TYPE = "monitor"
CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{8,}")
SERVER_FAULTS = 500

FINAL = frozenset(
    {
        "account_inactive",
        "channel_not_found",
        "invalid_auth",
        "is_archived",
        "missing_scope",
        "not_authed",
        "not_in_channel",
        "token_expired",
        "token_revoked",
    }
)
BAD_BLOCKS = frozenset({"invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long"})
GONE = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})


class SlackError(DeliveryError):
    """Slack refused a call; ``word`` is its name for the fault."""

    def __init__(self, word: str, **more: Any) -> None:
        super().__init__(f"Slack: {word}", **more)
        self.word = word


class Slack(Receiver, type="slack"):
    """Post with a bot token; the SDK's own retries are off, they post twice."""

    rate: ClassVar[float] = 1.0

    channel: str = Field(description="The channel: its name without #, or its id.")
    token: SecretStr = Field(description="A bot token, xoxb-...")
    base_url: str = Field(default=DEFAULT_URL, description="Another Slack, in tests.")
    timezone: Zone = Field(default="UTC", description="IANA zone of the times in messages.")
    templates: Path | None = Field(
        default=None, description="A folder with templates of your own, laid out as the shipped."
    )

    _client: WebClient | None = PrivateAttr(default=None)
    _thread: ThreadPoolExecutor | None = PrivateAttr(default=None)
    _posted: OrderedDict[str, Place] = PrivateAttr(default_factory=OrderedDict)
    _unsure: set[str] = PrivateAttr(default_factory=set)
    _channel_id: str | None = PrivateAttr(default=None)
    _has_recalled: bool = PrivateAttr(default=False)

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        """Post, or edit and thread. The SDK blocks, so it has a thread of its own.

        Sending the same notification again posts nothing twice: what arrived is remembered, and
        where an answer was lost, Slack is asked first.
        """
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, f"slack-{self.name}")
        loop = asyncio.get_running_loop()
        place = await loop.run_in_executor(self._thread, self._send, notification, receipt)
        return Receipt(self.name, notification.subject, notification.at, place)

    def _send(self, notification: Notification, receipt: Receipt | None) -> Place:
        if notification.digest is not None:
            return self._digest(notification)
        if receipt is not None and "ts" in receipt.place:
            return self._update(notification, receipt.place)
        text, blocks = self._message(notification)
        return self._post(notification.key, self._fields(notification, text, blocks))

    def _update(self, notification: Notification, place: Mapping[str, str]) -> Place:
        text, blocks = self._message(notification)
        parent = {"channel": place["channel"], "ts": place["ts"]}
        try:
            self._write("chat.update", {**parent, **self._fields(notification, text, blocks)})
        except SlackError as error:
            if error.word not in GONE:
                raise
            # Somebody deleted the message, or it may no longer be edited: say it anew.
            return self._post(notification.key, self._fields(notification, text, blocks))
        line = thread_line(notification, self.timezone)
        if line is not None:
            self._post(f"{notification.key}#line", {"text": line, "thread_ts": parent["ts"]})
        return parent

    def _digest(self, notification: Notification) -> Place:
        digest = notification.digest
        assert digest is not None
        first, *rest = digest_messages(digest, self._templates())
        text = escape(f"{digest.name} digest: {verdict_line(digest)}")
        parent = self._post(notification.key, self._fields(notification, text, first))
        for number, blocks in enumerate(rest, 1):
            fields = {"text": text, "blocks": blocks, "thread_ts": parent["ts"]}
            self._post(f"{notification.key}#{number}", fields)
        return parent

    def _message(self, notification: Notification) -> tuple[str, list[Block]]:
        view = notification.view
        if view is None:
            text = escape(notification.headline or notification.reason)
            return text, [section(text)]
        blocks = incident_blocks(view, self.timezone, notification.headline, self._templates())
        return escape(title(view)), blocks

    def _fields(self, notification: Notification, text: str, blocks: list[Block]) -> dict[str, Any]:
        """Return text and blocks; where the blocks break a rule, everything as text."""
        if not validate(blocks):
            return {"text": text, "blocks": blocks}
        plain = notification_text(notification, self.timezone)
        return {"text": code(cut(plain, LONGEST_PLAIN)), "blocks": []}

    def _templates(self) -> Templates:
        return Templates(own=self.templates)

    def _post(self, key: str, fields: dict[str, Any]) -> Place:
        """Post once per key, in the channel or in a thread, and return where it is."""
        self._recall()
        known = self._posted.get(key)
        if known is None and key in self._unsure:
            known = self._search(key, fields.get("thread_ts"))
        if known is None:
            metadata = {"event_type": EVENT_TYPE, "event_payload": {"key": key}}
            body = {"channel": self._channel_id or self.channel, "metadata": metadata, **fields}
            self._unsure.add(key)
            answer = self._write("chat.postMessage", body)
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
        channel = self._find_channel()
        if channel is None:
            return None
        fields: dict[str, Any] = {"channel": channel, "limit": LATEST_MESSAGES}
        fields["include_all_metadata"] = "true"
        try:
            if thread_ts is None:
                answer = self._read("conversations.history", fields)
            else:
                answer = self._read("conversations.replies", {**fields, "ts": thread_ts})
        except SlackError as error:
            if error.is_final:
                return None  # reading is not allowed: twice is better than never
            raise
        for message in answer.get("messages", []):
            found = _key_of(message)
            if found is not None:
                self._remember(found, {"channel": channel, "ts": str(message["ts"])})
        return self._posted.get(key)

    def _find_channel(self) -> str | None:
        """Return the id of the channel: reading wants ids where posting takes names."""
        if CHANNEL_ID.fullmatch(self.channel):
            self._channel_id = self.channel
        cursor = ""
        while self._channel_id is None:
            fields = {"limit": 1000, "cursor": cursor, "types": "public_channel,private_channel"}
            try:
                answer = self._read("conversations.list", fields)
            except SlackError as error:
                if error.is_final:
                    return None
                raise
            named = {str(one["name"]): str(one["id"]) for one in answer.get("channels", [])}
            self._channel_id = named.get(self.channel.removeprefix("#"))
            cursor = str(answer.get("response_metadata", {}).get("next_cursor", ""))
            if not cursor:
                break
        return self._channel_id

    def _write(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            return self._call(method, json=body)
        except SlackError as error:
            if error.word not in BAD_BLOCKS or not body.get("blocks"):
                raise
            return self._call(method, json={**body, "blocks": []})

    def _read(self, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        return self._call(method, http_verb="GET", params=fields)

    def _call(self, method: str, **how: Any) -> dict[str, Any]:
        """Call Slack. Raise DeliveryError."""
        try:
            answer = self._web().api_call(method, **how)
        except SlackApiError as error:
            raise _refused(error) from error
        except (OSError, HTTPException) as error:
            reason = error.reason if isinstance(error, URLError) else error
            is_ambiguous = not isinstance(reason, ConnectionRefusedError)
            text = f"Slack: {type(reason).__name__}: {reason}"
            raise DeliveryError(text, is_ambiguous=is_ambiguous) from error
        data = answer.data
        assert isinstance(data, dict)
        return data

    def _web(self) -> WebClient:
        if self._client is None:
            self._client = WebClient(
                token=self.token.get_secret_value(),
                base_url=(self.base_url or DEFAULT_URL).rstrip("/") + "/",
                timeout=TIMEOUT_SECONDS,
                retry_handlers=[],
            )
        return self._client

    async def close(self) -> None:
        """Let go of the thread."""
        if self._thread is not None:
            self._thread.shutdown(wait=False, cancel_futures=True)


def _key_of(message: dict[str, Any]) -> str | None:
    payload = message.get("metadata", {}).get("event_payload", {})
    key = payload.get("key") if isinstance(payload, dict) else None
    return key if isinstance(key, str) else None


def _refused(error: SlackApiError) -> SlackError:
    response = error.response
    data = response.data if isinstance(response.data, dict) else {}
    headers = {str(name).lower(): str(value) for name, value in (response.headers or {}).items()}
    wait = headers.get("retry-after", "")
    word = str(data.get("error", "unknown error"))[:200]
    return SlackError(
        word,
        retry_after=timedelta(seconds=int(wait)) if wait.isdecimal() else None,
        is_final=word in FINAL,
        # A server that fails may have kept the message before it failed.
        is_ambiguous=int(response.status_code) >= SERVER_FAULTS,
    )
