"""Who usually holds a cluster, as a short text that outlives the daemon.

An hour that is no news any more is written as its median, once; read again it counts as often as
the hour was looked at, so that what is usual stays what it was.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from itertools import groupby
from statistics import median
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, Field, ValidationError

from monitor.sources.trino.past import (
    MOST_HOLDERS,
    NOT_USUAL_YET,
    SHARES_EVERY,
    WEEK,
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


class Keepsake(BaseModel):
    """The text as it is written.

    ``seen`` has moments (seconds since 1970), how often was looked from then on, and shares in
    per mille by the number of the holder in ``holders``; whoever held nothing is left out.
    """

    form: Literal[1] = 1
    cluster: str
    holders: list[str] = Field(max_length=MOST_HOLDERS)
    seen: list[Entry] = Field(max_length=MOST_ENTRIES)


def write_keepsake(cluster: str, seen: Sequence[Seen], now: datetime) -> str:
    """Write what was seen of a cluster, of those who held most."""
    held: dict[str, float] = defaultdict(float)
    for _, shares in seen:
        for name, share in shares.items():
            # A name may hold half a character, which no text of a store can.
            if len(name) <= MOST_LETTERS and name.isprintable():
                held[name] += share
    names = sorted(nlargest(MOST_HOLDERS, held, key=held.__getitem__))
    entries = list(_entries(seen, names, now))[-MOST_ENTRIES:]
    return Keepsake(cluster=cluster, holders=names, seen=entries).model_dump_json()


def read_keepsake(text: str, cluster: str, now: datetime) -> list[Seen]:
    """Read what was seen, oldest first. Raise ValueError, with why, for what is of no use."""
    try:
        kept = Keepsake.model_validate_json(text)
    except ValidationError as error:
        raise ValueError(f"it cannot be read: {error.errors()[0]['msg']}") from error
    if kept.cluster != cluster:
        raise ValueError(f"it is of another cluster, {kept.cluster}")
    if any(number not in range(len(kept.holders)) for *_, shares in kept.seen for number in shares):
        raise ValueError("it cannot be read: it has shares of nobody")
    found: list[Seen] = []
    for seconds, count, shares in sorted(kept.seen, key=lambda entry: entry[0]):
        held = {kept.holders[number]: it / PER_MILLE for number, it in shares.items()}
        first = datetime.fromtimestamp(seconds, UTC)
        found.extend((first + number * SHARES_EVERY, held) for number in range(count))
    young = [one for one in found if timedelta(0) <= now - one[0] <= WEEK]
    if not young:
        raise ValueError("nothing in it is of the last week")
    return young


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
