"""What all tests share: Python's collector rests, or it would walk thousands of tests each time."""

import gc

gc.set_threshold(50_000, 20, 20)


def pytest_collection_finish() -> None:
    """Leave out of every later collection what collecting the tests has made."""
    gc.collect()
    gc.freeze()
