"""What operators change: deliveries found step by step, made due again, made due now, cancelled.

Finding is reading: a step looks at a window of rows, on the operator's connection, however many there are behind it.
Changing is by id, a few hundred rows in a transaction: a million deliveries never hold the writer for longer than that.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sidecar.domain.delivery import Reason, State
from sidecar.domain.glob import ANYTHING
from sidecar.domain.selection import Cursor, Pick, Selection, Tally
from sidecar.stores.sqlite import groups, rows
from sidecar.stores.sqlite.pending import Pending
from sidecar.stores.sqlite.reading import Reader
from sidecar.stores.sqlite.translation import held_total

WINDOW = 20_000  # rows that one step looks at: some tens of milliseconds of reading

LAST = "SELECT coalesce(max(id), 0) FROM delivery"
WINDOW_END = "SELECT max(id) FROM (SELECT id FROM delivery WHERE id > ? AND id <= ? ORDER BY id LIMIT ?)"
SENDABLE = "EXISTS (SELECT 1 FROM message m WHERE m.id = d.message)"
PICKED = f"SELECT d.id, l.name, l.orphaned, d.state, {SENDABLE}"
TALLIED = f"SELECT l.name, l.orphaned, count(*), sum({SENDABLE})"
LANES = "CROSS JOIN lane l ON l.id = d.lane"
EVENTS = "CROSS JOIN event e ON e.id = d.event"

# By id: json_each first, then the table by its key.
STANDING = f"""
SELECT d.id, d.lane, d.order_key <> '' FROM json_each(?) v CROSS JOIN delivery d ON d.id = v.value {LANES}
WHERE d.state IN (SELECT value FROM json_each(?)) AND (l.orphaned = 0 OR ?) AND ({SENDABLE} OR ?)
"""
# Attempts that ended after a cancellation are in the log though the delivery does not count them.
REPLAY = f"""
UPDATE delivery SET state = {State.DUE.value}, due = ?1, held_base = ?2 - (?1 - created), reason = '', status = 0,
  detail = '', done = NULL,
  attempts = max(attempts, coalesce((SELECT max(number) FROM attempt a WHERE a.delivery = delivery.id), 0))
