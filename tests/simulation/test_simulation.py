"""Histories drawn from seeds: a few here, ten thousand where CI=true.

A seed that fails is replayed by `python -m tests.simulation SEED`.
"""

import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import islice

from tests.often import IN_CI
from tests.simulation.invariants import violations
from tests.simulation.life import run

FIRST = int(os.environ.get("SIMULATION_SEED", "1"))
SEEDS = 10_000 if IN_CI else 8
LEAST = 1_000
MOST_SECONDS = 900
"""How long the histories may take; a machine that is too slow for all says how many it ran."""


def wrong(seeds: tuple[int, ...]) -> list[str]:
    return [f"seed {seed}: {text}" for seed in seeds for text in violations(run(seed))]


def all_wrong(seeds: range) -> Iterator[str]:
    groups = [tuple(islice(seeds, at, at + 50)) for at in range(0, len(seeds), 50)]
    if len(groups) == 1:
        yield from wrong(groups[0])
        return
    until = time.monotonic() + MOST_SECONDS
    with ProcessPoolExecutor(os.cpu_count()) as processes:
        for number, found in enumerate(processes.map(wrong, groups), 1):
            yield from found
            if time.monotonic() > until and number * 50 >= LEAST:
                sys.__stdout__.write(f"\nSIMULATION: only {number * 50} of {len(seeds)} seeds, ")  # type: ignore[union-attr]
                sys.__stdout__.write(f"this machine is too slow for more in {MOST_SECONDS} s\n")  # type: ignore[union-attr]
                processes.shutdown(cancel_futures=True)  # what runs is waited for: none is left
                return


def test_no_history_of_faults_loses_doubles_or_hides_anything() -> None:
    found = list(all_wrong(range(FIRST, FIRST + SEEDS)))
    assert found == [], "\n".join(found[:20])


def test_a_seed_replays_exactly() -> None:
    def story(seed: int) -> list[tuple[str, str, object]]:
        sim = run(seed)
        return [
            (name, one.note.key, one.at) for name, p in sim.phones.items() for one in p._arrived
        ]

    assert story(97) == story(97)
    assert story(97) != story(98)
