from datetime import UTC, datetime, timedelta

from monitor.core.digest import Coverage, Digest, NotRun
from monitor.core.fold import Window, fold
from monitor.core.labels import labels_of
from monitor.core.model import OnCall, Outcome, Sample, Verdict
from monitor.core.state import SliceState
from monitor.core.world import World
from monitor.render.digest import as_text
from monitor.render.metric_table import GREEN, GREY

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
WINDOW = Window("morning", "on_call", NOW - timedelta(hours=16), NOW)
DOWN = NotRun("drop", "recsys", Outcome.ERROR, "kpi could not be asked (timeout)")


def state(check: str, evidence: dict[str, object], at: datetime) -> SliceState:
    where = labels_of({"model": "ctr"})
    sample = Sample("drop", 0.01, where, evidence=evidence)
    verdict = Verdict(check, where, at, Outcome.OK, samples=(sample,))
    return SliceState(check, where, at, verdict)


def told(covered: Coverage, at: datetime) -> Digest:
    states = [
        state("drop", {"metric": "impressions", "value": 990, "expected": 1000}, at),
        state("lift", {"experiment": "ranker", "standing": "undecided"}, at),
    ]
    return fold(WINDOW, [], states, covered, World({}, OnCall((), ())))


def test_what_was_good_before_its_source_went_down_is_not_green_in_the_morning() -> None:
    blind = Coverage(2, 0, (DOWN, NotRun("lift", "recsys", Outcome.SKIPPED, "the source is down")))
    text = as_text(told(blind, NOW - timedelta(hours=14)))
    assert "impressions of model=ctr: not judged: kpi could not be asked (timeout)" in text
    assert f"{GREY} ranker: not judged: the source is down" in text
    assert GREEN not in text
    assert "Blind: 0 of 2 checks ran, 2 could not run (kpi could not be asked" in text


def test_what_was_seen_is_green_also_where_a_check_was_blind_for_a_while() -> None:
    blinked = NotRun("drop", "recsys", Outcome.ERROR, "timeout", NOW - timedelta(hours=2), NOW)
    for ran in (0, 1):
        text = as_text(told(Coverage(ran + 1, ran, (blinked,)), NOW - timedelta(minutes=5)))
        assert f"Clear for what ran: {ran} of {ran + 1}, 1 saw nothing for a while" in text
    assert f"990 -1% {GREEN}" in text
    assert f"{GREEN} ranker: undecided" in text


def test_a_past_window_does_not_show_the_numbers_of_today() -> None:
    made = told(Coverage(2, 2), NOW + timedelta(hours=3))
    assert made.metrics == ()
    assert made.experiments == ()


def test_only_what_is_beyond_its_band_on_the_bad_side_is_outside() -> None:
    band = {"metric": "impressions", "expected": 1000, "low": 900, "high": 1100}
    states = [state("drop", {**band, "value": value}, NOW) for value in (850, 1000, 1150)]
    made = fold(WINDOW, [], states, Coverage(1, 1), World({}, OnCall((), ())))
    assert [cell.is_outside for cell in made.metrics] == [True, False, False]
