"""The walks' verbs: what is remembered of them, their progress, and what they found."""

import sqlite3
from collections.abc import Mapping, Sequence

import msgspec

from sidecar.domain import observation
from sidecar.domain.observation import Observation
from sidecar.domain.walk import OPEN, Memory, Place, Step, Walk, WalkState
from sidecar.stores.sqlite import rows
from sidecar.stores.sqlite.reading import Reader

KEPT = 10  # walks of one registry that are kept, those that are not over besides
SLICE = 200  # rows that one call removes

_OPEN = ", ".join(f"'{state}'" for state in OPEN)
WALKS = "SELECT id, body FROM walk WHERE registry = ? ORDER BY id DESC LIMIT ?"
REGISTRIES = "SELECT DISTINCT registry FROM walk"
INSTANCES = "SELECT registry, instance FROM registry_instance"
ALIVE = "SELECT key, value FROM meta WHERE key IN ('alive', 'alive_orderly')"
NEXT_PLACE = "SELECT repository, listed FROM walk_place WHERE walk = ? AND repository > ? ORDER BY repository LIMIT 1"
UNLISTED = """
SELECT name FROM repository r WHERE registry = ?
AND (live = 1 OR EXISTS (SELECT 1 FROM tag t WHERE t.registry = r.registry AND t.repository = r.name AND t.live = 1))
AND NOT EXISTS (SELECT 1 FROM walk_place p WHERE p.walk = ? AND p.repository = r.name) ORDER BY name LIMIT ?
"""
TAGS = "SELECT tag, digest FROM tag WHERE registry = ? AND repository = ? AND live = 1"
FINDINGS = "SELECT key, body FROM walk_finding WHERE walk = ? AND key > ? ORDER BY key LIMIT ?"

_walk = msgspec.json.Decoder(Walk).decode


async def recall(reader: Reader) -> Memory:
    """What a start needs to know. A registry has few walks: of those that are over `forget` leaves the newest."""
    found: list[Walk] = []
    for (registry,) in await reader.rows(REGISTRIES):
        listed = await walks(reader, registry, KEPT * 3)
        found += [one for one in listed if one.open]
        found += [one for one in listed if not one.open][:1]
    alive = dict(await reader.rows(ALIVE))
    return Memory(
        walks=tuple(found),
        instances=frozenset((row[0], row[1]) for row in await reader.rows(INSTANCES)),
        alive=alive.get("alive", 0),
        orderly=bool(alive.get("alive_orderly", 0)),
    )


async def walks(reader: Reader, registry: str, limit: int) -> Sequence[Walk]:
    """A registry's walks, newest first."""
    return [_read(row) for row in await reader.rows(WALKS, (registry, limit))]


def alive(connection: sqlite3.Connection, now: int, *, orderly: bool) -> None:
    rows.insert(
        connection, "INSERT OR REPLACE INTO meta (key, value)", [("alive", now), ("alive_orderly", int(orderly))]
    )


def keep(connection: sqlite3.Connection, walk: Walk, step: Step) -> Walk:
    """Write a walk and what belongs to its step; a walk without an id gets one."""
    if not walk.id:
        made = connection.execute(
            "INSERT INTO walk (registry, state, body) VALUES (?, ?, ?)",
            (walk.registry, walk.state.value, rows.encode(walk)),
        )
        assert made.lastrowid is not None
        walk = msgspec.structs.replace(walk, id=made.lastrowid)
    connection.execute(
        "UPDATE walk SET state = ?, body = ? WHERE id = ?", (walk.state.value, rows.encode(walk), walk.id)
    )
    if step.places:
        rows.insert(
            connection,
            "INSERT OR IGNORE INTO walk_place (walk, repository, listed)",
            [(walk.id, one.name, one.listed) for one in step.places],
        )
    if step.findings:
        rows.insert(
            connection,
            "INSERT OR REPLACE INTO walk_finding (walk, key, body)",
            [(walk.id, one.key, observation.encode(one)) for one in step.findings],
        )
    if step.supersede:
        _supersede(connection, walk)
    return walk


def _supersede(connection: sqlite3.Connection, walk: Walk) -> None:
    held = connection.execute(
        "SELECT id, body FROM walk WHERE registry = ? AND id <> ? AND state = ?",
        (walk.registry, walk.id, WalkState.HELD.value),
    ).fetchall()
    for row in held:
        over = msgspec.structs.replace(_read(row), state=WalkState.SUPERSEDED)
        connection.execute(
            "UPDATE walk SET state = ?, body = ? WHERE id = ?", (over.state.value, rows.encode(over), over.id)
        )


def meet(connection: sqlite3.Connection, registry: str, instance: str) -> None:
    """Remember a process of a registry."""
    connection.execute(
        "INSERT OR IGNORE INTO registry_instance (registry, instance) VALUES (?, ?)", (registry, instance)
    )


def forget(connection: sqlite3.Connection, registry: str) -> bool:
    """Remove a slice of what walks that are over leave behind, and old walks; True when more is left."""
    over = [
        row[0]
        for row in connection.execute(
            f"SELECT id FROM walk WHERE registry = ? AND state NOT IN ({_OPEN}) ORDER BY id DESC", (registry,)
        ).fetchall()
    ]
    left = False
    for one in over:
        for table, column in (("walk_place", "repository"), ("walk_finding", "key")):
            gone = connection.execute(
                f"DELETE FROM {table} WHERE walk = ?1 AND {column} IN "
                f"(SELECT {column} FROM {table} WHERE walk = ?1 ORDER BY {column} LIMIT {SLICE})",
                (one,),
            ).rowcount
            if gone == SLICE:
                return True
            left |= gone > 0
    for one in over[KEPT:]:
        connection.execute("DELETE FROM walk WHERE id = ?", (one,))
    return left


async def next_place(reader: Reader, walk: int, after: str) -> Place | None:
    found = await reader.rows(NEXT_PLACE, (walk, after))
    return Place(found[0][0], bool(found[0][1])) if found else None


async def unlisted(reader: Reader, registry: str, walk: int, limit: int) -> Sequence[str]:
    return [row[0] for row in await reader.rows(UNLISTED, (registry, walk, limit))]


async def known_tags(reader: Reader, registry: str, repository: str) -> Mapping[str, str]:
    return {row[0]: row[1] for row in await reader.rows(TAGS, (registry, repository))}


async def findings(reader: Reader, walk: int, after: str, limit: int) -> Sequence[Observation]:
    return [observation.decode(row[1]) for row in await reader.rows(FINDINGS, (walk, after, limit))]


def _read(row: tuple[int, bytes]) -> Walk:
    return msgspec.structs.replace(_walk(row[1]), id=row[0])
