"""A small platform of the tests' own: one kind, two sources, one receiver, files in a folder."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import ClassVar

import pytest
from pydantic import BaseModel, ConfigDict, Field, field_validator

from monitor.api import (
    Answer,
    Asking,
    Check,
    Direction,
    Load,
    Measure,
    Measured,
    Notification,
    Query,
    Receipt,
    Receiver,
    Rows,
    Runs,
    Source,
    Unit,
)
from monitor.config.load import load
from monitor.config.plan import Plan, Problem

CONFIG = """\
timezone: Asia/Kolkata
sources:
  db: {type: try_rows, address: here, maintainer: recsys}
  cluster: {type: try_load}
receivers:
  chat: {type: try_note, channel: a}
  pager: {type: try_note, channel: b}
maintainers:
  recsys: {receivers: [chat], page: [pager]}
  platform: {receivers: [chat]}
on_call: {receivers: [chat]}
resources:
  table.a: {maintainer: platform}
  table.b: {upstream: [table.a]}
"""


class Cut(BaseModel):
    model_config = ConfigDict(extra="forbid")
    column: str
    grain: str = "hour"


class Probe(Check, kind="try_probe"):
    """Measures nothing, in every unit."""

    measures: ClassVar[Mapping[str, Measure]] = {
        "age": Measure(Direction.ABOVE, Unit.SECONDS),
        "share": Measure(Direction.BELOW, Unit.SHARE),
        "size": Measure(Direction.ABOVE, Unit.BYTES),
        "count": Measure(Direction.ABOVE),
    }
    default_every: ClassVar[timedelta] = timedelta(minutes=7)

    table: str
    cut: Cut | None = None
    limit: int = 5

    @field_validator("table")
    @classmethod
    def _no_explosion(cls, table: str) -> str:
        if table == "explode":
            raise RuntimeError("boom")
        return table

    def ask(self, now: datetime) -> Sequence[Query]:
        return [Rows(self.table)]

    def measure(self, answers: Sequence[Answer], now: datetime) -> Iterable[Measured]:
        return ()


class Beat(Probe, kind="try_beat"):
    """Takes ``cron`` over, and is answered by pings."""

    default_source: ClassVar[str | None] = "pings"

    table: str = "none"
    cron: str

    def ask(self, now: datetime) -> Sequence[Query]:
        return [Runs(self.id, now)]


class Costly(Probe, kind="try_costly"):
    """Needs an extra of this distribution that is declared and cannot be there."""

    extra: ClassVar[str | None] = "costly"


class RowsSource(Source, type="try_rows"):
    answers: ClassVar = frozenset({Rows})
    address: str
    port: int = Field(default=1, ge=1)
    password: str = ""

    @field_validator("password")
    @classmethod
    def _leak(cls, password: str) -> str:
        if password.startswith("bad"):
            raise ValueError(f"{password} is too weak")
        return password

    async def ask(self, query: Query, asking: Asking) -> Answer:
        raise NotImplementedError


class LoadSource(Source, type="try_load"):
    answers: ClassVar = frozenset({Load})

    async def ask(self, query: Query, asking: Asking) -> Answer:
        raise NotImplementedError


class Note(Receiver, type="try_note"):
    channel: str

    async def send(self, notification: Notification, receipt: Receipt | None) -> Receipt:
        raise NotImplementedError


@dataclass
class Site:
    """Files of a configuration, and what loading them says."""

    root: Path
    env: dict[str, str] = field(default_factory=dict)

    def write(self, name: str, text: str) -> "Site":
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return self

    def checks(self, text: str) -> "Site":
        return self.write("checks/recsys/a.yaml", text)

    def one(self, keys: str) -> "Site":
        """Write one check of kind try_probe with more keys, from line 6 on, indented by four."""
        start = "checks:\n  it:\n    kind: try_probe\n    source: db\n    table: t\n"
        body = "".join(f"    {line}\n" for line in keys.splitlines())
        return self.checks(start + body)

    def config(self, text: str) -> "Site":
        return self.write("config.yaml", text)

    def load(self) -> Plan:
        return load(self.root / "config.yaml", self.env)

    def lines(self, problems: Iterable[Problem] | None = None) -> list[str]:
        """Write the problems without the folder."""
        found = self.load().problems if problems is None else problems
        return [str(problem).replace(f"{self.root}/", "") for problem in found]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "checks").mkdir()
    return Site(tmp_path).config(CONFIG)
