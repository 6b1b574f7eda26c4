"""What is remembered, and that nothing of what is over is."""

from collections.abc import Sized
from datetime import timedelta

from monitor.core.advance import Finding
from monitor.core.book import Memory
from monitor.core.external import check_of
from monitor.core.model import Outcome, Tier, Verdict
from tests.core.test_advance import Day

HOUR = timedelta(hours=1)


def sizes(memory: Memory) -> dict[str, int]:
    found = {name: len(value) for name, value in vars(memory).items() if isinstance(value, Sized)}
    del found["closed"]  # it holds a thousand names at most
    return found


def test_nothing_is_left_of_what_was_over_hours_ago() -> None:
    day = Day()
    day.finds(table=Outcome.WARN)
    day.finds(table=Outcome.PAGE, dash=Outcome.WARN, metric=Outcome.PAGE, stray=Outcome.WARN)
    day.finds(table=Outcome.OK, dash=Outcome.WARN, metric=Outcome.PAGE, stray=Outcome.OK)
    alien = tuple(
        Verdict(check_of({"alertname": f"A{n}"}), (), day.at, Outcome.WARN, Tier.WARN, "it is sent")
        for n in range(50)
    )
    day.does([Finding(one.check, None, (one,), is_partial=True) for one in alien])
    assert len(day.memory.incidents) == 50
    day.finds(dash=Outcome.OK, metric=Outcome.OK)
    well = (Verdict(one.check, (), day.at, Outcome.OK) for one in alien)
    day.does([Finding(one.check, None, (one,), is_partial=True) for one in well])
    for _ in range(6):
        day.at += HOUR
        day.does()
    assert {name: size for name, size in sizes(day.memory).items() if size} == {}
