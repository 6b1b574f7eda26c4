from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.model import Unit
from monitor.render.units import duration, local, number, since

NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (7200, Unit.SECONDS, "2h"),
        (0.3, Unit.SECONDS, "300ms"),
        (0.9999, Unit.SECONDS, "1s"),
        (0, Unit.SECONDS, "0s"),
        (93_784, Unit.SECONDS, "1d 2h"),
        (-90, Unit.SECONDS, "-1m 30s"),
        (0.12, Unit.SHARE, "12 %"),
        (0.005, Unit.SHARE, "0.5 %"),
        (12_345, Unit.NUMBER, "12,345"),
        (3.14159, Unit.NUMBER, "3.14"),
        (4_200_000_000, Unit.BYTES, "4.2 GB"),
        (512, Unit.BYTES, "512 B"),
        (float("inf"), Unit.SECONDS, "inf"),
        (float("nan"), Unit.NUMBER, "nan"),
    ],
)
def test_numbers_are_written_in_their_unit(value: float, unit: Unit, text: str) -> None:
    assert number(value, unit) == text


def test_how_long_ago_is_never_negative() -> None:
    assert since(NOW - timedelta(minutes=90), NOW) == "1h 30m"
    assert since(NOW + timedelta(minutes=1), NOW) == "0s"


def test_moments_are_written_in_the_zone_of_the_reader() -> None:
    assert local(NOW, "Asia/Kolkata") == "Tue 24 Nov 09:00"
    assert local(NOW, "America/New_York") == "Mon 23 Nov 22:30"


def test_moments_that_a_zone_cannot_write_are_its_last() -> None:
    for_ever, never = datetime.max.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC)
    assert local(for_ever, "Asia/Kolkata") == "Wed 01 Jan 05:30"
    assert local(never, "America/New_York") == "Mon 31 Dec 19:03"


def test_a_duration_has_its_two_largest_parts() -> None:
    assert duration(timedelta(hours=2, minutes=16, seconds=30)) == "2h 16m"
