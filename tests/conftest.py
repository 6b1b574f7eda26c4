"""What all tests share: Python's collector rests, or it would walk thousands of tests each time."""

import gc

from hypothesis import HealthCheck, settings

from tests.often import IN_CI

gc.set_threshold(50_000, 20, 20)

# Hypothesis measures no time, as in CI: a busy machine is no fault of what is tested.
settings.register_profile(
    "all day",
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
if not IN_CI:
    settings.load_profile("all day")


def pytest_collection_finish() -> None:
    """Leave out of every later collection what collecting the tests has made."""
    gc.freeze()


def pytest_sessionfinish() -> None:
    """Leave it to CI to look once more for what nobody closed: it takes a second at the end."""
    if not IN_CI:
        gc.freeze()
