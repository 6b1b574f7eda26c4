from datetime import UTC, datetime, timedelta

from monitor.core.notification import Notification, NotifyReason
from monitor.core.state import OutboxRow
from monitor.engine.lane import OTHER_BOUND, Lane, rank
from monitor.engine.pace import Pace

AT = datetime(2026, 11, 23, 12, tzinfo=UTC)
MORE, ACK = NotifyReason.MORE_ALERTS, NotifyReason.ACKNOWLEDGED


def row(subject: str, reason: NotifyReason = MORE, *, is_page: bool = False) -> OutboxRow:
    key = f"{subject}:{reason}"
    return OutboxRow(Notification(key, subject, "box", reason, AT, is_page=is_page), AT)


def sent(lane: Lane, seconds: float) -> list[str]:
    """Send all that may go at a moment; each arrives at once."""
    now, found = AT + timedelta(seconds=seconds), []
    while (parcel := lane.take(now)) is not None:
        lane.done(parcel, now)
        found.append(parcel.subject)
    return found


def lane_with(*rows: OutboxRow) -> Lane:
    lane = Lane("box", Pace(1.0))
    for one in rows:
        lane.add(one, AT)
    return lane


def test_what_somebody_waits_for_goes_before_its_time_and_the_others_make_up_for_it() -> None:
    lane = lane_with(row("a"), row("b"), row("c"))
    assert sent(lane, 0) == ["a"]
    lane.add(row("clicked", ACK), AT)
    assert sent(lane, 0.25) == ["clicked"]
    assert sent(lane, 1.75) == []
    assert sent(lane, 2.0) == ["b"]
    assert sent(lane, 2.75) == []
    assert sent(lane, 3.0) == ["c"]


def test_the_credit_is_one_message() -> None:
    lane = lane_with(row("a"))
    assert sent(lane, 0) == ["a"]
    for name in ("first", "second"):
        lane.add(row(name, ACK), AT)
    assert sent(lane, 0.25) == ["first"]
    assert sent(lane, 0.75) == []
    assert sent(lane, 1.25) == ["second"]


def test_a_page_goes_before_a_click_and_a_click_before_the_rest() -> None:
    rows = (row("a"), row("clicked", ACK, is_page=True), row("p", is_page=True))
    assert [one.notification.subject for one in sorted(rows, key=rank)] == ["p", "clicked", "a"]
    assert sent(lane_with(*rows), 0) == ["p", "clicked"]


def test_without_clicks_nothing_goes_before_its_time() -> None:
    lane = lane_with(*(row(str(n)) for n in range(5)))
    moments = [quarter / 4 for quarter in range(40)]
    went = [at for at in moments for _ in sent(lane, at)]
    assert went == [0.0, 1.0, 2.0, 3.0, 4.0]


def test_what_follows_a_message_waits_for_its_second_and_for_everything_else() -> None:
    lane = lane_with(row("chart"))
    parcel = lane.take(AT)
    assert parcel is not None
    lane.goes_on(parcel, AT)
    lane.add(row("other"), AT)
    lane.add(row("clicked", ACK), AT)
    assert sent(lane, 0.75) == ["clicked"]
    assert sent(lane, 1.75) == []
    assert sent(lane, 2.0) == ["other"]
    assert sent(lane, 3.0) == ["chart"]
    assert lane.waiting() == 0


def test_edits_that_somebody_waits_for_take_no_time_of_the_lines_below_them() -> None:
    lane = lane_with(row("a"))
    assert sent(lane, 0) == ["a"]
    for quarter, name in enumerate(("first", "second", "third"), 1):
        lane.add(row(name, ACK), AT)
        now = AT + timedelta(seconds=quarter / 4)
        parcel = lane.take(now)
        assert parcel is not None
        lane.goes_on(parcel, now)
    moments = [1 + quarter / 4 for quarter in range(12)]
    assert [(at, one) for at in moments for one in sent(lane, at)] == [
        (1.0, "first"),
        (2.0, "second"),
        (3.0, "third"),
    ]


def test_two_lanes_to_one_place_share_its_pace() -> None:
    pace = Pace(1.0)
    lanes = [Lane(name, pace) for name in ("x", "y")]
    for lane in lanes:
        for number in range(3):
            lane.add(row(f"{lane.receiver}{number}"), AT)
    went = []
    for quarter in range(24):
        for lane in sorted(lanes, key=Lane.first):
            went += [(quarter / 4, name) for name in sent(lane, quarter / 4)]
    assert [at for at, _ in went] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert {name[0] for _, name in went[:2]} == {"x", "y"}


def test_the_pace_counts_from_the_end_of_a_send() -> None:
    lane = lane_with(row("slow"), row("next"))
    parcel = lane.take(AT)
    assert parcel is not None
    later = AT + timedelta(seconds=0.9)
    lane.done(parcel, later)
    assert sent(lane, 1.5) == []
    assert sent(lane, 1.9) == ["next"]


def test_a_message_that_is_there_is_not_overdue_for_what_follows_it() -> None:
    lane = lane_with(row("chart"), row("other"))
    parcel = lane.take(AT)
    assert parcel is not None
    lane.goes_on(parcel, AT)
    late = list(lane.overdue(AT + OTHER_BOUND))
    assert [one.notification.subject for one in late] == ["other"]


def test_what_follows_a_message_waits_no_longer_than_the_bound_and_is_told_of_where_it_fails() -> (
    None
):
    lane = lane_with(row("chart"))
    parcel = lane.take(AT)
    assert parcel is not None
    lane.goes_on(parcel, AT)
    late = AT + OTHER_BOUND
    assert list(lane.overdue(late)) == []
    lane.add(row("new"), late)
    assert sent(lane, OTHER_BOUND.total_seconds()) == ["chart"]
    broken = lane_with(row("line"))
    parcel = broken.take(AT)
    assert parcel is not None
    broken.goes_on(parcel, AT)
    again = broken.take(AT + timedelta(seconds=1))
    assert again is not None
    broken.failed(again, late, AT, is_unsure=False)
    assert [one.notification.subject for one in broken.overdue(late)] == ["line"]
