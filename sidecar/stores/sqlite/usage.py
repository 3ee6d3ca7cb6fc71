"""What namespaces under a quota hold: the half of the store behind the port Scales."""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

import msgspec

from sidecar.domain.catalogue import ManifestKey, ManifestRow
from sidecar.domain.quota import Place
from sidecar.domain.usage import BlobKey, Gap, Held, Stage, UsageChanges, UsageFacts, UsageRow
from sidecar.stores.sqlite import rows
from sidecar.stores.sqlite.parts import Part
from sidecar.stores.sqlite.reading import Reader

ALL = """
SELECT u.*, (SELECT count(*) FROM usage_gap g WHERE g.place = u.registry || '/' || u.namespace)
FROM usage u ORDER BY u.registry, u.namespace
"""
# Reads the whole table: asked for when quotas change, on the reader that may take its time.
HEADS = """
SELECT DISTINCT registry, CASE instr(name, '/') WHEN 0 THEN '' ELSE substr(name, 1, instr(name, '/') - 1) END
FROM repository
"""
_BY_KEY = "SELECT t.* FROM json_each(?1) v CROSS JOIN"
ROWS = f"{_BY_KEY} usage t ON t.registry = v.value ->> 0 AND t.namespace = v.value ->> 1"
BLOBS = f"{_BY_KEY} usage_blob t ON t.place = v.value ->> 0 AND t.digest = v.value ->> 1"
PRESENT = (
    "SELECT t.registry, t.repository, t.digest FROM json_each(?1) v CROSS JOIN manifest t "
    "ON t.registry = v.value ->> 0 AND t.repository = v.value ->> 1 AND t.digest = v.value ->> 2 "
    "WHERE t.live = 1 AND t.number > 0"
)
NEXT_WITHIN = (
    "SELECT name FROM repository WHERE registry = ?1 AND name > max(?2, ?3 || '/') AND name < ?3 || '0' "
    "ORDER BY name LIMIT 1"  # '0' is the character after '/'
)
NEXT_SINGLE = (
    "SELECT name FROM repository WHERE registry = ?1 AND name > ?2 AND instr(name, '/') = 0 ORDER BY name LIMIT 1"
)
MANIFESTS = (
    "SELECT * FROM manifest WHERE registry = ? AND repository = ? AND digest > ? AND live = 1 AND number > 0 "
    "ORDER BY digest LIMIT ?"
)
CLEAR_BLOBS = (
    "DELETE FROM usage_blob WHERE place = ?1 AND digest IN (SELECT digest FROM usage_blob WHERE place = ?1 LIMIT ?2)"
)
CLEAR_GAPS = (
    "DELETE FROM usage_gap WHERE place = ?1 AND (repository, digest) IN "
    "(SELECT repository, digest FROM usage_gap WHERE place = ?1 LIMIT ?2)"
)
GAPS = (
    "SELECT * FROM usage_gap WHERE (place, repository, digest) > (?, ?, ?) ORDER BY place, repository, digest LIMIT ?"
)
REMOVE_BLOBS = "DELETE FROM usage_blob WHERE (place, digest) IN (SELECT value ->> 0, value ->> 1 FROM json_each(?))"
REMOVE_GAPS = (
    "DELETE FROM usage_gap WHERE (place, repository, digest) IN "
    "(SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(?))"
)
HOPS = 50  # repositories that one slice looks into

_told = msgspec.json.Decoder(tuple[int, ...]).decode


