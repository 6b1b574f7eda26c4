"""How rare scores are in the whole check: one tail for buckets and windows, one for leaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.anomaly.arrays import Floats
from monitor.anomaly.model import Settings
from monitor.anomaly.tail import Tail

# The part of the budget that the daily test for leaks may spend.
LEAK_SHARE = 0.5
# No score of a leak below this is told: the lines through the weeks are uncertain in a way that
# past scores know too late.
LEAST_LEAK = 2.0


@dataclass(frozen=True)
class Tails:
    """The tails of one block, from the blocks before it; None while too little is known.

    is_alone: whether they are of one slice, judged by itself.
    """

    settings: Settings
    fast: Tail | None
    leak: Tail | None
    is_alone: bool = False

    @property
    def threshold(self) -> float:
        """The score that buckets may reach within their share of the budget; NaN unknown."""
        budget = self.settings.false_alarms_per_month * (1.0 - LEAK_SHARE)
        return self.fast.threshold(budget) if self.fast else np.nan

    @property
    def leak_threshold(self) -> float:
        """The same for leaks."""
        budget = self.settings.false_alarms_per_month * LEAK_SHARE
        return max(self.leak.threshold(budget), LEAST_LEAK) if self.leak else np.nan

    def of_leaks(self, leak: Floats) -> tuple[Floats, Floats]:
        """Return the scores of buckets that are as rare, each within its share, and the rates.

        Both NaN where a tail is unknown. The rate is of the whole check, all tests together.
        """
        unknown = np.full(leak.shape, np.nan)
        if self.fast is None or self.leak is None:
            return unknown, unknown
        rate = self.leak.rate(leak)
        share = (1.0 - LEAK_SHARE) / LEAK_SHARE
        rare = np.flatnonzero(leak > self.leak_threshold)
        unknown[rare] = [self.fast.threshold(max(one * share, 1e-9)) for one in rate[rare]]
        return unknown, rate / LEAK_SHARE
