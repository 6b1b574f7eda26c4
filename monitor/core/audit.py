"""The auditor: what the store says was to be told, against what was told. Pure.

It trusts nothing that the rest of the monitor remembers: a breach is a fault of the monitor itself.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeAlias

AUDITOR = "monitor/auditor"
"""The check under which breaches are told."""

UNTOLD_AFTER = timedelta(minutes=2)
STUCK_AFTER = timedelta(minutes=30)
STUCK_PAGE_AFTER = timedelta(minutes=5)
"""How long a message may wait although nobody was told instead; twice the bound and more."""


class Fault(StrEnum):
    """What can be wrong."""

    UNTOLD = "nobody was told, and there is no reason why"
    LOST = "was to be told, and there is no message"
    STUCK = "waits for too long, and nobody was told instead"
    UNPROVEN = "is called sent without a receipt"
    UNENDED = "heard that it fires, and no end is on its way"


@dataclass(frozen=True, slots=True)
class Breach:
    """One thing that is wrong: with which incident, and where it matters with which receiver."""

    fault: Fault
    incident: str
    receiver: str = ""

    def __str__(self) -> str:
        """Write it for people."""
        where = f"{self.receiver}: " if self.receiver else ""
        return f"{self.incident}: {where}{self.fault}"


@dataclass(frozen=True, slots=True)
class Thread:
    """What the store knows of one incident and one receiver.

    ``revision`` counts what was to be told; ``is_end`` says that the last of it is the end.
    ``has_message`` says that the message of that revision is in the outbox; ``sent`` that some
    message was delivered, ``receipt`` that there is a proof. ``told_at`` is when the last of it was
    to be told, None before the first, and ``is_page`` says that it called the incident a page;
    ``heard_at`` is a moment up to which the receiver knows all, None where its last message did not
    arrive.
    """

    incident: str
    receiver: str
    revision: int
    is_open: bool
    is_end: bool
    has_message: bool
    is_sent: bool
    has_receipt: bool
    is_page: bool
    told_at: datetime | None
    heard_at: datetime | None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A message that waits, for which nobody was told instead."""

    incident: str
    receiver: str
    since: datetime
    is_page: bool


@dataclass(frozen=True, slots=True)
class Records:
    """What is compared. ``unmentioned`` are open incidents, with their begin, without a thread."""

    threads: tuple[Thread, ...] = ()
    waiting: tuple[Waiting, ...] = ()
    unmentioned: tuple[tuple[str, datetime], ...] = ()


def audit(records: Records, now: datetime) -> tuple[Breach, ...]:
    """Return all that is wrong."""
    return (
        *(
            Breach(Fault.UNTOLD, name)
            for name, at in records.unmentioned
            if now - at > UNTOLD_AFTER
        ),
        *_threads(records.threads),
        *_stuck(records.waiting, now),
    )


Unheard: TypeAlias = Mapping[tuple[str, bool], datetime]
"""Since when nobody hears what is to be told of an incident; True: what calls it a page."""

_NEVER = datetime.min.replace(tzinfo=UTC)


def unheard(threads: Collection[Thread], before: Unheard) -> Unheard:
    """Return the open incidents of which the newest that was to be told has reached nobody.

    ``before`` is what the last look returned: what is told again meanwhile begins no new wait.
    """
    heard: dict[str, datetime] = {}
    for one in threads:
        if one.heard_at is not None:
            heard[one.incident] = max(one.heard_at, heard.get(one.incident, _NEVER))
    found: dict[tuple[str, bool], datetime] = {}
    for one in threads:
        last = heard.get(one.incident, _NEVER)
        if not one.is_open or one.told_at is None or one.told_at <= last:
            continue
        for key in {(one.incident, False), (one.incident, one.is_page)}:
            since = max(before.get(key, one.told_at), last)
            found[key] = min(since, found.get(key, since))
    return found


def is_overdue(since: datetime, now: datetime, *, is_page: bool) -> bool:
    """Say whether everybody in line should have been tried since a moment."""
    return now - since > (STUCK_PAGE_AFTER if is_page else STUCK_AFTER)


def _threads(threads: Iterable[Thread]) -> Iterator[Breach]:
    for one in threads:
        if one.revision > 0 and not one.has_message:
            yield Breach(Fault.LOST, one.incident, one.receiver)
        if one.is_sent and not one.has_receipt:
            yield Breach(Fault.UNPROVEN, one.incident, one.receiver)
        if not one.is_open and one.has_receipt and not one.is_end:
            yield Breach(Fault.UNENDED, one.incident, one.receiver)


def _stuck(waiting: Iterable[Waiting], now: datetime) -> Iterator[Breach]:
    for one in waiting:
        if is_overdue(one.since, now, is_page=one.is_page):
            yield Breach(Fault.STUCK, one.incident, one.receiver)
