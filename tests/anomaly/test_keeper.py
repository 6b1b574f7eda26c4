from datetime import datetime

import numpy as np
import pytest

from monitor.anomaly.arrays import Floats
from monitor.anomaly.cube import Labels
from monitor.anomaly.keeper import Kept, Known, caught_up
from monitor.anomaly.series import bucket_number
from tests.anomaly.world import START, business, settings

DAYS = 30
HOUR = 28 * 24 + 9
SLICES: list[Labels] = [(("model", name),) for name in ("a", "b", "c", "d")]
ASKED = settings(budget=0.5)
FIRST = bucket_number(START, ASKED)


def known(values: Floats, hours: int, rebased: dict[Labels, datetime] | None = None) -> Known:
    return Known(SLICES, FIRST, values[:, :hours], None, rebased or {})


def verdicts(kept: Kept) -> list[tuple[float, float, bool]]:
    return [(one.value, one.expected, one.is_anomaly) for one in kept.watch.cells()]


def alarms(kept: Kept) -> list[Labels]:
    cells = kept.watch.cells()
    return [cells[i].labels for i in kept.watch.causes(cells, 5)]


def ticked(values: Floats, since: int, until: int) -> Kept:
    kept = caught_up(None, ASKED, known(values, since))
    for hour in range(since + 1, until + 1):
        kept = caught_up(kept, ASKED, known(values, hour))
    return kept


@pytest.mark.long
def test_ticks_and_a_start_from_history_agree_to_the_last_bit() -> None:
    values = business(4, DAYS)
    np.testing.assert_equal(
        verdicts(ticked(values, 27 * 24 + 5, HOUR)),
        verdicts(caught_up(None, ASKED, known(values, HOUR))),
    )


def test_the_slice_that_falls_is_named_and_the_total_is_not() -> None:
    values = business(4, DAYS)
    values[2, HOUR : HOUR + 3] = np.round(0.6 * values[2, HOUR : HOUR + 3])
    assert alarms(ticked(values, HOUR - 2, HOUR + 2)) == [SLICES[2]]


@pytest.mark.long
def test_a_restated_bucket_is_judged_again_and_is_told_to_be_restated() -> None:
    partial, final = business(4, DAYS), business(4, DAYS)
    partial[1, HOUR] = np.round(0.5 * partial[1, HOUR])
    before = ticked(partial, HOUR - 3, HOUR + 1)
    after = caught_up(before, ASKED, known(final, HOUR + 1))
    assert alarms(before) == [SLICES[1]]
    assert alarms(after) == []
    assert after.is_restated
    assert caught_up(after, ASKED, known(final, HOUR + 1)).is_restated


@pytest.mark.long
def test_a_restated_past_gives_the_verdicts_of_a_start_from_history() -> None:
    partial, final = business(4, DAYS), business(4, DAYS)
    partial[:, HOUR - 30] *= 0.5
    kept = ticked(partial, HOUR - 40, HOUR - 1)
    np.testing.assert_equal(
        verdicts(caught_up(kept, ASKED, known(final, HOUR))),
        verdicts(caught_up(None, ASKED, known(final, HOUR))),
    )


@pytest.mark.long
def test_an_accepted_level_is_normal_at_once_and_after_a_restart() -> None:
    values = business(4, DAYS)
    values[3, HOUR:] = np.round(0.7 * values[3, HOUR:])
    seen = HOUR + 6
    accepted = {SLICES[3]: START + (seen) * ASKED.bucket}
    before = ticked(values, HOUR - 1, seen)
    after = before
    for hour in range(seen + 1, seen + 5):
        after = caught_up(after, ASKED, known(values, hour, accepted))
        assert alarms(after) == []
    assert alarms(before) == [SLICES[3]]
    restarted = caught_up(None, ASKED, known(values, seen + 4, accepted))
    np.testing.assert_equal(verdicts(restarted), verdicts(after))


@pytest.mark.long
def test_a_new_slice_does_not_disturb_the_others() -> None:
    values = business(4, DAYS)
    kept = ticked(values, HOUR - 1, HOUR)
    more = np.vstack([values, np.full((1, values.shape[1]), np.nan)])
    more[4, HOUR] = 500.0
    slices = [*SLICES, (("model", "e"),)]
    found = caught_up(kept, ASKED, Known(slices, FIRST, more[:, : HOUR + 1], None, {}))
    assert len(found.watch.slices) == 5
    assert alarms(found) == []
