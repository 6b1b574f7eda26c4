from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.alert import Alert, AlertState, Change
from monitor.core.lifecycle import BLIND_RUNS, FLAP_FIRES, FLAP_STEADY, step
from monitor.core.model import Hold, Outcome, Tier, TierRule, Verdict

START = datetime(2026, 11, 24, tzinfo=UTC)
AT_ONCE = (TierRule(Tier.WARN, ()), TierRule(Tier.PAGE, ()))
FIVE_MINUTES = (TierRule(Tier.WARN, (), Hold(duration=timedelta(minutes=5))),)
TWO_OF_THREE = (TierRule(Tier.WARN, (), Hold(needed=2, window=3)),)
TIERS = {Outcome.WARN: Tier.WARN, Outcome.PAGE: Tier.PAGE}


def live(
    outcomes: list[Outcome],
    rules: tuple[TierRule, ...],
    alert: Alert | None = None,
    *,
    keep: timedelta = timedelta(0),
    since: datetime = START,
) -> tuple[Alert | None, list[Change]]:
    """Take an alert through one verdict a minute; return it and all that happened."""
    changes: list[Change] = []
    for minute, outcome in enumerate(outcomes):
        at = since + timedelta(minutes=minute)
        verdict = Verdict("c", (), at, outcome, TIERS.get(outcome), reason="r")
        alert, events = step(alert, verdict, rules, keep)
        changes.extend(event.change for event in events)
    return alert, changes


FLAPS = [Outcome.WARN, Outcome.OK] * FLAP_FIRES


def test_a_breach_without_hold_fires_and_a_good_look_resolves() -> None:
    alert, changes = live([Outcome.WARN, Outcome.OK], AT_ONCE)
    assert changes == [Change.FIRED, Change.RESOLVED]
    assert alert is not None
    assert alert.state is AlertState.RESOLVED


def test_a_breach_waits_for_its_duration() -> None:
    alert, changes = live([Outcome.WARN] * 5, FIVE_MINUTES)
    assert changes == [Change.PENDING]
    assert alert is not None
    assert live([Outcome.WARN] * 6, FIVE_MINUTES)[1] == [Change.PENDING, Change.FIRED]


def test_a_good_look_starts_the_duration_anew() -> None:
    outcomes = [*[Outcome.WARN] * 5, Outcome.OK, *[Outcome.WARN] * 5]
    assert Change.FIRED not in live(outcomes, FIVE_MINUTES)[1]


def test_two_of_three_fires_across_a_good_look() -> None:
    assert live([Outcome.WARN, Outcome.OK, Outcome.WARN], TWO_OF_THREE)[1][-1] is Change.FIRED


def test_one_of_three_never_fires() -> None:
    outcomes = [Outcome.WARN, Outcome.OK, Outcome.OK, Outcome.WARN, Outcome.OK, Outcome.OK]
    assert Change.FIRED not in live(outcomes, TWO_OF_THREE)[1]


def test_a_warning_that_gets_worse_escalates_and_eases_again() -> None:
    _, changes = live([Outcome.WARN, Outcome.PAGE, Outcome.WARN], AT_ONCE)
    assert changes == [Change.FIRED, Change.ESCALATED, Change.EASED]


def test_seeing_nothing_never_resolves() -> None:
    blind = [Outcome.NO_DATA, Outcome.ERROR, Outcome.PENDING, Outcome.SKIPPED, Outcome.BLOCKED]
    alert, changes = live([Outcome.PAGE, *blind * 3], AT_ONCE)
    assert alert is not None
    assert alert.state is AlertState.FIRING
    assert alert.tier is Tier.PAGE
    assert changes == [Change.FIRED]


def test_three_blind_looks_in_a_row_warn_and_never_page() -> None:
    alert, changes = live([Outcome.NO_DATA] * BLIND_RUNS, AT_ONCE)
    assert changes == [Change.FIRED]
    assert alert is not None
    assert alert.tier is Tier.WARN
    assert live([Outcome.NO_DATA] * (BLIND_RUNS - 1), AT_ONCE)[1] == []


def test_blind_looks_with_a_cause_of_their_own_are_not_counted() -> None:
    alert: Alert | None = None
    for minute in range(10):
        at = START + timedelta(minutes=minute)
        verdict = Verdict("c", (), at, Outcome.ERROR, blocked_by="check:source/kpi")
        alert, events = step(alert, verdict, AT_ONCE)
        assert not events
    assert alert is None


def test_a_cause_that_never_becomes_an_incident_is_believed_for_ten_minutes() -> None:
    alert: Alert | None = None
    changes: list[tuple[int, Change]] = []
    for minute in range(12):
        at = START + timedelta(minutes=minute)
        verdict = Verdict("c", (), at, Outcome.ERROR, blocked_by="check:source/kpi")
        alert, events = step(alert, verdict, AT_ONCE, is_cause_red=False)
        changes += [(minute, event.change) for event in events]
    assert changes == [(10, Change.FIRED)]
    assert alert is not None
    assert alert.tier is Tier.WARN


