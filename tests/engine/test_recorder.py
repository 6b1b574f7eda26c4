"""What is remembered of numbers until they are stored."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from monitor.core.advance import Finding
from monitor.core.model import Outcome, Sample, Verdict
from monitor.engine import recorder as module
from monitor.engine.recorder import Recorder
from monitor.store import open_store

AT = datetime(2026, 11, 25, 14, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def finding(at: datetime, value: float, check: str = "a") -> Finding:
    verdict = Verdict(check, (), at, Outcome.OK, samples=(Sample("value", value),))
    return Finding(check, at, (verdict,))


@pytest.fixture
def kept(tmp_path: Path) -> Recorder:
    return Recorder(open_store(f"sqlite:///{tmp_path}/a.db").samples)


def test_a_check_that_looks_often_has_one_number_a_minute(kept: Recorder) -> None:
    kept.take(finding(AT + SECOND * n, float(n)) for n in range(0, 300, 10))
    changes = kept.changes(AT)
    assert changes is not None
    assert [one.point.value for one in changes[0]] == [50.0, 110.0, 170.0, 230.0, 290.0]


def test_what_could_not_be_stored_is_given_again_and_nothing_twice(kept: Recorder) -> None:
    kept.take([finding(AT, 1.0)])
    assert kept.changes(AT) is not None
    kept.take([finding(AT + SECOND * 60, 2.0)])
    assert kept.changes(AT + SECOND * 30) is None  # it is too early
    changes = kept.changes(AT + SECOND * 60)
    assert changes is not None
    assert [one.point.value for one in changes[0]] == [1.0, 2.0]
    kept.saved()
    assert kept.changes(AT + SECOND * 120) is None


def test_much_is_given_before_the_minute_is_over(
    kept: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MANY", 10)
    kept.take([finding(AT, 1.0)])
    assert kept.changes(AT) is not None
    kept.saved()
    kept.take(finding(AT + SECOND, 1.0, f"c{n}") for n in range(9))
    kept.take([finding(AT + SECOND, 2.0)])
    changes = kept.changes(AT + SECOND * 10)
    assert changes is not None
    assert len(changes[0]) == 10


def test_memory_is_bounded(kept: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_POINTS", 10)
    for minute in range(3):
        at = AT + SECOND * 60 * minute
        kept.take(finding(at, 1.0, f"c{n}") for n in range(20))
        changes = kept.changes(at)
        assert changes is not None
        assert len(changes[0]) == 10
