"""Keep three points of each hour of a series apart: a month is drawn from them alone."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the column; hours of before have nothing in it, and are drawn from all their points."""
    op.add_column("sample_hour", sa.Column("brief", sa.Text(), nullable=False, server_default=""))
