"""Remember when each partition was there first: a gap that was filled later stays known."""

import sqlalchemy as sa
from alembic import op

from monitor.store.columns import Moment

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "partition_seen",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("start", Moment(length=32), nullable=False),
        sa.Column("arrived_at", Moment(length=32), nullable=False),
        sa.PrimaryKeyConstraint("key", "start", name=op.f("pk_partition_seen")),
    )
    op.create_index(
        op.f("ix_partition_seen_arrived_at"), "partition_seen", ["arrived_at"], unique=False
    )
    op.create_table(
        "partition_watch",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("since", Moment(length=32), nullable=False),
        sa.Column("until", Moment(length=32), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_partition_watch")),
    )
    op.create_index(op.f("ix_partition_watch_until"), "partition_watch", ["until"], unique=False)
