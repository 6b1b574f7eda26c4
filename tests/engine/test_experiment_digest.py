"""From rows of an experiment in a database to the lines of the morning digest."""

import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from monitor.config.load import load
from monitor.config.plan import Plan
from monitor.render.digest import as_text
from monitor.render.slack import digest_messages
from tests.engine.rig import START, Rig

CONFIG = """\
store: sqlite:///{folder}/monitor.db
sources: {{kpi: {{type: sql, url: "sqlite:///{folder}/kpi.db"}}}}
receivers: {{oncall-slack: {{type: console}}}}
maintainers: {{recsys: {{receivers: [oncall-slack]}}}}
on_call: {{receivers: [oncall-slack]}}
digests: {{morning: {{at: "12:30"}}}}
"""
CHECK = """\
checks:
  {name}:
    kind: experiment
    source: kpi
    maintainer: recsys
    every: 10m
    query: select day as t, variant, users, opt_outs from {table}
    split: {{A: 50%, B: 50%}}
    control: A
    metrics: {{opt_outs: {{bad: up}}}}
    warn: {{harm: 2%, mismatch: 0.5%}}
"""
# Of ten days: users of A and B in a day, opt-outs in a thousand of them.
EXPERIMENTS = {
    "harmful": (20_000, 20_000, 10, 14),
    "young": (400, 410, 10, 11),
    "broken": (20_000, 23_000, 10, 10),
}


class Lab(Rig):
    """The rig with three experiments; what is sent stays in its box."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "config.yaml").write_text(CONFIG.format(folder=folder))
        (folder / "checks").mkdir()
        with closing(sqlite3.connect(folder / "kpi.db")) as kpi, kpi:
            for name, (users_a, users_b, out_a, out_b) in EXPERIMENTS.items():
                kpi.execute(
                    f"create table {name} (day text, variant text, users int, opt_outs int)"
                )
                for ago in range(10, 0, -1):
                    day = f"{START - timedelta(days=ago):%Y-%m-%d 00:00:00}"
                    rows = [
                        (day, "A", users_a, users_a * out_a // 1000),
                        (day, "B", users_b, users_b * out_b // 1000),
                    ]
                    kpi.executemany(f"insert into {name} values (?, ?, ?, ?)", rows)  # noqa: S608  # names of ours
                text = CHECK.format(name=f"{name}-ranker", table=name)
                (folder / "checks" / f"{name}.yaml").write_text(text)
        super().__init__(f"sqlite:///{folder}/monitor.db")

    def plan(self, *_extra: str) -> Plan:
        made = load(self.folder / "config.yaml", {})
        return replace(made, receivers={"oncall-slack": self.boxes["oncall-slack"]})


@pytest.mark.long
def test_the_morning_digest_says_how_every_experiment_stands(tmp_path: Path) -> None:
    rig = Lab(tmp_path)

    async def story(started: Rig) -> None:
        await started.minutes(45)

    rig.run(story)
    rig.store.close()
    (sent,) = [one.digest for one in rig.boxes["oncall-slack"]._sent if one.digest]
    lines = {(one.experiment, one.says.split(" ")[0]): one for one in sent.experiments}
    harmful = lines["harmful-ranker", "opt_outs"]
    assert harmful.is_red
    assert harmful.says.startswith("opt_outs of B +40.0% against A (+")
    assert harmful.says.endswith("worse than control")
    assert harmful.days_left is None
    young = lines["young-ranker", "opt_outs"]
    assert "undecided" in young.says
    assert young.days_left is not None
    assert young.days_left > 10
    broken = [one for one in sent.experiments if one.experiment == "broken-ranker"]
    assert [(one.says, one.is_red) for one in broken] == [("the split is broken", True)]
    text = as_text(sent)
    assert "harmful-ranker: opt_outs of B +40.0% against A" in text
    assert "days left" in text
    assert "broken-ranker: the split is broken" in str(digest_messages(sent))
