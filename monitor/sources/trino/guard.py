"""The read-only guard: one SELECT passes, nothing that could write does.

Two locks. The first cuts the text as Trino itself does and wants a statement that begins like a
query, alone, without a table function that may pass a text through to another system. The second
is a parser that knows the whole language (sqlglot); where it reads the text in another way, the
first one holds.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

import sqlglot
from sqlglot import exp

from monitor.api import SourceError
from monitor.sources.trino.faults import Why
from monitor.sources.trino.lexer import Token, tokens

READING = {"exclude_columns", "sequence", "table_changes"}
"""Table functions that only read. Any other may pass a text through to another system, where it
may write: ``TABLE(pg.system.query(query => 'delete ...'))`` is a SELECT to Trino."""

BEGINNINGS = {"SELECT", "WITH", "VALUES", "TABLE"}
INSIDE = {
    "INSERT": "INTO",
    "DELETE": "FROM",
    "MERGE": "INTO",
    "REFRESH": "MATERIALIZED",
    "COMMENT": "ON",
    "TRUNCATE": "TABLE",
    **dict.fromkeys(("UPDATE", "CREATE", "DROP", "ALTER", "CALL", "GRANT", "REVOKE", "DENY"), ""),
}
"""How a write begins, should one stand in brackets; Trino refuses that, and so does the guard."""

FORBIDDEN = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Drop, exp.Alter, exp.TruncateTable)


def guard(text: str) -> None:
    """Let one reading statement pass. Raise SourceError("query") for anything else."""
    refusal = why_refused(text)
    if refusal is not None:
        raise SourceError("query", refusal, code=Why.QUERY_FAULT)


@lru_cache(maxsize=4096)
def why_refused(text: str) -> str | None:
    """Return why a text is refused, None for one that only reads."""
    return _by_tokens(list(tokens(text))) or _by_parser(text)


def _by_tokens(found: Sequence[Token]) -> str | None:
    while found and found[-1].text == ";":
        found = found[:-1]
    first = next((token for token in found if token.text != "("), None)
    if first is None or first.word not in BEGINNINGS:
        return "only one statement may be asked, and it must be a SELECT"
    if any(token.text == ";" for token in found):
        return "only one statement may be asked, and it must be a SELECT"
    for token, following, third in zip(found, found[1:], found[2:], strict=False):
        if token.text == "(" and _writes(following, third):
            return f"{following.word} is not allowed: checks only read"
    for place, (token, following) in enumerate(pairwise(found)):
        if token.word == "TABLE" and following.text == "(":
            name = _function(found[place + 2 :])
            if name is not None and name not in READING:
                return f"the table function '{name}' is not known to only read"
    return None


def _writes(first: Token, second: Token) -> bool:
    """Say whether two tokens begin a statement that writes; alone the first may be a name."""
    known = INSIDE.get(first.word)
    return known is not None and second.kind in {"word", "quoted"} and known in {"", second.word}


def _function(inside: Sequence[Token]) -> str | None:
    """Return the name of the function that ``TABLE(`` calls; None where it just gives a table.

    A query in it is an argument of another function; what it does is looked at by itself.
    """
    if inside and inside[0].word in BEGINNINGS:
        return None
    name = ""
    for token in inside:
        if token.text == ")":
            return None
        if token.text == "(":
            return name
        name = token.name if token.text != "." else name
    return name


def _by_parser(text: str) -> str | None:
    try:
        roots = [root for root in sqlglot.parse(text, dialect="trino") if root is not None]
    except (sqlglot.errors.SqlglotError, ValueError, RecursionError) as error:
        return f"the SQL cannot be read: {(str(error).splitlines() or [repr(error)])[0]}"
    if len(roots) != 1 or not isinstance(roots[0], exp.Query | exp.Values):
        return "only one statement may be asked, and it must be a SELECT"
    for node in roots[0].walk():
        if isinstance(node, FORBIDDEN) and not isinstance(node, exp.Query):
            return f"{node.key.upper()} is not allowed: checks only read"
        if isinstance(node, exp.Anonymous) and node.name.lower() == "table":
            refusal = _table_function(node)
            if refusal is not None:
                return refusal
    return None


def _table_function(table: exp.Anonymous) -> str | None:
    """Refuse ``TABLE(f(...))`` unless f is known to read; ``TABLE(t)`` just names a table."""
    for given in table.expressions:
        call = given
        while isinstance(call, exp.Dot):
            call = call.expression
        if isinstance(call, exp.Query | exp.Column | exp.Identifier | exp.GenerateSeries):
            continue
        if not (isinstance(call, exp.Func) and call.name.lower() in READING):
            return f"the table function '{call.name or call.key}' is not known to only read"
    return None
