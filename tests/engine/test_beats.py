"""Where in their interval checks are due: together what can be asked together, the rest spread."""

from collections import Counter
from datetime import timedelta

import pytest

from monitor.config.plan import Place, PlannedCheck, Schedule
from monitor.core.model import Direction, Limit, Tier, TierRule
from monitor.engine.beats import MOST_AT_ONCE, beats_of
from monitor.engine.schedule import Calendar
from monitor.kinds.freshness import Freshness
from monitor.kinds.threshold import Threshold
from tests.engine.rig import START

MINUTE = timedelta(minutes=1)
RULES = (TierRule(Tier.WARN, (Limit("value", 10, Direction.ABOVE),)),)


def planned(check: Threshold | Freshness, every: timedelta = MINUTE) -> PlannedCheck:
    return PlannedCheck(check, "kpi", Schedule(every), RULES, Place("x.yaml", 1, 1), "recsys")


def asking(*texts: str) -> dict[str, PlannedCheck]:
    made = [planned(Threshold(id=f"c{n}", query=text)) for n, text in enumerate(texts)]
    return {one.id: one for one in made}


def counts(*tables: str, each: int) -> list[str]:
    text = "select count(*) as value from {} where model = '{}'"
    return [text.format(table, n) for table in tables for n in range(each)]


def phases(checks: dict[str, PlannedCheck]) -> Counter[timedelta]:
    return Counter(beat.phase for beat in beats_of(checks).values())


def test_a_few_checks_of_one_source_kind_and_interval_are_due_together() -> None:
    assert len(phases(asking(*counts("a", "b", each=MOST_AT_ONCE // 2)))) == 1


@pytest.mark.long
@pytest.mark.parametrize("count", [1_000, 20_000])
def test_many_are_spread_evenly_over_the_minute(count: int) -> None:
    found = phases(asking(*counts("a", each=count)))
    assert max(found.values()) < 2 * MOST_AT_ONCE
    halves = Counter(int(phase / (MINUTE / 2)) for phase in found.elements())
    assert all(0.4 < share / count < 0.6 for share in halves.values())


def test_the_same_question_is_due_at_one_moment_however_many_ask_it() -> None:
    texts = [text for text in counts("a", each=50) for _ in range(100)]
    beats = beats_of(asking(*texts))
    for question in range(50):
        assert len({beats[f"c{n}"].phase for n in range(question * 100, question * 100 + 100)}) == 1


def test_questions_that_differ_in_literals_only_stay_together_among_many_others() -> None:
    checks = asking(*counts(*(f"t{n}" for n in range(40)), each=50))
    beats = beats_of(checks)
    assert len(phases(checks)) > 10
    for table in range(40):
        assert len({beats[f"c{n}"].phase for n in range(table * 50, table * 50 + 50)}) == 1


def test_a_check_more_moves_few_others() -> None:
    texts = counts("a", each=3_000)
    before, after = beats_of(asking(*texts[:-1])), beats_of(asking(*texts))
    assert [name for name in before if before[name] != after[name]] == []


def test_an_interval_shorter_than_a_minute_is_kept() -> None:
    checks = {
        f"c{n}": planned(Threshold(id=f"c{n}", query=f"select {n} as value"), timedelta(seconds=5))
        for n in range(1_000)
    }
    assert max(phases(checks)) < timedelta(seconds=5)


@pytest.mark.long
def test_many_look_first_with_those_of_their_beat_and_never_too_many_at_once() -> None:
    checks = asking(*counts("a", each=20_000))
    calendar, beats = Calendar(), beats_of(checks)
    calendar.plan(checks, beats, START)
    first: dict[str, timedelta] = {}
    step = timedelta(milliseconds=50)
    for n in range(201):
        due = calendar.due(START + n * step)
        found = {check: one.at - START for one in due for check in one.checks}
        assert len(found) < 5 * MOST_AT_ONCE
        first.update(found)
    assert first.keys() == checks.keys()
    together: dict[timedelta, set[timedelta]] = {}
    for name, beat in beats.items():
        together.setdefault(beat.phase, set()).add(first[name])
    assert all(len(moments) == 1 for moments in together.values())
