"""The past scores of all slices of a check: what the tail of chance is learned from.

Incidents must not teach it, or the check goes blind for weeks after one; but leaving out every
alarm would shorten the tail and raise the number of false alarms. So alarms stay, as many as
chance explains.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass, field

import numpy as np

from monitor.anomaly.arrays import Floats
from monitor.anomaly.model import MONTH
from monitor.anomaly.tail import ENOUGH, TAIL_MOST, Sample, Tail, fit

# Scores of so many blocks (days) tell how rare a score is; the last week tells how many come.
TAIL_BLOCKS, RECENT_BLOCKS = 56, 7
# Alarms of this many slices in the same 6 hours, beyond chance, have one cause: those hours
# teach nothing about any slice.
COMMON_CAUSE = 3
# So many times the alarms that the budget explains are kept, the lowest ones. Measured with
# bench/anomaly: at 1 the pool forgets its own false alarms and realises twice the budget; at 2 it
# realises the budget; at 3 a check of one slice gets half of it.
KEPT = 2.0
# Chance hardly passes its threshold by half; what does is an incident and teaches nothing.
CLEAR = 1.5
# Before there is a tail, a score of so many spreads is taken for an incident.
FIRST_THRESHOLD = 8.0
# A block keeps its highest scores, and about so many of the others.
BODY_OF_BLOCK, ALARMS_OF_BLOCK = 1000, 5000


@dataclass(frozen=True)
class Block:
    """The runs of one block.

    top: the highest of those that were no alarm. body: every `every`-th of the others, ascending.
    alarms: the lowest of those that were. count: of all.
    """

    top: Floats
    body: Floats
    every: int
    alarms: Floats
    count: int


@dataclass
class Pool:
    """Runs of scores by block.

    budget: alarms per 30 days. days: length of a block. enough, dependent: see `tail.fit`.
    """

    budget: float
    days: float
    enough: int = ENOUGH
    dependent: float = 1.0
    blocks: list[Block] = field(default_factory=list)

    def add(self, highest: Floats, threshold: float) -> None:
        """Add a block: highest (slices, runs), NaN where not scored; threshold NaN if none."""
        known = np.isfinite(highest)
        alarm = known & (highest > (threshold if np.isfinite(threshold) else FIRST_THRESHOLD))
        by_chance = self.budget / (MONTH.days / self.days) / max(highest.shape[1], 1)
        clear = known & (highest > CLEAR * threshold)
        common = np.sum(alarm, axis=0) > COMMON_CAUSE * (1.0 + by_chance)
        calm = np.sort(highest[known & ~alarm & ~common])
        every = max(1, len(calm) // BODY_OF_BLOCK)
        cut = max(0, len(calm) - TAIL_MOST) if every > 1 else 0
        alarms = np.sort(highest[alarm & ~common & ~clear])[:ALARMS_OF_BLOCK]
        body = calm[:cut][::every]
        self.blocks.append(Block(calm[cut:], body, every, alarms, int(np.sum(known))))
        del self.blocks[:-TAIL_BLOCKS]

    def tail(self) -> Tail | None:
        """Fit the tail to what is known so far; None when that is too little."""
        recent = [block.count for block in self.blocks[-RECENT_BLOCKS:] if block.count]
        if not recent:
            return None
        per_month = sum(recent) / (len(recent) * self.days) * MONTH.days
        by_chance = self.budget * len(self.blocks) * self.days / MONTH.days
        kept = int(KEPT * (by_chance + 1.0))
        alarms = np.sort(np.concatenate([block.alarms for block in self.blocks]))[:kept]
        top = np.concatenate([*(block.top for block in self.blocks), alarms])
        body = np.concatenate([block.body for block in self.blocks])
        weight = np.repeat(
            [float(block.every) for block in self.blocks],
            [len(block.body) for block in self.blocks],
        )
        return fit(Sample(top, body, weight), per_month, self.enough, self.dependent)


def highest(score: Floats, cluster: int) -> Floats:
    """Return the highest score of each run of `cluster` buckets; NaN where none was scored."""
    short = -score.shape[1] % cluster
    if short:
        score = np.pad(score, ((0, 0), (0, short)), constant_values=np.nan)
    runs = score.reshape(len(score), -1, cluster)
    # One bucket of all runs after another: many times faster than along runs of a few buckets.
    result: Floats = functools.reduce(np.fmax, (runs[:, :, i] for i in range(cluster)))
    return result
