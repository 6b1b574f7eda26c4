from datetime import UTC, datetime, timedelta

from monitor.core.model import OnCall, Unit
from monitor.core.night import night_lines
from monitor.core.series import Peak, Point, Series
from monitor.core.world import CheckFacts, World

START = datetime(2026, 11, 24, tzinfo=UTC)
CHECKS = {
    "load": CheckFacts("load", "trino_load", (), "adhoc", resource="trino.adhoc"),
    "slow": CheckFacts("slow", "latency", (), "serving"),
    "rows": CheckFacts("rows", "threshold", (), "kpi"),
}
WORLD = World(CHECKS, OnCall((), ()))


def series(check: str, measure: str, *values: float, peak: Peak | None = None) -> Series:
    points = tuple(Point(START + timedelta(minutes=n), v) for n, v in enumerate(values))
    return Series(check, (), measure, Unit.NUMBER, points, (peak,) if peak else ())


def test_a_cluster_comes_before_services_with_typical_and_worst() -> None:
    holders = [{"user": "etl", "source": "airflow", "share": 0.62}, {"user": "bi"}]
    peak = Peak(START + timedelta(minutes=2), 90, {"holders": holders})
    queue, p99 = night_lines(
        [series("slow", "p99", 1, 2), series("load", "queued", 1, 2, 90, 3, peak=peak)], WORLD
    )
    assert (queue.resource, queue.typical, queue.p95, queue.worst) == ("trino.adhoc", 3, 90, 90)
    assert queue.worst_at == START + timedelta(minutes=2)
    assert queue.holders == ("etl through airflow 62%", "bi")
    assert p99.check == "slow"


def test_the_worst_of_workers_is_the_least() -> None:
    (line,) = night_lines([series("load", "workers", 1.0, 0.8, 1.0)], WORLD)
    assert (line.worst, line.typical) == (0.8, 1.0)


def test_measures_that_nobody_asks_for_in_the_morning_are_left_out() -> None:
    assert night_lines([series("rows", "value", 1), series("load", "heap", 1)], WORLD) == ()
