"""The tables of what is kept of the past: numbers, metrics, arrivals, and what sources know."""

from typing import Any

import sqlalchemy as sa

from monitor.store.columns import BIG, metadata, moment, text


def _numbers() -> tuple[sa.Column[Any], ...]:
    """Make the columns of a row with the numbers of a series from a moment on."""
    return (
        text("check", primary_key=True),
        text("slice", primary_key=True),
        text("measure", primary_key=True),
        moment("hour", primary_key=True, index=True),
        text("unit"),
        text("points"),
        text("peak", default=""),
    )


# An hour of a series in a row: for charts and for the story of a night, never for decisions.
sample_hour = sa.Table(
    "sample_hour",
    metadata,
    *_numbers(),
    # The first, the smallest and the largest point; empty where there are not more.
    text("brief", default="", server_default=""),
)

# What came in a minute, of the checks of one part: it becomes hours when these are over.
sample_fresh = sa.Table(
    "sample_fresh",
    metadata,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("part", sa.Integer, nullable=False),
    moment("at"),
    text("numbers"),
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
    text("check", primary_key=True),
    text("day", primary_key=True, index=True),
    text("hours"),
)

# A day of all slices of a metric in a row: what the detector learns its season from.
metric_day = sa.Table(
    "metric_day",
    metadata,
    text("key", primary_key=True),
    text("day", primary_key=True, index=True),
    sa.Column("first", sa.Integer, nullable=False),
    sa.Column("buckets", sa.Integer, nullable=False),
    sa.Column("parts", sa.Integer, nullable=False),
    text("slices"),
    sa.Column("numbers", sa.LargeBinary, nullable=False),
)

metric_series = sa.Table(
    "metric_series",
    metadata,
    text("key", primary_key=True),
    text("arrivals"),
    moment("seen_at", index=True),
)

# Accepted levels ("accept as new normal"), the newest of each slice.
metric_rebase = sa.Table(
    "metric_rebase",
    metadata,
    text("check", primary_key=True),
    text("slice", primary_key=True),
    moment("at"),
    text("by"),
)

# What the queries of `for_each` found, the last good answer of each: a check outlives its source.
found_values = sa.Table(
    "found_values",
    metadata,
    text("key", primary_key=True),
    text("found"),
    moment("asked_at", index=True),
)

# When each partition of a table was there first: a gap that was filled later stays known.
partition_seen = sa.Table(
    "partition_seen",
    metadata,
    text("key", primary_key=True),
    moment("start", primary_key=True),
    moment("arrived_at", index=True),
)

partition_watch = sa.Table(
    "partition_watch",
    metadata,
    text("key", primary_key=True),
    moment("since"),
    moment("until", index=True),
)

# What a source knows and would lose with the daemon, in a form that it alone understands.
keepsake = sa.Table(
    "keepsake",
    metadata,
    text("source", primary_key=True),
    text("kept"),
    moment("kept_at"),
)
