from datetime import UTC, datetime, timedelta

import pytest

from monitor.core.coverage import LONGEST_BLINK, coverage, looks_of
from monitor.core.digest import Coverage
from monitor.core.model import OnCall, Outcome
from monitor.core.state import Slot
from monitor.core.world import CheckFacts, World

START = datetime(2026, 11, 24, tzinfo=UTC)
LETTERS = {
    "o": Outcome.OK,
    "w": Outcome.WARN,
    "b": Outcome.BLOCKED,
    "e": Outcome.ERROR,
    "n": Outcome.NO_DATA,
    "s": Outcome.SKIPPED,
    "l": Outcome.PENDING,
}
WORLD = World({"a": CheckFacts("a", "number", (), "kpi", maintainer="recsys")}, OnCall((), ()))


def of(letters: str, every: timedelta = timedelta(minutes=5)) -> Coverage:
    slots = [
        Slot("a", START + n * every, START + n * every, LETTERS[letter], f"slot {n}")
        for n, letter in enumerate(letters)
    ]
    looks = looks_of(slots, START + len(letters) * every)
    return coverage(["a"], {"a": looks} if looks else {}, (), WORLD)


@pytest.mark.parametrize(
    "letters",
    ["oooo", "oeeo", "oneno", "olllllo", "wbow", "esso"],
)
def test_a_check_that_only_blinked_ran(letters: str) -> None:
    assert of(letters).is_whole


@pytest.mark.parametrize(
    ("letters", "reason"),
    [
        ("oooe", "slot 3"),
        ("eeee", "slot 3"),
        ("ooon", "slot 3"),
        ("llll", "slot 3"),
        ("", "no look in this window"),
        ("oeeeeo", "slot 1"),
        ("oensso", "slot 1"),
        ("sssso", "slot 0"),
    ],
)
def test_a_check_that_did_not_watch_is_named_with_its_reason(letters: str, reason: str) -> None:
    found = of(letters)
    assert not found.is_whole
    (missing,) = found.not_run
    assert (missing.check, missing.maintainer, missing.reason) == ("a", "recsys", reason)


def test_one_failed_look_of_a_rare_check_is_too_long_a_blink() -> None:
    assert not of("oeo", timedelta(hours=1)).is_whole
    assert of("oeo", LONGEST_BLINK).is_whole


def test_a_blindness_has_a_beginning_and_an_end() -> None:
    (missing,) = of("oeeeeo").not_run
    assert missing.start == START + timedelta(minutes=5)
    assert missing.end == START + timedelta(minutes=25)


def test_what_is_written_and_cannot_be_used_is_due_all_the_same() -> None:
    found = coverage([], {}, (), WORLD, {"checks/x.yaml": "unknown key 'evry'"})
    assert (found.due, found.ran) == (1, 0)
    assert found.not_run[0].reason == "configuration: unknown key 'evry'"
