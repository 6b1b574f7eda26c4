"""Bring the schema of a store to what this program needs.

Alembic takes 10 MB and half a second of start, so it is imported only for a store of an older
program: one that is up to date is told by one SELECT, and a new one is made from the tables that
the code uses. A test holds that the migrations lead to the same tables.
"""

from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable, ExecutableDDLElement

from monitor.store import kept_tables, tables
from monitor.store.columns import metadata
from monitor.store.errors import StoreError

KNOWN = (tables, kept_tables)
"""The modules that put their tables into ``metadata`` when they are imported."""

FOLDER = Path(__file__).parent / "migrations"
VERSIONS = sa.Table(
    "alembic_version",
    sa.MetaData(),
    sa.Column("version_num", sa.String(32), primary_key=True),
)
"""The table in which Alembic keeps the revision, as it makes it itself."""


def head() -> str:
    """Return the revision that this program needs: the files are named by their revisions."""
    return max(path.name.split("_")[0] for path in (FOLDER / "versions").glob("[0-9]*.py"))


def current(connection: sa.Connection) -> str | None:
    """Return the revision that the store is at; None for an empty one."""
    if not sa.inspect(connection).has_table(VERSIONS.name):
        return None
    revision: str | None = connection.scalar(sa.select(VERSIONS.c.version_num))
    return revision


def upgrade(connection: sa.Connection) -> None:
    """Make what is missing, inside the caller's transaction.

    Raise StoreError when the store was written by a newer program.
    """
    at = current(connection)
    if at is None:
        first, *others = _creation(connection.dialect.name)
        connection.exec_driver_sql(first)  # where nothing can be written, it says so
        cursor = connection.connection.cursor()  # past layers that cost as much as the database
        for statement in others:
            cursor.execute(statement)
        cursor.close()
        connection.execute(VERSIONS.insert().values(version_num=head()))
    elif at != head():
        migrate(connection, at)


@cache
def _creation(dialect: str) -> tuple[str, ...]:
    """Return what makes every table and index that is missing, for the name of a dialect."""
    made = [*metadata.sorted_tables, VERSIONS]
    statements: list[ExecutableDDLElement] = [CreateTable(it, if_not_exists=True) for it in made]
    for table in made:
        statements += [CreateIndex(it, if_not_exists=True) for it in table.indexes]
    speaks = sa.make_url(f"{dialect}://").get_dialect()()
    return tuple(str(it.compile(dialect=speaks)) for it in statements)


def migrate(connection: sa.Connection, at: str | None, to: str = "head") -> None:
    """Run every migration after the revision `at`; None is an empty store. Raise StoreError."""
    from alembic.config import Config  # noqa: PLC0415  # see above
    from alembic.runtime.environment import EnvironmentContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    config.set_main_option("path_separator", "os")
    scripts = ScriptDirectory.from_config(config)
    known = {script.revision for script in scripts.walk_revisions()}
    if at is not None and at not in known:
        raise StoreError(
            f"the store is at revision {at}, which this version does not know: "
            "run a newer monitor, or give it another store"
        )

    def steps(revision: Any, _context: object) -> Any:
        # Alembic's own `upgrade` command goes this way; there is no public one.
        return scripts._upgrade_revs(to, revision)  # noqa: SLF001  # see above

    with EnvironmentContext(config, scripts, fn=steps) as environment:
        environment.configure(connection=connection, render_as_batch=True)
        environment.run_migrations()
