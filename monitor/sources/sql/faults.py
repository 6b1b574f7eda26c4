"""What the errors of a database mean."""

import sqlite3
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from monitor.api import Asking, SourceError

_SIGNS: dict[Any, tuple[str, ...]] = {
    "auth": ("password", "authentication", "permission denied", "role "),
    "missing": ("no such table", "undefinedtable", "relation "),
    "query": (
        "no such column",
        "no such function",
        "syntax error",
        "misuse",
        "column ",
        "overflow",
    ),
    "unreachable": (
        "unable to open",
        "refused",
        "could not connect",
        "timeout expired",
        "could not translate",
        "connection failed",
    ),
    "overload": ("too many connections", "too many clients", "database is locked"),
}


USAGE = (
    sa.exc.ProgrammingError,
    sa.exc.DataError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
)


def fault_of(
    error: sa.exc.DBAPIError | sqlite3.Error, asking: Asking, file: str | None = None
) -> SourceError:
    """Say what is wrong, with the text of the database, and of SQLite's with which file."""
    text = str(error.orig if isinstance(error, sa.exc.DBAPIError) else error).strip()
    low = text.lower()
    seconds = asking.timeout.total_seconds()
    if "interrupted" in low or "statement timeout" in low:
        return SourceError("timeout", f"the query was stopped after {seconds:g} s")
    if file and "unable to open" in low and not file.startswith("file:"):  # SQLite's own address
        path = Path(file).absolute()
        text = f"{text} {path}" if path.exists() else f"there is no file {path} ({text})"
    for fault, signs in _SIGNS.items():
        if any(sign in low for sign in signs):
            return SourceError(fault, text)
    return SourceError("query" if isinstance(error, USAGE) else "protocol", text)
