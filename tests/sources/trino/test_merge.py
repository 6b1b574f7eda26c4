"""What a cluster is asked in one scan, and what for itself."""

from datetime import UTC, datetime

from monitor.api import LastUpdate, Query, Rows
from monitor.sources.trino import Trino

SINCE = datetime(2026, 11, 24, tzinfo=UTC)


def sets_of(*questions: Query) -> list[list[int]]:
    source = Trino(name="adhoc", url="trino://monitor@127.0.0.1:8080/hive")
    return [list(places) for places in source.merge(questions)]


def test_numbers_of_one_table_whose_conditions_differ_in_a_value_are_one_scan() -> None:
    text = "select {} as value from events.impressions where dt = '{}' and model = '{}'"
    mine = [
        Rows(text.format(what, day, model))
        for what, day, model in [
            ("count(*)", "2026-11-24", "ctr"),
            ("sum(clicks)", "2026-11-24", "cvr"),
            ("count(*)", "2026-11-23", "ctr"),
        ]
    ]
    assert sets_of(*mine) == [[0, 1, 2]]


def test_another_table_a_window_and_what_metadata_knows_are_asked_for_themselves() -> None:
    assert (
        sets_of(
            Rows("select count(*) as value from events.impressions"),
            Rows("select count(*) as value from events.clicks"),
            Rows("select sum(n) as value from events.impressions where n > 3"),
            Rows("select max(dt) as value from events.impressions"),
            Rows("select count(*) as value from events.impressions where n > 3", SINCE),
            LastUpdate("events.impressions", "dt"),
        )
        == []
    )