class SQLiteUsage(Part):
    """Whoever is a store gives it both readers, and the commit loop."""

    async def usage(self) -> Sequence[UsageRow]:
        return [_row(one, unknown=one[8]) for one in await self._operator_reader().rows(ALL)]

    async def heads(self) -> Sequence[tuple[str, str]]:
        return [(one[0], one[1]) for one in await self._operator_reader().rows(HEADS)]

    async def look_usage(
        self, places: Collection[Place], blobs: Collection[BlobKey], manifests: Collection[ManifestKey]
    ) -> UsageFacts:
        reader = self._pipeline_reader()
        facts = UsageFacts({row.place: row for row in map(_row, await reader.rows(ROWS, (rows.keys(places),)))})
        if blobs:
            found = await reader.rows(BLOBS, (rows.keys((_name(place), digest) for place, digest in blobs),))
            named = {_name(place): place for place, _ in blobs}
            facts.blobs = {(named[one[0]], one[1]): Held(one[2], one[3]) for one in found}
        if manifests:
            facts.present = {(one[0], one[1], one[2]) for one in await reader.rows(PRESENT, (rows.keys(manifests),))}
        return facts

    async def manifests_after(self, row: UsageRow, limit: int) -> tuple[Sequence[ManifestRow], tuple[str, str] | None]:
        reader = self._pipeline_reader()
        found: list[ManifestRow] = []
        repository, digest = row.repository, row.digest
        for _ in range(HOPS):
            if repository:
                values = (row.registry, repository, digest, limit - len(found))
                found += [rows.manifest(one) for one in await reader.rows(MANIFESTS, values)]
                if len(found) == limit:
                    return found, (repository, found[-1].artifact.digest)
            following = await self._next(reader, row, repository)
            if not following:
                return found, None
            repository, digest = following, ""
        return found, (repository, "")

    async def _next(self, reader: Reader, row: UsageRow, after: str) -> str:
        """The next repository of the namespace, "" when there is none."""
        names = await reader.rows(NEXT_WITHIN, (row.registry, after, row.namespace))
        if row.single:
            names += await reader.rows(NEXT_SINGLE, (row.registry, after))
        return min((str(one[0]) for one in names), default="")

    async def keep_usage(self, changes: UsageChanges) -> None:
        await self._submit("do", lambda connection: write(connection, changes))

    async def clear_usage(self, place: Place, limit: int) -> bool:
        return bool(await self._submit("do", lambda connection: clear(connection, place, limit)))

    async def gaps(self, after: Gap, limit: int) -> Sequence[Gap]:
        found = await self._operator_reader().rows(GAPS, (_name(after[0]), after[1], after[2], limit))
        return [(_place(one[0]), one[1], one[2]) for one in found]

    async def close_gap(self, gap: Gap) -> None:
        await self._submit("do", lambda connection: write(connection, UsageChanges(closed=(gap,))))


def write(connection: sqlite3.Connection, changes: UsageChanges) -> None:
    """Write changes, as a part of the transaction at hand."""
    if changes.rows:
        values = [
            (
                one.registry,
                one.namespace,
                one.single,
                one.used,
                rows.encode(one.told).decode(),
                one.stage.value,
                one.repository,
                one.digest,
            )
            for one in changes.rows
        ]
        rows.insert(connection, "INSERT OR REPLACE INTO usage", values)
    kept = [(_name(key[0]), key[1], held.size, held.holders) for key, held in changes.blobs if held.holders]
    if kept:
        rows.insert(connection, "INSERT OR REPLACE INTO usage_blob", kept)
    if len(kept) < len(changes.blobs):
        gone = rows.keys((_name(key[0]), key[1]) for key, held in changes.blobs if not held.holders)
        connection.execute(REMOVE_BLOBS, (gone,))
    if changes.gaps:
        rows.insert(connection, "INSERT OR REPLACE INTO usage_gap", [_gap(one) for one in changes.gaps])
    if changes.closed:
        connection.execute(REMOVE_GAPS, (rows.keys(map(_gap, changes.closed)),))


def clear(connection: sqlite3.Connection, place: Place, limit: int) -> bool:
    """Remove at most `limit` rows of each kind; when they were the last, the namespace's own."""
    removed = [connection.execute(sql, (_name(place), limit)).rowcount for sql in (CLEAR_BLOBS, CLEAR_GAPS)]
    if max(removed) == limit:
        return False
    connection.execute("DELETE FROM usage WHERE registry = ? AND namespace = ?", place)
    return True


def _row(one: tuple[Any, ...], *, unknown: int = 0) -> UsageRow:
    return UsageRow(
        registry=one[0],
        namespace=one[1],
        single=bool(one[2]),
        used=one[3],
        told=_told(one[4]),
        stage=Stage(one[5]),
        repository=one[6],
        digest=one[7],
        unknown=unknown,
    )


def _name(place: Place) -> str:
    """A place in one word: no registry's name has a slash."""
    return f"{place[0]}/{place[1]}"


def _place(name: str) -> Place:
    registry, _, namespace = name.partition("/")
    return registry, namespace


def _gap(gap: Gap) -> tuple[str, str, str]:
    return _name(gap[0]), gap[1], gap[2]
