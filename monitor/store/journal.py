"""What the daemon writes about itself: pings of jobs, its own runs, digests that left."""

from datetime import date, datetime, timedelta
from typing import Literal, TypeAlias

import sqlalchemy as sa

from monitor.api.answer import Run
from monitor.core.digest import Blind, Digest
from monitor.core.state import Received
from monitor.store import codec
from monitor.store.columns import Moment
from monitor.store.tables import daemon_run, digest_run, ping, received

PingKind: TypeAlias = Literal["start", "end"]

# Built once: it comes every ten seconds, and building it takes as long as twenty looks.
SEEN = (
    daemon_run.update()
    .where(daemon_run.c.id == sa.bindparam("of"))
    .values(seen_at=sa.bindparam("at", type_=Moment))
)


class Journal:
    """Pings, runs of the daemon, digests."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def ping(
        self, check: str, at: datetime, kind: PingKind, exit_status: int = 0, rid: str | None = None
    ) -> None:
        """Keep a ping; it is committed when this returns."""
        with self._engine.begin() as connection:
            connection.execute(
                ping.insert().values(
                    check=check, at=at, kind=kind, exit_status=exit_status, rid=rid
                )
            )

    def runs(self, check: str, since: datetime) -> tuple[Run, ...]:
        """Return the runs that the pings since a moment tell of, oldest first.

        An end belongs to the start with the same ``rid``; without one, to the newest open start.
        """
        query = sa.select(ping).where(ping.c.check == check, ping.c.at >= since).order_by(ping.c.id)
        runs: list[Run] = []
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                _add(runs, row)
        return tuple(runs)

    def known_since(self, check: str) -> datetime | None:
        """Return the first ping ever of a check."""
        query = sa.select(sa.func.min(ping.c.at)).where(ping.c.check == check)
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(query)
        return found

    def prune(self, before: datetime) -> int:
        """Forget pings from before a moment; return how many rows went.

        The newest one of a check stays, and its newest good one: without them a job that never
        came back would look like one that never came, and nobody would be told.
        """
        is_good = sa.and_(ping.c.kind == "end", ping.c.exit_status == 0)
        newest = sa.select(sa.func.max(ping.c.id)).group_by(ping.c.check)
        is_old = sa.and_(
            ping.c.at < before, ping.c.id.not_in(newest), ping.c.id.not_in(newest.where(is_good))
        )
        with self._engine.begin() as connection:
            return connection.execute(ping.delete().where(is_old)).rowcount

    def not_taken(self) -> list[Received]:
        """Return the received batches that no step took in yet, oldest first."""
        query = sa.select(received).order_by(received.c.id)
        with self._engine.connect() as connection:
            return [Received(row.key, row.at, row.body) for row in connection.execute(query)]

    def started(self, at: datetime) -> int:
        """Note that the daemon looks from now on; return the number of the run."""
        with self._engine.begin() as connection:
            result = connection.execute(daemon_run.insert().values(started_at=at, seen_at=at))
            key = result.inserted_primary_key
            assert key is not None
            return int(key[0])

    def seen(self, run: int, at: datetime) -> None:
        """Note that the daemon still looks."""
        with self._engine.begin() as connection:
            connection.execute(SEEN, {"of": run, "at": at})

    def first_start(self) -> datetime | None:
        """Return when a daemon first looked, ever."""
        query = sa.select(sa.func.min(daemon_run.c.started_at))
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(query)
        return found

    def blind(
        self, since: datetime, until: datetime, tolerance: timedelta = timedelta(minutes=2)
    ) -> tuple[Blind, ...]:
        """Return the spans of the window in which no daemon looked, longer than ``tolerance``."""
        query = (
            sa.select(daemon_run)
            .where(daemon_run.c.started_at <= until, daemon_run.c.seen_at >= since)
            .order_by(daemon_run.c.id)
        )
        with self._engine.connect() as connection:
            spans = [(row.started_at, row.seen_at) for row in connection.execute(query)]
        gaps: list[Blind] = []
        at = since
        for started, seen in spans:
            if started - at > tolerance:
                gaps.append(Blind(at, started))
            at = max(at, seen)
        if until - at > tolerance:
            gaps.append(Blind(at, until))
        return tuple(gaps)

    def digest(self, name: str, day: date | None = None) -> Digest | None:
        """Return the digest of a local day; without one, the newest."""
        query = sa.select(digest_run.c.digest).where(digest_run.c.name == name)
        if day is not None:
            query = query.where(digest_run.c.day == day.isoformat())
        with self._engine.connect() as connection:
            text = connection.scalar(query.order_by(digest_run.c.until.desc()).limit(1))
        return None if text is None else codec.DIGEST.validate_json(text)


def _add(runs: list[Run], row: sa.Row[tuple[object, ...]]) -> None:
    if row.kind == "start":
        runs.append(Run(id=row.rid or str(row.id), state="running", started_at=row.at))
        return
    state: Literal["succeeded", "failed"] = "succeeded" if row.exit_status == 0 else "failed"
    for index in range(len(runs) - 1, -1, -1):
        run = runs[index]
        if run.ended_at is None and (row.rid is None or run.id == row.rid):
            runs[index] = Run(run.id, state, run.started_at, row.at, row.exit_status)
            return
    runs.append(Run(row.rid or str(row.id), state, None, row.at, row.exit_status))
