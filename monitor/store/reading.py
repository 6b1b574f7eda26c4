"""Reading several tables as they are at one moment, while others write."""

import sqlalchemy as sa


def reading(engine: sa.Engine) -> sa.Connection:
    """Connect, to read one state of the store: what is read may move from table to table."""
    connection = engine.connect()
    if connection.dialect.name == "postgresql":  # SQLite does so by itself
        return connection.execution_options(isolation_level="REPEATABLE READ")
    return connection
