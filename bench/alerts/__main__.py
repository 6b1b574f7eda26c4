"""Accepting and telling alerts: this daemon beside Alertmanager, same machine, same run.

    python -m bench.alerts [--count 10000] [--only monitor|alertmanager]

Ours answers after the batch is on the disk, Alertmanager keeps it in memory.
"""

import argparse
import asyncio
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from bench.alerts.wire import Ear, Poster, free_port, wait_until_ready

CONFIG = """
timezone: UTC
store: sqlite:///{folder}/monitor.db
checks: checks
web: {{listen: "127.0.0.1:{port}"}}
receivers:
  hook: {{type: webhook, url: "http://127.0.0.1:{hook}/"}}
maintainers:
  ops: {{receivers: [hook]}}
on_call: {{receivers: [hook]}}
"""
ALERTMANAGER = """
route: {{receiver: hook, group_by: [{by}], group_wait: {wait}, group_interval: 1s}}
receivers: [{{name: hook, webhook_configs: [{{url: 'http://127.0.0.1:{hook}/'}}]}}]
"""
BATCH = 100


class Peer:
    """A program that is measured: how it is started, and where alerts are posted."""

    def __init__(self, name: str, folder: Path, ear: Ear, *, is_grouped: bool) -> None:
        self.name, self.port = name, free_port()
        if name == "monitor":
            self.path = "/api/v1/alertmanager"
            (folder / "checks").mkdir()
            (folder / "config.yaml").write_text(
                CONFIG.format(folder=folder, port=self.port, hook=ear.port)
            )
            self.command = [sys.executable, "-m", "monitor", "run", "--config", "config.yaml"]
        else:
            self.path = "/api/v2/alerts"
            by = "alertname" if is_grouped else "'...'"
            text = ALERTMANAGER.format(by=by, wait="200ms" if is_grouped else "0s", hook=ear.port)
            (folder / "am.yml").write_text(text)
            self.command = [
                "prometheus-alertmanager",
                "--config.file=am.yml",
                "--storage.path=data",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--cluster.listen-address=",
                "--log.level=error",
            ]


def rss_mb(pid: int) -> float:
    """Return the resident memory of a process in MiB."""
    text = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in text.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@asynccontextmanager
async def running(name: str, *, is_grouped: bool) -> AsyncIterator[tuple[Peer, Ear, int]]:
    """Start a program and its receiver; end both."""
    folder = Path(tempfile.mkdtemp(prefix="bench-alerts-"))
    ear = Ear()
    await ear.listen()
    peer = Peer(name, folder, ear, is_grouped=is_grouped)
    log = (folder / "log").open("w")
    process = subprocess.Popen(  # noqa: ASYNC220, S603  # started before the clock runs
        peer.command,
        cwd=folder,
        stdout=log,
        stderr=log,
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
    )
    try:
        await wait_until_ready(peer.port, "/-/ready" if name != "monitor" else "/readyz")
        yield peer, ear, process.pid
    finally:
        process.kill()
        process.wait()
        log.close()
        await ear.close()
        shutil.rmtree(folder, ignore_errors=True)


def alert(number: int, *, is_grouped: bool) -> dict[str, object]:
    """Make one alert."""
    name = "Grouped" if is_grouped else f"Alert{number}"
    labels = {"alertname": name, "maintainer": "ops", "n": str(number), "cluster": "adhoc"}
    return {"labels": labels, "annotations": {"summary": f"number {number} is bad"}}


async def many(name: str, count: int, *, is_grouped: bool) -> dict[str, float]:
    """Post alerts in batches as fast as they are taken, and wait until all were told."""
    async with running(name, is_grouped=is_grouped) as (peer, ear, pid):
        at_rest, spent = rss_mb(pid), cpu_seconds(pid)
        bodies = [
            json.dumps([alert(n, is_grouped=is_grouped) for n in range(first, first + BATCH)])
            for first in range(0, count, BATCH)
        ]
        poster = Poster(peer.port, peer.path)
        started = time.perf_counter()
        await poster.all(bodies, width=4)
        accepted = time.perf_counter() - started
        await ear.until(count)
        told = time.perf_counter() - started
        return {
            "accepted per s": count / accepted,
            "all told s": told,
            "calls": float(ear.calls),
            "CPU us each": (cpu_seconds(pid) - spent) / count * 1e6,
            "RSS at rest MB": at_rest,
            "RSS MB": rss_mb(pid),
        }


async def single(name: str, count: int) -> dict[str, float]:
    """Post one alert at a time, and measure until the webhook hears of it."""
    async with running(name, is_grouped=False) as (peer, ear, _):
        poster = Poster(peer.port, peer.path)
        waits = []
        for number in range(count):
            sent = time.perf_counter()
            await poster.all([json.dumps([alert(number, is_grouped=False)])], width=1)
            answered = time.perf_counter()
            await ear.until(number + 1)
            waits.append((ear.last_at - sent, ear.last_at - answered))
            await asyncio.sleep(0.02)
        whole = sorted(one for one, _ in waits[5:])
        return {
            "POST to webhook p50 ms": statistics.median(whole) * 1000,
            "p95 ms": whole[int(len(whole) * 0.95)] * 1000,
            "answer to webhook p50 ms": statistics.median(b for _, b in waits[5:]) * 1000,
        }


async def main() -> None:
    """Run every case on both programs."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--only", choices=["monitor", "alertmanager"])
    asked = parser.parse_args()
    names = [asked.only] if asked.only else ["monitor", "alertmanager"]
    if shutil.which("prometheus-alertmanager") is None and "alertmanager" in names:
        print("alertmanager is left out: apt-get install prometheus-alertmanager")
        names.remove("alertmanager")
    cases: list[tuple[str, Callable[[str], object]]] = [
        ("one at a time", lambda name: single(name, 60)),
        (f"{asked.count} of one group", lambda name: many(name, asked.count, is_grouped=True)),
        (f"{asked.count} separate", lambda name: many(name, asked.count, is_grouped=False)),
    ]
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    for title, case in cases:
        for name in names:
            figures = await case(name)  # type: ignore[misc]
            shown = ", ".join(f"{what} {value:,.1f}" for what, value in figures.items())
            print(f"{title:>24} {name:>13}: {shown}", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
