"""The read-only guard: one SELECT passes, nothing that could write does.

Two locks. The first cuts the text as Trino itself does and wants a statement that begins like a
query, alone, without a table function that may pass a text through to another system. The second
is a parser that knows the whole language (sqlglot); where it reads the text in another way, the
first one holds.

The parser takes half a millisecond for a short text and several for a long one. So it is asked
about every text when a configuration is read (``objection``), and before a question only about a
text in which something could begin a write, or could be read in two ways.
"""

import re
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

# fmt: off
DOUBTFUL = frozenset((
    "ALTER", "ANALYZE", "CALL", "COMMENT", "COMMIT", "CREATE", "DEALLOCATE", "DELETE", "DENY",
    "DESCRIBE", "DROP", "EXECUTE", "EXPLAIN", "FUNCTION", "GRANT", "INSERT", "INTO", "MERGE",
    "PREPARE", "REFRESH", "RESET", "REVOKE", "ROLLBACK", "SESSION", "SET", "SHOW", "START",
    "TRUNCATE", "UPDATE", "USE",
))
# fmt: on
"""Words without which no statement of Trino but a query can be written, wherever it may hide; and
``WITH SESSION``, by which a query could lift the limits that it is asked with."""

AMBIGUOUS = ("/*", "$$", "`", "\\", "{", "}", "#")
PLAIN_SIGNS = frozenset("()[],.;:<>=!+-*/%|?@")
"""What the two locks may cut in different ways, and the signs that neither can mistake."""

# fmt: off
UNFINISHED = frozenset((
    "AND", "AS", "BY", "DISTINCT", "EXCEPT", "FROM", "HAVING", "IN", "INTERSECT", "JOIN",
    "LIKE", "LIMIT", "NOT", "ON", "OR", "SELECT", "UNION", "VALUES", "WHERE", "WITH", ",", "(",
    ".", "=", "<", ">", "+", "-", "/",
))
# fmt: on
"""How no statement ends: a text that does was cut off."""

_END = re.compile(r"(\w+|.)\s*\Z", re.DOTALL)

FORBIDDEN = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Drop, exp.Alter, exp.TruncateTable)


def guard(text: str) -> None:
    """Let one reading statement pass. Raise SourceError("query") for anything else."""
    refusal = why_refused(text)
    if refusal is not None:
        raise SourceError("query", refusal, code=Why.QUERY_FAULT)


@lru_cache(maxsize=4096)
def why_refused(text: str) -> str | None:
    """Return why a text is refused, None for one that only reads."""
    found = list(tokens(text))
    refusal = _by_tokens(found)
    return refusal if refusal or _is_plain(text, found) else _by_parser(text)


@lru_cache(maxsize=4096)
def objection(text: str) -> str | None:
    """Return why a text is refused by either lock, also for what is only written wrongly."""
    return _by_tokens(list(tokens(text))) or _by_parser(text)


def _is_plain(text: str, found: Sequence[Token]) -> bool:
    """Say whether the first lock is enough: nothing in a whole text could be anything but a query.

    A table function that is known to read is not plain: its arguments are looked at as well.
    """
    if any(mark in text for mark in AMBIGUOUS):
        return False
    words = [token.word for token in found]
    if not DOUBTFUL.isdisjoint(words):
        return False
    signs = [token.text for token in found if token.kind == "sign"]
    if signs.count("(") != signs.count(")") or not PLAIN_SIGNS.issuperset(signs):
        return False
    if _is_cut_off(text.rstrip().rstrip(";")):
        return False
    return not any(
        word == "TABLE" and it.text == "(" for word, it in zip(words, found[1:], strict=False)
    )


def _is_cut_off(text: str) -> bool:
    end = _END.search(text)
    return end is None or end[1].upper() in UNFINISHED


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
