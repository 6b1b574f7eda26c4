"""Remember what the queries of `for_each` found: checks outlive a start with a source down."""

import sqlalchemy as sa
from alembic import op

from monitor.store.columns import Moment

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "found_values",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("found", sa.Text(), nullable=False),
        sa.Column("asked_at", Moment(length=32), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_found_values")),
    )
    op.create_index(op.f("ix_found_values_asked_at"), "found_values", ["asked_at"], unique=False)
