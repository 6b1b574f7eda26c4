"""What a look costs here and at peers, on this machine, one after the other in one run.

CPU microseconds of the whole process (and of the processes that it starts) for one look, without
its start, and how many times as dear that is as the cheapest durable way here. Peers live in
environments of their own in the user's cache; what cannot be run is left out and named. None of the
peers stores what it found in a way that survives a power cut; here every look is on the disk.

Run: .venv/bin/python -m bench.peers [--only NAME]
"""

import argparse
import asyncio
import os
import platform
import sqlite3
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.evaluate.looks import calibrate, cost, plan_of
from bench.peers.daemons import nagios, prometheus
from bench.peers.programs import Figure, LeftOutError
from bench.peers.warehouses import ROWS, bare_loop, great_expectations, soda_3, soda_4
from monitor.sources.sql import Sql

CHECKS, MINUTES = 1_000, 3


def ours(folder: Path, *, is_shared: bool) -> Figure:
    """Measure counts over SQLite: asked, judged, stored with fsync."""
    base = folder / "kpi.db"
    with sqlite3.connect(base) as kpi:
        kpi.execute("create table events (id integer, variant integer)")
        kpi.executemany("insert into events values (?, ?)", ((n, n % 5) for n in range(ROWS)))
    kpi.close()
    each = range(CHECKS) if not is_shared else (n // 100 for n in range(CHECKS))
    texts = [f"select count(*) as value from events where id > {n % 900}" for n in each]  # noqa: S608  # our own
    plan = plan_of(Sql(name="kpi", url=f"sqlite:///{base}"), texts)
    spent, looks = asyncio.run(cost(plan, folder / "monitor.db", MINUTES))
    what = "100 checks a question" if is_shared else "different counts"
    return Figure(f"this monitor, {what}", spent, looks, "SQLite; each look on the disk")


PROGRAMS: dict[str, Callable[[Path], Figure]] = {
    "shared": lambda folder: ours(folder, is_shared=True),
    "counts": lambda folder: ours(folder, is_shared=False),
    "prometheus": prometheus,
    "nagios": nagios,
    "duckdb": bare_loop,
    "soda-3": soda_3,
    "soda-4": soda_4,
    "gx": great_expectations,
}


def machine() -> str:
    """Say on what it ran."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return (
        f"{os.cpu_count()} cores of {model}, load average {os.getloadavg()[0]:.1f}, "
        f"Python {platform.python_version()}, a calibration {calibrate():.1f} us"
    )


def main() -> None:
    """Print a Markdown table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=PROGRAMS, action="append")
    wanted = parser.parse_args().only or list(PROGRAMS)
    print(f"{machine()}\n")
    print("| a look of | CPU us | times ours | looks | |\n|---|---|---|---|---|")
    first: float | None = None
    for name in wanted:
        with TemporaryDirectory(prefix="bench-peers-") as folder:
            Path(folder).chmod(0o755)
            try:
                one = PROGRAMS[name](Path(folder))
            except LeftOutError as error:
                print(f"| {name} | | | | left out: {error} |", flush=True)
                continue
        first = first or one.cpu_us
        times = f"{one.cpu_us / first:.1f}"
        print(
            f"| {one.name} | {one.cpu_us:,.0f} | {times} | {one.looks} | {one.note} |", flush=True
        )


if __name__ == "__main__":
    main()
