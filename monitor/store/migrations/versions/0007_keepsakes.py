"""Keep what sources know over a restart: who usually holds a cluster."""

import sqlalchemy as sa
from alembic import op

from monitor.store.columns import Moment

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "keepsake",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("kept", sa.Text(), nullable=False),
        sa.Column("kept_at", Moment(length=32), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_keepsake")),
    )
