"""Bring the schema of a store to what this program needs."""

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from monitor.store.errors import StoreError


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def current(connection: Connection) -> str | None:
    """Return the revision that the store is at; None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def head() -> str:
    """Return the revision that this program needs."""
    revision = _scripts().get_current_head()
    assert revision is not None
    return revision


def upgrade(connection: Connection) -> None:
    """Run every migration that is missing, inside the caller's transaction.

    Raise StoreError when the store was written by a newer program.
    """
    scripts = _scripts()
    known = {script.revision for script in scripts.walk_revisions()}
    at = current(connection)
    if at is not None and at not in known:
        raise StoreError(
            f"the store is at revision {at}, which this version does not know: "
            "run a newer monitor, or give it another store"
        )

    def steps(revision: Any, _context: object) -> Any:
        # Alembic's own `upgrade` command goes this way; there is no public one.
        return scripts._upgrade_revs("head", revision)  # noqa: SLF001  # see above

    with EnvironmentContext(Config(), scripts, fn=steps) as environment:
        environment.configure(connection=connection, render_as_batch=True)
        environment.run_migrations()
