"""In-app notifications: the half of the store behind the port Inboxes, and what housekeeping removes of them.

Triggers count what each inbox holds, so that nobody has to look through one to know that it is too full.
"""

import sqlite3
from collections.abc import Collection, Sequence
from typing import Any

from sidecar.domain.inbox import MOST, Item, ItemFilter, ItemRow, Owner
from sidecar.stores.sqlite import rows
from sidecar.stores.sqlite.parts import Part

PUT = "INSERT OR IGNORE INTO inbox (uuid, owner, kind, content_type, body, created, webhook_id)"
_COLUMNS = "i.id, i.uuid, i.owner, i.kind, i.content_type, i.body, i.created, i.webhook_id"
_SHOWN = f"{_COLUMNS}, i.open = 0 OR EXISTS (SELECT 1 FROM inbox_dismissal d WHERE d.item = i.id AND d.person = ?1)"
_OPEN = "x.open = 1 AND NOT EXISTS (SELECT 1 FROM inbox_dismissal d WHERE d.item = x.id AND d.person = ?1)"
_ANY = "x.open IN (0, 1)"
ONE = f"SELECT {_SHOWN} FROM inbox i WHERE i.uuid = ?2"
_PAGE = "ORDER BY i.id DESC LIMIT ?3 OFFSET ?4"
EVERYBODY_S = f"SELECT {_SHOWN} FROM inbox i WHERE i.id < ?2 {_PAGE}"
EVERYBODY_S_OPEN = f"""
SELECT {_SHOWN} FROM inbox i INDEXED BY inbox_open WHERE i.id < ?2 AND {_OPEN.replace("x.", "i.")} {_PAGE}
"""
# Of each inbox no more than the page could show: they may be many, and full. What is sorted are ids alone.
OWNERS_S = f"""
SELECT {_SHOWN} FROM (
  SELECT o.id AS number FROM json_each(?5) v CROSS JOIN inbox o WHERE o.id IN (
    SELECT x.id FROM inbox x WHERE x.owner = v.value AND {{which}} AND x.id < ?2 ORDER BY x.id DESC LIMIT ?3 + ?4
  ) ORDER BY o.id DESC LIMIT ?3 OFFSET ?4
) p CROSS JOIN inbox i ON i.id = p.number ORDER BY i.id DESC
"""
COUNT_EVERYBODY_S = f"SELECT count(*) FROM (SELECT 1 FROM inbox x INDEXED BY inbox_open WHERE {_OPEN} LIMIT ?2)"
COUNT_OWNERS_S = f"""
SELECT count(*) FROM (SELECT 1 FROM json_each(?3) v CROSS JOIN inbox x WHERE x.owner = v.value AND {_OPEN} LIMIT ?2)
"""
# "0" is the character after "/".
NAMESPACES = "SELECT owner FROM inbox_owner WHERE owner > 'org/' AND owner < 'org0' ORDER BY owner"
UNDISMISSED = "SELECT coalesce(sum(open), 0) FROM inbox_owner"
_THESE = "(SELECT value FROM json_each(?))"
MARK = f"UPDATE inbox SET open = ? WHERE id IN {_THESE} AND open <> ?"
DISMISS = f"""
INSERT OR IGNORE INTO inbox_dismissal (item, person, at) SELECT id, ?, ? FROM inbox WHERE id IN {_THESE} AND open = 1
"""
TAKE_BACK = f"DELETE FROM inbox_dismissal WHERE person = ? AND item IN {_THESE}"
OLDEST = "SELECT id, created, length(body) FROM inbox ORDER BY id LIMIT ?"
FULL = f"SELECT owner, items - {MOST} FROM inbox_owner WHERE items > {MOST} LIMIT 1"
SPARE = "SELECT id, created, length(body) FROM inbox WHERE owner = ? ORDER BY open, id LIMIT ?"
REMOVE = f"DELETE FROM inbox WHERE id IN {_THESE}"

EVER = 2**63 - 1


class SQLiteInboxes(Part):
    """Whoever is a store gives it readers, and the commit loop."""

    async def put_item(self, item: Item) -> bool:
        return bool(await self._submit("inbox", item))

    async def items(self, where: ItemFilter) -> Sequence[ItemRow]:
        values: tuple[Any, ...] = (where.person, where.before or EVER, where.limit, where.skip)
        if where.owners is None:
            sql = EVERYBODY_S if where.dismissed else EVERYBODY_S_OPEN
        else:
            sql = OWNERS_S.format(which=_ANY if where.dismissed else _OPEN)
            values = (*values, _listed(where.owners))
        return [_row(one) for one in await self._operator_reader().rows(sql, values)]

    async def item(self, uuid: str, person: str = "") -> ItemRow | None:
        found = await self._operator_reader().rows(ONE, (person, uuid))
        return _row(found[0]) if found else None

    async def namespaces_with_items(self) -> Sequence[str]:
        return [Owner.parse(row[0]).namespace for row in await self._operator_reader().rows(NAMESPACES)]

    async def dismiss_items(self, numbers: Collection[int], *, person: str, dismissed: bool, now: int) -> int:
        return int(await self._do(dismiss, numbers, person, dismissed, now))

    async def count_items(self, owners: Sequence[Owner] | None, *, person: str, most: int) -> int:
        reader = self._operator_reader()
        if owners is None:
            found = await reader.rows(COUNT_EVERYBODY_S, (person, most))
        else:
            found = await reader.rows(COUNT_OWNERS_S, (person, most, _listed(owners)))
        return int(found[0][0])

    async def undismissed(self) -> int:
        return int((await self._pipeline_reader().rows(UNDISMISSED))[0][0])


def put(connection: sqlite3.Connection, items: Sequence[Item]) -> list[bool]:
    """Keep items; of each whether it was new."""
    return [
        rows.insert(
            connection,
            PUT,
            [(one.uuid, one.owner.address, one.kind, one.content_type, one.body, one.created, one.webhook_id)],
        )
        > 0
        for one in items
    ]


def dismiss(
    connection: sqlite3.Connection, _pending: object, numbers: Collection[int], person: str, dismissed: bool, now: int
) -> int:
    """Dismiss for somebody, or with "" for everybody, or take it back; how many changed."""
    these = rows.encode(sorted(numbers)).decode()
    if not person:
        return connection.execute(MARK, (not dismissed, these, not dismissed)).rowcount
    if dismissed:
        return connection.execute(DISMISS, (person, now, these)).rowcount
    return connection.execute(TAKE_BACK, (person, these)).rowcount


def oldest(connection: sqlite3.Connection, limit: int) -> list[tuple[int, int, int]]:
    """Id, instant and bytes of the items that came first."""
    return connection.execute(OLDEST, (limit,)).fetchall()


def beyond(connection: sqlite3.Connection, limit: int) -> list[tuple[int, int, int]]:
    """The same of what an inbox that is too full has to lose, none when there is no such inbox."""
    found = connection.execute(FULL).fetchone()
    return connection.execute(SPARE, (found[0], min(found[1], limit))).fetchall() if found is not None else []


def remove(connection: sqlite3.Connection, ids: list[int]) -> None:
    connection.execute(REMOVE, (rows.encode(ids).decode(),))


def _listed(owners: Sequence[Owner]) -> str:
    return rows.encode([one.address for one in owners]).decode()


def _row(row: tuple[Any, ...]) -> ItemRow:
    item = Item(
        uuid=row[1],
        owner=Owner.parse(row[2]),
        kind=row[3],
        content_type=row[4],
        body=row[5],
        created=row[6],
        webhook_id=row[7],
    )
    return ItemRow(number=row[0], item=item, dismissed=bool(row[8]))
