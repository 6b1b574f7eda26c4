from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from monitor.core.model import Outcome
from monitor.core.slot_runs import runs_of
from monitor.core.state import Slot

AT = datetime(2026, 11, 20, tzinfo=UTC)
SECOND = timedelta(seconds=1)
LAG = timedelta(milliseconds=250)

steps = st.sampled_from([60, 60, 60, 60, 61, 300, 3600])
outcomes = st.sampled_from([(Outcome.OK, ""), (Outcome.OK, ""), (Outcome.ERROR, "no answer")])


@st.composite
def histories(draw: st.DrawFn) -> list[Slot]:
    """Draw slots of one check, oldest first, mostly evenly spaced and mostly alike."""
    found, at = [], AT
    for step, (outcome, reason) in draw(st.lists(st.tuples(steps, outcomes), max_size=40)):
        at += SECOND * step
        found.append(Slot("a", at, at + LAG, outcome, reason))
    return found


def told(slots: Sequence[Slot]) -> list[Slot]:
    return [slot for run in runs_of(slots) for slot in run.slots()]


@given(histories())
def test_runs_hold_every_slot_as_it_was(slots: list[Slot]) -> None:
    assert told(slots) == slots


@given(histories(), st.integers(-100, 8_000), st.integers(0, 8_000))
def test_a_part_of_a_run_holds_what_was_due_in_it(
    slots: list[Slot], start: int, length: int
) -> None:
    since, until = AT + SECOND * start, AT + SECOND * (start + length)
    parts = [run.within(since, until) for run in runs_of(slots)]
    found = [slot for part in parts if part is not None for slot in part.slots()]
    assert found == [slot for slot in slots if since <= slot.due_at < until]
    assert all(part.count and part.last == list(part.slots())[-1] for part in parts if part)


def test_a_week_of_good_looks_is_one_run() -> None:
    week = [AT + timedelta(minutes=n) for n in range(7 * 24 * 60)]
    slots = [Slot("a", at, at + LAG, Outcome.OK) for at in week]
    assert [run.count for run in runs_of(slots)] == [7 * 24 * 60]
    slots[5000] = Slot("a", week[5000], week[5000] + LAG, Outcome.ERROR, "no answer")
    assert [run.count for run in runs_of(slots)] == [5000, 1, 7 * 24 * 60 - 5001]
