"""The tables of what is decided on, and told. Nested values are JSON texts."""

import sqlalchemy as sa

from monitor.store.columns import BIG, metadata, moment, text

check_state = sa.Table(
    "check_state",
    metadata,
    text("check", primary_key=True),
    text("slice", primary_key=True),
    moment("since"),
    text("outcome"),
    text("verdict"),
    sa.Column("as_of", BIG, nullable=False, server_default="0"),
)

# Verdicts of one moment that were as before but for their numbers: newer than `check_state` where
# `id` is more than its `as_of`.
state_repeat = sa.Table(
    "state_repeat",
    metadata,
    sa.Column("id", BIG, primary_key=True, autoincrement=False),
    moment("at"),
    text("numbers"),
)

alert = sa.Table(
    "alert",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    text("check"),
    text("slice"),
    moment("opened_at"),
    moment("fired_at", nullable=True),
    moment("resolved_at", nullable=True, index=True),
    sa.Column("incident", sa.Text, index=True),
    text("value"),
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
    moment("at", index=True),
    sa.Column("incident", sa.Text, index=True),
    text("value"),
)

incident = sa.Table(
    "incident",
    metadata,
    text("id", primary_key=True),
    moment("opened_at", index=True),
    moment("resolved_at", nullable=True, index=True),
    text("value"),
)

told = sa.Table(
    "told",
    metadata,
    text("incident", primary_key=True),
    text("receiver", primary_key=True),
    sa.Column("revision", sa.Integer, nullable=False),
    text("fingerprint"),
    moment("at", nullable=True),
    sa.Column("is_page", sa.Boolean, nullable=False, server_default=sa.false()),
    text("quiet", server_default=""),
    text("storm", server_default="", index=True),
)

silence = sa.Table(
    "silence",
    metadata,
    text("id", primary_key=True),
    moment("starts_at"),
    moment("ends_at", index=True),
    text("value"),
)

trail = sa.Table(
    "trail",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    moment("at", index=True),
    sa.Column("incident", sa.Text, index=True),
    text("deed"),
    text("who"),
    text("why"),
    text("what"),
)

received = sa.Table(
    "received",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    text("key", unique=True),
    moment("at"),
    text("body"),
)

quiet = sa.Table(
    "quiet",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    moment("at"),
    text("incident", index=True),
    text("receiver"),
    text("reason"),
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    text("key", unique=True),
    text("subject"),
    text("receiver"),
    moment("due_at"),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    text("error", default=""),
    moment("done_at", nullable=True),
    text("state", default="pending"),
    sa.Column("is_degraded", sa.Boolean, nullable=False, server_default=sa.false()),
    text("notification"),
    sa.Index("ix_outbox_open", "done_at", "due_at"),
    sa.Index("ix_outbox_subject", "subject"),
)

receipt = sa.Table(
    "receipt",
    metadata,
    text("subject", primary_key=True),
    text("receiver", primary_key=True),
    moment("first_at"),
    moment("at"),
    text("place"),
)

# Slots of one part of the checks that were due together and ended alike, at one moment.
slot_batch = sa.Table(
    "slot_batch",
    metadata,
    sa.Column("id", BIG, primary_key=True),
    sa.Column("part", sa.Integer, nullable=False),
    moment("due_at"),
    moment("ended_at"),
    text("outcome"),
    text("reason"),
    text("checks"),
    sa.Index("ix_slot_batch_part_due_at", "part", "due_at"),
)

# Slots of one check that ended alike, at even distances: what was in slot_batch some hours before.
slot_run = sa.Table(
    "slot_run",
    metadata,
    text("check", primary_key=True),
    moment("first_at", primary_key=True),
    moment("last_at", index=True),
    sa.Column("count", sa.Integer, nullable=False),
    text("outcome"),
    text("reason"),
    moment("ended_at"),
)

ping = sa.Table(
    "ping",
    metadata,
    sa.Column("id", BIG, primary_key=True),
    text("check"),
    moment("at"),
    text("kind"),
    sa.Column("exit_status", sa.Integer),
    sa.Column("rid", sa.Text),
    sa.Index("ix_ping_check_at", "check", "at"),
)

daemon_run = sa.Table(
    "daemon_run",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    moment("started_at"),
    moment("seen_at"),
)

digest_run = sa.Table(
    "digest_run",
    metadata,
    text("name", primary_key=True),
    text("day", primary_key=True),
    moment("since"),
    moment("until"),
    text("digest"),
    sa.Column("checks", sa.Text),
)
