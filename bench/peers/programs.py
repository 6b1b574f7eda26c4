"""Starting peers: environments of their own outside the repository, and what they cost."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
PATIENCE_SECONDS = 300
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "platform-monitor-bench"


class LeftOutError(Exception):
    """A peer cannot be run here; the text says why, and what would help."""


@dataclass(frozen=True, slots=True)
class Figure:
    """What one look costs: CPU microseconds, by how many looks it was measured, and a remark."""

    name: str
    cpu_us: float
    looks: int
    note: str = ""


def program(name: str, package: str) -> str:
    """Return the path of a program. Raise LeftOutError naming the package that brings it."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise LeftOutError(f"apt-get install {package}")
    return found


def environment(name: str, *requirements: str) -> Path:
    """Return the folder of programs of a virtual environment, made once and kept.

    Raise LeftOutError when it cannot be made.
    """
    folder = CACHE / name
    marker = folder / "made"
    if not marker.exists():
        shutil.rmtree(folder, ignore_errors=True)
        command = [sys.executable, "-m", "venv", str(folder)]
        install = [str(folder / "bin/pip"), "install", "--quiet", *requirements]
        for step in (command, install):
            done = subprocess.run(step, capture_output=True, text=True, check=False)  # noqa: S603  # our own
            if done.returncode:
                raise LeftOutError(f"cannot be installed: {done.stderr.strip()[-200:]}")
        marker.touch()
    return folder / "bin"


def spend(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> tuple[float, str]:
    """Run a program to its end; return the CPU seconds of it and its children, and what it said.

    Raise LeftOutError when it fails.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        done = subprocess.run(  # noqa: S603  # our own
            command,
            cwd=folder,
            env={**os.environ, **env},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
    except subprocess.TimeoutExpired:
        raise LeftOutError(f"does not end within {PATIENCE_SECONDS} s") from None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise LeftOutError(f"fails: {(done.stderr or done.stdout).strip()[-200:]}")
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return spent, done.stdout


@contextmanager
def running(command: Sequence[str], folder: Path) -> Iterator[int]:
    """Keep a program running in a session of its own; give its pid, and end it."""
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(  # noqa: S603  # our own
            command, cwd=folder, stdout=log, stderr=log, start_new_session=True
        )
        try:
            yield process.pid
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def cpu_seconds(session: int) -> float:
    """Return the CPU time of all processes of a session, of their dead children, too."""
    spent = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(fields[3]) == session:
            spent += sum(map(int, fields[11:15]))
    return spent / TICK
