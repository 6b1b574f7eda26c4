"""A scripted Prometheus on loopback: it computes what was asked from a model of the service.

It understands the shapes of PromQL that the source `prometheus` sends, and plain selectors of
gauges; anything else is `bad_data`, as from the real one. It answers for the moment of the
question, so that it works on a virtual clock.
"""

import json
import math
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit

from monitor.core.labels import Labels

EDGES = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.8, 1.0, 2.5, math.inf)
BUCKETS = re.compile(r"sum by \(le(?:, (?P<by>[\w, ]+))?\) \(rate\(\w+_bucket\[\d+s\]\)\)")
SELECTOR = re.compile(r"(?P<name>\w+)\{(?P<matchers>.*)\}")
MATCHER = re.compile(r'(\w+)(=~|=)"((?:[^"\\]|\\.)*)"')
RATES = re.compile(r"sum by \((?P<by>[\w, ]*)\) \(rate\((?P<what>[^\[]+)\[\d+s\]\)\)")


@dataclass(frozen=True, slots=True)
class LatencyPoint:
    """A service at one moment: requests per second, lognormal latency, share of failures."""

    labels: Labels
    rate: float
    median_seconds: float
    sigma: float
    error_share: float = 0.0

    def below(self, edge: float) -> float:
        """Return the rate of requests that took at most ``edge`` seconds."""
        if math.isinf(edge):
            return self.rate
        at = math.log(edge / self.median_seconds) / (self.sigma * math.sqrt(2))
        return self.rate * 0.5 * (1 + math.erf(at))


@dataclass
class ScriptedPrometheus:
    """The server; a context manager. ``status`` other than 200 makes every answer that failure."""

    model: Callable[[datetime], Sequence[LatencyPoint]]
    gauges: Callable[[datetime], Mapping[str, Sequence[tuple[Labels, float]]]] = lambda _: {}
    status: int = 200
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        """Listen on a free port."""
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()

    @property
    def url(self) -> str:
        """The address."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def answer(self, query: str, at: datetime) -> tuple[int, dict[str, Any]]:
        """Return status and body for a query at a moment."""
        self.asked.append(query)
        if self.status != 200:  # noqa: PLR2004  # HTTP OK
            return self.status, {"status": "error", "error": f"scripted {self.status}"}
        found = self._vector(query, at)
        if found is None:
            text = f'invalid parameter "query": cannot parse {query!r}'
            return 400, {"status": "error", "errorType": "bad_data", "error": text}
        result = [
            {"metric": dict(labels), "value": [at.timestamp(), repr(value)]}
            for labels, value in found
        ]
        return 200, {"status": "success", "data": {"resultType": "vector", "result": result}}

    def _vector(self, query: str, at: datetime) -> Sequence[tuple[Labels, float]] | None:
        if match := BUCKETS.fullmatch(query):
            return [
                ((*_keep(point.labels, match["by"] or ""), ("le", _edge(edge))), point.below(edge))
                for point in self.model(at)
                for edge in EDGES
            ]
        if match := RATES.fullmatch(query):
            share = 1.0 if "error" not in match["what"] else None
            return [
                (_keep(p.labels, match["by"]), p.rate * (p.error_share if share is None else share))
                for p in self.model(at)
            ]
        if match := SELECTOR.fullmatch(query):
            name = match["name"]
            return [
                ((("__name__", name), *labels), value)
                for labels, value in self.gauges(at).get(name, ())
                if _fits(dict(labels), match["matchers"])
            ]
        if re.fullmatch(r"\w+", query):
            found = self.gauges(at).get(query, ())
            return [((("__name__", query), *labels), value) for labels, value in found]
        return self.gauges(at).get(query)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        scripted = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1  # one packet an answer; two wait for each other

            def do_POST(self) -> None:
                length = int(self.headers.get("Content-Length", 0))
                self._reply(parse_qs(self.rfile.read(length).decode()))

            def do_GET(self) -> None:
                self._reply(parse_qs(urlsplit(self.path).query))

            def _reply(self, fields: Mapping[str, Sequence[str]]) -> None:
                seconds = float(fields.get("time", ["0"])[0])
                at = datetime.fromtimestamp(seconds, UTC)
                status, body = scripted.answer(fields.get("query", [""])[0], at)
                text = json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name there
                pass

        return Handler


def _fits(labels: Mapping[str, str], matchers: str) -> bool:
    """Say whether labels fit matchers of `=` and `=~`."""
    for name, sign, text in MATCHER.findall(matchers):
        value, wanted = labels.get(name, ""), re.sub(r"\\(.)", r"\1", text)
        if not (value == wanted if sign == "=" else re.fullmatch(wanted, value)):
            return False
    return True


def _keep(labels: Labels, by: str) -> Labels:
    wanted = {name.strip() for name in by.split(",")}
    return tuple((name, value) for name, value in labels if name in wanted)


def _edge(edge: float) -> str:
    return "+Inf" if math.isinf(edge) else str(edge)
