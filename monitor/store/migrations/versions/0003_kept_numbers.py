"""Keep the numbers of looks by the hour, the outcomes by the day, the checks of a digest."""

import sqlalchemy as sa
from alembic import op

from monitor.store.columns import Moment

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "sample_hour",
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("slice", sa.Text(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("hour", Moment(length=32), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("points", sa.Text(), nullable=False),
        sa.Column("peak", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("check", "slice", "measure", "hour", name=op.f("pk_sample_hour")),
    )
    op.create_index(op.f("ix_sample_hour_hour"), "sample_hour", ["hour"], unique=False)
    op.create_table(
        "check_day",
        sa.Column("check", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("hours", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("check", "day", name=op.f("pk_check_day")),
    )
    op.create_index(op.f("ix_check_day_day"), "check_day", ["day"], unique=False)
    op.add_column("digest_run", sa.Column("checks", sa.Text(), nullable=True))
