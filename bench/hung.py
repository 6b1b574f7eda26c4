"""How long after their slots the checks of one source end while another source hangs.

    python -m bench.hung [--checks 1000] [--seconds 600]

Half of the checks ask a SQLite file, half a server that speaks Prometheus' protocol. Two daemons
run side by side, so that whatever else the machine does meets both; for one that server takes every
connection and never answers. Read from the stored slots of the checks of SQLite: the time from when
each was due until its outcome was judged. A hung question costs its source's own threads and
connections until its deadline, and the breaker then leaves its checks out.

Checks that are due together end together: their moments are what a percentile rests on. Its ratio
is printed with how far it goes, 95 of 100 times, when moments are drawn anew.
"""

import argparse
import asyncio
import json
import os
import sqlite3
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import TypeAlias

from bench.alerts.wire import free_port, read_body, wait_until_ready

CONFIG = """
timezone: UTC
store: sqlite:///{folder}/monitor.db
web: {{listen: "127.0.0.1:{port}"}}
sources:
  kpi: {{type: sql, url: "sqlite:///{folder}/kpi.db", maintainer: data}}
  metrics: {{type: prometheus, url: "http://127.0.0.1:{server}", maintainer: data}}
receivers:
  box: {{type: console}}
maintainers:
  data: {{receivers: [box]}}
on_call: {{receivers: [box]}}
"""
CHECK = """
  {source}-{n}: {{kind: threshold, maintainer: data, source: {source}, every: {every}ms,
    timeout: 5s, bad: below, warn: 0, query: '{query}'}}"""
COUNT = "select count(*) + {n} as value from kpi"
ANSWER = {"status": "success", "data": {"resultType": "vector", "result": []}}
WARM_SECONDS = 15
TOLD = (50, 95, 99)
"""Percentiles."""

DRAWS = 200

Waits: TypeAlias = list[list[float]]
"""Milliseconds of the slots of each moment at which some were due."""


class Server:
    """Answers every question with an empty vector, or hangs until it is closed."""

    def __init__(self, *, hangs: bool) -> None:
        """Listen to nobody yet."""
        self.hangs, self.asked = hangs, 0
        self._closed = asyncio.Event()
        self._open: set[asyncio.StreamWriter] = set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self._open.add(writer)
        body = json.dumps(ANSWER).encode()
        try:
            while True:
                await read_body(reader)
                self.asked += 1
                if self.hangs:
                    await self._closed.wait()
                writer.write(
                    f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def close(self) -> None:
        """End every connection."""
        self._closed.set()
        for writer in self._open:
            writer.close()


async def run(checks: int, seconds: int, *, hangs: bool) -> Waits:
    """Run a daemon; return how many milliseconds after their slots the checks of SQLite ended."""
    with tempfile.TemporaryDirectory(prefix="monitor-hung-") as name:
        folder, port = Path(name), free_port()
        server = Server(hangs=hangs)
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        there = listening.sockets[0].getsockname()[1]
        (folder / "config.yaml").write_text(CONFIG.format(folder=folder, port=port, server=there))
        (folder / "checks" / "data").mkdir(parents=True)
        lines = (
            CHECK.format(source="kpi", n=n, every=5_000 + n % 100 * 190, query=COUNT.format(n=n))
            + CHECK.format(
                source="metrics", n=n, every=5_000 + n % 100 * 190, query=f"sum(up) + {n}"
            )
            for n in range(checks // 2)
        )
        (folder / "checks" / "data" / "all.yaml").write_text(f"checks:{''.join(lines)}\n")
        warehouse = sqlite3.connect(folder / "kpi.db")
        warehouse.execute("create table kpi (n integer)")
        warehouse.commit()
        warehouse.close()
        command = [sys.executable, "-m", "monitor", "run", "--config", str(folder / "config.yaml")]
        with (folder / "log").open("wb") as log:
            daemon = await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log)
            try:
                await wait_until_ready(port, "/readyz")
                await asyncio.sleep(WARM_SECONDS + seconds)
            finally:
                daemon.terminate()
                await daemon.wait()
        listening.close()
        server.close()
        print(f"hangs: {hangs}, the server was asked {server.asked} times", flush=True)
        return ends(folder / "monitor.db")


def ends(path: Path) -> Waits:
    """Read the stored slots, without those of the first seconds."""
    store = sqlite3.connect(path)
    found = store.execute("select due_at, ended_at, outcome, checks from slot_batch").fetchall()
    store.close()
    rows = [
        (datetime.fromisoformat(due), datetime.fromisoformat(end), how)
        for due, end, how, names in found
        for name in names.split("\n")
        if name.startswith("kpi-")
    ]
    first = min(due for due, _, _ in rows)
    late = [row for row in rows if (row[0] - first).total_seconds() > WARM_SECONDS]
    outcomes = {how for _, _, how in late}
    if outcomes != {"ok"}:
        raise RuntimeError(f"checks of SQLite ended as {outcomes}")
    waits: dict[datetime, list[float]] = {}
    for due, end, _ in late:
        waits.setdefault(due, []).append((end - due).total_seconds() * 1000)
    return list(waits.values())


def cuts(waits: Waits) -> list[float]:
    """Return the percentiles that are told, in milliseconds."""
    found = quantiles([ms for moment in waits for ms in moment], n=100)
    return [found[percent - 1] for percent in TOLD]


def ratios(well: Waits, hung: Waits) -> list[list[float]]:
    """Return each percentile of one divided by that of the other, of moments drawn anew, sorted."""
    random = Random(1)  # no secret
    drawn = (
        (cuts(random.choices(well, k=len(well))), cuts(random.choices(hung, k=len(hung))))
        for _ in range(DRAWS)
    )
    found = [[b / a for a, b in zip(one, other, strict=True)] for one, other in drawn]
    return [sorted(of_one) for of_one in zip(*found, strict=True)]


async def main() -> None:
    """Run both and print what the second is to the first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--checks", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=600)
    asked = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    runs = (run(asked.checks, asked.seconds, hangs=hangs) for hangs in (False, True))
    well, hung = await asyncio.gather(*runs)
    for name, waits in (("well", well), ("hung", hung)):
        told = ", ".join(f"p{p} {ms:.0f} ms" for p, ms in zip(TOLD, cuts(waits), strict=True))
        print(f"{name}: {sum(map(len, waits))} slots of {len(waits)} moments: {told}")
    pairs = zip(TOLD, cuts(well), cuts(hung), ratios(well, hung), strict=True)
    for percent, one, other, drawn in pairs:
        low, high = drawn[len(drawn) // 40], drawn[-1 - len(drawn) // 40]
        print(f"hung / well: p{percent} {other / one:.2f} ({low:.2f} to {high:.2f})")


if __name__ == "__main__":
    asyncio.run(main())