WHERE id IN (SELECT value FROM json_each(?3))
"""
HASTEN = "UPDATE delivery SET due = ?1 WHERE id IN (SELECT value FROM json_each(?2)) AND due > ?1"
CANCEL = f"""
UPDATE delivery SET state = {State.CANCELLED.value}, reason = '{Reason.CANCELLED.value}', done = ?1
WHERE id IN (SELECT value FROM json_each(?2))
"""

Step = tuple[str, str, list[Any], int, int]  # FROM and WHERE with their values; where the window and the walk end


async def tally(reader: Reader, where: Selection, cursor: Cursor) -> tuple[list[Tally], Cursor | None]:
    """What one window holds of a selection, by subscription."""
    tables, conditions, values, window, end = await _step(reader, where, cursor)
    named = where.repositories is not ANYTHING
    by_name = ", e.repository" if named else ""
    found = await reader.rows(f"{TALLIED}{by_name} {tables} {conditions} GROUP BY l.id{by_name}", tuple(values))
    counts: dict[tuple[str, int], list[int]] = {}
    for row in found:
        if not named or where.repositories.admits(row[4]):
            count = counts.setdefault((row[0], row[1]), [0, 0])
            count[0] += row[2]
            count[1] += row[3]
    tallies = [
        Tally(subscription=name, orphaned=bool(orphaned), count=count, sendable=sendable)
        for (name, orphaned), (count, sendable) in sorted(counts.items())
    ]
    return tallies, _after(window, end)


async def pick(reader: Reader, where: Selection, cursor: Cursor, limit: int) -> tuple[list[Pick], Cursor | None]:
    """Up to `limit` deliveries of one window, in order."""
    tables, conditions, values, window, end = await _step(reader, where, cursor)
    named = where.repositories is not ANYTHING
    name = ", e.repository" if named else ""
    found = await reader.rows(f"{PICKED}{name} {tables} {conditions} ORDER BY d.id LIMIT ?", (*values, limit))
    picked = [
        Pick(id=row[0], subscription=row[1], orphaned=bool(row[2]), state=State(row[3]), sendable=bool(row[4]))
        for row in found
        if not named or where.repositories.admits(row[5])
    ]
    return picked, _after(found[-1][0] if len(found) == limit else window, end)


def _after(done: int, end: int) -> Cursor | None:
    return Cursor(done, end) if done < end else None


async def _step(reader: Reader, where: Selection, cursor: Cursor) -> Step:
    """One step's query, but for what it selects.

    The unary plus keeps the planner to the ids: an index over due deliveries would have it sort all there are.
    """
    end = cursor.end or (await reader.rows(LAST))[0][0]
    conditions = ["d.id > ?"]
    values: list[Any] = [cursor.after]
    window = end
    if where.ids:
        conditions.append("d.id IN (SELECT value FROM json_each(?))")
        values.append(rows.encode(where.ids).decode())
    elif where.event:
        condition, given = await groups.about(reader, where.event)
        conditions.append(condition)
        values += given
    else:
        window = (await reader.rows(WINDOW_END, (cursor.after, end, WINDOW)))[0][0] or end
    conditions.append("d.id <= ?")
    values.append(window)
    for condition, listed in (
        ("+d.state IN (SELECT value FROM json_each(?))", rows.encode([one.value for one in where.states]).decode()),
        ("+l.name IN (SELECT value FROM json_each(?))", rows.encode(where.subscriptions).decode()),
    ):
        if listed != "[]":
            conditions.append(condition)
            values.append(listed)
    for condition, one in (
        ("d.reason = ?", where.reason),
        ("e.type = ?", where.type),
        ("d.created >= ?", where.since),
        ("d.created <= ?", where.until),
    ):
        if one:
            conditions.append(condition)
            values.append(one)
    events = f" {EVENTS}" if where.type or where.repositories is not ANYTHING else ""
    return f"FROM delivery d {LANES}{events}", f"WHERE {' AND '.join(conditions)}", values, window, end


# --- changing --------------------------------------------------------------------------------------------------------


def replay(
    connection: sqlite3.Connection, pending: Pending, ids: Collection[int], states: Collection[State], now: int
) -> Mapping[int, Sequence[int]]:
    """The horizon begins anew: what counts towards it is the time after `created` that the lane was not held."""
    moved, ordered = _standing(connection, ids, states, orphaned=False, silent=False)
    for lane, those in moved.items():
        held = held_total(connection, lane, now)
        connection.execute(REPLAY, (now, held, rows.encode(those).decode()))
        pending.moved(lane, len(those), ordered[lane])
    return moved


def hasten(
    connection: sqlite3.Connection, _pending: Pending, ids: Collection[int], now: int
) -> Mapping[int, Sequence[int]]:
    moved, _ = _standing(connection, ids, (State.DUE,), orphaned=False, silent=True)
    for those in moved.values():
        connection.execute(HASTEN, (now, rows.encode(those).decode()))
    return moved


def cancel(
    connection: sqlite3.Connection, pending: Pending, ids: Collection[int], now: int
) -> Mapping[int, Sequence[int]]:
    """The last failure stays to be read. An attempt that is under way is noted when it ends, and changes nothing."""
    moved, ordered = _standing(connection, ids, (State.DUE,), orphaned=True, silent=True)
    for lane, those in moved.items():
        connection.execute(CANCEL, (now, rows.encode(those).decode()))
        pending.moved(lane, -len(those), -ordered[lane])
    return moved


def _standing(
    connection: sqlite3.Connection, ids: Collection[int], states: Collection[State], *, orphaned: bool, silent: bool
) -> tuple[dict[int, list[int]], dict[int, int]]:
    """The ids that stand in one of these states now, and how many of them have an order key, by lane.

    Those of `orphaned` lanes and `silent` ones (without bytes) only if allowed.
    """
    given = (rows.encode(list(ids)).decode(), rows.encode([one.value for one in states]).decode(), orphaned, silent)
    by_lane: dict[int, list[int]] = {}
    ordered: dict[int, int] = {}
    for number, lane, keyed in connection.execute(STANDING, given).fetchall():
        by_lane.setdefault(lane, []).append(number)
        ordered[lane] = ordered.get(lane, 0) + keyed
    return by_lane, ordered
