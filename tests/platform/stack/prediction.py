"""A small prediction service whose latency and errors can be changed while it runs.

`GET /metrics` gives the histogram `predict_latency_seconds{model}` and the counter
`predict_requests_total{model,status}`; `POST /control` changes a model. Four callers a model, each
waiting 50 ms between two calls, make the traffic: about 60 calls/s a model at 10 ms latency, 4 at
1 s. A call really lasts that long. Run alone with `python -m tests.platform.stack.prediction`.
"""

import argparse
import itertools
import json
import sys
import threading
import time
from dataclasses import dataclass, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import httpx
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from tests.platform.stack.server import Program, Server, answers

MODELS = ("ctr", "cvr")
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 0.8, 1.0, 1.5, 2.5, 5.0)
CALLERS = 4
PAUSE_S = 0.05
# Shares of the set latency, in turn, so that quantiles differ and are the same on each run.
SPREAD = (0.6, 0.8, 0.9, 1.0, 1.0, 1.0, 1.1, 1.2, 1.2, 1.2)
LONGEST_S = 10.0


@dataclass(frozen=True)
class Behaviour:
    """How a model behaves: mean latency in ms, and the share of calls that fail (0 to 1)."""

    latency_ms: float = 10.0
    error_share: float = 0.0


class PredictionServer(Server):
    """The service as a process of its own, owned by `ml-serving` when Prometheus scrapes it."""

    name: ClassVar[str] = "prediction"
    remedy: ClassVar[str] = "It needs the package prometheus-client."
    labels: ClassVar[dict[str, str]] = {"maintainer": "ml-serving"}

    def prepare(self) -> Program:
        root = Path(__file__).resolve().parents[3]
        module = ["-m", "tests.platform.stack.prediction"]
        return Program([sys.executable, *module, "--port", str(self.port)], cwd=root)

    def is_ready(self) -> bool:
        return answers(f"{self.url}/metrics")

    def behave(self, model: str, *, latency_ms: float = 10.0, error_share: float = 0.0) -> None:
        """Change one model from the next call on; the defaults are the healthy state."""
        body = {"model": model, "latency_ms": latency_ms, "error_share": error_share}
        httpx.post(f"{self.url}/control", json=body, timeout=5).raise_for_status()


class Service:
    """What the process does: predictions that are measured, and callers that ask for them."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._latency = Histogram(
            "predict_latency_seconds",
            "How long a prediction took.",
            ["model"],
            buckets=BUCKETS,
            registry=self.registry,
        )
        self._requests = Counter(
            "predict_requests",
            "Predictions by HTTP status.",
            ["model", "status"],
            registry=self.registry,
        )
        self._behaviours = dict.fromkeys(MODELS, Behaviour())

    def change(self, model: str, latency_ms: float, error_share: float) -> None:
        """Set how a model behaves; KeyError for an unknown one."""
        known = self._behaviours[model]
        self._behaviours[model] = replace(known, latency_ms=latency_ms, error_share=error_share)

    def start_callers(self) -> None:
        """Start the traffic; it ends with the process."""
        for model in MODELS:
            for number in range(CALLERS):
                threading.Thread(target=self._call, args=(model, number), daemon=True).start()

    def _call(self, model: str, number: int) -> None:
        owed = 0.0
        for share in itertools.islice(itertools.cycle(SPREAD), number, None):
            behaviour = self._behaviours[model]
            started_at = time.perf_counter()
            time.sleep(min(behaviour.latency_ms / 1000 * share, LONGEST_S))
            owed += behaviour.error_share
            is_failure = owed >= 1
            owed -= int(is_failure)
            status = "500" if is_failure else "200"
            self._latency.labels(model).observe(time.perf_counter() - started_at)
            self._requests.labels(model, status).inc()
            time.sleep(PAUSE_S)


def make_handler(service: Service) -> type[BaseHTTPRequestHandler]:
    """Make the HTTP side of a service."""

    class Endpoint(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path != "/metrics":
                self.send_error(404)
                return
            self._reply(200, generate_latest(service.registry))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            try:
                wish = json.loads(body)
                latency_ms, errors = float(wish["latency_ms"]), float(wish["error_share"])
                service.change(str(wish["model"]), latency_ms, errors)
            except (ValueError, KeyError, TypeError) as error:
                self._reply(400, f"want model, latency_ms, error_share: {error!r}\n".encode())
                return
            self._reply(200, b"ok\n")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
            """Say nothing; a scrape a second is no news."""

        def _reply(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    return Endpoint


def main() -> None:
    """Serve on loopback until a signal ends the process."""
    parser = argparse.ArgumentParser(prog="python -m tests.platform.stack.prediction")
    parser.add_argument("--port", type=int, required=True)
    port = parser.parse_args().port
    service = Service()
    service.start_callers()
    ThreadingHTTPServer(("127.0.0.1", port), make_handler(service)).serve_forever()


if __name__ == "__main__":
    main()
