"""What a digest reads of a window: looks, firings, deliveries, earlier digests."""

import json
from collections.abc import Collection, Iterator
from datetime import date, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from monitor.core.digest import Digest
from monitor.core.labels import Labels
from monitor.core.model import Outcome, Tier, Verdict
from monitor.core.noise import Firing
from monitor.core.state import OutboxRow, SliceState, Slot
from monitor.store import codec
from monitor.store.outbox import add_rows
from monitor.store.reading import reading
from monitor.store.repeats import key_of, repeats
from monitor.store.tables import alert, digest_run, incident, outbox, receipt
from monitor.store.tables import check_state as state

MOST_REMEMBERED = 20_000
_JUDGED = tuple(outcome for outcome in Outcome if outcome.is_judged)
_BLIND = (Outcome.ERROR, Outcome.NO_DATA, Outcome.SKIPPED)


class Story:
    """Reads for digests, and the claim that makes each of them once."""

    def __init__(self, engine: sa.Engine) -> None:
        """Work on an opened store."""
        self._engine = engine

    def firings(self, since: datetime, until: datetime) -> list[Firing]:
        """Return the alerts that fired in [since, until), oldest first."""
        query = (
            sa.select(alert, incident.c.value.label("told"))
            .outerjoin(incident, incident.c.id == alert.c.incident)
            .where(alert.c.fired_at >= since, alert.c.fired_at < until)
            .order_by(alert.c.fired_at)
        )
        with self._engine.connect() as connection:
            return [_firing(row) for row in connection.execute(query)]

    def told(self, since: datetime) -> dict[str, tuple[str, ...]]:
        """Return who took a message of each subject since a moment, in the order of first ones."""
        query = sa.select(receipt).where(receipt.c.at >= since).order_by(receipt.c.first_at)
        found: dict[str, tuple[str, ...]] = {}
        with self._engine.connect() as connection:
            for row in connection.execute(query):
                found[row.subject] = (*found.get(row.subject, ()), row.receiver)
        return found

    def pages_sent(self, since: datetime, until: datetime, pagers: Collection[str]) -> int:
        """Count the incidents that pagers were told of in [since, until)."""
        query = sa.select(sa.func.count(sa.distinct(outbox.c.subject))).where(
            outbox.c.receiver.in_(list(pagers)),
            outbox.c.state == "sent",
            outbox.c.done_at >= since,
            outbox.c.done_at < until,
        )
        with self._engine.connect() as connection:
            return int(connection.scalar(query) or 0) if pagers else 0

    def undelivered(self, since: datetime) -> tuple[str, ...]:
        """Name the messages that were given up since a moment: receiver and error, each once."""
        query = sa.select(outbox.c.receiver, outbox.c.error).where(
            outbox.c.state == "failed", outbox.c.done_at >= since
        )
        with self._engine.connect() as connection:
            lines = [f"{row.receiver}: {row.error}" for row in connection.execute(query)]
        return tuple(dict.fromkeys(lines))

    def delivered_until(self, run: str) -> datetime | None:
        """Return the end of the window of the last digest of a run that somebody has.

        One that nobody took counts as never written; one that had nothing to say was not sent.
        """
        subject = sa.literal("digest:") + digest_run.c.name + ":" + digest_run.c.day
        is_there = sa.exists().where(receipt.c.subject == subject)
        was_meant = sa.exists().where(outbox.c.subject == subject)
        query = sa.select(sa.func.max(digest_run.c.until, type_=digest_run.c.until.type)).where(
            digest_run.c.name == run, sa.or_(is_there, ~was_meant)
        )
        with self._engine.connect() as connection:
            found: datetime | None = connection.scalar(query)
        return found

    def was_made(self, run: str, day: date) -> bool:
        """Say whether a run had its digest of a local day."""
        query = sa.select(sa.func.count()).where(
            digest_run.c.name == run, digest_run.c.day == day.isoformat()
        )
        with self._engine.connect() as connection:
            return bool(connection.scalar(query))

    def claim(
        self, run: str, day: date, digest: Digest, checks: str | None, rows: list[OutboxRow]
    ) -> bool:
        """Store a digest and its messages in one transaction; False if that day has had one."""
        values = {
            "name": run,
            "day": day.isoformat(),
            "since": digest.since,
            "until": digest.until,
            "digest": codec.dump(codec.DIGEST, digest),
            "checks": checks,
        }
        its_own = (digest_run.c.name == run, digest_run.c.day == values["day"])
        with self._engine.begin() as connection:
            if connection.scalar(sa.select(sa.func.count()).where(*its_own)):
                return False
            connection.execute(digest_run.insert().values(values))
            add_rows(connection, rows)
        return True

    def checks_before(self, run: str) -> tuple[str, frozenset[str]] | None:
        """Return the revision and the checks of the last digest of a run."""
        query = (
            sa.select(digest_run.c.digest, digest_run.c.checks)
            .where(digest_run.c.name == run, digest_run.c.checks.is_not(None))
            .order_by(digest_run.c.until.desc())
            .limit(1)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return str(json.loads(row.digest).get("revision", "")), frozenset(json.loads(row.checks))

    def covered(self, since: datetime) -> list[tuple[datetime, int, int]]:
        """Return moment, checks that ran and checks that were due of each full digest since."""
        query = (
            sa.select(digest_run.c.until, digest_run.c.digest)
            .where(digest_run.c.until >= since, digest_run.c.checks.is_not(None))
            .order_by(digest_run.c.until)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        return [(row.until, *_ran(json.loads(row.digest)["coverage"])) for row in rows]

    def states(self, check: str | None = None) -> list[SliceState]:
        """Return the newest verdict of every slice, or of those of one check, by check.

        A verdict is read once and then remembered by its text: pages ask again and again.
        """
        query = sa.select(state).order_by(state.c.check, state.c.slice)
        if check is not None:
            query = query.where(state.c.check == check)
        with reading(self._engine) as connection:
            newer = repeats(connection, None if check is None else [check])
            rows = connection.execute(query).all()
        found: list[SliceState] = []
        for row in rows:
            verdict, again = _verdict(row.verdict), newer.get(key_of(row.check, row.slice))
            if again is not None and again.id > row.as_of:
                verdict = again.over(verdict)
            found.append(SliceState(row.check, _labels(row.slice), row.since, verdict))
        return found

    def outcomes(self) -> list[tuple[str, str]]:
        """Return check and newest outcome of every slice."""
        with self._engine.connect() as connection:
            rows = connection.execute(sa.select(state.c.check, state.c.outcome))
            return [(check, outcome) for check, outcome in rows]

    def newest(self, checks: Collection[str] | None = None) -> Iterator[tuple[str, dict[str, Any]]]:
        """Go through check and newest verdict of every slice, as JSON values, by check.

        What is as by default is left out of one.
        For the page of all checks: between two requests every verdict is another one, and making
        values of thousands takes ten times as long as reading their JSON.
        """
        columns = (state.c.check, state.c.slice, state.c.verdict, state.c.as_of)
        query = sa.select(*columns).order_by(state.c.check)
        if checks is not None:
            query = query.where(state.c.check.in_(checks))
        with reading(self._engine) as connection:
            newer = repeats(connection, checks)
            for check, labels, text, as_of in connection.execute(query):
                verdict, again = json.loads(text), newer.get(key_of(check, labels))
                if again is not None and again.id > as_of:
                    again.write_over(verdict)
                yield check, verdict

    def archive(self, limit: int = 100) -> list[tuple[str, str]]:
        """Return run and day of the newest digests, newest first."""
        query = sa.select(digest_run.c.name, digest_run.c.day).order_by(digest_run.c.until.desc())
        with self._engine.connect() as connection:
            return [(row.name, row.day) for row in connection.execute(query.limit(limit))]


@lru_cache(maxsize=MOST_REMEMBERED)
def _verdict(text: str) -> Verdict:
    made: Verdict = codec.VERDICT.validate_json(text)
    return made


@lru_cache(maxsize=MOST_REMEMBERED)
def _labels(text: str) -> Labels:
    return codec.labels_from(text)


def _ran(covered: dict[str, Any]) -> tuple[int, int]:
    return int(covered["ran"]), int(covered["due"])


def _slot(row: Any) -> Slot:
    return Slot(row.check, row.due_at, row.ended_at, Outcome(row.outcome), row.reason)


def _firing(row: Any) -> Firing:
    alert_now = json.loads(row.value)
    tier = alert_now.get("tier") or Tier.WARN
    flapped = alert_now.get("turned_at") is not None
    ack = (json.loads(row.told) if row.told else {}).get("ack") or {}
    acked_at = datetime.fromisoformat(ack["at"]) if "at" in ack else None
    return Firing(row.check, row.fired_at, row.resolved_at, Tier(tier), acked_at, flapped)
