"""Alembic looks for this file; ``monitor.store.migrate`` runs the migrations itself."""
