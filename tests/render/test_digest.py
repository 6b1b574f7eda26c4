import html
import json
from dataclasses import replace

import pytest

from monitor.core.digest import Coverage, Digest, Edition, MetricCell, Mood, NotRun
from monitor.core.labels import labels_of
from monitor.core.model import Outcome
from monitor.render.blocks import Block, validate
from monitor.render.digest import as_html, as_json, as_text, verdict_line
from monitor.render.metric_table import MOST_COLUMNS, MOST_ROWS, cell_text, metric_table
from monitor.render.samples import HOUR, NOW, digest, view, whole_digest
from monitor.render.slack import digest_messages

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


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_of_checks_that_watch_the_same_metric_the_worst_is_shown(order: tuple[int, ...]) -> None:
    fine = MetricCell("clicks", (), Outcome.OK, 100, 100, 0.0)
    cells = (fine, replace(fine, outcome=Outcome.ERROR), replace(fine, outcome=Outcome.WARN))
    for left_out, mark in ((None, "\U0001f534"), (2, "not judged"), (1, "\U0001f534")):
        some = tuple(cells[i] for i in order if i != left_out)
        ((_, (text,)),) = metric_table(replace(CLEAR, metrics=some)).rows
        assert mark in text


def test_a_total_that_a_red_slice_carries_is_not_green() -> None:
    total = MetricCell("opt_outs", (), Outcome.OK, 1634, 1360, 0.2, is_outside=True)
    variant = MetricCell("opt_outs", labels_of({"variant": "B"}), Outcome.PAGE, 605, 357, 0.69)
    text = as_text(replace(CLEAR, mood=Mood.OPEN, metrics=(total, variant)))
    assert "1,634 +20% \U0001f7e1" in text
    assert "\U0001f7e1 outside its band as well: a red slice of the metric carries it" in text
    alone = as_text(replace(CLEAR, mood=Mood.OPEN, metrics=(total,)))
    assert "1,634 +20% \U0001f7e2" in alone
    assert "outside its band" not in alone


def test_the_text_has_everything_in_reading_order() -> None:
    text = as_text(digest())
    parts = (
        "MORNING DIGEST  1 open",
        "PAGE impressions-fresh",
        "  owner data-platform, since Tue 24 Nov 06:00 (3h)",
        "  because of it: superset.exec (analytics)",
        "  $ airflow backfill create",
        "Could not be judged\n  trino-load (data-platform): error",
        "By owner: data-platform 2 (1 open)",
        "Over since the last digest\n  page impressions-fresh: events.impressions_hourly",
        "Metrics\n",
        "Without a maintainer\n  orphan-check",
        "configuration 4f2a91c; next Wed 25 Nov 09:00",
    )
    places = [text.index(part) for part in parts]
    assert places == sorted(places)


def test_what_is_missing_stands_on_a_line_of_its_own() -> None:
    assert "(3h)\n  missing: " in as_text(digest())


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


def shown(blocks: list[Block]) -> str:
    """Give the texts of a message as people see them."""
    written = [block for block in blocks if block["type"] != "data_visualization"]
    texts = [block.get("text") or block["elements"][0] for block in written]
    return html.unescape("\n".join(text["text"] for text in texts))


WHOLE = (
    "sample ratio broken",
    "3 days left",
    "trino.adhoc queue_time: median 2s, p95 4m, worst 48m 20s",
    "rows (recsys) fired 14 times in a week, 12 of them over within 10 minutes",
    "-     for: 5m\n+     for: 15m",
    "not delivered to pager: HTTP 403",
    "not available: open alerts of eu",
    "41 alerts fired (the week before: 55), 3 of tier page",
    "acknowledged after 4m (median)",
    "data-platform 2 (1 open; told: platform-slack)",
    "saw nothing for a while",
    "was 1111111",
    "7 checks new: check-0, check-1, check-2, check-3, check-4, ...",
    "1 check gone: old",
    "late by 40m",
    'check="a" until Tue 24 Nov 12:00 (asha: ',
)


@pytest.mark.parametrize("part", WHOLE)
def test_every_part_is_in_every_form(part: str) -> None:
    slack = "\n".join(shown(blocks) for blocks in digest_messages(whole_digest()))
    for text in (as_text(whole_digest()), html.unescape(as_html(whole_digest())), slack):
        assert part in text


def test_no_part_lets_foreign_text_through() -> None:
    messages = digest_messages(whole_digest())
    assert [fault for blocks in messages for fault in validate(blocks)] == []
    page = as_html(whole_digest())
    assert "<!channel" not in page
    assert page.count("<svg") == 1


def test_a_quiet_day_is_one_line() -> None:
    quiet = Digest(
        "morning", "on_call", NOW - 16 * HOUR, NOW, "UTC", Mood.ALL_CLEAR, Coverage(418, 418)
    )
    first, *rest = as_text(quiet).split("\n\n")
    assert first == "MORNING DIGEST  All clear: 418 of 418 checks ran"
    assert len(rest) == 1
    ((_title, verdict, _end),) = digest_messages(quiet)
    assert "All clear: 418 of 418" in str(verdict)


def test_an_evening_says_how_many_are_new() -> None:
    evening = replace(digest(), edition=Edition.CHANGES, unchanged=(view(),))
    assert verdict_line(evening).startswith("2 open (2 page, 1 new)")


@pytest.mark.long
def test_a_table_of_very_many_metrics_shows_what_is_red_and_counts_the_rest() -> None:
    known = digest().metrics[0]
    cells = [
        replace(known, metric=f"m{m}", slice=labels_of({"slice": f"{s:04}"}))
        for m in range(20)
        for s in range(1000)
    ]
    cells[-1] = replace(cells[-1], outcome=Outcome.PAGE)
    table = metric_table(replace(digest(), metrics=tuple(cells)))
    assert (len(table.columns), len(table.rows)) == (MOST_COLUMNS, MOST_ROWS)
    assert table.columns[-1] == "m19"
    assert table.rows[-1][0] == "slice=0999"
    assert table.reasons == ("left out here: 800 slices and 8 metrics; see the pages",)
