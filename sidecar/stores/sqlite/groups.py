"""Groups of events that are told together: joined and closed with a translated batch, read at ticks and by operators.

Whatever waits in a group is a row of its own, written in the transaction that wrote its event; the event itself stays
in its table for as long as it is in a group. A group that is told takes a number of its own among those of events, so
what it comes to is found, ordered and removed as what an event comes to.
"""

import sqlite3
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sidecar.domain.event import Event
from sidecar.domain.listing import Companion, WaitingGroup
from sidecar.ports import WriteSet
from sidecar.ports.groups import EVER, FULL, Gathered, Member, PlannedJoin
from sidecar.stores.sqlite import rows
from sidecar.stores.sqlite.parts import Part
from sidecar.stores.sqlite.pending import Pending
from sidecar.stores.sqlite.reading import Reader

WAITS, TOLD, OVER = 0, 1, 2

# From lane to lane in the index, two look-ups for each, however many groups wait in it.
WAITING = """
WITH RECURSIVE found (lane) AS (
  SELECT min(lane) FROM event_group WHERE state = 0
  UNION ALL
  SELECT (SELECT min(g.lane) FROM event_group g WHERE g.state = 0 AND g.lane > f.lane) FROM found f
  WHERE f.lane IS NOT NULL
)
SELECT f.lane, (SELECT min(g.deadline) FROM event_group g WHERE g.state = 0 AND g.lane = f.lane)
FROM found f WHERE f.lane IS NOT NULL
"""
DUE = """
SELECT id, lane, key, size FROM event_group INDEXED BY event_group_due
WHERE state = 0 AND lane = ? AND deadline <= ? ORDER BY deadline, id LIMIT ?
"""
# All that waits, as it began: deadlines do not tell that where windows have changed.
EVERY = "SELECT id, lane, key, size FROM event_group WHERE state = 0 AND lane = ? AND ? ORDER BY id LIMIT ?"
MEMBERS = """
SELECT m.grp, m.event, m.word, e.body FROM json_each(?) v CROSS JOIN event_group_member m ON m.grp = v.value
CROSS JOIN event e ON e.id = m.event ORDER BY m.grp, m.seq
"""
OPEN = """
SELECT g.lane, g.key, g.id, g.deadline, g.size FROM json_each(?) v CROSS JOIN event_group g INDEXED BY event_group_open
ON g.state = 0 AND g.lane = v.value ->> 0 AND g.key = v.value ->> 1 ORDER BY g.id
"""
NEXT = "SELECT coalesce(max(id), 0) + 1 FROM event_group"
CLOSE = "UPDATE event_group SET state = ?, number = ?, joined = ?, done = ? WHERE id = ? AND state = 0"
END = f"""
UPDATE event_group SET state = {OVER}, done = ? WHERE id IN (
  SELECT id FROM event_group INDEXED BY event_group_due WHERE state = 0 AND lane = ? ORDER BY deadline, id LIMIT ?
) RETURNING size
"""
INHERIT = "UPDATE event_group SET lane = ? WHERE state = 0 AND lane = ?"
NAMED = "SELECT id, name FROM lane WHERE name IN (SELECT value FROM json_each(?)) AND retired = 0"
HELD = f"""
SELECT l.name, sum(g.size) FROM json_each(?) v CROSS JOIN lane l ON l.name = v.value
CROSS JOIN event_group g ON g.lane = l.id AND g.state = {WAITS} WHERE l.retired = 0 GROUP BY l.id ORDER BY l.name
"""
OF_EVENT = f"""
SELECT l.name, m.word, g.key, g.deadline, g.size FROM event e CROSS JOIN event_group_member m ON m.event = e.id
CROSS JOIN event_group g ON g.id = m.grp AND g.state = {WAITS} CROSS JOIN lane l ON l.id = g.lane
WHERE e.uuid = ? ORDER BY l.name, m.word
"""
COMPANIONS = f"""
SELECT e.uuid, e.type, e.registry, e.repository, e.time, m.word
FROM delivery d CROSS JOIN event_group g INDEXED BY event_group_told ON g.number > 0 AND g.number = d.id / {rows.SPAN}
CROSS JOIN event_group_member m ON m.grp = g.id CROSS JOIN event e ON e.id = m.event
WHERE d.id = ? AND g.joined ORDER BY m.seq
"""
# An event's own number, and those of the groups that it was told with; `joined` = with all that is in there.
NUMBERS = """
SELECT e.id, e.id, 0 FROM event e WHERE e.uuid = ?1
UNION ALL
SELECT DISTINCT g.number, e.id, g.joined FROM event e CROSS JOIN event_group_member m ON m.event = e.id
CROSS JOIN event_group g ON g.id = m.grp WHERE e.uuid = ?1 AND g.number > 0
"""
COUNTED = f"""
SELECT m.event, d.state, count(DISTINCT d.id) FROM json_each(?) v CROSS JOIN event_group_member m ON m.event = v.value
CROSS JOIN event_group g ON g.id = m.grp AND g.number > 0
CROSS JOIN delivery d ON d.id BETWEEN g.number * {rows.SPAN} AND g.number * {rows.SPAN} + {rows.SPAN - 1}
WHERE g.joined OR d.event = m.event GROUP BY m.event, d.state
"""
WAITED = f"""
SELECT m.event, count(DISTINCT g.id) FROM json_each(?) v CROSS JOIN event_group_member m ON m.event = v.value
CROSS JOIN event_group g ON g.id = m.grp AND g.state = {WAITS} GROUP BY m.event
"""

