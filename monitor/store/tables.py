"""The tables. Moments are texts in UTC that sort as they pass; nested values are JSON texts."""

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


def _text(name: str, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=False, **options)


def _moment(name: str, *, nullable: bool = False, **options: Any) -> sa.Column[datetime]:
    return sa.Column(name, Moment, nullable=nullable, **options)


check_state = sa.Table(
    "check_state",
    metadata,
    _text("check", primary_key=True),
    _text("slice", primary_key=True),
    _moment("since"),
    _text("outcome"),
    _text("verdict"),
)

alert = sa.Table(
    "alert",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("check"),
    _text("slice"),
    _moment("opened_at"),
    _moment("fired_at", nullable=True),
    _moment("resolved_at", nullable=True, index=True),
    sa.Column("incident", sa.Text, index=True),
    _text("value"),
    sa.UniqueConstraint("check", "slice", "opened_at"),
)
# At most one open alert for each check and slice: the database holds it, not code.
_IS_OPEN = alert.c.resolved_at.is_(None)
_ONE_OPEN = sa.Index(
    "ix_alert_one_open", alert.c.check, alert.c.slice, unique=True, sqlite_where=_IS_OPEN
)


def prepare_for(dialect: str) -> None:
    """Add what only one database understands; naming PostgreSQL costs 3 MB (ADR 6)."""
    if dialect == "postgresql":
        _ONE_OPEN.dialect_options["postgresql"]["where"] = _IS_OPEN


alert_event = sa.Table(
    "alert_event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _moment("at", index=True),
    sa.Column("incident", sa.Text, index=True),
    _text("value"),
)

incident = sa.Table(
    "incident",
    metadata,
    _text("id", primary_key=True),
    _moment("opened_at", index=True),
    _moment("resolved_at", nullable=True, index=True),
    _text("value"),
)

