"""Note the storm in which a receiver heard of an incident."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Add the column: so far everything was told on its own."""
    op.add_column("told", sa.Column("storm", sa.Text(), nullable=False, server_default=""))
    op.create_index(op.f("ix_told_storm"), "told", ["storm"], unique=False)
