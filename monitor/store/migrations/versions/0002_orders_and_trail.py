"""Silences, the trail, received batches, and what telling remembers."""

import sqlalchemy as sa
from alembic import op

from monitor.store.columns import Moment

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the tables and columns."""
    op.create_table(
        "silence",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("starts_at", Moment(length=32), nullable=False),
        sa.Column("ends_at", Moment(length=32), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_silence")),
    )
    op.create_index(op.f("ix_silence_ends_at"), "silence", ["ends_at"], unique=False)
    op.create_table(
        "trail",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", Moment(length=32), nullable=False),
        sa.Column("incident", sa.Text(), nullable=True),
        sa.Column("deed", sa.Text(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("what", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trail")),
    )
    op.create_index(op.f("ix_trail_at"), "trail", ["at"], unique=False)
    op.create_index(op.f("ix_trail_incident"), "trail", ["incident"], unique=False)
    op.create_table(
        "received",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("at", Moment(length=32), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_received")),
        sa.UniqueConstraint("key", name=op.f("uq_received_key")),
    )
    op.add_column("told", sa.Column("at", Moment(length=32), nullable=True))
    op.add_column(
        "told", sa.Column("is_page", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("told", sa.Column("quiet", sa.Text(), nullable=False, server_default=""))
    op.add_column(
        "outbox", sa.Column("is_degraded", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.create_index("ix_outbox_subject", "outbox", ["subject"], unique=False)
    op.create_index(op.f("ix_alert_resolved_at"), "alert", ["resolved_at"], unique=False)
    # What was told before this release is written in another form: it is told once more.
    op.execute("DELETE FROM told")
