"""Namespaces and repositories by name, and flags: the half of the store behind the port Places."""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from sidecar.domain.catalogue import NamespaceRow, RepositoryRow
from sidecar.domain.errors import Conflict, NotFound, Taken
from sidecar.domain.names import split_repository
from sidecar.stores.sqlite import rows
from sidecar.stores.sqlite.parts import Part

LIBRARY = 1  # the id of the namespace that is always there

NAMESPACES = "SELECT * FROM namespace WHERE id > ? ORDER BY id LIMIT ?"
NAMED = "SELECT * FROM namespace WHERE name = ?"
NUMBERED = "SELECT * FROM namespace WHERE id = ?"
# An id is never given again, also not that of the newest namespace after it was removed.
NEXT = """
SELECT 1 + max((SELECT coalesce(max(id), 0) FROM namespace),
               coalesce((SELECT value FROM meta WHERE key = 'last_namespace'), 0))
"""
# Each registry that has rows, found by one look-up in the key for each, however many rows it has.
REGISTRIES = """
WITH RECURSIVE known(registry) AS (
  SELECT min(registry) FROM repository
  UNION ALL
  SELECT (SELECT min(registry) FROM repository WHERE registry > known.registry) FROM known
  WHERE known.registry IS NOT NULL
)
SELECT registry FROM known WHERE registry IS NOT NULL
"""
# A repository is there from a push on until its deletion, and also when it was only heard of (`time` 0): what is pulled
# from exists. '0' is the character after '/'.
THERE = "(live = 1 OR time = 0)"
WITHIN = (
    f"SELECT * FROM repository WHERE registry = ?1 AND name > max(?2, ?3 || '/') AND name < ?3 || '0' AND {THERE} "
    "ORDER BY name LIMIT ?4"
)
SOLITARY = (
    f"SELECT * FROM repository WHERE registry = ?1 AND name > ?2 AND instr(name, '/') = 0 AND {THERE} "
    "ORDER BY name LIMIT ?3"
)
REPOSITORY = f"SELECT * FROM repository WHERE registry = ? AND name = ? AND {THERE}"
FLAG = "SELECT value FROM flag WHERE key = ?"

_decode = msgspec.json.decode


class SQLitePlaces(Part):
    """Whoever is a store gives it a reader apart from the pipeline's, and the commit loop.

    `default_namespaces` says for each registry which namespace its repositories of a single segment belong to, where
    that is not `library`. It follows the configuration.
    """

    default_namespaces: Mapping[str, str] = {}

    async def namespaces(self, after: int = 0, limit: int = 1000) -> Sequence[NamespaceRow]:
        return [rows.namespace(row) for row in await self._operator_reader().rows(NAMESPACES, (after, limit))]

    async def namespace(self, which: int | str) -> NamespaceRow | None:
        found = await self._operator_reader().rows(NUMBERED if isinstance(which, int) else NAMED, (which,))
        return rows.namespace(found[0]) if found else None

    async def ensure_namespaces(self, names: Collection[str], now: int) -> None:
        missing = [name for name in sorted(set(names)) if await self.namespace(name) is None]
        if missing:
            await self._submit("do", lambda connection: ensure(connection, missing, now))

    async def make_namespace(self, name: str, now: int, *, public: bool = False) -> NamespaceRow:
        made: NamespaceRow = await self._submit("do", lambda connection: make(connection, name, public, now))
        return made

    async def change_namespace(self, number: int, *, public: bool) -> NamespaceRow:
        changed: NamespaceRow = await self._submit("do", lambda connection: change(connection, number, public))
        return changed

    async def remove_namespace(self, number: int) -> None:
        defaults = self.default_namespaces
        await self._submit("do", lambda connection: remove(connection, number, defaults))

    async def repositories(self, namespace: str, after: str = "", limit: int = 1000) -> Sequence[RepositoryRow]:
        reader = self._operator_reader()
        found: list[RepositoryRow] = []
        for (registry,) in await reader.rows(REGISTRIES):
            for sql, values in _within(registry, namespace, self.default_namespaces, after, limit):
                found += [rows.repository(row) for row in await reader.rows(sql, values)]
        names = sorted({one.name for one in found})[:limit]
        kept = set(names)
        return sorted((one for one in found if one.name in kept), key=lambda one: (one.name, one.registry))

    async def repository(self, path: str) -> Sequence[RepositoryRow]:
        reader = self._operator_reader()
        namespace, name = split_repository(path, "")
        found: list[RepositoryRow] = []
        for (registry,) in await reader.rows(REGISTRIES):
            said = [path]
            if namespace and "/" not in name and namespace == _default(registry, self.default_namespaces):
                said.append(name)
            for one in said:
                found += [rows.repository(row) for row in await reader.rows(REPOSITORY, (registry, one))]
        return found

    async def flag(self, key: str) -> Any:
        found = await self._operator_reader().rows(FLAG, (key,))
        return _decode(found[0][0]) if found else None

    async def put_flag(self, key: str, value: Any) -> None:
        await self._submit("do", lambda connection: put_flag(connection, key, value))


