from datetime import UTC, date, datetime

from monitor.web.strips import Window, strip

NOW = datetime(2026, 11, 24, 3, 30, tzinfo=UTC)
TODAY, YESTERDAY = date(2026, 11, 24), date(2026, 11, 23)


def test_the_last_hours_end_with_the_running_one() -> None:
    days = {TODAY: "owpe" + "-" * 20, YESTERDAY: "-" * 23 + "b"}
    assert Window(NOW, 5).letters(days) == "bowpe"
    assert Window(NOW, 1).letters(days) == "e"
    assert Window(NOW, 24).letters({}) == "-" * 24
    assert len(Window(NOW, 720).letters(days)) == 720


def test_hours_that_are_alike_are_one_block_and_the_bad_ones_are_said() -> None:
    drawn = strip("oooowwo")
    assert drawn.count("<rect") == 3
    assert 'aria-label="last 7 hours: 2 h warn"' in drawn
    assert "nothing known" in strip("----")
    assert "all good" in strip("oo")
