from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.audit import Fault, Records, Thread, Waiting, audit, unheard

NOW = datetime(2026, 11, 25, 3, tzinfo=UTC)


def thread(**changes: object) -> Thread:
    parts: dict[str, object] = {
        "revision": 1,
        "is_open": True,
        "is_end": False,
        "has_message": True,
        "is_sent": True,
        "has_receipt": True,
        "is_page": False,
        "told_at": NOW,
        "heard_at": NOW,
    }
    return Thread("i1", "chat", **{**parts, **changes})  # type: ignore[arg-type]


def faults(**parts: object) -> list[Fault]:
    return [one.fault for one in audit(Records(**parts), NOW)]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"has_message": False}, Fault.LOST),
        ({"revision": 0, "has_message": False, "is_sent": False}, None),
        ({"has_receipt": False}, Fault.UNPROVEN),
        ({"has_receipt": False, "is_sent": False}, None),
        ({"is_open": False}, Fault.UNENDED),
        ({"is_open": False, "is_end": True}, None),
        ({"is_open": False, "has_receipt": False, "is_sent": False}, None),
    ],
)
def test_each_fault_of_a_thread_has_a_name(
    changes: dict[str, bool | int], fault: Fault | None
) -> None:
    assert faults(threads=(thread(**changes),)) == ([fault] if fault else [])


@pytest.mark.parametrize(
    ("changes", "is_unheard"),
    [
        ({}, False),
        ({"heard_at": None}, True),
        ({"heard_at": None, "told_at": None}, False),
        ({"heard_at": None, "is_open": False}, False),
    ],
)
def test_what_was_to_be_told_and_arrived_nowhere_is_unheard(
    changes: dict[str, object], *, is_unheard: bool
) -> None:
    assert (("i1", False) in unheard([thread(**changes)], {})) is is_unheard
    assert unheard([thread(**changes), thread()], {}) == {}


def test_what_is_told_later_and_arrives_nowhere_is_unheard_from_then_on() -> None:
    later = NOW + timedelta(minutes=3)
    worse = thread(told_at=later, heard_at=None, is_page=True)
    assert unheard([thread(), worse], {}) == {("i1", False): later, ("i1", True): later}
    assert unheard([thread(heard_at=later), worse], {}) == {}


def test_what_is_told_again_in_vain_waits_since_the_first_time_and_no_longer_than_silence() -> None:
    again = thread(told_at=NOW, heard_at=None)
    first, heard = NOW - timedelta(minutes=9), NOW - timedelta(minutes=4)
    assert unheard([again], {("i1", False): first}) == {("i1", False): first}
    other = thread(told_at=heard, heard_at=heard)
    assert unheard([again, other], {("i1", False): first}) == {("i1", False): heard}


def test_an_incident_that_nobody_heard_of_is_a_breach_after_a_while() -> None:
    assert faults(unmentioned=(("i1", NOW - timedelta(minutes=1)),)) == []
    assert faults(unmentioned=(("i1", NOW - timedelta(minutes=3)),)) == [Fault.UNTOLD]


def test_a_message_that_waits_is_a_breach_sooner_for_a_page() -> None:
    since = NOW - timedelta(minutes=10)
    assert faults(waiting=(Waiting("i1", "chat", since, is_page=False),)) == []
    assert faults(waiting=(Waiting("i1", "pager", since, is_page=True),)) == [Fault.STUCK]
