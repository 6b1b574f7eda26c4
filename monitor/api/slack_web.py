"""Slack's Web API, called once: the SDK's own retries are off, for they post twice."""

from datetime import timedelta
from http.client import HTTPException
from typing import Any
from urllib.error import URLError

from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from monitor.api.errors import DeliveryError

DEFAULT_URL = "https://slack.com/api/"
TIMEOUT_SECONDS = 10
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
"""Words of Slack that trying again cannot help."""


class SlackError(DeliveryError):
    """Slack refused a call; ``word`` is its name for the fault."""

    def __init__(self, word: str, **more: Any) -> None:
        """Keep the word for callers that know what to do about some."""
        super().__init__(f"Slack: {word}", **more)
        self.word = word


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

    def _call(self, method: str, **how: Any) -> dict[str, Any]:
        try:
            answer = self._client.api_call(method, **how)
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
