"""When checks look first."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bench.pages.__main__ import NOW, plan_of
from monitor.engine.beats import beats_of
from monitor.engine.schedule import FIRST_LOOK_WITHIN, Calendar


@pytest.mark.parametrize("every", [timedelta(seconds=1), timedelta(hours=1)])
def test_first_looks_are_spread_over_seconds_and_never_later_than_the_interval(
    every: timedelta,
) -> None:
    checks = {
        name: replace(planned, schedule=replace(planned.schedule, every=every))
        for name, planned in plan_of(100).checks.items()
    }
    within = min(every, FIRST_LOOK_WITHIN)
    calendar = Calendar()
    calendar.plan(checks, beats_of(checks), NOW)
    early = {check for one in calendar.due(NOW + within / 2) for check in one.checks}
    assert 20 < len(early) < 80
    late = {check for one in calendar.due(NOW + within) for check in one.checks}
    assert early | late == checks.keys()
