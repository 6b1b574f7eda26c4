"""The newest verdicts of slices that are as before but for their moment and their numbers.

Nearly every verdict is. Written as a whole each is a page for SQLite to write and 300 bytes of
JSON; so those of a commit are one row, with their numbers alone. Each applies to the verdict that
``check_state`` has as a whole, if that is older: ``as_of`` says which rows it is newer than.
"""

import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from math import isfinite
from typing import Any, TypeAlias

import sqlalchemy as sa

from monitor.core.model import Verdict
from monitor.store.codec import labels_text
from monitor.store.tables import state_repeat as repeat
from monitor.store.upsert import insert_many

LEAST = 64
"""Numbers that are not worth looking through for such as nobody needs any more."""

MOST = 250_000
"""Slices of which is known how they are: those that are gone must not fill all memory."""

_AS_OF = "select max(id) from state_repeat"
_KEYS_NEWEST_FIRST = sa.select(repeat.c.id, repeat.c.numbers).order_by(repeat.c.id.desc())
_FORGET = repeat.delete().where(repeat.c.id == sa.bindparam("of"))
_CUT = repeat.update().where(repeat.c.id == sa.bindparam("of")).values(numbers=sa.bindparam("left"))
_as_json = json.JSONEncoder(ensure_ascii=False).encode

Numbers: TypeAlias = list[float]


@dataclass(frozen=True, slots=True)
class Repeat:
    """When a slice was found as before, in which row, and the numbers of its samples."""

    id: int
    at: datetime
    numbers: Numbers

    def over(self, verdict: Verdict) -> Verdict:
        """Return the newest verdict, from the one that was written as a whole."""
        pairs = zip(verdict.samples, self.numbers, strict=True)
        samples = tuple(replace(sample, value=number) for sample, number in pairs)
        return replace(verdict, at=self.at, samples=samples)

    def write_over(self, verdict: dict[str, Any]) -> None:
        """Make the newest of the JSON value of the one that was written as a whole."""
        verdict["at"] = _moment_text(self.at)
        for sample, number in zip(verdict.get("samples", ()), self.numbers, strict=True):
            sample["value"] = number


@lru_cache(maxsize=64)  # those of a row
def _moment_text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


class Repeats:
    """Knows, of what this process wrote, how each slice is; for the thread that writes.

    What it does not know, as after a start, is written as a whole once.
    """

    def __init__(self) -> None:
        """Know nothing."""
        self._known: dict[str, int | None] = {}
        self._written: dict[str, int] = {}
        self._more, self._needed = LEAST, 0

    def write(
        self, connection: sa.Connection, verdicts: Iterable[Verdict]
    ) -> tuple[list[Verdict], int]:
        """Write those that are as before; return the others, and as of which row they are.

        One that comes twice is no repeat the second time, and neither is any after a commit that
        failed: what is known is forgotten here, and known again by ``committed``.
        """
        others: list[Verdict] = []
        found: dict[datetime, dict[str, Numbers]] = {}
        known, written = self._known, dict[str, int]()
        self._written = written
        for one in verdicts:
            key = key_of(one.check, labels_text(one.slice)) if one.slice else one.check
            shape, before = _shape(one), known.get(key)
            known[key] = None  # where keys are taken out and put in a dict takes twice the memory
            if shape is None:
                written.pop(key, None)
            else:
                written[key] = shape
            if shape is None or shape != before:
                others.append(one)
                continue
            found.setdefault(one.at, {})[key] = [sample.value for sample in one.samples]
        if not (others or found):
            return [], 0
        as_of = connection.exec_driver_sql(_AS_OF).scalar() or 0
        rows = [
            {"id": as_of + place, "at": at, "numbers": _as_json(told)}
            for place, (at, told) in enumerate(found.items(), 1)
        ]
        insert_many(connection, repeat, rows)
        self._more += sum(map(len, found.values()))
        return others, as_of + len(rows)

    def committed(self) -> None:
        """Know what was written last."""
        self._known.update(self._written)
        self._written = {}

    def forget(self, connection: sa.Connection) -> None:
        """Delete the rows of whose slices there are newer ones, once as many came as are needed.

        Of a row that has only few without, as slices that are gone, those stay. The last row stays,
        so that their numbers only grow.
        """
        if len(self._known) > MOST:
            self._known = {}
        if self._more < LEAST + self._needed:
            return
        seen: set[int] = set()
        gone: list[dict[str, int]] = []
        cut: list[dict[str, Any]] = []
        for row in connection.execute(_KEYS_NEWEST_FIRST):
            told = json.loads(row.numbers)
            needed = {key: numbers for key, numbers in told.items() if hash(key) not in seen}
            seen.update(map(hash, needed))
            if not needed:
                gone.append({"of": row.id})
            elif 2 * len(needed) < len(told):
                cut.append({"of": row.id, "left": _as_json(needed)})
        self._more, self._needed = 0, len(seen)
        if gone:
            connection.execute(_FORGET, gone)
        if cut:
            connection.execute(_CUT, cut)


def key_of(check: str, labels: str) -> str:
    """Name a slice by its check and the text of its labels; without any, by the check alone."""
    return check if labels == "{}" else f"{check}\t{labels}"


def repeats(connection: sa.Connection, checks: Collection[str] | None = None) -> dict[str, Repeat]:
    """Return the newest of each slice, of all checks or of some, by ``key_of``."""
    query = sa.select(repeat).order_by(repeat.c.id)
    if checks is not None and len(checks) == 1:
        (check,) = checks
        query = query.where(repeat.c.numbers.contains(_as_json(check)[1:-1], autoescape=True))
    wanted = None if checks is None else frozenset(checks)
    found: dict[str, Repeat] = {}
    for row in connection.execute(query):
        for key, numbers in json.loads(row.numbers).items():
            if wanted is None or key.partition("\t")[0] in wanted:
                found[key] = Repeat(row.id, row.at, numbers)
    return found


def _shape(one: Verdict) -> int | None:
    """Return what two verdicts of a slice have in common that differ in moment and numbers only.

    None of one that is bad, whose number is in its breach, too, or with numbers that JSON lacks.
    """
    if one.breach is not None:
        return None
    said = (one.outcome._value_, one.tier, one.reason, one.blocked_by, one.maintainer, one.link)
    parts: list[object] = [*said]
    for sample in one.samples:
        if type(sample.value) is not float or not isfinite(sample.value):
            return None
        # What is in the evidence may be equal and not the same, as 1 and True are.
        told = repr(sample.evidence) if sample.evidence else None
        parts += (sample.measure, sample.slice, sample.unit._value_, sample.is_noise, told)
    return hash(tuple(parts))
