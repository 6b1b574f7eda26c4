"""Cells of answers, as moments."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from monitor.api.answer import Row, as_moment

NOON = datetime(2026, 12, 1, 12, tzinfo=UTC)
IST = timezone(timedelta(hours=5, minutes=30))


@pytest.mark.parametrize(
    ("cell", "moment"),
    [
        (None, None),
        (NOON, NOON),
        (NOON.replace(tzinfo=None), NOON),
        (NOON.astimezone(IST), NOON),
        (NOON.timestamp(), NOON),
        ("2026-12-01 12:00:00", NOON),
        ("2026-12-01T17:30+05:30", NOON),
        (date(2026, 12, 1), NOON.replace(hour=0)),
    ],
)
def test_moments_are_read_as_databases_give_them(cell: object, moment: datetime | None) -> None:
    assert as_moment(cell) == moment
    assert Row({"t": cell}).moment("t") == moment


@pytest.mark.parametrize(
    "cell", ["yesterday", "", True, float("nan"), float("inf"), 1.7e12, 10**30, -1e18]
)
def test_what_is_no_moment_is_said_with_its_column(cell: object) -> None:
    with pytest.raises(ValueError, match=r"^column 't' holds .*, which is no moment"):
        Row({"t": cell}).moment("t")


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="no column 'at'; it has: t"):
        Row({"t": NOON}).moment("at")
