"""The monitor itself as one of the servers: the real process on a configuration of a test."""

import signal
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar

import httpx

from tests.platform.stack.server import Program, Server, answers

ROOT = Path(__file__).resolve().parents[3]


class MonitorDaemon(Server):
    """`monitor run` in a folder of its own; `config` and `checks` are YAML texts.

    `{port}` and `{folder}` in the configuration are filled in.
    """

    name: ClassVar[str] = "monitor"
    remedy: ClassVar[str] = "Its log names the line of the configuration that it dislikes."
    ready_limit: ClassVar[timedelta] = timedelta(seconds=30)

    def __init__(self, work: Path, config: str, checks: str) -> None:
        super().__init__(work)
        self._config = config.replace("{port}", str(self.port)).replace("{folder}", str(work))
        self._checks = checks

    def prepare(self) -> Program:
        team = self.work / "checks" / "team"
        team.mkdir(parents=True, exist_ok=True)
        (team / "checks.yaml").write_text(self._checks)
        config = self.work / "config.yaml"
        config.write_text(self._config)
        command = [sys.executable, "-m", "monitor", "run", "--config", str(config)]
        return Program(command, cwd=ROOT)

    def is_ready(self) -> bool:
        return answers(f"{self.url}/readyz")

    def get(self, path: str) -> Any:
        """Ask the JSON API."""
        return httpx.get(f"{self.url}{path}", timeout=10).raise_for_status().json()

    def kill(self) -> None:
        """End it as a crash or an impatient operator would: without a last word."""
        assert self._process is not None
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None
