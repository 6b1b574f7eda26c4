"""The read-only guard: one SELECT passes, nothing that could write does."""

import sqlglot
from sqlglot import exp

from monitor.api import SourceError

READING = {"exclude_columns", "sequence", "table_changes"}
"""Table functions that only read. Any other may pass a text through to another system, where it
may write: ``TABLE(pg.system.query(query => 'delete ...'))`` is a SELECT to Trino."""

FORBIDDEN = (exp.DML, exp.DDL, exp.Command, exp.Into, exp.Drop, exp.Alter, exp.TruncateTable)


def guard(text: str) -> None:
    """Let one reading statement pass. Raise SourceError("query") for anything else."""
    try:
        roots = [root for root in sqlglot.parse(text, dialect="trino") if root is not None]
    except (sqlglot.errors.SqlglotError, ValueError, RecursionError) as error:
        first = (str(error).splitlines() or [repr(error)])[0]
        raise SourceError("query", f"the SQL cannot be read: {first}") from error
    if len(roots) != 1 or not isinstance(roots[0], exp.Query):
        raise SourceError("query", "only one statement may be asked, and it must be a SELECT")
    for node in roots[0].walk():
        if isinstance(node, FORBIDDEN) and not isinstance(node, exp.Query):
            raise SourceError("query", f"{node.key.upper()} is not allowed: checks only read")
        if isinstance(node, exp.Anonymous) and node.name.lower() == "table":
            _check_table_function(node)


def _check_table_function(table: exp.Anonymous) -> None:
    """Refuse ``TABLE(f(...))`` unless f is known to read; ``TABLE(t)`` just names a table."""
    for given in table.expressions:
        call = given
        while isinstance(call, exp.Dot):
            call = call.expression
        if isinstance(call, exp.Column | exp.Identifier | exp.GenerateSeries):
            continue
        if not (isinstance(call, exp.Func) and call.name.lower() in READING):
            name = call.name or call.key
            raise SourceError("query", f"the table function '{name}' is not known to only read")
