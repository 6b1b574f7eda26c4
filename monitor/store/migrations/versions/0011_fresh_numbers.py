"""Keep the numbers of the last minutes in batches as they came."""

import sqlalchemy as sa
from alembic import op

from monitor.store.columns import Moment

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Make the table; hours that are there stay as they are."""
    op.create_table(
        "sample_fresh",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("at", Moment(length=32), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_sample_fresh")),
    )
    op.create_index("ix_sample_fresh_part_at", "sample_fresh", ["part", "at"], unique=False)
