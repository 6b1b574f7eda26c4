"""One lane: what waits for one receiver, in which order it goes, and when the next may go."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import TypeAlias

from monitor.core.model import Tier
from monitor.core.notification import AWAITED
from monitor.core.state import OutboxRow
from monitor.engine.pace import Pace

FIRST_WAIT = timedelta(seconds=1)
LONGEST_WAIT = timedelta(minutes=5)
PAGE_BOUND = timedelta(minutes=1)
OTHER_BOUND = timedelta(minutes=15)
REST_BOUND = timedelta(minutes=10)
"""How long a message may wait for its receiver before somebody else is told instead."""

Entry: TypeAlias = tuple[int, int, str]


def wait_after(attempts: int, asked: timedelta | None) -> timedelta:
    """Return how long to wait before the next try; a receiver that says how long is obeyed."""
    return asked if asked is not None else min(FIRST_WAIT * 2 ** min(attempts, 12), LONGEST_WAIT)


REST = 4
"""The rank of what follows a message that is there: its charts, the rest of a digest."""


def is_awaited(row: OutboxRow) -> bool:
    """Say whether somebody waits to see it."""
    return row.notification.reason in AWAITED


def rank(row: OutboxRow) -> int:
    """Order pages before what somebody waits for, then by tier; digests come last."""
    note = row.notification
    if is_awaited(row):
        return 1
    if note.is_page:
        return 0
    if note.digest is not None:
        return REST
    is_severe = note.view is not None and note.view.is_open and note.view.incident.tier is Tier.PAGE
    return 2 if is_severe else 3


@dataclass(frozen=True, slots=True)
class Parcel:
    """What is sent in one go: a row, and the older ones that it says as well."""

    row: OutboxRow
    older: tuple[OutboxRow, ...] = ()

    @property
    def subject(self) -> str:
        """The incident or digest that it belongs to."""
        return self.row.notification.subject

    @property
    def rows(self) -> tuple[OutboxRow, ...]:
        """Everything that is settled with it."""
        return (*self.older, self.row)


@dataclass
class Lane:
    """The queue of one receiver. Messages of one subject keep their order.

    Of several that wait for the same subject only the newest is sent. One that may have arrived
    already (the answer was lost, or the process died) is sent again first, with its own key, and so
    is one of which more is to follow. What a person waits for may go on credit: before its time,
    which the next ones make up for. ``pace`` may be shared with other lanes to the same place.
    """

    receiver: str
    pace: Pace
    width: int = 1
    failures: int = 0
    free_at: datetime | None = None
    sending: set[str] = field(default_factory=set)
    _begun: set[str] = field(default_factory=set)
    _rows: dict[str, list[OutboxRow]] = field(default_factory=dict)
    _unsure: set[str] = field(default_factory=set)
    _not_before: dict[str, datetime] = field(default_factory=dict)
    _ready: list[Entry] = field(default_factory=list)
    _later: list[tuple[datetime, int, str]] = field(default_factory=list)
    _bounds: list[tuple[datetime, int, str, str]] = field(default_factory=list)
    _numbers: "count[int]" = field(default_factory=count)

    def add(self, row: OutboxRow, now: datetime) -> None:
        """Put a row at the end of its subject."""
        if self.has(row):
            return
        subject = row.notification.subject
        self._rows.setdefault(subject, []).append(row)
        if row.attempts and row.due_at > now:
            # The clock may have been set back since: nothing waits for longer than this.
            self._not_before[subject] = min(row.due_at, now + LONGEST_WAIT)
        if not row.is_degraded:
            bound = PAGE_BOUND if row.notification.is_page else OTHER_BOUND
            # Not the row itself: most are delivered long before, and none is small.
            at, number = row.notification.at + bound, next(self._numbers)
            heapq.heappush(self._bounds, (at, number, subject, row.notification.key))
        self._offer(subject, now)

    def doubt(self) -> None:
        """Take one row of each subject as one that may have arrived: after a start.

        It is the newest that was tried, because that one stood for the older ones; else the first.
        """
        for rows in self._rows.values():
            tried = [row for row in rows if row.attempts]
            self._unsure.add((tried[-1] if tried else rows[0]).notification.key)

    def rewind(self, now: datetime) -> None:
        """Wait for nothing any more: the clock was set back."""
        self.free_at = None
        self.pace.rewind()
        self._not_before.clear()
        self._later.clear()
        for subject in self._rows:
            self._offer(subject, now)

    def waiting(self) -> int:
        """Return how many rows wait."""
        return sum(map(len, self._rows.values()))

    def has(self, row: OutboxRow) -> bool:
        """Say whether a row waits."""
        rows = self._rows.get(row.notification.subject, ())
        return any(known.notification.key == row.notification.key for known in rows)

    def take(self, now: datetime) -> Parcel | None:
        """Return what may be sent now; None when nothing may."""
        while self._later and self._later[0][0] <= now:
            _, _, subject = heapq.heappop(self._later)
            self._offer(subject, now)
        if not self._ready or not self._may_send(now):
            return None
        while self._ready:
            entry = heapq.heappop(self._ready)
            parcel = self._parcel(entry[2], now)
            if parcel is None:
                continue
            if not self.pace.has(now, on_credit=self._is_awaited(parcel.row)):
                heapq.heappush(self._ready, entry)
                return None
            self.pace.spend()
            self.sending.add(parcel.subject)
            return parcel
        return None

    def _offer(self, subject: str, now: datetime) -> None:
        rows = self._rows.get(subject)
        if not rows:
            return
        at = self._not_before.get(subject)
        if at is not None and at > now:
            heapq.heappush(self._later, (at, next(self._numbers), subject))
        else:
            ranks = (REST if r.notification.key in self._begun else rank(r) for r in rows)
            heapq.heappush(self._ready, (min(ranks), next(self._numbers), subject))

    def _is_awaited(self, row: OutboxRow) -> bool:
        return is_awaited(row) and row.notification.key not in self._begun

    def _parcel(self, subject: str, now: datetime) -> Parcel | None:
        rows = self._rows.get(subject)
        if not rows or subject in self.sending or self._not_before.get(subject, now) > now:
            return None
        for index, row in enumerate(rows):
            if row.notification.key in self._unsure:
                return Parcel(row, tuple(rows[:index]))
        return Parcel(rows[-1], tuple(rows[:-1]))

    def _may_send(self, now: datetime) -> bool:
        if len(self.sending) >= self.width or (self.free_at is not None and now < self.free_at):
            return False
        if self.failures and self.sending:
            return False  # half open: one at a time until one arrives
        return self.pace.has(now, on_credit=True)

    def done(self, parcel: Parcel, now: datetime) -> None:
        """Forget what is settled, delivered or given up."""
        subject = parcel.subject
        gone = {row.notification.key for row in parcel.rows}
        rows = [r for r in self._rows.get(subject, ()) if r.notification.key not in gone]
        self._unsure -= gone
        self._begun -= gone
        self._ended(subject, now)
        self._not_before.pop(subject, None)
        if rows:
            self._rows[subject] = rows
            self._offer(subject, now)
        else:
            self._rows.pop(subject, None)

    def goes_on(self, parcel: Parcel, now: datetime) -> None:
        """Keep a parcel of which a part has arrived; the next one goes when its time comes.

        The first part of what somebody waits for is an edit, and no message.
        """
        key = parcel.row.notification.key
        is_edit = self._is_awaited(parcel.row)
        self._unsure.add(key)
        self._begun.add(key)
        self._ended(parcel.subject, now)
        if is_edit:
            self.pace.give_back()
        self._offer(parcel.subject, now)

    def _ended(self, subject: str, now: datetime) -> None:
        if subject in self.sending:
            self.sending.discard(subject)
            self.pace.ended(now)

    def first(self) -> tuple[int, int]:
        """Return the rank of what goes next; of equal ones, the lane goes first that sent less."""
        return self._ready[0][:2] if self._ready else (REST, 0)

    def took(self) -> None:
        """Note that the receiver takes messages."""
        self.failures, self.free_at = 0, None

    def failed(self, parcel: Parcel, due_at: datetime, now: datetime, *, is_unsure: bool) -> None:
        """Keep a parcel that was not taken until it is due; the whole lane waits with it.

        The breaker: after a failure nothing goes before the wait is over, then one at a time.
        """
        if is_unsure:
            self._unsure.add(parcel.row.notification.key)
        self._not_before[parcel.subject] = due_at
        self._ended(parcel.subject, now)
        self.failures += 1
        self.free_at = max(due_at, self.free_at or due_at)
        self._offer(parcel.subject, now)

    def remind(self, row: OutboxRow, at: datetime) -> None:
        """Give an overdue row once more: what was to be done about it could not be."""
        note = row.notification
        heapq.heappush(self._bounds, (at, next(self._numbers), note.subject, note.key))

    def overdue(self, now: datetime) -> Iterable[OutboxRow]:
        """Give, once each, the rows that have waited for longer than their bound.

        One that is there and has more to follow is heard, and what follows waits no longer.
        """
        while self._bounds and self._bounds[0][0] <= now:
            _, _, subject, key = heapq.heappop(self._bounds)
            waiting = [r for r in self._rows.get(subject, ()) if r.notification.key == key]
            if waiting and key in self._begun and not self.failures:
                self._begun.discard(key)
                self._offer(subject, now)
                entry = (now + REST_BOUND, next(self._numbers), subject, key)
                heapq.heappush(self._bounds, entry)
            else:
                yield from waiting
