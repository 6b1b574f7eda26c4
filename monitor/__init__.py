"""A health monitor for data platforms: checks in YAML, one incident per cause, an honest digest."""

__version__ = "0.1.0"
