"""Labelled real series of the Numenta Anomaly Benchmark, one default setting for all.

nyc_taxi (30 minutes) and six realAdExchange series (hourly); each file is its own check. The
budget of 1 false alarm per 30 days is the default; others show the trade. An event is found
when an alarm begins in its labelled window; every other alarm is false; alarms less than
6 hours apart are one. What is judged begins when the detector stops learning; weeks are the
judged weeks outside the windows. Labels are used to count, never to tune.

The data is not part of the project: give its folder as argument or in NAB_DATA.
"""

from __future__ import annotations

import csv
import json
import os
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from monitor.anomaly.arrays import Bools
from monitor.anomaly.model import Replay, Settings
from monitor.anomaly.replay import replay
from monitor.anomaly.series import regular

DEFAULT = Path(__file__).resolve().parents[2] / ".." / "shared" / "data" / "nab"
# The first is the default, told file by file.
BUDGETS_PER_MONTH = (1.0, 0.1, 0.2, 0.25, 0.3, 0.4, 2.0, 4.0)
MERGE = timedelta(hours=6)
# Rates of false alarms a week at which the best single threshold is told.
RATES = (0.10, 0.25)
GROUPS = ("nyc_taxi", "exchange")

Result = tuple[int, int, int, float]  # events judged, found, false alarms, weeks


@dataclass(frozen=True)
class File:
    """One judged file: its replay, labelled windows that were judged, weeks outside them."""

    judged: Replay
    windows: list[tuple[datetime, datetime]]
    weeks: float

    def count(self, is_anomaly: Bools) -> Result:
        """Count events and false alarms for these alarms, shape (buckets,)."""
        found, false = set(), 0
        for at in alarms(self.judged, is_anomaly):
            hit = [i for i, (a, b) in enumerate(self.windows) if a <= at <= b]
            found.update(hit)
            false += not hit
        return len(self.windows), len(found), false, self.weeks


def read(path: Path) -> list[tuple[datetime, float]]:
    """Read a file of (timestamp, value); its naive times are taken as UTC."""
    with path.open() as lines:
        return [(moment(row["timestamp"]), float(row["value"])) for row in csv.DictReader(lines)]


def moment(text: str) -> datetime:
    """Read a naive time as UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def alarms(judged: Replay, is_anomaly: Bools) -> list[datetime]:
    """Return the beginnings of alarms."""
    starts: list[datetime] = []
    last: datetime | None = None
    for index in np.flatnonzero(is_anomaly):
        at = judged.starts[index]
        if last is None or at - last >= MERGE:
            starts.append(at)
        last = at
    return starts


def judge(path: Path, windows: list[list[str]], budget: float) -> File:
    """Replay a file as a check of its own."""
    points = read(path)
    bucket = timedelta(minutes=30) if path.name.startswith("nyc") else timedelta(hours=1)
    settings = Settings(bucket, "UTC", "both", budget, 0.0)
    judged = replay([regular(points, (), settings).series], settings, points[0][0])
    first = judged.starts[int(np.argmax(np.isfinite(judged.score[0])))]
    spans = [(max(moment(a), first), moment(b)) for a, b in windows if moment(b) > first]
    inside = sum((b - a for a, b in spans), timedelta(0))
    return File(judged, spans, (judged.starts[-1] - first - inside) / timedelta(weeks=1))


def in_hindsight(files: list[File], rate: float) -> Result:
    """Return the most events that one fixed threshold finds at so many false alarms a week.

    It is chosen with the labels, as in the published tables of this benchmark: it tells how
    well the scores are ordered, not what one would have had.
    """
    best: Result = (0, -1, 0, 1.0)
    for threshold in np.arange(2.0, 20.0, 0.25):
        counts = [one.count(one.judged.score[0] > threshold) for one in files]
        events, found, false = (sum(int(c[i]) for c in counts) for i in range(3))
        weeks = sum(c[3] for c in counts)
        if false / weeks <= rate and found > best[1]:
            best = (events, found, false, weeks)
    return best


def files(results: dict[str, Result]) -> None:
    """Print one line per file."""
    print(f"{'file':28}{'judged':>8}{'found':>8}{'false':>8}{'weeks':>8}{'false/week':>12}")
    for name, (events, found, false, weeks) in results.items():
        print(f"{name:28}{events:8}{found:8}{false:8}{weeks:8.1f}{false / weeks:12.2f}")


def summary(group: str, results: list[Result]) -> None:
    """Print one line for a group of files."""
    events, found, false = (sum(int(one[i]) for one in results) for i in range(3))
    weeks = sum(one[3] for one in results)
    print(f"{group}: {found} of {events} events found, {false / weeks:.2f} false alarms a week")


def hindsight(judged: dict[str, File]) -> None:
    """Print what one threshold per group, chosen with the labels, would have found."""
    for group in GROUPS:
        chosen = [one for name, one in judged.items() if name.startswith(group)]
        for rate in RATES:
            events, found, false, weeks = in_hindsight(chosen, rate)
            print(
                f"{group}: {found} of {events} with the best fixed threshold at <= {rate:.2f} a "
                f"week ({false / weeks:.2f})"
            )


def main() -> int:
    """Print one table per budget."""
    given = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NAB_DATA", DEFAULT)
    folder = Path(given)
    if not (folder / "windows.json").exists():
        print(f"skipped: no NAB data in {folder}")
        return 0
    labels = json.loads((folder / "windows.json").read_text())
    for budget in BUDGETS_PER_MONTH:
        week = budget * 7 / 30
        print(f"\nbudget {budget:g} per file and 30 days ({week:.2f} a week), both directions")
        judged = {name: judge(folder / name, labels[name], budget) for name in sorted(labels)}
        results = {name: one.count(one.judged.is_anomaly[0]) for name, one in judged.items()}
        if budget == BUDGETS_PER_MONTH[0]:
            files(results)
            hindsight(judged)
        for group in GROUPS:
            summary(group, [result for name, result in results.items() if name.startswith(group)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
