"""The daemon as a process with many checks: memory, CPU, how late looks begin.

    python -m bench.idle [checks] [--herd] [--warm] [--seconds 60] [--soak MINUTES]

The checks ask a SQLite file for one number once a minute; with ``--herd`` all at one second, by
cron. Figures are read after a first round and ``--seconds``, so that each check was looked at: how
late looks began, from being due to being judged, what the store grew by, the page of all checks.
With ``--warm`` the daemon is started twice, so that it finds what the first one built. With
``--soak`` it goes on for so long, prints memory every minute, and its slope; Linux only.
"""

import argparse
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import linear_regression

from prometheus_client.parser import text_string_to_metric_families

from bench.alerts.wire import free_port

CONFIG = """
timezone: UTC
store: sqlite:///{folder}/monitor.db
web: {{listen: "127.0.0.1:{port}"}}
sources:
  kpi: {{type: sql, url: "sqlite:///{folder}/kpi.db", maintainer: data}}
receivers:
  box: {{type: console}}
maintainers:
  data: {{receivers: [box]}}
on_call: {{receivers: [box]}}
"""
CHECK = """
  rows-{n}: {{kind: threshold, maintainer: data, source: kpi, {when}, bad: below, warn: 1,
    query: select count(*) + {n} as value from kpi}}"""
KIB_A_MB = 1_000_000 / 1024
IN_A_FILE = 100
MINUTE_SECONDS = 60
WARM_SECONDS = 30
"""Until every check looked once, and what is loaded late is loaded; and a millisecond a check."""
JUDGED = """
select (julianday(ended_at) - julianday(due_at)) * 86400000, checks from slot_batch
where due_at > ? and outcome != 'skipped' order by 1"""


def main() -> None:
    """Start a daemon, let it run, print what it holds and takes, stop it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("checks", type=int, nargs="?", default=1000)
    parser.add_argument("--herd", action="store_true", help="All are due at the same second.")
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--warm", action="store_true", help="Measure a second start.")
    parser.add_argument("--soak", type=int, default=0, metavar="MINUTES")
    asked = parser.parse_args()
    when = 'cron: "* * * * *"' if asked.herd else "every: 1m"
    with tempfile.TemporaryDirectory(prefix="monitor-idle-") as name:
        folder, port = Path(name), free_port()
        write_checks(folder / "checks" / "data", asked.checks, when)
        (folder / "config.yaml").write_text(CONFIG.format(folder=folder, port=port))
        warehouse = sqlite3.connect(folder / "kpi.db")
        warehouse.execute("create table kpi (n integer)")
        warehouse.execute("insert into kpi values (1)")
        warehouse.commit()
        warehouse.close()
        if asked.warm:
            with running(folder, port):
                pass
        with running(folder, port) as daemon:
            print(f"ready after {cpu_seconds(daemon.pid):.1f} CPU s: {fields(daemon.pid)}")
            time.sleep(WARM_SECONDS + asked.checks / 1_000)
            spent, late, size = cpu_seconds(daemon.pid), lateness(port), store_mb(folder)
            began_at = datetime.now(UTC)  # noqa: TID251  # a bench reads clocks
            time.sleep(asked.seconds)
            spent = (cpu_seconds(daemon.pid) - spent) / asked.seconds
            size = (store_mb(folder) - size) / asked.seconds * MINUTE_SECONDS
            late = {bound: count - late[bound] for bound, count in lateness(port).items()}
            print(f"{asked.checks} checks: {fields(daemon.pid)}, {spent:.1%} of one core")
            print(f"{shares(late)}; {judged(folder, began_at)}; the store +{size:.0f} MB a minute")
            spent = cpu_seconds(daemon.pid)
            count = len(read(port, "/"))
            spent = cpu_seconds(daemon.pid) - spent
            print(f"the page of all: {count / 1e6:.1f} MB, {spent:.1f} CPU s; {fields(daemon.pid)}")
            if asked.soak:
                soak(daemon.pid, asked.soak)


@contextmanager
def running(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a daemon, wait until it is ready, stop it in the end."""
    command = [sys.executable, "-m", "monitor", "run", "--config", str(folder / "config.yaml")]
    with (folder / "log").open("ab") as log:
        daemon = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603  our own
    try:
        while not is_ready(port):
            time.sleep(0.2)
        yield daemon
    finally:
        daemon.terminate()
        daemon.wait()


def is_ready(port: int) -> bool:
    """Say whether a daemon takes questions."""
    try:
        return bool(read(port, "/readyz"))
    except OSError:
        return False


def read(port: int, path: str) -> bytes:
    """Read a page."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as answer:
        return bytes(answer.read())


def store_mb(folder: Path) -> float:
    """Return the size of the store."""
    return sum(path.stat().st_size for path in folder.glob("monitor.db*")) / 1e6


def judged(folder: Path, since: datetime) -> str:
    """Write how long it was from when checks were due until they were judged, in milliseconds."""
    store = sqlite3.connect(f"file:{folder}/monitor.db?mode=ro", uri=True)
    rows = store.execute(JUDGED, (since.isoformat(),))
    took = [ms for ms, checks in rows for _ in checks.split("\n")]
    store.close()
    if not took:
        return "nothing was judged"
    p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
    return f"judged {p50:.0f} ms after it was due (p50), {p99:.0f} ms (p99)"


def write_checks(folder: Path, count: int, when: str) -> None:
    """Write so many checks, a hundred a file, as teams have them."""
    folder.mkdir(parents=True)
    for first in range(0, count, IN_A_FILE):
        numbers = range(first, min(first + IN_A_FILE, count))
        checks = "".join(CHECK.format(n=n, when=when) for n in numbers)
        (folder / f"rows-{first}.yaml").write_text(f"checks:{checks}\n")


def soak(pid: int, minutes: int) -> None:
    """Print memory every minute, and how fast it grew in the second half."""
    seen: list[float] = []
    for minute in range(minutes + 1):
        seen.append(resident_mb(pid))
        print(f"minute {minute}: {seen[-1]:.1f} MB", flush=True)
        time.sleep(MINUTE_SECONDS if minute < minutes else 0)
    half = seen[len(seen) // 2 :]
    slope = linear_regression(range(len(half)), half).slope
    print(f"slope of the second half: {slope * 60:+.1f} MB an hour")


def resident_mb(pid: int) -> float:
    """Return the resident memory of a process in MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, user and system."""
    found = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(found[11]) + int(found[12])) / os.sysconf("SC_CLK_TCK")


def lateness(port: int) -> dict[float, float]:
    """Return how many looks began within each bound, in seconds."""
    return {
        float(sample.labels["le"]): sample.value
        for family in text_string_to_metric_families(read(port, "/metrics").decode())
        for sample in family.samples
        if sample.name == "monitor_check_lateness_seconds_bucket"
    }


def shares(late: dict[float, float]) -> str:
    """Write how many looks there were, and which part of them began within each bound."""
    count = late[float("inf")]
    parts = [f"{late[b] / count:.1%} within {b * 1000:g} ms" for b in late if b <= 1 and count]
    return f"{count:.0f} looks began: {', '.join(parts)}"


def fields(pid: int) -> str:
    """Read resident memory now and at its highest, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) for line in lines if "kB" in line}
    now, peak = found["VmRSS"] / KIB_A_MB, found["VmHWM"] / KIB_A_MB
    return f"{now:.0f} MB resident, {peak:.0f} MB at its highest"


if __name__ == "__main__":
    main()
