"""What is due: read in the order of time, or key by key."""

import asyncio
from collections.abc import AsyncIterator, Collection

from sidecar.domain.delivery import Delivery
from sidecar.stores.sqlite import rows
from sidecar.stores.sqlite.pending import Pending
from sidecar.stores.sqlite.reading import Reader

# CROSS JOIN keeps the order of the partial index `delivery_due`;
# message and event are then one look-up each by their keys.
DUE = f"""
SELECT {rows.DELIVERY_COLUMNS} FROM delivery d CROSS JOIN message m ON m.id = d.message
CROSS JOIN event e ON e.id = d.event
WHERE d.state = 0 AND d.lane = ? AND d.due <= ? AND d.order_key = '' ORDER BY d.due, d.id LIMIT ?
"""
# The head of each key after a given one, key by key: two look-ups in `delivery_order` for each, however much waits
# behind it.
HEADS = """
WITH RECURSIVE head (id, order_key, due) AS (
  SELECT * FROM (
    SELECT id, order_key, due FROM delivery
    WHERE state = 0 AND order_key <> '' AND lane = ?1 AND order_key > ?2 ORDER BY order_key, id LIMIT 1
  )
  UNION ALL
  SELECT d.id, d.order_key, d.due FROM head h CROSS JOIN delivery d ON d.id = (
    SELECT n.id FROM delivery n WHERE n.state = 0 AND n.order_key <> '' AND n.lane = ?1 AND n.order_key > h.order_key
    ORDER BY n.order_key, n.id LIMIT 1
  )
  LIMIT ?3
)
SELECT id, order_key, due FROM head
"""
CHOSEN = f"""
SELECT {rows.DELIVERY_COLUMNS} FROM json_each(?) v CROSS JOIN delivery d ON d.id = v.value
CROSS JOIN message m ON m.id = d.message CROSS JOIN event e ON e.id = d.event
"""
KEYS = 256  # heads looked at between two chances for the loop: about half a millisecond


class Due:
    """Reads what is due. Remembers after which key each lane's next read begins, so that none of them starves."""

    def __init__(self, pending: Pending) -> None:
        self._pending = pending
        self._after: dict[int, str] = {}

    async def read(self, reader: Reader, lane: int, limit: int, excluding: Collection[int], now: int) -> list[Delivery]:
        """What has no key comes earliest first; of what has one the heads, their keys taking turns.

        A lane holds both for a while after its order was changed: then each gets at least half of what is asked for.
        """
        owed = self._pending.of(lane)
        if not owed.ordered:
            return await _unordered(reader, lane, limit, excluding, now)
        if owed.ordered >= owed.due:
            return await self._heads(reader, lane, limit, excluding, now)
        first = await _unordered(reader, lane, limit // 2, excluding, now)
        found = first + await self._heads(reader, lane, limit - len(first), excluding, now)
        if len(first) == limit // 2 and len(found) < limit:
            busy = {*excluding, *(one.id for one in first)}
            found += await _unordered(reader, lane, limit - len(found), busy, now)
        return found

    async def _heads(
        self, reader: Reader, lane: int, limit: int, excluding: Collection[int], now: int
    ) -> list[Delivery]:
        """Heads that are due and not excluded: going on after the key of the last time, once around at the most.

        A head that is excluded, or waits for its retry, is still the head: nothing of its key is given.
        """
        begin = self._after.get(lane, "")
        chosen: list[int] = []
        for after, until in ((begin, ""), ("", begin)) if begin else (("", ""),):
            async for head, key, at in _keys(reader, lane, after, until):
                if at <= now and head not in excluding:
                    chosen.append(head)
                    if len(chosen) == limit:
                        self._after[lane] = key
                        return await _chosen(reader, chosen)
        return await _chosen(reader, chosen)


async def _unordered(reader: Reader, lane: int, limit: int, excluding: Collection[int], now: int) -> list[Delivery]:
    """The excluded ids are few and usually among the earliest, so they are read over rather than queried out."""
    found = await reader.rows(DUE, (lane, now, limit + len(excluding)))
    return [rows.delivery(row) for row in found if row[0] not in excluding][:limit]


async def _keys(reader: Reader, lane: int, after: str, until: str) -> AsyncIterator[tuple[int, str, int]]:
    """Head, key and due time of each key of a lane after `after`, up to `until` if that is given."""
    while True:
        found = await reader.rows(HEADS, (lane, after, KEYS))
        for head, key, at in found:
            if until and key > until:
                return
            yield head, key, at
        if len(found) < KEYS:
            return
        after = found[-1][1]
        await asyncio.sleep(0)


async def _chosen(reader: Reader, ids: list[int]) -> list[Delivery]:
    if not ids:
        return []
    return [rows.delivery(row) for row in await reader.rows(CHOSEN, (rows.encode(ids).decode(),))]