def test_keep_firing_for_holds_an_alert_until_it_was_good_for_long_enough() -> None:
    keep = timedelta(minutes=3)
    alert, changes = live([Outcome.WARN, *[Outcome.OK] * 3], AT_ONCE, keep=keep)
    assert changes == [Change.FIRED, Change.RECOVERING]
    assert alert is not None
    assert alert.state is AlertState.RECOVERING
    assert alert.state.is_firing
    _, changes = live([Outcome.WARN, *[Outcome.OK] * 4], AT_ONCE, keep=keep)
    assert changes == [Change.FIRED, Change.RECOVERING, Change.RESOLVED]


def test_a_breach_while_it_recovers_is_the_same_firing_and_starts_the_wait_anew() -> None:
    outcomes = [Outcome.WARN, Outcome.OK, Outcome.OK, Outcome.WARN, Outcome.OK, Outcome.OK]
    alert, changes = live(outcomes, AT_ONCE, keep=timedelta(minutes=3))
    assert changes == [Change.FIRED, Change.RECOVERING, Change.RELAPSED, Change.RECOVERING]
    assert alert is not None
    assert alert.fired_at == START


def test_seeing_nothing_does_not_let_it_recover() -> None:
    outcomes = [Outcome.WARN, Outcome.OK, *[Outcome.ERROR] * 9]
    alert, _ = live(outcomes, AT_ONCE, keep=timedelta(minutes=3))
    assert alert is not None
    assert alert.state is AlertState.RECOVERING


def test_the_third_firing_within_an_hour_flaps_and_then_says_nothing_more() -> None:
    alert, changes = live(FLAPS * 3, AT_ONCE)
    ends = [Change.FIRED, Change.RESOLVED]
    assert changes == [*ends, *ends, Change.FLAPPING]
    assert alert is not None
    assert alert.state is AlertState.FLAPPING


def test_what_flaps_resolves_when_it_was_good_without_a_turn_for_long_enough() -> None:
    minutes = int(FLAP_STEADY / timedelta(minutes=1))
    assert live([*FLAPS, *[Outcome.OK] * (minutes - 1)], AT_ONCE)[1][-1] is Change.FLAPPING
    alert, changes = live([*FLAPS, *[Outcome.OK] * minutes], AT_ONCE)
    assert changes[-1] is Change.RESOLVED
    assert alert is not None
    assert alert.fires == ()


def test_what_flaps_and_stays_bad_is_told_as_bad() -> None:
    minutes = int(FLAP_STEADY / timedelta(minutes=1))
    alert, changes = live([*FLAPS, *[Outcome.WARN] * (minutes + 1)], AT_ONCE)
    assert changes[-1] is Change.STEADIED
    assert alert is not None
    assert alert.state is AlertState.FIRING


def test_what_flaps_and_gets_a_page_is_told_all_the_same() -> None:
    _, changes = live([*FLAPS, Outcome.PAGE, Outcome.OK, Outcome.PAGE], AT_ONCE)
    assert changes[-2:] == [Change.FLAPPING, Change.ESCALATED]


def test_firings_that_are_hours_apart_do_not_flap() -> None:
    alert: Alert | None = None
    for hour in range(6):
        since = START + timedelta(hours=hour)
        alert, changes = live([Outcome.WARN, Outcome.OK], AT_ONCE, alert, since=since)
        assert changes == [Change.FIRED, Change.RESOLVED]


def test_a_clock_that_is_set_back_a_day_holds_up_nothing() -> None:
    keep = timedelta(minutes=2)
    alert, _ = live([Outcome.WARN, Outcome.OK], AT_ONCE, keep=keep)
    back = START - timedelta(days=1)
    _, changes = live([Outcome.OK] * 3, AT_ONCE, alert, keep=keep, since=back)
    assert changes == [Change.RESOLVED]
    pending, _ = live([Outcome.WARN], FIVE_MINUTES)
    assert live([Outcome.WARN] * 6, FIVE_MINUTES, pending, since=back)[1] == [Change.FIRED]


@given(st.lists(st.sampled_from(list(Outcome)), max_size=40))
def test_an_alert_resolves_only_after_it_fired_and_only_on_a_judged_look(
    outcomes: list[Outcome],
) -> None:
    alert: Alert | None = None
    is_firing = False
    for minute, outcome in enumerate(outcomes):
        at = START + timedelta(minutes=minute)
        verdict = Verdict("c", (), at, outcome, TIERS.get(outcome))
        alert, events = step(alert, verdict, TWO_OF_THREE)
        for event in events:
            if event.change in {Change.FIRED, Change.FLAPPING}:
                assert not is_firing
                is_firing = True
            if event.change is Change.RESOLVED:
                assert is_firing
                assert outcome.is_judged
                is_firing = False
