"""How long reading a configuration takes, in CPU seconds for 1,000 and 10,000 checks.

Cold, from the cache of an earlier process (there is none for 1,000), and again in the same process.

Run: .venv/bin/python bench/config/load.py [repeats]
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from monitor.config.load import Loader
from monitor.config.plugins import load_plugins

CONFIG = """\
sources:
  kpi: {type: sql, url: "sqlite:///kpi.db", maintainer: a}
  serving: {type: prometheus, url: "http://127.0.0.1:9"}
receivers: {box: {type: console}}
maintainers: {a: {receivers: [box]}}
on_call: {receivers: [box]}
resources: {a.b: {maintainer: a}}
"""
KINDS = (
    """\
  fresh-{n}:
    kind: freshness
    resource: a.b
    table: events.t{n}
    partition: {{column: dt_hour, grain: hour}}
    warn: 2h
    page: 6h
""",
    """\
  rows-{n}:
    kind: threshold
    query: select count(*) as value from kpi where model = 'm{n}'
    bad: below
    warn: 1000
    page: 100
""",
    """\
  slow-{n}:
    kind: latency
    source: serving
    histogram: predict_latency_seconds
    slices: {{by: [model]}}
    warn: {{p99: 250ms, for: 5m}}
    page: {{p99: 800ms, for: 5m}}
""",
    """\
  drop-{n}:
    kind: anomaly
    query: select hour as t, sum({{{{ value }}}}) as value from kpi where hour >= {{{{ since }}}}
    value: v{n}
    bad: down
    warn: {{drop: 12%}}
    page: {{drop: 40%, for: 2 of 3}}
""",
)
PER_FILE = 20


def write(folder: Path, checks: int) -> Path:
    """Write files of twenty checks, of four kinds in turn."""
    (folder / "config.yaml").write_text(f"store: sqlite:///{folder}/monitor.db\n{CONFIG}")
    for first in range(0, checks, PER_FILE):
        team = folder / "checks" / f"team{first // PER_FILE % 40}"
        team.mkdir(parents=True, exist_ok=True)
        body = [KINDS[n % len(KINDS)].format(n=n) for n in range(first, first + PER_FILE)]
        head = "defaults: {maintainer: a, source: kpi, every: 15m}\nchecks:\n"
        (team / f"f{first}.yaml").write_text(head + "".join(body))
    return folder / "config.yaml"


def best(call: Callable[[], object], repeats: int) -> float:
    """Return the CPU seconds of the fastest of some runs."""
    spent = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        spent.append(time.process_time() - start)
    return min(spent)


def main() -> None:
    """Print the figures."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    load_plugins()
    for checks in (1_000, 10_000):
        with TemporaryDirectory() as name:
            config = write(Path(name), checks)
            cold = best(Loader(config, {}).load, 1)
            cold = min(cold, best(lambda path=config: Loader(path, {}).load(), repeats))  # type: ignore[misc]  # bound now
            loader = Loader(config, {})
            plan = loader.load()
            assert len(plan.checks) == checks, plan.problems[:3]
            again = best(loader.load, repeats)
            keeper = Loader(config, {}, keeps=True)
            keeper.load()
            keeper.keep()
            warm = best(lambda path=config: Loader(path, {}, keeps=True).load(), repeats)  # type: ignore[misc]  # bound now
            some = config.parent / "checks" / "team0" / "f0.yaml"

            def changed(path: Path = some, loader: Loader = loader) -> None:
                path.write_text(path.read_text() + "# changed\n")
                loader.load()

            one = best(changed, repeats)
        told = f"cold {cold:.2f} s, from the cache {warm:.2f} s"
        print(f"{checks} checks: {told}, again {again:.3f} s, one file {one:.3f} s")


if __name__ == "__main__":
    main()