Joined = tuple[int, Event, tuple[PlannedJoin, ...]]  # an event's number, the event, and what waits of it


class SQLiteGroups(Part):
    """Whoever is a store gives it readers apart from the pipeline's, and the writer's count."""

    _pending: Pending

    async def waiting(self) -> Mapping[int, int]:
        return {row[0]: row[1] for row in await self._pipeline_reader().rows(WAITING)}

    async def gathered(self, lanes: Sequence[tuple[int, int]], groups: int, members: int) -> Sequence[Gathered]:
        reader = await self._patient_reader()
        chosen: list[tuple[Any, ...]] = []
        room = members
        for lane, until in lanes:
            if len(chosen) == groups or room <= 0:
                break
            for row in await reader.rows(EVERY if until == EVER else DUE, (lane, until, groups - len(chosen))):
                room -= row[3]
                if room < 0 and chosen:
                    break
                chosen.append(row)
        found: dict[int, list[Member]] = {row[0]: [] for row in chosen}
        events: dict[int, Event] = {}
        for group, number, word, body in await reader.rows(MEMBERS, (rows.encode(list(found)).decode(),)):
            if number not in events:
                events[number] = rows.event(body)
            found[group].append(Member(number, events[number], word))
        return [Gathered(row[0], row[1], row[2], found[row[0]]) for row in chosen]

    def filled(self) -> bool:
        filled, self._pending.filled = self._pending.filled, False
        return filled

    # --- for operators ------------------------------------------------------------------------------------------------

    async def waits(self, uuid: str) -> Sequence[WaitingGroup]:
        found = await self._operator_reader().rows(OF_EVENT, (uuid,))
        return [
            WaitingGroup(subscription=row[0], word=row[1], whole=row[2] == "", until=row[3], size=row[4])
            for row in found
        ]

    async def companions(self, delivery: int) -> Sequence[Companion]:
        found = await self._operator_reader().rows(COMPANIONS, (delivery,))
        return [
            Companion(event=row[0], type=row[1], registry=row[2], repository=row[3], time=row[4], word=row[5])
            for row in found
        ]

    async def held(self, subscriptions: Collection[str]) -> Mapping[str, int]:
        return dict(await self._operator_reader().rows(HELD, (rows.encode(list(subscriptions)).decode(),)))

    async def disband(self, subscriptions: Collection[str], limit: int, now: int) -> Mapping[str, int]:
        ended: Mapping[str, int] = await self._do(disband, subscriptions, limit, now)
        return ended


async def about(reader: Reader, uuid: str) -> tuple[str, list[int]]:
    """The condition on `d` that a delivery tells of an event, by itself or with others, and its values."""
    conditions: list[str] = []
    values: list[int] = []
    for number, event, joined in await reader.rows(NUMBERS, (uuid,)):
        conditions.append(
            "d.id BETWEEN ? AND ?" if joined or number == event else "d.id BETWEEN ? AND ? AND d.event = ?"
        )
        values += rows.span(number)
        if not joined and number != event:
            values.append(event)
    return f"({' OR '.join(conditions) or '0'})", values


