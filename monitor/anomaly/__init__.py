"""Find unusual buckets in business metrics: pure numerics on numpy arrays.

No clock, randomness, I/O, logging or threads; every moment is an argument.
"""

from monitor.anomaly.model import Learning, Missing, Point, Replay, Series, Settings
from monitor.anomaly.replay import judge_latest, replay
from monitor.anomaly.series import Gridded, regular

__all__ = [
    "Gridded",
    "Learning",
    "Missing",
    "Point",
    "Replay",
    "Series",
    "Settings",
    "judge_latest",
    "regular",
    "replay",
]
