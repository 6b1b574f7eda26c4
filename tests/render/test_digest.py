import json
from dataclasses import replace

from monitor.core.digest import Coverage, MetricCell, Mood, NotRun
from monitor.core.model import Outcome
from monitor.render.digest import as_html, as_json, as_text, cell_text, verdict_line
from tests.render.sample import digest

CLEAR = replace(digest(), open=(), overnight=(), owners=(), metrics=(), unowned=())


def test_all_clear_names_its_coverage() -> None:
    story = replace(CLEAR, mood=Mood.ALL_CLEAR, coverage=Coverage(418, 418))
    assert verdict_line(story) == "All clear: 418 of 418 checks ran"


def test_all_clear_is_never_said_when_a_check_did_not_run_whatever_the_mood() -> None:
    missing = tuple(NotRun(f"c{n}", "t", Outcome.ERROR, "Trino is down") for n in range(6))
    for mood in (Mood.ALL_CLEAR, Mood.CLEAR_FOR_WHAT_RAN):
        story = replace(CLEAR, mood=mood, coverage=Coverage(418, 412, missing))
        assert verdict_line(story) == (
            "Clear for what ran: 412 of 418, 6 could not run (Trino is down)"
        )


def test_what_is_open_is_counted_and_blind_spans_are_named() -> None:
    line = verdict_line(digest())
    assert line.startswith("1 open (1 page): 417 of 418 checks ran, 1 could not run (timeout ")
    assert line.endswith("; the monitor was blind Tue 24 Nov 04:00 to Tue 24 Nov 05:00")


def test_a_cell_that_was_not_judged_is_neither_good_nor_bad_and_says_why() -> None:
    blocked = digest().metrics[3]
    assert cell_text(blocked) == "not judged ⚪"
    assert "20,000" not in as_text(digest())
    assert (
        "impressions of model=cvr, variant=B: not judged: under events.impressions_hourly"
        in as_text(digest())
    )


def test_cells_show_value_change_and_mark() -> None:
    good = MetricCell("clicks", (), Outcome.OK, 48_201, 49_000, -0.0163)
    assert cell_text(good) == "48,201 -2% \U0001f7e2"
    assert cell_text(replace(good, outcome=Outcome.PAGE)) == "48,201 -2% \U0001f534"
    assert cell_text(None) == "-"


def test_the_text_has_everything_in_reading_order() -> None:
    text = as_text(digest())
    parts = (
        "MORNING DIGEST  1 open",
        "PAGE impressions-fresh",
        "  owner data-platform, since Tue 24 Nov 06:00 (3h)",
        "  because of it: superset.exec (analytics)",
        "  $ airflow backfill create",
        "By owner: data-platform 2 (1 open)",
        "Overnight, and over\n  page impressions-fresh: events.impressions_hourly: data-platform",
        "Metrics\n",
        "Could not be judged\n  trino-load (data-platform): error",
        "Without a maintainer\n  orphan-check",
        "configuration 4f2a91c; next Wed 25 Nov 09:00",
    )
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_a_quiet_night_is_two_lines() -> None:
    story = replace(CLEAR, mood=Mood.ALL_CLEAR, coverage=Coverage(3, 3))
    assert [line for line in as_text(story).splitlines() if line] == [
        "MORNING DIGEST  All clear: 3 of 3 checks ran",
        "Mon 23 Nov 17:00 to Tue 24 Nov 09:00, configuration 4f2a91c; next Wed 25 Nov 09:00",
    ]


def test_the_page_escapes_what_the_data_says() -> None:
    page = as_html(digest())
    assert "<!channel>" not in page
    assert "&lt;!channel&gt;" in page
    assert "<pre>airflow backfill create" in page


def test_the_json_goes_through_any_reader() -> None:
    story = json.loads(json.dumps(as_json(digest())))
    assert story["verdict"] == verdict_line(digest())
    assert story["open"][0]["incident"]["check"] == "impressions-fresh"
