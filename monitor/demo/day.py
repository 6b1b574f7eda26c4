"""The scripted day: what goes wrong on the demo's platform, and when. Local time is IST (+5:30).

19:30  impressions of the model `watch` fall by a third for three hours
21:40  the ranker's predictions get slow for an hour and a half
22:00  opt-outs of `ctr`, variant B, rise by 70 % and stay there
00:30  the Spark roll-up misses four hours; the executive dashboard goes stale because of it
02:00  a storm of dashboard queries holds Trino for fifty minutes
03:00  the nightly training of `ctr` starts, ends well half an hour later, and says so
04:00  the growth team's pipeline fails: nobody else's business but theirs
09:00  the digest
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from monitor.demo.warehouse import Warehouse
from monitor.testing.prometheus import LatencyPoint

TIMEZONE = "Asia/Kolkata"


def ist(text: str) -> datetime:
    """Read a local moment of the demo, as ``2026-11-23T18:00``."""
    return datetime.fromisoformat(f"{text}:00+05:30").astimezone(UTC)


START = ist("2026-11-23T18:00")
END = ist("2026-11-24T09:10")
SLOW = (ist("2026-11-23T21:40"), ist("2026-11-23T23:10"))
STORM = (ist("2026-11-24T02:00"), ist("2026-11-24T02:50"))
MISSING = tuple(ist("2026-11-24T00:30") + timedelta(hours=hours) for hours in range(4))
PINGS = (
    (ist("2026-11-24T03:00"), "/api/v1/ping/train-ctr/start"),
    (ist("2026-11-24T03:30"), "/api/v1/ping/train-ctr/0"),
)
"""What jobs tell the monitor, when."""

GROWTH_ENDS = ist("2026-11-24T03:30")


def script(warehouse: Warehouse) -> None:
    """Tell the warehouse what will go wrong."""
    warehouse.missing_hours = frozenset(MISSING)
    warehouse.growth_ends_at = GROWTH_ENDS
    warehouse.charts_stop_at = MISSING[0] + timedelta(minutes=15)
    fall = (ist("2026-11-23T19:30"), ist("2026-11-23T22:30"))
    rise = (ist("2026-11-23T22:30"), END)
    warehouse.effects = (
        (*fall, "watch", "*", "impressions", 0.65),
        (*rise, "ctr", "B", "opt_outs", 1.7),
    )


def latencies(now: datetime) -> Sequence[LatencyPoint]:
    """Return the latency of each prediction service at a moment."""
    is_slow = SLOW[0] <= now < SLOW[1]
    return [
        LatencyPoint((("model", "ctr"),), rate=120.0, median_seconds=0.030, sigma=0.4),
        LatencyPoint((("model", "watch"),), rate=80.0, median_seconds=0.035, sigma=0.4),
        LatencyPoint(
            (("model", "ranker"),),
            rate=200.0,
            median_seconds=0.45 if is_slow else 0.045,
            sigma=0.5 if is_slow else 0.4,
        ),
    ]
