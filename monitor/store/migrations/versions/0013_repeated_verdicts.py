"""Keep verdicts that are as before but for their numbers many in a row."""

import sqlalchemy as sa
from alembic import op

from monitor.store.columns import BIG, Moment

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Make the table: so far every verdict is there as a whole."""
    op.create_table(
        "state_repeat",
        sa.Column("id", BIG, autoincrement=False, nullable=False),
        sa.Column("at", Moment(length=32), nullable=False),
        sa.Column("numbers", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_state_repeat")),
    )
    op.add_column("check_state", sa.Column("as_of", BIG, nullable=False, server_default="0"))
