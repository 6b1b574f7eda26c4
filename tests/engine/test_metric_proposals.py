import pytest

from monitor.engine.found import FoundMetric, metric_of
from monitor.engine.metric_proposals import threshold


@pytest.mark.parametrize(
    ("name", "type_"),
    [
        ("up", "up"),
        ("http_request_errors_total", "counter"),
        ("errors_total", "counter"),
        ("kafka_consumer_lag", "gauge"),
        ("queue_length", "gauge"),
        ("http_requests_total", None),
        ("request_errors_seconds_bucket", None),
        ("queue_wait_seconds_sum", None),
        ("process_resident_memory_bytes", None),
        ("flags", None),
        ("up_since", None),
    ],
)
def test_only_names_that_say_what_is_bad_are_watched(name: str, type_: str | None) -> None:
    found = metric_of(name)
    assert (found.type if found else None) == type_


def test_limits_are_twice_and_four_times_the_usual() -> None:
    found = threshold(FoundMetric("queue_length", "gauge"), 19.7)
    assert found is not None
    assert found.id == "queue-length-high"
    assert "query: max by (job) (queue_length)" in found.keys
    assert "warn: {value: 40, for: 5m}" in found.keys
    assert "page: {value: 80, for: 5m}" in found.keys


def test_what_never_failed_warns_of_the_first_failures_and_never_pages() -> None:
    found = threshold(FoundMetric("errors_total", "counter"), 0.0)
    assert found is not None
    assert "warn: {value: 0.003, for: 5m}" in found.keys
    assert not any(key.startswith("page") for key in found.keys)


@pytest.mark.parametrize("usual", [float("nan"), float("inf"), -1.0])
def test_a_history_that_teaches_nothing_proposes_nothing(usual: float) -> None:
    assert threshold(FoundMetric("queue_length", "gauge"), usual) is None


def test_every_target_of_a_job_must_be_up() -> None:
    found = threshold(FoundMetric("up", "up"), 1.0)
    assert found is not None
    assert "bad: below" in found.keys
    assert "warn: {value: 1, for: 5m}" in found.keys
