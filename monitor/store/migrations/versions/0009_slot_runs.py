"""Keep slots for longer, in runs of those that ended alike."""

import sqlalchemy as sa
from alembic import op

from monitor.store.tables import Moment

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Make the table; slots move into it as they age."""
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
