"""History strips: one block an hour, as SVG; hours that are alike are one block."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import groupby

from markupsafe import Markup, escape

from monitor.core.model import Outcome

NOTHING = "-"
UNKNOWN = NOTHING * 24
WORDS = {
    "p": "page",
    "w": "warn",
    "e": "error",
    "n": "no data",
    "s": "skipped",
    "b": "under a cause",
    "l": "waiting",
}
"""What a letter of a day means, where it is not good."""


class Window:
    """The last hours before a moment, the running one last."""

    def __init__(self, now: datetime, hours: int) -> None:
        """Find out once which days they are of."""
        end = now.astimezone(UTC)
        count = (hours - 1) // 24 + 2
        self.days = [end.date() - timedelta(days=ago) for ago in reversed(range(count))]
        self._end = (count - 1) * 24 + end.hour + 1
        self._begin = self._end - hours

    def letters(self, days: Mapping[date, str]) -> str:
        """Return a letter for each hour."""
        return self.cut([days.get(day, UNKNOWN) for day in self.days])

    def cut(self, texts: Iterable[str]) -> str:
        """Return the letters of the hours out of those of ``days``."""
        return "".join(texts)[self._begin : self._end]


@lru_cache(maxsize=10_000)
def strip(text: str, *, is_long: bool = False) -> Markup:
    """Draw letters; readers of the screen hear how many hours were not good."""
    counts = {word: text.count(letter) for letter, word in WORDS.items() if letter in text}
    said = ", ".join(f"{count} h {word}" for word, count in counts.items()) or "all good"
    if not text.strip(NOTHING):
        said = "nothing known"
    blocks, x = [], 0
    for letter, same in groupby(text):
        width = len(list(same))
        kind = f' class="{letter}"' if letter != NOTHING else ""
        blocks.append(f'<rect{kind} x="{x}" width="{width}" height="9"/>')
        x += width
    size = "strip long" if is_long else "strip"
    # Everything in it is a letter of ours, a number or one of the words above.
    return Markup(  # noqa: S704  # see above
        f'<svg class="{size}" viewBox="0 0 {len(text)} 9" preserveAspectRatio="none" role="img" '
        f'aria-label="last {len(text)} hours: {escape(said)}">{"".join(blocks)}</svg>'
    )


def key(letter: str) -> Markup:
    """Draw one block, for the legend."""
    made = (
        f'<svg class="strip" viewBox="0 0 9 9" aria-hidden="true"><rect class="{escape(letter)}" '
    )
    return Markup(made + 'width="9" height="9"/></svg>')  # noqa: S704  # as above


def outcome_class(outcome: Outcome | None) -> str:
    """Name what a check is now; ``not yet`` before its first look."""
    return str(outcome) if outcome is not None else "not yet"
