"""The first tables."""

import sqlalchemy as sa
from alembic import op

from monitor.store.columns import Moment

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make every table of the first release."""
    op.create_table(
        "alert",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("slice", sa.Text(), nullable=False),
        sa.Column("opened_at", Moment(length=32), nullable=False),
        sa.Column("fired_at", Moment(length=32), nullable=True),
        sa.Column("resolved_at", Moment(length=32), nullable=True),
        sa.Column("incident", sa.Text(), nullable=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint(
            "check", "slice", "opened_at", name=op.f("uq_alert_check_slice_opened_at")
        ),
    )
    op.create_index(op.f("ix_alert_incident"), "alert", ["incident"], unique=False)
    op.create_index(
        "ix_alert_one_open",
        "alert",
        ["check", "slice"],
        unique=True,
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    )
    op.create_table(
        "alert_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", Moment(length=32), nullable=False),
        sa.Column("incident", sa.Text(), nullable=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert_event")),
    )
    op.create_index(op.f("ix_alert_event_at"), "alert_event", ["at"], unique=False)
    op.create_index(op.f("ix_alert_event_incident"), "alert_event", ["incident"], unique=False)
    op.create_table(
        "check_state",
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("slice", sa.Text(), nullable=False),
        sa.Column("since", Moment(length=32), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("check", "slice", name=op.f("pk_check_state")),
    )
    op.create_table(
        "daemon_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("started_at", Moment(length=32), nullable=False),
        sa.Column("seen_at", Moment(length=32), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_daemon_run")),
    )
    op.create_table(
        "digest_run",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("since", Moment(length=32), nullable=False),
        sa.Column("until", Moment(length=32), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", "day", name=op.f("pk_digest_run")),
    )
    op.create_table(
        "incident",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("opened_at", Moment(length=32), nullable=False),
        sa.Column("resolved_at", Moment(length=32), nullable=True),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_incident")),
    )
    op.create_index(op.f("ix_incident_opened_at"), "incident", ["opened_at"], unique=False)
    op.create_index(op.f("ix_incident_resolved_at"), "incident", ["resolved_at"], unique=False)
    op.create_table(
        "outbox",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("due_at", Moment(length=32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("error", sa.Text(), nullable=False),
        sa.Column("done_at", Moment(length=32), nullable=True),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("notification", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_outbox")),
        sa.UniqueConstraint("key", name=op.f("uq_outbox_key")),
    )
    op.create_index("ix_outbox_open", "outbox", ["done_at", "due_at"], unique=False)
    op.create_table(
        "ping",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("at", Moment(length=32), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("exit_status", sa.Integer(), nullable=True),
        sa.Column("rid", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ping")),
    )
    op.create_index("ix_ping_check_at", "ping", ["check", "at"], unique=False)
    op.create_table(
        "quiet",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", Moment(length=32), nullable=False),
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quiet")),
    )
    op.create_index(op.f("ix_quiet_incident"), "quiet", ["incident"], unique=False)
    op.create_table(
        "receipt",
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("first_at", Moment(length=32), nullable=False),
        sa.Column("at", Moment(length=32), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("subject", "receiver", name=op.f("pk_receipt")),
    )
    op.create_table(
        "told",
        sa.Column("incident", sa.Text(), nullable=False),
        sa.Column("receiver", sa.Text(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("incident", "receiver", name=op.f("pk_told")),
    )
    op.create_table(
        "verdict_recent",
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("due_at", Moment(length=32), nullable=False),
        sa.Column("ended_at", Moment(length=32), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("check", "due_at", name=op.f("pk_verdict_recent")),
    )
    op.create_index(
        op.f("ix_verdict_recent_ended_at"), "verdict_recent", ["ended_at"], unique=False
    )
