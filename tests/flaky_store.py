"""A real store on a disk that fails when it is told to."""

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from sidecar.domain.errors import StoreUnavailable
from sidecar.stores.sqlite import SQLiteStore
from sidecar.stores.sqlite.commit import Verb
from sidecar.stores.sqlite.reading import Reader


def disk_error() -> sqlite3.OperationalError:
    """What SQLite raises when the disk does not write."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    return error


def disk_full() -> sqlite3.OperationalError:
    """What SQLite raises when there is no room."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


def constraint() -> sqlite3.IntegrityError:
    """What SQLite raises for one bad item."""
    error = sqlite3.IntegrityError("CHECK constraint failed")
    error.sqlite_errorcode = sqlite3.SQLITE_CONSTRAINT_CHECK
    return error


class FlakyStore(SQLiteStore):
    """`trouble(verb)` gives the error with which a transaction holding that verb fails now, or None.

    The verb is done before it fails, so that there is something to roll back. While `blind`, reads fail too.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        super().__init__(*given, **named)
        self.trouble: Callable[[str], Exception | None] = lambda _verb: None
        self.refuses: Callable[[str, Any], bool] = lambda _verb, _item: False  # items that break a constraint
        self.blind = False

    def fail(self, *verbs: str) -> None:
        """Have these verbs fail from now on; none of them = all is well again."""
        self.trouble = lambda verb: disk_error() if verb in verbs else None

    def _verbs(self) -> list[Verb[Any, Any]]:
        return [msgspec.structs.replace(verb, apply=self._failing(verb)) for verb in super()._verbs()]

    def _failing(self, verb: Verb[Any, Any]) -> Callable[[sqlite3.Connection, Sequence[Any]], Sequence[Any]]:
        def apply(connection: sqlite3.Connection, items: Sequence[Any]) -> Sequence[Any]:
            results = verb.apply(connection, items)
            if any(self.refuses(verb.name, item) for item in items):
                raise constraint()
            error = self.trouble(verb.name)
            if error is not None:
                raise error
            return results

        return apply

    def _pipeline_reader(self) -> Reader:
        if self.blind:
            raise StoreUnavailable("the store cannot read: disk I/O error")
        return super()._pipeline_reader()
