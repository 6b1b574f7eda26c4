"""A long window is asked in pieces where the query lets it: with ``{{ until }}``."""

from dataclasses import dataclass
from datetime import datetime

from monitor.anomaly.model import DAY, Settings
from monitor.anomaly.series import bucket_number, bucket_start
from monitor.api.reading import UNTIL

ROWS = 50_000
"""About so many rows a piece has: sources stop at 100,000 (Trino) and 200,000 (SQL)."""

FASTER = 4
"""How much longer than the one before a piece may be."""


@dataclass(frozen=True)
class Piece:
    """A part of a window, in buckets [lo, hi); the last one ends now (None)."""

    settings: Settings
    lo: int
    hi: int | None
    end: int

    @property
    def since(self) -> datetime:
        """Its first moment."""
        return bucket_start(self.lo, self.settings)

    @property
    def until(self) -> datetime | None:
        """The moment behind it."""
        return None if self.hi is None else bucket_start(self.hi, self.settings)

    def after(self, rows: int) -> "Piece | None":
        """Return the piece behind this one, which had so many rows; None behind the last."""
        if self.hi is None:
            return None
        width = self.hi - self.lo
        fits = width * ROWS // max(rows, 1)
        width = max(min(fits, FASTER * width), 1)
        return _cut(self.settings, self.hi, width, self.end)


def first_piece(text: str, settings: Settings, since: datetime, now: datetime) -> Piece:
    """Begin a window that reaches until now: with a day, or all at once without ``{{ until }}``."""
    lo, end = bucket_number(since, settings), bucket_number(now, settings)
    if not UNTIL.search(text):
        return Piece(settings, lo, None, end)
    return _cut(settings, lo, max(1, DAY // settings.bucket), end)


def _cut(settings: Settings, lo: int, width: int, end: int) -> Piece:
    return Piece(settings, lo, lo + width if lo + width < end else None, end)
