from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from monitor.core.model import Unit
from monitor.core.series import Point, Series
from monitor.render.alert_chart import chart_of, charts_of
from monitor.render.chart import HEIGHT, TOP, svg
from monitor.render.samples import metric

AT = datetime(2026, 11, 24, tzinfo=UTC)
HOUR = timedelta(hours=1)
SVG = "{http://www.w3.org/2000/svg}"


def drawn(series: Series) -> ET.Element:
    return ET.fromstring(svg(series, "UTC"))  # noqa: S314  # our own drawing


def line(series: Series, kind: str = "line") -> str:
    found = drawn(series).find(f"{SVG}path[@class='{kind}']")
    assert found is not None
    return found.get("d", "")


def hours(*numbers: int) -> Series:
    points = tuple(Point(AT + n * HOUR, 100.0 + n, 50, 150, 100) for n in numbers)
    return Series("c", (), "value", Unit.NUMBER, points)


def test_the_chart_of_an_alert_has_all_hours_of_four_weeks_and_their_mark() -> None:
    (chart,) = charts_of(metric())
    assert len(chart.points) == 28 * 24 - 12
    assert chart.mark == chart.points[-9].at
    assert svg(chart, "Asia/Kolkata").count("L") > 3 * 600
    (mark,) = drawn(chart).findall(f"{SVG}line[@class='mark']")
    assert float(mark.get("x1", "0")) > 600
    assert "since Mon 23 Nov 18:30" in svg(chart, "UTC")


def test_hours_without_numbers_are_a_gap_and_not_a_line_across() -> None:
    assert line(hours(*range(20))).count("M") == 1
    with_gap = hours(*range(8), *range(14, 20))
    assert line(with_gap).count("M") == 2
    assert line(with_gap, "band").count("M") == 2
    assert line(with_gap, "expected").count("M") == 2


def test_what_left_its_band_is_marked_within_the_picture() -> None:
    odd = hours(*range(10))
    odd = replace(odd, points=(*odd.points[:-1], replace(odd.points[-1], value=-40.0)))
    (circle,) = drawn(odd).findall(f"{SVG}circle")
    assert TOP <= float(circle.get("cy", "0")) <= HEIGHT


def test_a_single_point_and_a_mark_outside_are_drawn_without_an_error() -> None:
    assert drawn(hours(1)).find(f"{SVG}path[@class='line']") is not None
    late = replace(hours(1, 2), mark=AT - HOUR)
    assert drawn(late).findall(f"{SVG}line[@class='mark']") == []


@pytest.mark.parametrize(
    "chart",
    [
        None,
        "four weeks",
        {},
        {"start": "soon"},
        {"start": AT.isoformat(), "bucket_seconds": "x"},
        {"start": AT.isoformat(), "bucket_seconds": 60, "value": [1], "low": [], "high": []},
        {"start": AT.isoformat(), "bucket_seconds": 1e300, **dict.fromkeys("ab")},
    ],
)
def test_evidence_that_is_no_chart_is_left_out(chart: Any) -> None:
    assert chart_of("c", (), {"chart": chart}) is None
    assert chart_of("c", (), None) is None


@pytest.mark.parametrize("value", [0.0, 5.0, -5.0, 1e14, 1e300, -1e300])
def test_what_never_changes_is_a_line_in_the_picture(value: float) -> None:
    flat = replace(hours(0, 1, 2), points=tuple(Point(AT + n * HOUR, value) for n in range(3)))
    places = [float(one.split()[1]) for one in line(flat).removeprefix("M").split(" L")]
    assert all(0 < y < HEIGHT for y in places)
