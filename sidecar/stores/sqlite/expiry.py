"""Ends of tags: the translator's and the operator's questions, and what a batch writes of them."""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from sidecar.domain.catalogue import Changes, RepositoryKey, TagKey, TagRow
from sidecar.domain.expiry import Look, Spot, TagEnd
from sidecar.domain.listing import ExpiringFilter, ExpiringRow
from sidecar.stores.sqlite import rows
from sidecar.stores.sqlite.parts import Part

LOOKS = "SELECT body FROM expiry_look"
TAG = "SELECT * FROM tag WHERE registry = ? AND repository = ? AND tag = ?"
# What was told of a tag counts while the tag is as it was.
_SAME = "w.registry = t.registry AND w.repository = t.repository AND w.tag = t.tag AND w.mark = max(t.number, t.armed)"
_WITH_AN_END = "t.expires > 0 AND t.live = 1"
ENDING = f"""
SELECT t.expires, t.registry, t.repository, t.tag FROM tag t INDEXED BY tag_expires
WHERE {_WITH_AN_END} AND (t.expires, t.registry, t.repository, t.tag) > (?1, ?2, ?3, ?4)
  AND t.expires <= ?5
  AND NOT EXISTS (SELECT 1 FROM expiry_told w WHERE w.lane = ?6 AND {_SAME} AND w.ends = t.expires)
ORDER BY t.expires, t.registry, t.repository, t.tag LIMIT ?7
"""
PLACES = "SELECT registry, name FROM repository WHERE (registry, name) > (?, ?) ORDER BY registry, name LIMIT ?"
_ENDS = f"""
SELECT t.registry, t.repository, t.tag, t.digest, t.pushed, t.number, t.expires, max(t.number, t.armed), w.ends
FROM tag t{{index}} LEFT JOIN expiry_told w ON w.lane = ?1 AND {_SAME}
WHERE t.registry = ?2 AND t.repository = ?3 AND t.live = 1
"""
ENDS_IN = f"{_ENDS.format(index=' INDEXED BY tag_expires_in')} AND t.expires > 0 AND t.expires > ?4 AND t.expires <= ?5"
EVERY_END_IN = _ENDS.format(index="")
LIST = f"""
SELECT t.* FROM tag t INDEXED BY {{index}} WHERE {_WITH_AN_END} AND t.expires > ?1 AND t.expires <= ?2 {{where}}
ORDER BY t.expires, t.registry, t.repository, t.tag LIMIT ?3 OFFSET ?4
"""
TOLD = f"""
SELECT t.registry, t.repository, t.tag, l.name
FROM json_each(?1) v CROSS JOIN tag t CROSS JOIN expiry_look k CROSS JOIN expiry_told w CROSS JOIN lane l
WHERE t.registry = v.value ->> 0 AND t.repository = v.value ->> 1 AND t.tag = v.value ->> 2
  AND w.lane = k.lane AND {_SAME} AND w.ends = t.expires AND l.id = w.lane
ORDER BY l.name
"""
FORGET = """
DELETE FROM expiry_told WHERE lane = ? AND (registry, repository, tag) IN (
  SELECT v.value ->> 0, v.value ->> 1, v.value ->> 2 FROM json_each(?) v
)
"""

_look = msgspec.json.Decoder(Look).decode


class SQLiteExpiries(Part):
    """Whoever is a store gives it readers apart from the pipeline's: what is asked here may take its time."""

    async def reached(self) -> Sequence[Look]:
        return [_look(row[0]) for row in await self._pipeline_reader().rows(LOOKS)]

    async def ending(self, lane: int, *, after: Spot, now: int, until: int, limit: int) -> Sequence[Spot]:
        first = max(after, (now + 1, "", "", ""))  # no registry is named "", so nothing lies at this spot itself
        found = await (await self._patient_reader()).rows(ENDING, (*first, until, lane, limit))
        return [(row[0], row[1], row[2], row[3]) for row in found]

    async def places(self, after: RepositoryKey, limit: int) -> Sequence[RepositoryKey]:
        return [(row[0], row[1]) for row in await (await self._patient_reader()).rows(PLACES, (*after, limit))]

    async def ends_in(self, lane: int, place: RepositoryKey, *, now: int, until: int, every: bool) -> Sequence[TagEnd]:
        values: tuple[Any, ...] = (lane, *place) if every else (lane, *place, now, until)
        found = await (await self._patient_reader()).rows(EVERY_END_IN if every else ENDS_IN, values)
        return [_end(row) for row in found]

    async def expiring(self, where: ExpiringFilter, now: int) -> Sequence[ExpiringRow]:
        reader = self._operator_reader()
        low, high = (0, now) if where.over else (now, where.until or 2**63 - 1)
        given = [(column, value) for column in ("registry", "repository") if (value := getattr(where, column))]
        narrowed = " ".join(f"AND t.{column} = ?{at}" for at, (column, _) in enumerate(given, 5))
        index = "tag_expires_in" if len(given) == 2 else "tag_expires"
        values = (low, high, where.limit, where.skip, *(value for _, value in given))
        found = [rows.tag(row) for row in await reader.rows(LIST.format(index=index, where=narrowed), values)]
        told: dict[TagKey, list[str]] = {}
        for registry, repository, tag, name in await reader.rows(TOLD, (rows.keys(one.key for one in found),)):
            told.setdefault((registry, repository, tag), []).append(name)
        return [ExpiringRow(tag=one, told=tuple(told.get(one.key, ()))) for one in found]

    async def tag(self, key: TagKey) -> TagRow | None:
        found = await self._operator_reader().rows(TAG, key)
        return rows.tag(found[0]) if found else None


def commit(connection: sqlite3.Connection, changes: Changes) -> None:
    """Write what a batch has to say of ends of tags."""
    if changes.disarmed:
        gone = rows.keys(changes.disarmed)
        for (lane,) in connection.execute("SELECT lane FROM expiry_look").fetchall():
            connection.execute(FORGET, (lane, gone))
    if changes.announced:
        values = [(one.lane, one.registry, one.repository, one.tag, one.mark, one.ends) for one in changes.announced]
        rows.insert(connection, "INSERT OR REPLACE INTO expiry_told", values)
    if changes.looks:
        looks = [(one.lane, rows.encode(one)) for one in changes.looks]
        rows.insert(connection, "INSERT OR REPLACE INTO expiry_look", looks)


def _end(row: tuple[Any, ...]) -> TagEnd:
    return TagEnd(
        registry=row[0],
        repository=row[1],
        tag=row[2],
        digest=row[3],
        pushed=row[4],
        number=row[5],
        expires=row[6],
        mark=row[7],
        told=row[8],
    )
