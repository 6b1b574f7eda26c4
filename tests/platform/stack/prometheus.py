"""A real Prometheus from Debian's package (2.42), scraping every second.

Measured: ready in 0.2 s, resident memory 45 MiB, package 19 MB. It cannot send headers of one's
own, so a target that wants a user name (Trino's `/metrics`) is given `basic_auth`.
"""

import math
import shutil
import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx
import yaml

from tests.platform.stack.errors import StackError
from tests.platform.stack.server import Program, Server, answers

POLL = timedelta(milliseconds=250)


def scrape_job(
    name: str,
    url: str,
    labels: Mapping[str, str] | None = None,
    user: str | None = None,
    params: Mapping[str, Sequence[str]] | None = None,
) -> dict[str, Any]:
    """Make one entry of `scrape_configs` for `{url}/metrics`.

    `labels` stand on every series, `user` is named by Basic, `params` are the query string.
    """
    host = url.removeprefix("http://")
    job: dict[str, Any] = {
        "job_name": name,
        "static_configs": [{"targets": [host], "labels": dict(labels or {})}],
    }
    if params:
        job["params"] = {name: list(values) for name, values in params.items()}
    if user is not None:
        job["basic_auth"] = {"username": user}
    return job


class PrometheusServer(Server):
    """Prometheus on loopback; `jobs` are entries of `scrape_configs`, and may be added later."""

    name: ClassVar[str] = "prometheus"
    remedy: ClassVar[str] = "Its log says which line of prometheus.yml it dislikes."

    def __init__(self, work: Path, jobs: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(work)
        self._jobs = list(jobs)

    @classmethod
    def lacks(cls) -> str | None:
        if shutil.which("prometheus") is None:
            return "prometheus is not installed (apt-get install prometheus)"
        return None

    def prepare(self) -> Program:
        self._write_settings()
        command = [
            "prometheus",
            f"--config.file={self._settings}",
            f"--storage.tsdb.path={self.work / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--web.enable-lifecycle",
        ]
        return Program(command)

    def is_ready(self) -> bool:
        return answers(f"{self.url}/-/ready")

    def add_job(self, job: Mapping[str, Any]) -> None:
        """Scrape one target more, from now on."""
        self._jobs.append(job)
        self._write_settings()
        httpx.post(f"{self.url}/-/reload", timeout=10).raise_for_status()

    def query(self, promql: str) -> list[dict[str, Any]]:
        """Run an instant query; gives the vector, empty when nothing matches."""
        answer = httpx.get(f"{self.url}/api/v1/query", params={"query": promql}, timeout=10)
        vector: list[dict[str, Any]] = answer.raise_for_status().json()["data"]["result"]
        return vector

    def wait_for(self, promql: str, limit: timedelta = timedelta(seconds=30)) -> float:
        """Ask until the query has a number (not NaN) and give its first; needs some scrapes."""
        deadline = time.monotonic() + limit.total_seconds()
        while time.monotonic() < deadline:
            numbers = [float(series["value"][1]) for series in self.query(promql)]
            if numbers and not math.isnan(numbers[0]):
                return numbers[0]
            time.sleep(POLL.total_seconds())
        raise StackError(f"prometheus had no number for {promql} in {limit.total_seconds():.0f} s")

    @property
    def _settings(self) -> Path:
        return self.work / "prometheus.yml"

    def _write_settings(self) -> None:
        settings = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
            "scrape_configs": self._jobs,
        }
        self._settings.write_text(yaml.safe_dump(settings))
