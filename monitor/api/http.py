"""What receivers that speak HTTP share: one client, and one way to read a refusal."""

from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
from pydantic import PrivateAttr

from monitor.api.connections import Connections
from monitor.api.errors import DeliveryError
from monitor.api.receiver import Receiver

TIMEOUT_SECONDS = 10.0
TRY_AGAIN = {408, 425, 429}
LONGEST_WAIT = timedelta(hours=1)
"""A server that asks for a longer wait than this is asked again all the same."""


class RefusedError(DeliveryError):
    """The server answered, and did not take it; ``status`` is that of HTTP."""

    def __init__(self, status: int, text: str, **more: Any) -> None:
        """Keep the status for receivers that know what to do about some."""
        super().__init__(text, **more)
        self.status = status


class HttpReceiver(Receiver):
    """A receiver with connections of its own; addresses stay out of every error text."""

    _http: Connections = PrivateAttr(default_factory=Connections)

    async def call(self, method: str, url: str, **what: Any) -> httpx.Response:
        """Send one request and return its answer, which is 2xx. Raise DeliveryError."""
        try:
            response = await self._http.ask(method, url, timeout_seconds=TIMEOUT_SECONDS, **what)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise DeliveryError(f"cannot connect: {error}") from error
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            text = f"no URL that can be posted to: {type(error).__name__}"
            raise DeliveryError(text, is_final=True) from error
        except httpx.HTTPError as error:
            text = f"no answer: {type(error).__name__} {error}".strip()
            raise DeliveryError(text, is_ambiguous=True) from error
        if not response.is_success:
            raise refused(response)
        return response

    async def close(self) -> None:
        """Close the connections."""
        await self._http.close()


def refused(response: httpx.Response) -> RefusedError:
    """Read a refusal: whether trying again can help, how long to wait, whether it may be done."""
    status = response.status_code
    return RefusedError(
        status,
        f"HTTP {status}: {response.text[:200]}",
        retry_after=retry_after(response),
        is_final=not response.is_server_error and status not in TRY_AGAIN,
        is_ambiguous=response.is_server_error,
    )


def retry_after(response: httpx.Response) -> timedelta | None:
    """Read ``Retry-After``: seconds, or a moment by the server's own clock (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isdecimal():
        return min(timedelta(seconds=int(text[:9])), LONGEST_WAIT)
    try:
        wait = parsedate_to_datetime(text) - parsedate_to_datetime(response.headers["Date"])
    except (KeyError, TypeError, ValueError):
        return None
    return min(max(wait, timedelta(0)), LONGEST_WAIT)