told = sa.Table(
    "told",
    metadata,
    _text("incident", primary_key=True),
    _text("receiver", primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    _text("fingerprint"),
    _moment("at", nullable=True),
    sa.Column("is_page", sa.Boolean, nullable=False, server_default=sa.false()),
    _text("quiet", server_default=""),
    _text("storm", server_default="", index=True),
)

silence = sa.Table(
    "silence",
    metadata,
    _text("id", primary_key=True),
    _moment("starts_at"),
    _moment("ends_at", index=True),
    _text("value"),
)

trail = sa.Table(
    "trail",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _moment("at", index=True),
    sa.Column("incident", sa.Text, index=True),
    _text("deed"),
    _text("who"),
    _text("why"),
    _text("what"),
)

received = sa.Table(
    "received",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("key", unique=True),
    _moment("at"),
    _text("body"),
)

quiet = sa.Table(
    "quiet",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _moment("at"),
    _text("incident", index=True),
    _text("receiver"),
    _text("reason"),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("key", unique=True),
    _text("subject"),
    _text("receiver"),
    _moment("due_at"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    _text("error", default=""),
    _moment("done_at", nullable=True),
    _text("state", default="pending"),
    sa.Column("is_degraded", sa.Boolean, nullable=False, server_default=sa.false()),
    _text("notification"),
    sa.Index("ix_outbox_open", "done_at", "due_at"),
    sa.Index("ix_outbox_subject", "subject"),
)

receipt = sa.Table(
    "receipt",
    metadata,
    _text("subject", primary_key=True),
    _text("receiver", primary_key=True),
    _moment("first_at"),
    _moment("at"),
    _text("place"),
)

verdict_recent = sa.Table(
    "verdict_recent",
    metadata,
    _text("check", primary_key=True),
    _moment("due_at", primary_key=True),
    _moment("ended_at", index=True),
    _text("outcome"),
    _text("reason"),
)

# Slots that ended alike, at even distances: what verdict_recent holds for longer than a day.
slot_run = sa.Table(
    "slot_run",
    metadata,
    _text("check", primary_key=True),
    _moment("first_at", primary_key=True),
    _moment("last_at", index=True),
    sa.Column("count", sa.Integer, nullable=False),
    _text("outcome"),
    _text("reason"),
    _moment("ended_at"),
)

ping = sa.Table(
    "ping",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _text("check"),
    _moment("at"),
    _text("kind"),
    sa.Column("exit_status", sa.Integer),
    sa.Column("rid", sa.Text),
    sa.Index("ix_ping_check_at", "check", "at"),
)

daemon_run = sa.Table(
    "daemon_run",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    _moment("started_at"),
    _moment("seen_at"),
)

digest_run = sa.Table(
    "digest_run",
    metadata,
    _text("name", primary_key=True),
    _text("day", primary_key=True),
    _moment("since"),
    _moment("until"),
    _text("digest"),
    sa.Column("checks", sa.Text),
)


def _numbers() -> tuple[sa.Column[Any], ...]:
    """Make the columns of a row with the numbers of a series from a moment on."""
    return (
        _text("check", primary_key=True),
        _text("slice", primary_key=True),
        _text("measure", primary_key=True),
        _moment("hour", primary_key=True, index=True),
        _text("unit"),
        _text("points"),
        _text("peak", default=""),
    )


# An hour of a series in a row: for charts and for the story of a night, never for decisions.
sample_hour = sa.Table(
    "sample_hour",
    metadata,
    *_numbers(),
    # The first, the smallest and the largest point; empty where there are not more.
    _text("brief", default="", server_default=""),
)

# What came in a minute, of the checks of one part: it becomes hours when these are over.
sample_fresh = sa.Table(
    "sample_fresh",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("part", sa.Integer, nullable=False),
    _moment("at"),
    _text("numbers"),
    sa.Index("ix_sample_fresh_part_at", "part", "at"),
)

# A day of a series in a row, as three points of each hour: what is older than charts of a week.
sample_day = sa.Table(
    "sample_day",
    metadata,
    *_numbers(),
)

# A day of a check in a row: a letter for the worst outcome of each hour (UTC).
check_day = sa.Table(
    "check_day",
    metadata,
    _text("check", primary_key=True),
    _text("day", primary_key=True, index=True),
    _text("hours"),
)

# A day of all slices of a metric in a row: what the detector learns its season from.
metric_day = sa.Table(
    "metric_day",
    metadata,
    _text("key", primary_key=True),
    _text("day", primary_key=True, index=True),
    sa.Column("first", sa.Integer, nullable=False),
    sa.Column("buckets", sa.Integer, nullable=False),
    sa.Column("parts", sa.Integer, nullable=False),
    _text("slices"),
    sa.Column("numbers", sa.LargeBinary, nullable=False),
)

metric_series = sa.Table(
    "metric_series",
    metadata,
    _text("key", primary_key=True),
    _text("arrivals"),
    _moment("seen_at", index=True),
)

# Accepted levels ("accept as new normal"), the newest of each slice.
metric_rebase = sa.Table(
    "metric_rebase",
    metadata,
    _text("check", primary_key=True),
    _text("slice", primary_key=True),
    _moment("at"),
    _text("by"),
)

# What the queries of `for_each` found, the last good answer of each: a check outlives its source.
found_values = sa.Table(
    "found_values",
    metadata,
    _text("key", primary_key=True),
    _text("found"),
    _moment("asked_at", index=True),
)

# When each partition of a table was there first: a gap that was filled later stays known.
partition_seen = sa.Table(
    "partition_seen",
    metadata,
    _text("key", primary_key=True),
    _moment("start", primary_key=True),
    _moment("arrived_at", index=True),
)

partition_watch = sa.Table(
    "partition_watch",
    metadata,
    _text("key", primary_key=True),
    _moment("since"),
    _moment("until", index=True),
)

# What a source knows and would lose with the daemon, in a form that it alone understands.
keepsake = sa.Table(
    "keepsake",
    metadata,
    _text("source", primary_key=True),
    _text("kept"),
    _moment("kept_at"),
)
