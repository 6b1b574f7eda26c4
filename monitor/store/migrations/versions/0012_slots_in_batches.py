"""Keep the slots of the last hours in batches: those that were due together and ended alike."""

from itertools import groupby
from zlib import crc32

import sqlalchemy as sa
from alembic import op

from monitor.store.columns import Moment

revision = "0012"
down_revision = "0011"

PARTS = 16
ROWS_AT_ONCE = 1000


def upgrade() -> None:
    """Make the table, and move what the last hours left."""
    op.create_table(
        "slot_batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("part", sa.Integer(), nullable=False),
        sa.Column("due_at", Moment(length=32), nullable=False),
        sa.Column("ended_at", Moment(length=32), nullable=False),
        sa.Column("outcome", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("checks", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot_batch")),
    )
    op.create_index("ix_slot_batch_part_due_at", "slot_batch", ["part", "due_at"], unique=False)
    names = ("due_at", "ended_at", "outcome", "reason", "check")
    old = sa.table("verdict_recent", *(sa.column(name) for name in names))
    ended = [old.c[name] for name in names[:-1]]
    query = sa.select(*ended, old.c.check).order_by(*ended)
    found = op.get_bind().execute(query, execution_options={"yield_per": ROWS_AT_ONCE})
    raw = sa.table("slot_batch", *(sa.column(name) for name in ("part", *names[:-1], "checks")))
    rows: list[dict[str, object]] = []
    for alike, slots in groupby(found, key=lambda row: row[:-1]):
        parts: dict[int, list[str]] = {}
        for row in slots:
            parts.setdefault(crc32(row.check.encode()) % PARTS, []).append(row.check)
        told = dict(zip(names, alike, strict=False))
        rows += [{**told, "part": part, "checks": "\n".join(it)} for part, it in parts.items()]
        if len(rows) >= ROWS_AT_ONCE:
            op.bulk_insert(raw, rows)
            rows = []
    op.bulk_insert(raw, rows)
    op.drop_table("verdict_recent")
