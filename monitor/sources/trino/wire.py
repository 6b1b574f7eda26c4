"""The way to the coordinator: bounded by the turn, and nothing is ever submitted twice."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.utils import get_netrc_auth
from urllib3.exceptions import (
    MaxRetryError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
)

from monitor.sources.trino.address import Address
from monitor.sources.trino.sockets import Adapter, Sockets, Tally
from monitor.sources.trino.turn import Turn

CONNECT_SECONDS = 5.0
PAUSES = (0.1, 0.2, 0.4, 0.8)
"""How long to wait before each further try. ``Retry-After`` is not obeyed: it may be a day."""

PASSING = {429, 502, 503, 504}
MOST_BYTES = 64 * 2**20
"""The largest page that is read; Trino's own target is 16 MB."""

CHUNK, PIECE = 2**16, 2**9


class TooLargeError(requests.RequestException):
    """A page is larger than what may be held in memory."""


class Wire(requests.Session):
    """A session for the client: every request ends with the turn, only reading on is repeated.

    All requests go to the configured address, whatever host ``nextUri`` names: behind a proxy
    that is not told to the coordinator it is one that nobody else can reach, and nobody's
    credentials should follow it. What comes is added to the ``tally``; where that has an end, more
    is an error. With ``is_cutting`` each answer is read up to ``most`` bytes, and may be longer.
    """

    most: int = MOST_BYTES
    """How many bytes of the next answers are read where they are cut, headers included."""

    was_cut: bool = False
    """Whether the last answer was longer than what was read of it."""

    def __init__(
        self,
        address: Address,
        turn: Turn,
        pauses: Sequence[float] = PAUSES,
        *,
        tally: Tally | None = None,
        is_cutting: bool = False,
    ) -> None:
        super().__init__()
        self._base = urlsplit(address.base)
        self._pauses: tuple[float | None, ...] = (*pauses, None)
        self._is_cutting = is_cutting
        self._tally = tally or Tally()
        if self._tally.most is not None:
            self.headers["Accept-Encoding"] = "gzip"  # what is unpacked piece by piece
        self._read_environment(address)
        self.renew(turn)

    def renew(self, turn: Turn) -> None:
        """Go on in another turn, with connections of its own."""
        self.turn = turn
        self.sockets = Sockets()
        for adapter in self.adapters.values():
            adapter.close()
        self.adapters.clear()
        self.mount(f"{self._base.scheme}://", Adapter(self.sockets, self._tally))

    def _read_environment(self, address: Address) -> None:
        """Read once what requests would read each time: proxies, certificates, ``.netrc``."""
        told = self.merge_environment_settings(address.base, {}, None, None, None)
        self.proxies = told["proxies"]
        # requests lets REQUESTS_CA_BUNDLE win over what is configured.
        self.verify = told["verify"] if address.verify is True else address.verify
        self.cert = address.cert
        self.auth = get_netrc_auth(address.base)
        self.trust_env = False

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Send within the turn; what only reads is tried again while it may pass."""
        parts = urlsplit(request.url or "")
        request.url = urlunsplit((self._base.scheme, self._base.netloc, *parts[2:]))
        kwargs |= {"allow_redirects": False, "stream": True}
        pauses = self._pauses if request.method != "POST" else (*self._pauses[:1], None)
        for pause in pauses:
            try:
                response = self._once(request, kwargs)
            except TooLargeError:
                raise
            except requests.RequestException as error:
                if pause is None or not _may_repeat(request, error) or not self.turn.pause(pause):
                    raise
            else:
                is_good = request.method == "POST" or not _is_passing(response)
                if is_good or pause is None or not self.turn.pause(pause):
                    return response
        raise AssertionError("the last pause is None")

    def _once(
        self, request: requests.PreparedRequest, kwargs: Mapping[str, Any]
    ) -> requests.Response:
        left = max(0.05, self.turn.left)
        limits = {"timeout": (min(CONNECT_SECONDS, left), left)}
        before = self._tally.received
        response: requests.Response = super().send(request, **{**kwargs, **limits})
        body = _whole(response) if self._tally.most is None else self._part(response, before)
        response._content = bytes(body)  # noqa: SLF001  # it was read here, within the bounds
        if self.was_cut and not self._is_cutting:
            raise TooLargeError(f"more than the {self._tally.most} bytes that a look may read")
        return response

    def _part(self, response: requests.Response, before: int) -> bytearray:
        """Unpack what comes until the bound; what comes after it is left to the server."""
        most = self.most if self._is_cutting else self._tally.left + self._tally.received - before
        is_packed = response.headers.get("Content-Encoding") == "gzip"
        unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress if is_packed else bytes
        body, self.was_cut = bytearray(), False
        try:
            for piece in response.raw.stream(PIECE, decode_content=False):
                body += unpack(piece)
                is_over = self._tally.received - before >= most
                if is_over and response.raw.length_remaining != 0:
                    self.was_cut = True
                    self._tally.received += self.sockets.unread()
                    response.close()
                    break
        except ReadTimeoutError as error:
            raise requests.ReadTimeout(error, request=response.request) from error
        except ProtocolError as error:
            raise requests.ConnectionError(error, request=response.request) from error
        except zlib.error as error:
            raise requests.exceptions.ContentDecodingError(error) from error
        return body


def _whole(response: requests.Response) -> bytearray:
    body = bytearray()
    for chunk in response.iter_content(CHUNK):
        body += chunk
        if len(body) > MOST_BYTES:
            response.close()
            raise TooLargeError(f"a page of the answer is larger than {MOST_BYTES >> 20} MB")
    return body


def _may_repeat(request: requests.PreparedRequest, error: requests.RequestException) -> bool:
    """Say whether trying again cannot submit a query twice."""
    if request.method != "POST":
        return not isinstance(error, requests.exceptions.SSLError)
    return was_refused(error)


def was_refused(error: BaseException | None) -> bool:
    """Say whether there was no connection, so that nothing was sent. Looks at the causes, too."""
    while error is not None:
        reason = error.args[0] if error.args else None
        if isinstance(reason, MaxRetryError) and isinstance(reason.reason, NewConnectionError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _is_passing(response: requests.Response) -> bool:
    """Say whether an answer is one of a proxy or coordinator that will soon do better."""
    if response.status_code in PASSING:
        return True
    if response.request.method != "GET" or response.status_code != requests.codes.ok:
        return False
    text = response.content.strip()
    return not text or (text.startswith(b"{") and not text.endswith(b"}"))
