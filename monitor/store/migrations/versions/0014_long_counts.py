"""Count in 64 bits what may come many times a second: PostgreSQL's serials end at 2^31."""

from alembic import op

from monitor.store.columns import BIG

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Widen the columns and what counts them; SQLite's integers are that long."""
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in ("slot_batch", "sample_fresh", "ping"):
        op.alter_column(table, "id", type_=BIG)
        op.execute(f"alter sequence {table}_id_seq as bigint")