async def count(reader: Reader, events: Sequence[int], states: dict[int, dict[int, int]]) -> Mapping[int, int]:
    """Add what events were told with others to their counts by state; returns in how many groups each waits."""
    listed = rows.encode(list(events)).decode()
    for event, state, counted in await reader.rows(COUNTED, (listed,)):
        by_state = states.setdefault(event, {})
        by_state[state] = by_state.get(state, 0) + counted
    return dict(await reader.rows(WAITED, (listed,)))


# --- with a translated batch ------------------------------------------------------------------------------------------


def close(connection: sqlite3.Connection, first: int, work: WriteSet) -> dict[int, int]:
    """Close the groups of a batch; the number of each that comes to something, from `first` on.

    A group that somebody has ended since it was read is not among them.
    """
    telling = {one.stored.group for one in work.events if one.stored is not None and one.deliveries}
    numbers: dict[int, int] = {}
    for one in work.closed:
        told = one.group in telling
        number = first + len(numbers) if told else 0
        values = (TOLD, number, one.joined, 0) if told else (OVER, 0, one.joined, work.now)
        moved = connection.execute(CLOSE, (*values, one.group)).rowcount
        if moved and told:
            numbers[one.group] = number
    return numbers


def join(connection: sqlite3.Connection, pending: Pending, joined: Sequence[Joined]) -> None:
    """Put events into the groups that wait, or into new ones."""
    heirs, gone = pending.heirs, pending.gone
    wanted = {(heirs.get(one.lane, one.lane), one.key) for _, _, joins in joined for one in joins}
    newest: dict[tuple[int, str], list[Any]] = {}  # (lane, key) -> [id, deadline, size]
    for lane, key, group, deadline, size in connection.execute(
        OPEN, (rows.encode(sorted(wanted)).decode(),)
    ).fetchall():
        newest[lane, key] = [group, deadline, size]
    following = connection.execute(NEXT).fetchone()[0]
    touched: dict[int, tuple[Any, ...]] = {}
    members: list[tuple[Any, ...]] = []
    for number, event, joins in joined:
        for one in joins:
            lane = heirs.get(one.lane, one.lane)
            if lane in gone:
                continue
            group = newest.get((lane, one.key))
            if group is None or group[2] >= FULL or event.accepted > group[1]:
                group = newest[lane, one.key] = [following, event.accepted + one.window, 0]
                following += 1
            members.append((group[0], group[2], number, one.word))
            group[2] += 1
            if group[2] == FULL:
                group[1] = min(group[1], event.accepted)
                pending.fill()
            touched[group[0]] = (group[0], lane, one.key, group[1], group[2])
    head = "INSERT INTO event_group (id, lane, key, deadline, size)"
    tail = "ON CONFLICT (id) DO UPDATE SET deadline = excluded.deadline, size = excluded.size"
    rows.insert(connection, head, list(touched.values()), tail)
    rows.insert(connection, "INSERT INTO event_group_member (grp, seq, event, word)", members)


# --- with what becomes of lanes ---------------------------------------------------------------------------------------


def inherit(connection: sqlite3.Connection, heir: int, lane: int) -> None:
    """What waits for a lane waits for its heir."""
    connection.execute(INHERIT, (heir, lane))


def end(connection: sqlite3.Connection, lane: int, limit: int, now: int) -> tuple[int, int]:
    """Give up some groups that wait for a lane: how many, and of how many events."""
    sizes = [row[0] for row in connection.execute(END, (now, lane, limit)).fetchall()]
    return len(sizes), sum(sizes)


def disband(
    connection: sqlite3.Connection, _pending: Pending, subscriptions: Collection[str], limit: int, now: int
) -> Mapping[str, int]:
    """Give up at most so many groups that wait for these subscriptions; the events in them, by name."""
    ended: dict[str, int] = {}
    for lane, name in connection.execute(NAMED, (rows.encode(list(subscriptions)).decode(),)).fetchall():
        groups, events = end(connection, lane, limit, now) if limit > 0 else (0, 0)
        limit -= groups
        if groups:
            ended[name] = events
    return ended
