"""A cache of downloads outside the repository: `$MONITOR_CACHE`, or `~/.cache/platform-monitor`."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from tests.platform.stack.errors import UnavailableError

DOWNLOAD_LIMIT = timedelta(minutes=8)
ATTEMPTS = 2


def cache_root() -> Path:
    """Folder of the cache; it may not exist yet."""
    return Path(os.environ.get("MONITOR_CACHE") or Path.home() / ".cache" / "platform-monitor")


def cached(name: str) -> Path | None:
    """Folder of a finished entry, or None."""
    entry = cache_root() / name
    return entry if entry.is_dir() else None


def obtain(name: str, build: Callable[[Path], None]) -> Path:
    """Give the cache entry, building it first when it is missing.

    `build` fills an empty folder. The entry appears by one rename, so that a download that was cut
    off never looks finished, and two runs at once build it once.
    """
    entry = cache_root() / name
    if entry.is_dir():
        return entry
    entry.parent.mkdir(parents=True, exist_ok=True)
    with _locked(entry.with_name(f"{name}.lock")):
        if not entry.is_dir():
            draft = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=entry.parent))
            try:
                build(draft)
                draft.chmod(0o755)
                draft.rename(entry)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    return entry


def run_download(command: Sequence[str], what: str) -> None:
    """Run a package client, with one retry; `UnavailableError` says what could not be had."""
    output = ""
    for _ in range(ATTEMPTS):
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                text=True,
                timeout=DOWNLOAD_LIMIT.total_seconds(),
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            output = str(error)
            continue
        if done.returncode == 0:
            return
        output = done.stdout + done.stderr
    lines = output.strip().splitlines()
    # Maven explains first and then tells how to read its explanation; npm and pip do otherwise.
    telling = [line for line in lines if "error" in line.lower()][:4] or lines[-4:]
    said = "\n".join(f"  | {line}" for line in telling)
    raise UnavailableError(
        f"could not download {what}, tried {ATTEMPTS} times with `{' '.join(command[:2])}`; "
        f"check the network and the client's own settings\n{said}"
    )


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
