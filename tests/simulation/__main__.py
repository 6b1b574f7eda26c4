"""Replay histories by their number: `python -m tests.simulation 1234 [5678...]`."""

import sys
import time

from tests.simulation.invariants import violations
from tests.simulation.life import run

started = time.process_time()
for text in sys.argv[1:]:
    first, _, last = text.partition("-")
    for seed in range(int(first), int(last or first) + 1):
        sim = run(seed)
        for line in violations(sim):
            print(f"seed {seed}: {line}")  # noqa: T201  # a program for a shell
        if not last:
            for name, phone in sim.phones.items():
                for one in phone._arrived:
                    print(one.life, one.note.at.time(), name, one.note.key, one.note.reason)  # noqa: T201  # as above
print(f"{time.process_time() - started:.2f} s of CPU")  # noqa: T201  # as above
