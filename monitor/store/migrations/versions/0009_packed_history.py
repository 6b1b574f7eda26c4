"""Keep old slots in runs of those that ended alike, and old numbers by the day."""

import sqlalchemy as sa
from alembic import op

from monitor.store.columns import Moment

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the tables; slots and numbers move into them as they age."""
    op.create_table(
        "slot_run",
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("first_at", Moment(length=32), nullable=False),
        sa.Column("last_at", Moment(length=32), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("ended_at", Moment(length=32), nullable=False),
        sa.PrimaryKeyConstraint("check", "first_at", name=op.f("pk_slot_run")),
    )
    op.create_index(op.f("ix_slot_run_last_at"), "slot_run", ["last_at"], unique=False)
    op.create_table(
        "sample_day",
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("slice", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("hour", Moment(length=32), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("points", sa.Text(), nullable=False),
        sa.Column("peak", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("check", "slice", "measure", "hour", name=op.f("pk_sample_day")),
    )
    op.create_index(op.f("ix_sample_day_hour"), "sample_day", ["hour"], unique=False)
