"""Slack's Web API, called once: the SDK's own retries are off, for they post twice."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from http.client import HTTPException
from typing import Any, TypeAlias
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackRequestError
from slack_sdk.socket_mode.builtin import SocketModeClient
from slack_sdk.socket_mode.client import BaseSocketModeClient
from slack_sdk.socket_mode.request import SocketModeRequest
from slack_sdk.socket_mode.response import SocketModeResponse

from monitor.api.errors import DeliveryError

DEFAULT_URL = "https://slack.com/api/"
TIMEOUT_SECONDS = 10
SERVER_FAULTS = 500
PING_SECONDS = 5.0
CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{8,}")

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
"""Words of Slack that trying again cannot help."""


class SlackError(DeliveryError):
    """Slack refused a call; ``word`` is its name for the fault."""

    def __init__(self, word: str, **more: Any) -> None:
        """Keep the word for callers that know what to do about some."""
        super().__init__(f"Slack: {word}", **more)
        self.word = word


Heard: TypeAlias = Callable[[str, dict[str, Any]], None]
"""Takes what came over a socket: the type of the envelope, and what is in it."""


class SlackSocket:
    """One connection of Socket Mode. Envelopes are acknowledged at once: Slack waits for 3 s."""

    def __init__(self, client: WebClient, app_token: str, heard: Heard) -> None:
        """Connect; blocks. Raise DeliveryError when Slack gives no connection."""
        self._heard = heard
        self._client = SocketModeClient(
            app_token=app_token, web_client=client, ping_interval=PING_SECONDS
        )
        self._client.socket_mode_request_listeners.append(self._take)
        try:
            self._client.connect()
        except (SlackApiError, OSError, HTTPException, ValueError) as error:
            self.close()
            raise DeliveryError(f"Slack's socket: {error}") from error

    def _take(self, client: BaseSocketModeClient, request: SocketModeRequest) -> None:
        client.send_socket_mode_response(SocketModeResponse(envelope_id=request.envelope_id))
        self._heard(request.type, request.payload)

    @property
    def answered_at(self) -> float | None:
        """When Slack last answered a ping, by the SDK's clock. It says more than "connected"."""
        session = self._client.current_session
        return session.last_ping_pong_time if session is not None else None

    def close(self) -> None:
        """Hang up; blocks."""
        self._client.close()


class SlackWeb:
    """One workspace, by a bot token. Calls block, and raise DeliveryError."""

    def __init__(self, token: str, base_url: str = DEFAULT_URL) -> None:
        """Connect with the first call."""
        self._client = WebClient(
            token=token,
            base_url=(base_url or DEFAULT_URL).rstrip("/") + "/",
            timeout=TIMEOUT_SECONDS,
            retry_handlers=[],
        )

    def write(self, method: str, body: dict[str, Any]) -> dict[str, Any]:
        """Change something; the body goes as JSON."""
        return self._call(method, json=body)

    def read(self, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Ask for something."""
        return self._call(method, http_verb="GET", params=fields)

    def channel_id(self, channel: str) -> str | None:
        """Find the id of a channel: reading wants ids where posting takes names.

        None where there is none with this name, or the app may not know.
        """
        if CHANNEL_ID.fullmatch(channel):
            return channel
        cursor = ""
        while True:
            fields = {"limit": 1000, "cursor": cursor, "types": "public_channel,private_channel"}
            answer = self._read_if_allowed("conversations.list", fields)
            for one in answer.get("channels", []):
                if str(one["name"]) == channel.removeprefix("#"):
                    return str(one["id"])
            cursor = str(answer.get("response_metadata", {}).get("next_cursor", ""))
            if not cursor:
                return None

    def keys_of(self, channel: str, thread_ts: str | None, limit: int) -> Iterator[tuple[str, str]]:
        """Give key and ts of the newest messages that have a key, of a channel or thread."""
        fields: dict[str, Any] = {"channel": channel, "limit": limit}
        fields["include_all_metadata"] = "true"
        if thread_ts is None:
            answer = self._read_if_allowed("conversations.history", fields)
        else:
            answer = self._read_if_allowed("conversations.replies", {**fields, "ts": thread_ts})
        for message in answer.get("messages", []):
            payload = message.get("metadata", {}).get("event_payload", {})
            key = payload.get("key") if isinstance(payload, dict) else None
            if isinstance(key, str):
                yield key, str(message["ts"])

    def _read_if_allowed(self, method: str, fields: dict[str, Any]) -> dict[str, Any]:
        """Ask; the answer is empty where reading is not allowed: twice is better than never."""
        try:
            return self.read(method, fields)
        except SlackError as error:
            if not error.is_final:
                raise
            return {}

    def upload(self, picture: bytes, name: str, about: str, place: Mapping[str, str]) -> None:
        """Show a picture in a thread; ``place`` has its ``channel`` by id, and its ``ts``."""
        with _called():
            self._client.files_upload_v2(
                file=picture,
                filename=name,
                title=about,
                alt_txt=about,
                channel=place["channel"],
                thread_ts=place["ts"],
            )

    def listen(self, app_token: str, heard: Heard) -> SlackSocket:
        """Open a connection of Socket Mode; blocks. Raise DeliveryError."""
        return SlackSocket(self._client, app_token, heard)

    def _call(self, method: str, **how: Any) -> dict[str, Any]:
        with _called():
            answer = self._client.api_call(method, **how)
        data = answer.data
        assert isinstance(data, dict)
        return data


@contextmanager
def _called() -> Iterator[None]:
    """Name what goes wrong in a call. Raise DeliveryError."""
    try:
        yield
    except SlackApiError as error:
        raise _refused(error) from error
    except (SlackRequestError, OSError, HTTPException) as error:
        reason = error.reason if isinstance(error, URLError) else error
        is_ambiguous = not isinstance(reason, ConnectionRefusedError)
        text = f"Slack: {type(reason).__name__}: {reason}"
        raise DeliveryError(text, is_ambiguous=is_ambiguous) from error


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
