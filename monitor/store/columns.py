"""What the columns of all tables are made of. Moments are texts in UTC that sort as they pass."""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BIG = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""Of what is counted for years; SQLite's own integers are long enough."""


class Moment(TypeDecorator[datetime]):
    """An aware moment, kept as ``2026-11-24T03:10:00.000000+00:00``: SQLite has no type for it."""

    impl = sa.String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> str | None:
        """Write in UTC with all six digits, so that texts sort like moments."""
        del dialect
        return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: str | None, dialect: Any) -> datetime | None:
        """Read an aware moment."""
        del dialect
        return None if value is None else datetime.fromisoformat(value)


def text(name: str, **options: Any) -> sa.Column[str]:
    """Make a column of texts."""
    return sa.Column(name, sa.Text, nullable=False, **options)


def moment(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[datetime]:
    """Make a column of moments."""
    return sa.Column(name, Moment, nullable=nullable, **options)
