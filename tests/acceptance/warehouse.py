"""A warehouse whose metric is known hour by hour, behind the real engine on a virtual clock."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import numpy as np
from pydantic import PrivateAttr

from monitor.anomaly.arrays import Floats
from monitor.anomaly.cube import Labels
from monitor.anomaly.series import bucket_number
from monitor.api import Answer, Asking, LastUpdate, Query, Rows, Source, Table, Updated
from monitor.config.load import load
from monitor.config.plan import Plan
from monitor.core.incident import Incident
from monitor.core.labels import text_of
from monitor.core.notification import Notification
from monitor.engine.histories import key_of
from monitor.engine.metric import Metric, days_of
from tests.engine.rig import START, Rig

HOUR = timedelta(hours=1)
CONFIG = """\
store: sqlite:///{folder}/monitor.db
sources: {{kpi: {{type: sql, url: "sqlite:///{folder}/kpi.db"}}}}
receivers: {{recsys-slack: {{type: console}}, data-slack: {{type: console}}}}
maintainers: {{recsys: {{receivers: [recsys-slack]}}, data: {{receivers: [data-slack]}}}}
on_call: {{receivers: [recsys-slack]}}
resources:
  events.impressions: {{maintainer: data}}
  kpi.impressions: {{maintainer: recsys, upstream: [events.impressions]}}
"""


def at_once(_age: timedelta) -> float:
    """Let all of a bucket be there as soon as it ends."""
    return 1.0


class Warehouse(Source):
    """Hourly numbers of slices from `days` before START on; rows appear as hours end.

    values: (slices, hours). arrived: the share of a bucket that is there so long after its end.
    """

    answers: ClassVar = frozenset({Rows, LastUpdate})

    _labels: Sequence[Labels] = PrivateAttr(default=())
    _first: datetime = PrivateAttr(default=START)
    _values: Floats = PrivateAttr()
    _dead_from: datetime | None = PrivateAttr(default=None)
    _arrived: Callable[[timedelta], float] = PrivateAttr(default_factory=lambda: at_once)

    def holds(self, labels: Sequence[Labels], values: Floats, days: int) -> None:
        self._labels, self._first = labels, START - timedelta(days=days)
        self._values = values

    def place(self, at: datetime) -> int:
        """Return the column of the hour that begins at `at`."""
        return (at - self._first) // HOUR

    def dies(self, at: datetime | None) -> None:
        """Let nothing from this moment on arrive any more; None: all of it comes after all."""
        self._dead_from = at

    def arrives(self, share: Callable[[timedelta], float]) -> None:
        self._arrived = share

    def table(self, since: datetime, now: datetime) -> Table:
        end = min(self.place(now) + 1, self._values.shape[1])
        left = 0.0
        if self._dead_from is not None:
            left = (self._dead_from - self._first) % HOUR / HOUR
            end = min(end, self.place(self._dead_from) + (left > 0.0))
        lo = max(self.place(since), 0)
        ages = [now - (self._first + HOUR * (n + 1)) for n in range(lo, end)]
        # The hour that is under way holds a part of itself, too.
        parts = [self._arrived(age) if age >= timedelta(0) else 0.3 for age in ages]
        if left > 0.0 and end == self.place(self._dead_from or now) + 1:
            parts[-1] = min(parts[-1], left)
        block = np.floor(self._values[:, lo:end] * np.array(parts))
        hours = [self._first + HOUR * n for n in range(lo, end)]
        names = [name for name, _ in self._labels[0]]
        columns: dict[str, tuple[object, ...]] = {"t": tuple(hours * len(self._labels))}
        for index, name in enumerate(names):
            columns[name] = tuple(one[index][1] for one in self._labels for _ in hours)
        columns["value"] = tuple(block.ravel().tolist())
        return Table(observed_at=now, columns=columns)

    async def ask(self, query: Query, asking: Asking) -> Answer:
        if isinstance(query, Rows):
            assert query.since is not None
            return self.table(query.since, asking.now)
        newest = asking.now if self._dead_from is None else self._dead_from
        return Updated(observed_at=asking.now, data_at=newest)


class Platform(Rig):
    """The rig with checks from YAML on the warehouse; what is sent stays in its boxes."""

    def __init__(self, folder: Path, checks: str, warehouse: Warehouse) -> None:
        self.folder, self.warehouse = folder, warehouse
        (folder / "config.yaml").write_text(CONFIG.format(folder=folder))
        (folder / "checks").mkdir()
        (folder / "checks" / "a.yaml").write_text(checks)
        super().__init__(f"sqlite:///{folder}/monitor.db")

    def plan(self, *extra: str) -> Plan:
        made = load(self.folder / "config.yaml", dict.fromkeys(extra, ""))
        boxes = {name: self.boxes[name] for name in ("recsys-slack", "data-slack")}
        return replace(made, sources={"kpi": self.warehouse}, receivers=boxes)

    def remembers(self, check: str) -> None:
        """Let the store hold all hours before now, as after a backfill of the history."""
        planned = self.engine.plan.checks[check]
        what = planned.check.remembers(self.now)
        assert what is not None
        house = self.warehouse
        known = Metric(
            key_of(check, what),
            tuple(house._labels),
            bucket_number(house._first, what.settings),
            house._values[:, : house.place(self.now)],
        )
        self.store.metrics.save(known.key, days_of(known, what, 0), "", self.now)

    async def look(self, for_: timedelta, every: timedelta = HOUR) -> None:
        for _ in range(for_ // every):
            self.clock.advance(every)
            await self.engine.tick()
            await self.engine.settle()

    @property
    def now(self) -> datetime:
        return self.clock.now()

    def told(self, *boxes: str) -> list[Notification]:
        return [note for box in boxes or self.boxes for note in self.boxes[box]._sent]

    def incidents(self) -> dict[str, Incident]:
        """Return every incident that anybody was told of."""
        return {note.view.incident.id: note.view.incident for note in self.told() if note.view}

    def about(self) -> list[str]:
        """Return what each incident is about, in the order of its first message."""
        first: dict[str, str] = {}
        for note in self.told():
            assert note.view is not None
            slices = ", ".join(text_of(one.slice) for one in note.view.members)
            first.setdefault(note.view.incident.id, f"{note.view.incident.check}: {slices}")
        return list(first.values())


def live(platform: Platform, story: Callable[[Platform], Awaitable[None]]) -> None:
    """Run a story from the start of the daemon to its end."""

    async def told() -> None:
        await platform.engine.start()
        await story(platform)
        await platform.engine.stop()

    asyncio.run(told())
    platform.store.close()


def business(labels: Sequence[Labels], hours: int, volume: Floats, seed: int) -> Floats:
    """Draw counts with a day, a weekend and 3 % noise with memory, (slices, hours)."""
    rng = np.random.default_rng(seed)
    hour = np.arange(hours)
    wave = 0.5 * np.cos(2 * np.pi * (hour % 24) / 24 + rng.uniform(0, 6, (len(labels), 1)))
    weekend = -0.3 * ((hour // 24 % 7) >= 5)
    noise = np.zeros((len(labels), hours))
    for n in range(1, hours):
        noise[:, n] = 0.7 * noise[:, n - 1] + rng.normal(0, 0.02, len(labels))
    rate = volume[:, None] * np.exp(wave + weekend + noise)
    return rng.poisson(rate).astype(np.float64)
