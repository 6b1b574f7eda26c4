"""A quick look at SQL, so that a thousand checks are read without parsing a thousand queries."""

import re

from monitor.api.query import Rows

SINCE = re.compile(r"\{\{\s*since\s*\}\}")
UNTIL = re.compile(r"\{\{\s*until\s*\}\}")

_START = re.compile(r"\s*(?:select|with)\b", re.IGNORECASE)
_PERHAPS = re.compile(
    r"[;`$]|--|/\*|\btable\s*\(|\b(?:insert|update|delete|merge|replace|create|drop|alter|truncate|into|"
    r"call|execute|exec|grant|revoke|deny|set|reset|use|copy|vacuum|attach|pragma|load|install|"
    r"refresh|analyze|comment|prepare|lock|do)\b",
    re.IGNORECASE,
)


def looks_harmless(text: str) -> bool:
    """Say whether SQL is so plain that it can only read: a SELECT without any word that writes.

    False says nothing: the guard of the source must then read the statement itself. Before it is
    asked, it does so in any case.
    """
    return _START.match(text) is not None and _PERHAPS.search(text) is None


def windowless(query: Rows) -> str | None:
    """Say what is wrong with a text that looks at a window where the kind has none."""
    if query.since is None and SINCE.search(query.text):
        return "the text has {{ since }}, but this kind has no window"
    return None
