"""What is known of a cluster, as a short text that outlives the daemon.

Of who usually holds it an hour that is no news any more is written as its median, once; read again
it counts as often as the hour was looked at, so that what is usual stays what it was. Workers are
written as runs of one number. The last minutes count only where they go on: a sign that has to last
for five minutes must not bridge a time in which nobody looked.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields, replace
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from itertools import groupby
from statistics import median
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, Field, ValidationError

from monitor.api import LoadPoint
from monitor.sources.trino.past import (
    DAY,
    MOST_HOLDERS,
    NOT_USUAL_YET,
    RECENT,
    SHARES_EVERY,
    WEEK,
    WORKERS_EVERY,
    Known,
    Seen,
)

HOUR = timedelta(hours=1)
MOST_LETTERS = 200
"""Of the name of a holder: whoever asks a cluster chooses it."""

PER_MILLE = 1000
MOST_ENTRIES = 7 * 24 + 24
MOST_LOOKS = HOUR // SHARES_EVERY

Count: TypeAlias = Annotated[int, Field(ge=1, le=MOST_LOOKS)]
Seconds: TypeAlias = Annotated[int, Field(ge=0, le=10**11)]
Share: TypeAlias = Annotated[int, Field(ge=0, le=PER_MILLE)]
Entry: TypeAlias = tuple[Seconds, Count, dict[int, Share]]

MOST_RUNS = DAY // WORKERS_EVERY + 1
Run: TypeAlias = tuple[
    Seconds, Annotated[int, Field(ge=1, le=MOST_RUNS)], Annotated[int, Field(ge=0, le=10**6)]
]

POINTS_EVERY = timedelta(seconds=30)
MOST_POINTS = RECENT // POINTS_EVERY + 1
GOES_ON = timedelta(minutes=2)
"""How long after the last look a daemon must look again for the last minutes to count."""

NUMBERS = tuple(one.name for one in fields(LoadPoint) if one.name != "at")
Number: TypeAlias = bool | int | Annotated[float, Field(allow_inf_nan=False)] | None
Point: TypeAlias = tuple[Seconds, list[Number]]


class Keepsake(BaseModel):
    """The text as it is written.

    ``seen`` has moments (seconds since 1970), how often was looked from then on, and shares in
    per mille by the number of the holder in ``holders``; whoever held nothing is left out.
    ``workers`` has moments, how often was looked from then on, and their number. ``points`` has
    moments and the ``numbers`` of a look, in this order.
    """

    form: Literal[1] = 1
    cluster: str
    holders: list[str] = Field(max_length=MOST_HOLDERS)
    seen: list[Entry] = Field(max_length=MOST_ENTRIES)
    workers: list[Run] = Field(default=[], max_length=MOST_RUNS)
    numbers: list[str] = Field(default=[], max_length=50)
    points: list[Point] = Field(default=[], max_length=MOST_POINTS)


def write_keepsake(cluster: str, known: Known, now: datetime) -> str:
    """Write what is known of a cluster, of those who held most."""
    seen = known.shares
    held: dict[str, float] = defaultdict(float)
    for _, shares in seen:
        for name, share in shares.items():
            # A name may hold half a character, which no text of a store can.
            if len(name) <= MOST_LETTERS and name.isprintable():
                held[name] += share
    names = sorted(nlargest(MOST_HOLDERS, held, key=held.__getitem__))
    entries = list(_entries(seen, names, now))[-MOST_ENTRIES:]
    return Keepsake(
        cluster=cluster,
        holders=names,
        seen=entries,
        workers=list(_runs(known.workers))[-MOST_RUNS:],
        numbers=list(NUMBERS),
        points=list(_points(known.points))[-MOST_POINTS:],
    ).model_dump_json()


def read_keepsake(text: str, cluster: str, now: datetime) -> Known:
    """Read what was known. Raise ValueError, with why, for what is of no use."""
    try:
        kept = Keepsake.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(f"it cannot be read: {error.errors()[0]['msg']}") from error
    if kept.cluster != cluster:
        raise ValueError(f"it is of another cluster, {kept.cluster}")
    if any(number not in range(len(kept.holders)) for *_, shares in kept.seen for number in shares):
        raise ValueError("it cannot be read: it has shares of nobody")
    known = Known(
        shares=[one for one in _shares_of(kept) if _is_young(one[0], now, WEEK)],
        workers=[one for one in _workers_of(kept) if _is_young(one[0], now, DAY)],
        points=[one for one in _points_of(kept) if _is_young(one.at, now, RECENT)],
    )
    if not known.points or now - known.points[-1].at > GOES_ON:
        known = replace(known, points=())
    if not (known.shares or known.workers):
        raise ValueError("nothing in it is of the last week")
    return known


def _is_young(at: datetime, now: datetime, most: timedelta) -> bool:
    return timedelta(0) <= now - at <= most


def _shares_of(kept: Keepsake) -> Iterator[Seen]:
    for seconds, count, shares in sorted(kept.seen, key=lambda entry: entry[0]):
        held = {kept.holders[number]: it / PER_MILLE for number, it in shares.items()}
        yield from ((_moment(seconds) + number * SHARES_EVERY, held) for number in range(count))


def _workers_of(kept: Keepsake) -> Iterator[tuple[datetime, int]]:
    for seconds, looks, count in sorted(kept.workers):
        yield from ((_moment(seconds) + it * WORKERS_EVERY, count) for it in range(looks))


def _points_of(kept: Keepsake) -> Iterator[LoadPoint]:
    for seconds, numbers in sorted(kept.points, key=lambda point: point[0]):
        told: dict[str, Any] = dict(zip(kept.numbers, numbers, strict=False))
        mine = {name: told[name] for name in NUMBERS if told.get(name) is not None}
        yield LoadPoint(at=_moment(seconds), **mine)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _runs(workers: Sequence[tuple[datetime, int]]) -> Iterator[Run]:
    begun, looks, last = 0, 0, -1
    for at, count in workers:
        seconds = int(at.timestamp())
        goes_on = seconds - begun < (looks + 1) * WORKERS_EVERY.total_seconds()
        if looks and (count != last or not goes_on):
            yield begun, looks, last
            looks = 0
        begun, looks, last = (begun if looks else seconds), looks + 1, count
    if looks:
        yield begun, looks, last


def _points(points: Sequence[LoadPoint]) -> Iterator[Point]:
    """Write one look in half a minute, and the last one."""
    written: datetime | None = None
    for point in points:
        if written is None or point.at - written >= POINTS_EVERY or point is points[-1]:
            written = point.at
            numbers = (getattr(point, name) for name in NUMBERS)
            rounded = (round(it, 4) if isinstance(it, float) else it for it in numbers)
            yield int(point.at.timestamp()), list(rounded)


def _entries(seen: Sequence[Seen], names: Sequence[str], now: datetime) -> Iterator[Entry]:
    for hour, looks in groupby(seen, key=_hour_of):
        together = [list(looks)]
        if now - hour - HOUR < NOT_USUAL_YET:  # what is not usual yet must not blur what is
            together = [[one] for one in together[0]]
        for some in together:
            shares = [held for _, held in some]
            yield int(some[0][0].timestamp()), min(len(some), MOST_LOOKS), _medians(shares, names)


def _medians(shares: Sequence[Mapping[str, float]], names: Sequence[str]) -> dict[int, Share]:
    held = (median(one.get(name, 0.0) for one in shares) for name in names)
    parts = {n: min(max(round(it * PER_MILLE), 0), PER_MILLE) for n, it in enumerate(held)}
    return {number: it for number, it in parts.items() if it}


def _hour_of(one: Seen) -> datetime:
    return one[0].replace(minute=0, second=0, microsecond=0)
