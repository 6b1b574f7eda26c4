"""Names of tables and columns, moments as literals of a type, and cells as moments."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from monitor.api import Grain, SourceError, as_moment

_PART = r'(?:[A-Za-z_]\w*|"[\w$ -]+")'
COLUMN = re.compile(_PART)
TABLE = re.compile(rf"{_PART}(?:\.{_PART}){{0,2}}")
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COMPACT = re.compile(r"(\d{4})-?(\d{2})-?(\d{2})(?:[-T_ ]?(\d{2}))?")


def checked(text: str, form: re.Pattern[str]) -> str:
    """Return a name. Raise SourceError for what is none: it would become part of a statement."""
    if not form.fullmatch(text):
        raise SourceError("query", f"'{text}' is no name of a table or column")
    return text


def parts_of(table: str, catalog: str | None, schema: str | None) -> tuple[str, str, str]:
    """Return catalog, schema and name, without quotes; missing ones are those of the address."""
    found = [part.strip('"').lower() for part in re.findall(_PART, checked(table, TABLE))]
    before = [catalog or "", schema or ""]
    full = [*before[: 3 - len(found)], *found]
    return full[0], full[1], full[2]


def meta(table: tuple[str, str, str], suffix: str) -> str:
    """Write the name of a metadata table: ``"c"."s"."t$partitions"``."""
    catalog, schema, name = table
    return f'"{catalog}"."{schema}"."{name}${suffix}"'


def fields_of(row_type: str) -> dict[str, str]:
    """Read ``row(dt date, at_hour integer)`` as types by name; empty for another type."""
    if not row_type.startswith("row("):
        return {}
    pairs = (_FIELD.fullmatch(text) for text in _split(row_type[4:-1]))
    return {(pair[1] or pair[2]).lower(): pair[3] for pair in pairs if pair is not None}


_FIELD = re.compile(r'(?:"([^"]*)"|(\w+)) (.+)', re.DOTALL)


def _split(inner: str) -> Iterator[str]:
    depth, start = 0, 0
    for place, sign in enumerate(inner):
        depth += (sign == "(") - (sign == ")")
        if sign == "," and depth == 0:
            yield inner[start:place].strip()
            start = place + 1
    yield inner[start:].strip()


def timestamp(at: datetime) -> str:
    """Write a moment as a literal without a zone, in UTC."""
    naive = at.astimezone(UTC).replace(tzinfo=None)
    return f"TIMESTAMP '{naive.isoformat(sep=' ')}'"


def floor_literal(at: datetime, kind: str, grain: Grain) -> str | None:
    """Write the start of a window in the type of a partition column; None for a strange type.

    It may lie a little early: what is too old is left out when the answer is read.
    """
    day = at.astimezone(UTC)
    if kind.startswith("timestamp"):
        return timestamp(at)[:-1] + (" UTC'" if "time zone" in kind else "'")
    if kind == "date":
        return f"DATE '{day:%Y-%m-%d}'"
    if kind.startswith(("varchar", "char")):
        return f"'{day:%Y-%m-%d}'"  # before 20261124, too: '-' sorts before the digits
    if kind in {"integer", "bigint"}:
        return f"{day:%Y%m%d}" if grain == "day" else f"{day:%Y%m%d%H}"
    return None


def exact_literal(cell: object, kind: str) -> str:
    """Write a cell as a literal of its column's type."""
    if kind == "date":
        return f"DATE '{cell}'"
    if kind.startswith("timestamp"):
        return f"TIMESTAMP '{cell}'"
    if kind in {"integer", "bigint", "smallint", "tinyint"}:
        return str(int(str(cell)))
    return "'" + str(cell).replace("'", "''") + "'"


def moment(cell: object) -> datetime | None:
    """Read a cell as a moment; what has no zone is UTC. Raise SourceError for other types.

    Dates may be written without signs between them, and with an hour: ``2026112405``.
    """
    compact = _COMPACT.fullmatch(str(cell)) if isinstance(cell, int | str) else None
    try:
        if compact is None:
            return as_moment(cell)
        year, month, day, hour = (int(part or 0) for part in compact.groups())
        return datetime(year, month, day, hour, tzinfo=UTC)
    except ValueError as error:
        raise SourceError("query", f"the column holds {cell!r}, which is no moment") from error


def hours(cell: object) -> datetime | None:
    """Read what Iceberg's transform ``hour`` makes: hours since 1970."""
    return None if cell is None else EPOCH + timedelta(hours=int(str(cell)))
