"""A server as a child process: a log file, a bounded wait for readiness, a bounded stop."""

import os
import shutil
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Self

import httpx

from tests.platform.stack.errors import StackError, UnavailableError

LOG_TAIL_LINES = 20
POLL = timedelta(milliseconds=100)
STOP_LIMIT = timedelta(seconds=15)


@dataclass(frozen=True)
class Program:
    """What to run; `stop_signal` is the one that ends it cleanly."""

    command: Sequence[str]
    cwd: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    stop_signal: signal.Signals = signal.SIGTERM


class Server(ABC):
    """One system of the platform. `work` is a folder of its own for logs, settings and data."""

    name: ClassVar[str]
    remedy: ClassVar[str]
    ready_limit: ClassVar[timedelta] = timedelta(seconds=60)

    def __init__(self, work: Path) -> None:
        self.work = work
        self.port = free_port()
        self.log = work / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    def lacks(cls) -> str | None:
        """Say what this machine lacks to start it; None when nothing. Asks no network."""
        return None

    @classmethod  # noqa: B027  most have nothing to fetch
    def fetch(cls) -> None:
        """Download into the cache what starting needs; `UnavailableError` when that fails."""

    @abstractmethod
    def prepare(self) -> Program:
        """Write settings and say what to run; only called when nothing lacks."""

    @abstractmethod
    def is_ready(self) -> bool:
        """Ask the running server whether it serves; False, not an error, while it does not."""

    @property
    def url(self) -> str:
        """Where people and clients find it."""
        return f"http://127.0.0.1:{self.port}"

    def facts(self) -> dict[str, str]:
        """Give what a person needs to use it, by name; `url` is always there."""
        return {"url": self.url}

    def start(self) -> Self:
        """Launch and wait until it serves; when that fails nothing is left behind."""
        try:
            self.launch()
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def launch(self) -> None:
        """Start the process and return at once; `wait_ready` is the second half.

        Call it from the main thread, see `_dies_with_us`.
        """
        if (reason := self.lacks()) is not None:
            raise UnavailableError(f"{self.name} cannot start here: {reason}")
        self.fetch()
        self.work.mkdir(parents=True, exist_ok=True)
        program = self.prepare()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [*_dies_with_us(program), *program.command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=program.cwd or self.work,
                env={**os.environ, **program.environment},
                # Ctrl-C in a terminal must not reach it before we stop it in order.
                start_new_session=True,
            )
        self._stop_signal = program.stop_signal

    def wait_ready(self) -> None:
        """Poll until ready; on failure stop what runs and raise `StackError` with the log's end."""
        deadline = time.monotonic() + self.ready_limit.total_seconds()
        while not self.is_ready():
            if self._process is None or self._process.poll() is not None:
                raise self._failure("ended before it was ready")
            if time.monotonic() > deadline:
                raise self._failure(f"was not ready in {self.ready_limit.total_seconds():.0f} s")
            time.sleep(POLL.total_seconds())

    def stop(self) -> None:
        """End the process; harmless when it never ran. Kills what does not end in time."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(self._stop_signal)
        try:
            process.wait(STOP_LIMIT.total_seconds())
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()

    @property
    def pid(self) -> int:
        """Process id of the running server; `StackError` when it does not run."""
        if self._process is None:
            raise StackError(f"{self.name} does not run; call start() first")
        return self._process.pid

    def rss_mib(self) -> int:
        """Resident memory of the process in MiB (Linux only)."""
        for line in Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) // 1024
        return 0

    def _failure(self, what: str) -> StackError:
        self.stop()
        lines = "\n".join(f"  | {line}" for line in last_lines(self.log))
        return StackError(f"{self.name} {what}. {self.remedy}\n  log: {self.log}\n{lines}")

    def __enter__(self) -> Self:
        """Start it."""
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()


def free_port() -> int:
    """Give a port of the loopback interface that nobody listens on right now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def last_lines(path: Path, count: int = LOG_TAIL_LINES) -> list[str]:
    """Read the end of a log; empty when there is none."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", errors="replace") as log:
        return [line.rstrip() for line in deque(log, maxlen=count)]


def answers(url: str, headers: Mapping[str, str] | None = None) -> bool:
    """Tell whether a GET gives 200 within 2 s."""
    try:
        return httpx.get(url, headers=headers, timeout=2).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


def _dies_with_us(program: Program) -> list[str]:
    # A test run that is killed must leave no server behind. Linux can do that (PR_SET_PDEATHSIG);
    # elsewhere the server outlives a kill -9 of the run. The signal follows the *thread* that
    # started the child, so servers are launched from the main thread only.
    setpriv = shutil.which("setpriv")
    if setpriv is None or program.command[0] == "setpriv":
        return []
    return [setpriv, "--pdeathsig", program.stop_signal.name.removeprefix("SIG"), "--"]
