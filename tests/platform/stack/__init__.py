"""The real platform, started and stopped without Docker.

Each server is a class with `start()`, `stop()` and `with`; it listens on loopback, on a free port,
and keeps its log in the work directory that it is given. `python -m tests.platform.stack` starts
all of them for people to look at; `tests/platform/conftest.py` makes fixtures of them.
"""