def ensure(connection: sqlite3.Connection, names: Sequence[str], now: int) -> None:
    """Make those namespaces that are not there."""
    for name in names:
        if connection.execute(NAMED, (name,)).fetchone() is None:
            make(connection, name, False, now)


def make(connection: sqlite3.Connection, name: str, public: bool, now: int) -> NamespaceRow:
    """A new namespace with the next id. Raises Taken when there is one of this name."""
    if connection.execute(NAMED, (name,)).fetchone() is not None:
        raise Taken(f"the namespace {name} is already there")
    made = NamespaceRow(id=connection.execute(NEXT).fetchone()[0], name=name, public=public, created=now)
    rows.insert(connection, "INSERT INTO namespace", [rows.namespace_values(made)])
    return made


def change(connection: sqlite3.Connection, number: int, public: bool) -> NamespaceRow:
    """Make a namespace public or private. Raises NotFound."""
    connection.execute("UPDATE namespace SET public = ? WHERE id = ?", (public, number))
    return _numbered(connection, number)


def remove(connection: sqlite3.Connection, number: int, defaults: Mapping[str, str]) -> None:
    """Remove an empty namespace. Raises NotFound, and Conflict when it holds a repository or is `library`."""
    row = _numbered(connection, number)
    if number == LIBRARY:
        raise Conflict(f"the namespace {row.name} is always there: it cannot be removed")
    for (registry,) in connection.execute(REGISTRIES).fetchall():
        for sql, values in _within(registry, row.name, defaults, "", 1):
            held = connection.execute(sql, values).fetchone()
            if held is not None:
                raise Conflict(
                    f"the namespace {row.name} holds the repository {held[1]}: delete what is in it from the registry "
                    "first"
                )
    last = connection.execute(NEXT).fetchone()[0] - 1
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('last_namespace', ?)", (last,))
    connection.execute("DELETE FROM namespace WHERE id = ?", (number,))


def put_flag(connection: sqlite3.Connection, key: str, value: Any) -> None:
    """Set a flag; None takes it away."""
    if value is None:
        connection.execute("DELETE FROM flag WHERE key = ?", (key,))
    else:
        connection.execute("INSERT OR REPLACE INTO flag (key, value) VALUES (?, ?)", (key, rows.encode(value)))


def _numbered(connection: sqlite3.Connection, number: int) -> NamespaceRow:
    found = connection.execute(NUMBERED, (number,)).fetchone()
    if found is None:
        raise NotFound(f"there is no namespace {number}")
    return rows.namespace(found)


def _default(registry: str, defaults: Mapping[str, str]) -> str:
    return defaults.get(registry, "library")


def _within(
    registry: str, namespace: str, defaults: Mapping[str, str], after: str, limit: int
) -> list[tuple[str, tuple[Any, ...]]]:
    """What to ask for a registry's repositories of a namespace."""
    asked: list[tuple[str, tuple[Any, ...]]] = [(WITHIN, (registry, after, namespace, limit))]
    if namespace == _default(registry, defaults):
        asked.append((SOLITARY, (registry, after, limit)))
    return asked
