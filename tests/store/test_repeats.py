"""Verdicts that are as before but for their numbers: many in a row, and read like the others."""

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from math import inf
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from monitor.core.alert import Alert, AlertState
from monitor.core.labels import Labels
from monitor.core.model import Breach, Direction, Limit, Outcome, Sample, Tier, Verdict
from monitor.core.state import Step
from monitor.store import RefusedError, Store
from monitor.store.codec import VERDICT
from monitor.store.repeats import LEAST
from tests.often import often

AT = datetime(2026, 11, 24, 3, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
OPEN = Alert("x", (), AlertState.PENDING, AT)


def ok(check: str, value: float, at: datetime = AT, labels: Labels = (), **more: Any) -> Verdict:
    samples = (Sample("rows", value, labels, evidence={"query": check}),)
    return Verdict(check, labels, at, Outcome.OK, samples=samples, **more)


def rows(store: Store, table: str) -> int:
    with store._engine.connect() as connection:
        counted = connection.exec_driver_sql(f"select count(*) from {table}")  # noqa: S608  # two names
        return int(counted.scalar_one())


def newest(store: Store) -> dict[tuple[str, Labels], Verdict]:
    """Read the newest verdicts in every way that there is, which must tell the same."""
    found = store.story.states()
    alone = [
        one for name in sorted({one.check for one in found}) for one in store.story.states(name)
    ]
    assert sorted(alone, key=str) == sorted(found, key=str)
    some = sorted({one.check for one in found})[1:]
    assert {check for check, _ in store.story.newest(some)} == set(some)
    told = [VERDICT.validate_python(value) for _, value in store.story.newest()]
    assert sorted(told, key=str) == sorted((one.verdict for one in found), key=str)
    return {(one.check, one.slice): one.verdict for one in found}


def any_verdict(random: Random, at: datetime) -> Verdict:
    labels = random.choice(((), (("model", "ctr"),), (("model", 'c"\t\n%_'),)))
    one = ok(random.choice(("a", "ab", "ü%")), random.choice((0.0, 1.5, 1e300)), at, labels)
    (sample,) = one.samples
    limit = Limit("rows", 1.0, Direction.ABOVE)
    return random.choice(
        (
            *(one, one, one, one, one, one),
            replace(one, samples=(*one.samples, Sample("age", random.random()))),
            replace(one, samples=(replace(sample, evidence={"n": random.choice((-1, -2))}),)),
            replace(one, samples=(replace(sample, evidence={"n": random.choice((1, True))}),)),
            replace(one, samples=(replace(sample, value=random.choice((inf, -inf))),)),
            replace(one, samples=(), outcome=Outcome.ERROR, reason="no answer"),
            replace(one, outcome=Outcome.WARN, tier=Tier.WARN, breach=Breach(sample, limit)),
            replace(one, link=random.choice((None, "https://a"))),
        )
    )


@pytest.mark.parametrize("seed", often(range(1), range(12)))
def test_what_was_found_last_is_read_whatever_came_before(store: Store, seed: int) -> None:
    random, at = Random(seed), AT  # noqa: S311  # a story, no secret
    known: dict[tuple[str, Labels], Verdict] = {}
    store.commit(Step(at, alerts=(OPEN,)))
    for _ in range(150):
        # Now and then the clock is set back.
        at += random.choice((MINUTE, MINUTE, MINUTE, -30 * MINUTE))
        found = [any_verdict(random, at) for _ in range(random.randrange(9))]
        match random.randrange(10):
            case 0:  # the commit fails
                second = replace(OPEN, opened_at=at + timedelta(days=9))
                with suppress(RefusedError):
                    store.commit(Step(at, verdicts=tuple(found), alerts=(second,)))
                continue
            case 1:  # the daemon is killed, and starts again
                store = Store(store._engine)
            case 2:
                store._repeats._more += 2 * LEAST
                store.tidy()
        at_once = [Step(at, verdicts=tuple(found[:4])), Step(at, verdicts=tuple(found[4:]))]
        store.commit(*at_once)
        known |= {(one.check, one.slice): one for one in found}
        assert newest(store) == known


def test_a_verdict_that_is_as_before_is_a_number_in_a_row_of_all(store: Store) -> None:
    names = [f"c{n}" for n in range(50)]
    for minute in range(3):
        at = AT + MINUTE * minute
        store.commit(Step(at, verdicts=tuple(ok(name, float(minute), at) for name in names)))
    assert rows(store, "state_repeat") == 2
    with store._engine.connect() as connection:
        text = connection.scalar(sa.text("select numbers from state_repeat order by id desc"))
        whole = connection.scalar(sa.text("select verdict from check_state"))
    assert len(str(text)) / len(names) < len(str(whole)) / 8
    assert {one.samples[0].value for one in newest(store).values()} == {2.0}


def test_since_when_a_slice_is_as_it_is_stays(store: Store) -> None:
    for minute, reason in enumerate(("", "", "other", "other", "other")):
        at = AT + MINUTE * minute
        store.commit(Step(at, verdicts=(ok("a", 1.0, at, reason=reason),)))
    (state,) = store.story.states()
    assert (state.since, state.verdict.at) == (AT, AT + 4 * MINUTE)


def test_rows_that_newer_ones_replaced_are_forgotten_and_no_others(store: Store) -> None:
    store.commit(*(Step(AT, verdicts=(ok("rare", float(n)),)) for n in range(2)))
    for minute in range(200):
        at = AT + MINUTE * minute
        store.commit(Step(at, verdicts=(ok("a", float(minute), at), ok("b", inf, at))))
        store.tidy()
    assert rows(store, "state_repeat") <= LEAST + 4
    found = newest(store)
    assert found["rare", ()].samples[0].value == 1.0
    assert found["a", ()].samples[0].value == 199.0


def test_slices_that_are_gone_keep_of_their_last_row_no_more_than_themselves(store: Store) -> None:
    living = [f"c{n}" for n in range(50)]
    for minute in range(4 * LEAST):
        at = AT + MINUTE * minute
        names = [*living, f"gone{minute // 2}"]
        store.commit(Step(at, verdicts=tuple(ok(name, float(minute), at) for name in names)))
    store.tidy()
    with store._engine.connect() as connection:
        text = connection.scalar(sa.text("select sum(length(numbers)) from state_repeat"))
    assert int(text or 0) < 2 * LEAST * 50
    assert len(newest(store)) == 50 + 2 * LEAST


def test_slices_that_come_and_go_are_not_known_for_ever(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("monitor.store.repeats.MOST", 20)
    for n in range(100):
        store.commit(Step(AT, verdicts=(ok(f"gone-{n}", 1.0),)))
        store.tidy()
        assert len(store._repeats._known) <= 20
    assert len(newest(store)) == 100
