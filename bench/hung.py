"""How long after their slots the checks of one source end while another source hangs.

    python -m bench.hung [--checks 1000] [--seconds 60]

Half of the checks ask a SQLite file, half a server that speaks Prometheus' protocol. Two daemons
run one after the other; for the second that server takes every connection and never answers. Read
from the stored slots of the checks of SQLite: the time from when each was due until its outcome was
judged. A hung question costs its source's own threads and connections until its deadline, and the
breaker then leaves its checks out.
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
from statistics import quantiles

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
  {source}-{n}: {{kind: threshold, maintainer: data, source: {source}, every: {every}s, timeout: 5s,
    bad: below, warn: 0, query: '{query}'}}"""
COUNT = "select count(*) + {n} as value from kpi"
ANSWER = {"status": "success", "data": {"resultType": "vector", "result": []}}
WARM_SECONDS = 15


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


async def run(checks: int, seconds: int, *, hangs: bool) -> list[float]:
    """Run a daemon; return how many milliseconds after their slots the checks of SQLite ended."""
    with tempfile.TemporaryDirectory(prefix="monitor-hung-") as name:
        folder, port = Path(name), free_port()
        server = Server(hangs=hangs)
        listening = await asyncio.start_server(server.serve, "127.0.0.1", 0)
        there = listening.sockets[0].getsockname()[1]
        (folder / "config.yaml").write_text(CONFIG.format(folder=folder, port=port, server=there))
        (folder / "checks" / "data").mkdir(parents=True)
        lines = (
            CHECK.format(source="kpi", n=n, every=5 + n % 20, query=COUNT.format(n=n))
            + CHECK.format(source="metrics", n=n, every=5 + n % 20, query=f"sum(up) + {n}")
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


def ends(path: Path) -> list[float]:
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
    return [(end - due).total_seconds() * 1000 for due, end, _ in late]


async def main() -> None:
    """Run both and print what the second is to the first."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--checks", type=int, default=1000)
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    shown: list[list[float]] = []
    for hangs in (False, True):
        waits = await run(asked.checks, asked.seconds, hangs=hangs)
        cuts = quantiles(waits, n=100)
        shown.append([cuts[49], cuts[94], cuts[98]])
        print(
            f"  {len(waits)} slots: p50 {cuts[49]:.0f} ms, p95 {cuts[94]:.0f}, p99 {cuts[98]:.0f}"
        )
    ratio = [hung / well for well, hung in zip(*shown, strict=True)]
    print(f"hung / well: p50 {ratio[0]:.2f}, p95 {ratio[1]:.2f}, p99 {ratio[2]:.2f}")


if __name__ == "__main__":
    asyncio.run(main())
