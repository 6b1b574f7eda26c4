"""Where in its interval each check is due: what can be asked together at once, the rest spread."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2s

from monitor.api.query import Rows
from monitor.config.plan import PlannedCheck

MOST_AT_ONCE = 200
"""More checks of one source, kind and interval are not due at one moment: a look takes 100 us, and
what is due next waits for it. Each moment has a commit or two, which cost as much as ten looks."""

WITHIN = timedelta(seconds=10)
"""A few that are due every hour are due in its first seconds; with each doubling, in twice that."""
WITHIN_AT_MOST = timedelta(minutes=1)

_LITERAL = re.compile(r"'[^']*'|\"[^\"]*\"|\b\d+(?:\.\d+)?\b")
_ANY_MOMENT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Beat:
    """When a check is due, in its interval; ``share`` of [0, 1) is the same of a first round.

    It is None for those few that may look first whenever they like.
    """

    phase: timedelta = timedelta(0)
    share: float | None = None


def share_of(text: str) -> float:
    """Return a number in [0, 1) that is the same for a text for ever."""
    return int.from_bytes(blake2s(text.encode(), digest_size=4).digest()) / 2**32


def beats_of(checks: Mapping[str, PlannedCheck]) -> dict[str, Beat]:
    """Return the beat of each check; those with one are due at the same moments.

    It hangs on the source, kind and interval. Of many, on the shape of the question, too, which is
    its text without numbers and quoted texts: so what one statement may answer is asked together.
    Of a shape that many have, those with the same question.
    """
    groups: dict[str, list[PlannedCheck]] = {}
    for planned in checks.values():
        groups.setdefault(_group(planned), []).append(planned)
    return {
        planned.id: beat for group, mine in groups.items() for planned, beat in _beats(group, mine)
    }


def _group(planned: PlannedCheck) -> str:
    every = planned.schedule.every
    return f"{planned.source}|{planned.kind}|{every.total_seconds()}" if every else ""


def _beats(group: str, checks: Sequence[PlannedCheck]) -> Iterator[tuple[PlannedCheck, Beat]]:
    every = checks[0].schedule.every
    if every is None:  # a cron expression says itself when
        yield from ((planned, Beat()) for planned in checks)
        return
    parts = _parts(len(checks))
    within = min(every, WITHIN * parts, WITHIN_AT_MOST).total_seconds()
    start = share_of(group)
    if parts == 1:
        beat = Beat(timedelta(seconds=round(start * within, 3)))
        yield from ((planned, beat) for planned in checks)
        return
    shares = ((start + n / parts) % 1 for n in range(parts))
    beats = [Beat(timedelta(seconds=round(one * within, 3)), one) for one in shares]
    yield from ((planned, beats[n]) for planned, n in _spread(checks, parts))


def _parts(count: int) -> int:
    """Return into how many parts so many fall: a power of two, which rarely changes."""
    return 1 << (-(-count // MOST_AT_ONCE) - 1).bit_length()


def _spread(checks: Iterable[PlannedCheck], parts: int) -> Iterator[tuple[PlannedCheck, int]]:
    shapes: dict[str, list[tuple[PlannedCheck, str]]] = {}
    for planned in checks:
        question = _question(planned)
        shapes.setdefault(_LITERAL.sub("?", question), []).append((planned, question))
    for shape, mine in shapes.items():
        own = _parts(len(mine))
        first = int(share_of(shape) * parts)
        for planned, question in mine:
            part = int(share_of(question) * own)
            yield planned, (first + part * (parts // own)) % parts


def _question(planned: PlannedCheck) -> str:
    """Write what a check asks, the same at any moment."""
    try:
        queries = planned.check.ask(_ANY_MOMENT)
    except Exception:  # noqa: BLE001  # the look itself will say what is wrong with the plugin
        return planned.id
    return "|".join(one.text if isinstance(one, Rows) else repr(one) for one in queries)
