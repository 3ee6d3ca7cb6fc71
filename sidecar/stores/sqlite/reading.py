"""Read-only connections. Reads are short and never wait for the writer.

While a read lasts, the write-ahead log cannot start anew, so an operator's question that takes too long is ended.
"""

import asyncio
import sqlite3
import time
from pathlib import Path
from typing import Any, Protocol

import aiosqlite

from sidecar.domain.errors import StoreDamaged, StoreUnavailable
from sidecar.stores.sqlite.file import is_damage, read_only_uri, remedy

PATIENCE = 10.0  # seconds for one question
TICKS = 20_000  # instructions of SQLite between two looks at the clock


class Reader(Protocol):
    """Runs one SELECT and returns all its rows."""

    async def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]: ...

    async def close(self) -> None: ...


class AioReader:
    """A reader on aiosqlite's thread: one hop for one SELECT, which is ended when it takes longer than `patience`."""

    def __init__(self, connection: aiosqlite.Connection, path: Path, patience: float) -> None:
        self._connection = connection
        self._path = path
        self._patience = patience
        self._until = 0.0
        self._turn = asyncio.Lock()  # so that the time of one question begins when the one before has ended

    @classmethod
    async def open(cls, path: Path, *, patience: float = PATIENCE) -> "AioReader":
        connecting = aiosqlite.connect(read_only_uri(path), uri=True, isolation_level=None)
        # Nobody closes a reader when a fault ends the process, which must end all the same.
        thread: Any = getattr(connecting, "_thread", connecting)
        thread.daemon = True
        connection = await connecting
        await connection.execute("PRAGMA query_only = 1")
        reader = cls(connection, path, patience)
        await connection.set_progress_handler(reader._tick, TICKS)
        return reader

    def _tick(self) -> int:
        """SQLite's progress handler, on the reader's thread: 1 ends the statement."""
        return int(time.monotonic() > self._until)

    async def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        async with self._turn:
            self._until = time.monotonic() + self._patience
            try:
                return [tuple(row) for row in await self._connection.execute_fetchall(sql, values)]
            except sqlite3.Error as error:
                if getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                    raise StoreUnavailable(
                        f"the answer would take the store longer than {self._patience:g} s: ask for fewer, or for a "
                        "shorter time"
                    ) from error
                raise _unreadable(self._path, error) from error

    async def close(self) -> None:
        await self._connection.close()


class InlineReader:
    """The same without a thread, for the pipeline's look-ups, deterministic tests and `--offline`."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = sqlite3.connect(read_only_uri(path), uri=True, isolation_level=None)

    async def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise _unreadable(self._path, error) from error

    async def close(self) -> None:
        self._connection.close()


def _unreadable(path: Path, error: sqlite3.Error) -> StoreUnavailable:
    if is_damage(error):
        return StoreDamaged(remedy(path, str(error)))
    return StoreUnavailable(f"the store cannot read: {error}")
