"""Read-only connections. Reads are short and never wait for the writer."""

import sqlite3
from pathlib import Path
from typing import Any, Protocol

import aiosqlite

from sidecar.domain.errors import StoreUnavailable
from sidecar.stores.sqlite.file import read_only_uri


class Reader(Protocol):
    """Runs one SELECT and returns all its rows."""

    async def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]: ...

    async def close(self) -> None: ...


class AioReader:
    """A reader on aiosqlite's thread: one hop for one SELECT."""

    def __init__(self, connection: aiosqlite.Connection) -> None:
        self._connection = connection

    @classmethod
    async def open(cls, path: Path) -> "AioReader":
        connection = await aiosqlite.connect(read_only_uri(path), uri=True, isolation_level=None)
        await connection.execute("PRAGMA query_only = 1")
        return cls(connection)

    async def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return [tuple(row) for row in await self._connection.execute_fetchall(sql, values)]
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the store cannot read: {error}") from error

    async def close(self) -> None:
        await self._connection.close()


class InlineReader:
    """The same without a thread, for deterministic tests and for `--offline`."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(read_only_uri(path), uri=True, isolation_level=None)

    async def rows(self, sql: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the store cannot read: {error}") from error

    async def close(self) -> None:
        self._connection.close()
