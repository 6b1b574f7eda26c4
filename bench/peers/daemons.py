"""Peers that run on a schedule of their own: Prometheus' rules, Nagios' checks."""

import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

from bench.alerts.wire import free_port
from bench.peers.programs import Figure, LeftOutError, cpu_seconds, program, running
from monitor.engine.clock import SystemClock

RULES = 1_000
SECONDS = 20
WARM_SECONDS = 5
CHECKS, EVERY = 1_000, 10
"""Of Nagios, each due every ten seconds: it forks a program for each look."""


def prometheus(folder: Path) -> Figure:
    """Measure a rule of Prometheus that finds nothing wrong, each evaluated once a second."""
    command = program("prometheus", "prometheus")
    port = free_port()
    rules = "".join(f"  - {{alert: A{n}, expr: 'up < {-n}'}}\n" for n in range(RULES))
    (folder / "rules.yml").write_text(f"groups:\n- name: bench\n  interval: 1s\n  rules:\n{rules}")
    (folder / "prometheus.yml").write_text(
        "rule_files: [rules.yml]\n"
        "scrape_configs: [{job_name: self, scrape_interval: 5s, "
        f"static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
    )
    options = [
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=data",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=error",
    ]
    with running([command, *options], folder) as pid:
        looks, spent = _watch(pid, lambda: _evaluations(port))
    return Figure("Prometheus, a rule", spent / looks * 1e6, looks, "in memory, one process")


def _evaluations(port: int) -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        lines = answer.read().decode().splitlines()
    found = [one for one in lines if one.startswith("prometheus_rule_evaluations_total{")]
    return int(sum(float(line.rpartition(" ")[2]) for line in found))


def nagios(folder: Path) -> Figure:
    """Measure a check of Nagios: a program that is started, here one that only succeeds."""
    command = program("nagios4", "nagios4-core")
    for name in ("spool", "archives"):
        (folder / name).mkdir()
        (folder / name).chmod(0o777)  # it goes on as a user of its own
    folder.chmod(0o777)
    (folder / "nagios.cfg").write_text(
        dedent(f"""\
        cfg_file={folder}/objects.cfg
        log_file={folder}/nagios.log
        object_cache_file={folder}/objects.cache
        status_file={folder}/status.dat
        status_update_interval=1
        temp_file={folder}/temp
        temp_path={folder}
        check_result_path={folder}/spool
        log_archive_path={folder}/archives
        state_retention_file={folder}/retention.dat
        lock_file={folder}/lock
        command_file={folder}/rw
        query_socket={folder}/query.sock
        check_external_commands=0
        interval_length=1
        enable_notifications=0
        enable_event_handlers=0
        use_syslog=0
        log_initial_states=0
        """)
    )
    services = "".join(
        f"define service {{\n use bench\n host_name h\n service_description s{n}\n}}\n"
        for n in range(CHECKS)
    )
    (folder / "objects.cfg").write_text(
        dedent("""\
        define timeperiod {
         timeperiod_name always
         alias always
         monday 00:00-24:00
         tuesday 00:00-24:00
         wednesday 00:00-24:00
         thursday 00:00-24:00
         friday 00:00-24:00
         saturday 00:00-24:00
         sunday 00:00-24:00
        }
        define command {
         command_name true
         command_line /bin/true
        }
        define contact {
         contact_name c
         host_notification_period always
         service_notification_period always
         host_notification_commands true
         service_notification_commands true
        }
        define host {
         host_name h
         address 127.0.0.1
         check_period always
         notification_period always
         max_check_attempts 1
         contacts c
        }
        define service {
         name bench
         register 0
         check_command true
         check_interval EVERY
         retry_interval EVERY
         max_check_attempts 1
         check_period always
         notification_period always
         contacts c
        }
        """).replace("EVERY", str(EVERY))
        + services
    )
    status = folder / "status.dat"
    with running([command, str(folder / "nagios.cfg")], folder) as pid:
        looks, spent = _watch(pid, lambda: int(time.monotonic() * CHECKS / EVERY))
        if not status.exists() or not _held(status):
            raise LeftOutError("did not look at everything in time")
    return Figure("Nagios 4, /bin/true", spent / looks * 1e6, looks, "forks; no question asked")


def _held(status: Path) -> bool:
    """Say whether every check was looked at within the time in which each is due."""
    now, found = SystemClock().now().timestamp(), status.read_text()
    last = [int(line.partition("=")[2]) for line in found.splitlines() if "last_check=" in line]
    return len(last) > CHECKS and all(now - at <= EVERY + 3 for at in last[1:])


def _watch(pid: int, count: Callable[[], int]) -> tuple[int, float]:
    """Return how many looks there were in a while, and the CPU seconds that they took."""
    time.sleep(WARM_SECONDS)
    try:
        looks, spent = count(), cpu_seconds(pid)
        time.sleep(SECONDS)
        looks, spent = count() - looks, cpu_seconds(pid) - spent
    except OSError as error:
        raise LeftOutError(f"does not answer: {error}") from error
    if not looks:
        raise LeftOutError("did nothing, see its log")
    return looks, spent
