"""Errors of the store, with what to do about them."""

import sqlalchemy as sa

from monitor.api.errors import MonitorError


class StoreError(MonitorError):
    """The store cannot be opened, locked or written."""


class RefusedError(StoreError):
    """What was to be written cannot be: the store works, and trying again will not help."""


class HeldError(StoreError):
    """Another monitor runs on the store."""


def told(context: sa.ExceptionContext) -> StoreError:
    """Return what is raised instead of an error of the database; for the event `handle_error`."""
    error = context.sqlalchemy_exception
    fault = context.original_exception
    if isinstance(error, sa.exc.DataError | sa.exc.IntegrityError):
        return RefusedError(f"the store refuses what is to be written: {fault}")
    if not isinstance(error, sa.exc.DBAPIError):
        return RefusedError(f"what is to be written has no form here: {fault!r}")
    is_read = (context.statement or "").lstrip()[:6].upper() in {"SELECT", "WITH"}
    return StoreError(f"the store cannot be {'read' if is_read else 'written'}: {fault}")
