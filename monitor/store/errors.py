"""Errors of the store, with what to do about them."""

from monitor.api.errors import MonitorError


class StoreError(MonitorError):
    """The store cannot be opened, locked or written."""


class RefusedError(StoreError):
    """What was to be written cannot be: the store works, and trying again will not help."""
