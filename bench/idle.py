"""Resident memory of the daemon at rest with many checks: `python bench/idle.py [checks]`.

The checks ask a SQLite file for one number, once a minute. The figure is read after a minute and
a half, so that each of them was looked at; Linux only.
"""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

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
  rows-{n}: {{kind: threshold, maintainer: data, source: kpi, every: 1m, bad: below, warn: 1,
    query: select count(*) + {n} as value from kpi}}"""
REST_SECONDS = 90
KIB_A_MB = 1_000_000 / 1024


def main() -> None:
    """Start a daemon, let it rest, print what it holds, stop it."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory(prefix="monitor-idle-") as name:
        folder = Path(name)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        (folder / "checks" / "data").mkdir(parents=True)
        checks = "checks:" + "".join(CHECK.format(n=n) for n in range(count)) + "\n"
        (folder / "checks" / "data" / "rows.yaml").write_text(checks)
        (folder / "config.yaml").write_text(CONFIG.format(folder=folder, port=port))
        warehouse = sqlite3.connect(folder / "kpi.db")
        warehouse.execute("create table kpi (n integer)")
        warehouse.execute("insert into kpi values (1)")
        warehouse.commit()
        warehouse.close()
        command = [sys.executable, "-m", "monitor", "run", "--config", str(folder / "config.yaml")]
        with (folder / "log").open("wb") as log:
            daemon = subprocess.Popen(command, stdout=log, stderr=log)  # noqa: S603  our own
            try:
                time.sleep(REST_SECONDS)
                print(f"{count} checks: {fields(daemon.pid)}")
            finally:
                daemon.terminate()
                daemon.wait()


def fields(pid: int) -> str:
    """Read resident memory now and at its highest, in MB."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    found = {line.split(":")[0]: int(line.split()[1]) for line in lines if "kB" in line}
    now, peak = found["VmRSS"] / KIB_A_MB, found["VmHWM"] / KIB_A_MB
    return f"{now:.0f} MB resident, {peak:.0f} MB at its highest"


if __name__ == "__main__":
    main()
