"""The SQLite store."""

from sidecar.stores.sqlite.store import SQLiteStore

__all__ = ["SQLiteStore"]
