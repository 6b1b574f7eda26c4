"""Remember the buckets of metrics, how late they came, and which levels were accepted."""

import sqlalchemy as sa
from alembic import op

from monitor.store.columns import Moment

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "metric_day",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("first", sa.Integer(), nullable=False),
        sa.Column("buckets", sa.Integer(), nullable=False),
        sa.Column("parts", sa.Integer(), nullable=False),
        sa.Column("slices", sa.Text(), nullable=False),
        sa.Column("numbers", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("key", "day", name=op.f("pk_metric_day")),
    )
    op.create_index(op.f("ix_metric_day_day"), "metric_day", ["day"], unique=False)
    op.create_table(
        "metric_series",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("arrivals", sa.Text(), nullable=False),
        sa.Column("seen_at", Moment(length=32), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_metric_series")),
    )
    op.create_index(op.f("ix_metric_series_seen_at"), "metric_series", ["seen_at"], unique=False)
    op.create_table(
        "metric_rebase",
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("slice", sa.Text(), nullable=False),
        sa.Column("at", Moment(length=32), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("check", "slice", name=op.f("pk_metric_rebase")),
    )
