"""Tables and queries; takes and returns core values, never rows."""

from monitor.store.errors import HeldError, RefusedError, StoreError
from monitor.store.store import Store, open_store

__all__ = ["HeldError", "RefusedError", "Store", "StoreError", "open_store"]
