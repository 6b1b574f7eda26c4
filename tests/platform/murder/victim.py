"""The daemon that is killed, the receiver that listens, and the notes about what was promised."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self

import httpx

CONFIG = """
timezone: UTC
store: {store}
checks: checks
web: {{listen: "127.0.0.1:{port}"}}
receivers:
  hook: {{type: webhook, url: "http://127.0.0.1:{hook}/"}}
maintainers:
  ops: {{receivers: [hook]}}
on_call: {{receivers: [hook]}}
"""
JOBS = 5
READY_SECONDS = 60
QUIET_SECONDS = 180


@dataclass(frozen=True)
class Heard:
    """A message that arrived."""

    key: str
    incident: str
    status: str
    alertname: str


class Ear:
    """A webhook receiver that remembers everything."""

    def __init__(self) -> None:
        self.heard: list[Heard] = []
        ear = self

        class Answer(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                alerts = body.get("alerts") or [{}]
                name = alerts[0].get("labels", {}).get("alertname", "")
                key = self.headers["Idempotency-Key"]
                ear.heard.append(Heard(key, str(body.get("incident")), str(body["status"]), name))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
        self._server.daemon_threads = True
        self.port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@dataclass
class Promises:
    """What was answered with 2xx, and so must not be lost."""

    silences: set[str] = field(default_factory=set)
    fired: set[str] = field(default_factory=set)
    pings: int = 0


class Victim:
    """One configuration, many lives."""

    def __init__(self, folder: Path, store: str, ear: Ear, seed: int) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.random = random.Random(seed)  # noqa: S311  # a replay needs a weak one
        self.promises = Promises()
        self.kills = 0
        self.log = folder / "monitor.log"
        self.config = folder / "config.yaml"
        self.config.write_text(CONFIG.format(store=store, port=self.port, hook=ear.port))
        (folder / "checks" / "ops").mkdir(parents=True)
        jobs = "\n".join(
            f"  job-{n}: {{kind: heartbeat, period: 1h, every: 1s, warn: {{failed: 1}}}}"
            for n in range(JOBS)
        )
        text = f"defaults: {{maintainer: ops}}\nchecks:\n{jobs}\n"
        (folder / "checks" / "ops" / "jobs.yaml").write_text(text)
        self._http = httpx.Client(base_url=f"http://127.0.0.1:{self.port}/api/v1/", timeout=5)
        self._alerts = 0

    def __enter__(self) -> Self:
        self._zygote = subprocess.Popen(
            [sys.executable, "-m", "tests.platform.murder.zygote"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        self._zygote.kill()
        self._zygote.communicate()
        self._http.close()

    def start(self) -> int:
        """Start a life and wait until it answers; return its pid."""
        assert self._zygote.stdin is not None
        assert self._zygote.stdout is not None
        self._zygote.stdin.write(f"{self.config}\t{self.log}\n")
        self._zygote.stdin.flush()
        pid = int(self._zygote.stdout.readline())
        deadline = time.monotonic() + READY_SECONDS
        while time.monotonic() < deadline:
            if self._ask("GET", "status") is not None:
                return pid
        raise AssertionError(f"no life began:\n{self.log.read_text()[-3000:]}")

    def kill(self, pid: int) -> None:
        """End a life without a warning."""
        os.kill(pid, signal.SIGKILL)
        self.kills += 1
        assert self._zygote.stdout is not None
        assert self._zygote.stdout.readline() == "dead\n"

    def _ask(self, method: str, path: str, **more: Any) -> Any:
        try:
            answer = self._http.request(method, path, **more)
        except httpx.HTTPError:
            return None
        return answer.json() if answer.is_success else None

    def work(self) -> None:
        """Change something; what is answered with 2xx is a promise."""
        chance = self.random.random()
        if chance < 0.6:  # most of it is jobs that fail and succeed
            job, status = self.random.randrange(JOBS), self.random.choice([0, 0, 1])
            self.promises.pings += self._ask("POST", f"ping/job-{job}/{status}") is not None
        elif chance < 0.8:  # then alerts from elsewhere
            self._alert()
        else:
            self._silence()

    def _alert(self) -> None:
        self._alerts += 1
        name = f"alert-{self._alerts}"
        alert = {"labels": {"alertname": name, "maintainer": "ops"}}
        if self._ask("POST", "alertmanager", json={"alerts": [alert]}) is not None:
            self.promises.fired.add(name)

    def _silence(self) -> None:
        body = {
            "matchers": [f'nothing="{self._alerts}"'],
            "endsAt": "2100-01-01T00:00:00Z",
            "createdBy": "murder",
            "comment": "must not be lost",
        }
        made = self._ask("POST", "silences", json=body)
        if made is not None:
            self.promises.silences.add(made["silenceID"])

    def heal(self) -> None:
        """Let every job succeed and every alert from elsewhere end."""
        for job in range(JOBS):
            assert self._ask("POST", f"ping/job-{job}/0") is not None
        # All that were ever sent: one whose answer was lost with a life may have been kept, too.
        over = [
            {"labels": {"alertname": f"alert-{n}", "maintainer": "ops"}, "status": "resolved"}
            for n in range(1, self._alerts + 1)
        ]
        assert not over or self._ask("POST", "alertmanager", json=over) is not None

    def wait_until_quiet(self) -> None:
        """Wait until nothing is open and nothing waits to be told."""
        deadline = time.monotonic() + QUIET_SECONDS
        about, waiting = None, []
        while time.monotonic() < deadline:
            about = self._ask("GET", "status")
            metrics = self._http.get(f"http://127.0.0.1:{self.port}/metrics").text
            waiting = [
                line
                for line in metrics.splitlines()
                if line.startswith("monitor_outbox_pending{") and not line.endswith(" 0.0")
            ]
            if about is not None and about["open_incidents"] == 0 and not waiting:
                return
            self._resolve_what_flaps()
            threading.Event().wait(0.1)
        raise AssertionError(f"it never became quiet: {about}, {waiting}, {self._open()}")

    def _open(self) -> list[tuple[str, list[str]]]:
        views = self._ask("GET", "incidents?matcher=state=firing") or []
        return [(v["incident"]["id"], [m["state"] for m in v["members"]]) for v in views]

    def _resolve_what_flaps(self) -> None:
        """End by hand what failed so often that it waits for half an hour without a turn."""
        for view in self._ask("GET", "incidents?matcher=state=firing") or ():
            if any(member["state"] == "flapping" for member in view["members"]):
                self._ask("POST", f"incidents/{view['incident']['id']}/resolve", json={"by": "me"})

    def silences(self) -> set[str]:
        """Return the ids of the silences that are there."""
        return {one["id"] for one in self._ask("GET", "silences?limit=1000")}
