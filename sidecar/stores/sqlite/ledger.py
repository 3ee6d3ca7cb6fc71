"""The operator's view: lists, single things, quarantine. Reads only, apart from `release`.

Filters are put together from the constants below; values always travel as parameters.
"""

import sqlite3
from typing import Any

import msgspec

from sidecar.domain.delivery import State
from sidecar.domain.event import Artifact, Event
from sidecar.domain.listing import (
    AttemptRow,
    DeliveryFilter,
    DeliveryRow,
    EventFilter,
    EventRow,
    PullFilter,
    PullRow,
    QuarantineFilter,
    QuarantineRow,
    TagPulls,
    UndeliveredCount,
)
from sidecar.domain.message import Message
from sidecar.ports import LaneRow
from sidecar.stores.sqlite import groups, queue, rows
from sidecar.stores.sqlite.reading import Reader

DELIVERIES = """
SELECT d.id, e.uuid, e.type, e.repository, l.name, d.word, d.webhook_id, d.state, d.due, d.created, d.attempts,
       d.reason, d.status, d.detail, d.done
FROM delivery d CROSS JOIN event e ON e.id = d.event CROSS JOIN lane l ON l.id = d.lane
"""
# Two counts over two partial indexes: one over both states would read every delivery there is.
OWED = """
SELECT l.name, sum(o.due), sum(o.dead), min(o.oldest), sum(o.waiting) FROM (
  SELECT lane, count(*) AS due, 0 AS dead, min(created) AS oldest, 0 AS waiting
  FROM delivery WHERE state = 0 GROUP BY lane
  UNION ALL
  SELECT lane, 0, count(*), NULL, 0 FROM delivery WHERE state = 2 AND done IS NOT NULL GROUP BY lane
  UNION ALL
  SELECT lane, 0, 0, NULL, sum(size) FROM event_group WHERE state = 0 GROUP BY lane
) o JOIN lane l ON l.id = o.lane WHERE l.retired = 0 GROUP BY l.id ORDER BY l.name
"""
# One row for each artifact: the page is cut before its manifests are looked up. A page goes on behind the artifact that
# the last one ended with, wherever that stands by now.
PULLS = """
SELECT p.id, p.registry, p.repository, p.digest, p.count, p.last, p.tags, m.artifact, m.live FROM (
  SELECT min(id) AS id, registry, repository, digest, sum(count) AS count, max(last) AS last,
         json_group_array(json_array(tag, count, last)) AS tags
  FROM pull {where} GROUP BY registry, repository, digest {having} ORDER BY max(last) DESC, min(id) DESC LIMIT ?
) p LEFT JOIN manifest m ON m.registry = p.registry AND m.repository = p.repository AND m.digest = p.digest
ORDER BY p.last DESC, p.id DESC
"""
BEHIND = """
(max(last), min(id)) < (
  SELECT max(q.last), min(q.id) FROM pull o JOIN pull q
  ON q.registry = o.registry AND q.repository = o.repository AND q.digest = o.digest{tag} WHERE o.id = ?
)
"""


class _Where:
    """Conditions joined by AND, with their values."""

    def __init__(self) -> None:
        self.conditions: list[str] = []
        self.values: list[Any] = []

    def add(self, condition: str, *values: Any, when: object) -> None:
        if when:
            self.conditions.append(condition)
            self.values.extend(values)

    def sql(self, word: str = "WHERE") -> str:
        return f" {word} {' AND '.join(self.conditions)}" if self.conditions else ""


async def events(reader: Reader, given: EventFilter) -> list[EventRow]:
    where = _Where()
    where.add("registry = ?", given.registry, when=given.registry)
    where.add("repository = ?", given.repository, when=given.repository)
    where.add("type = ?", given.type, when=given.type)
    where.add("time >= ?", given.since, when=given.since)
    where.add("id < ?", given.before, when=given.before)
    found = await reader.rows(
        f"SELECT id, body FROM event{where.sql()} ORDER BY id DESC LIMIT ?", (*where.values, given.limit)
    )
    states: dict[int, dict[int, int]] = {}
    counted = await reader.rows(
        "SELECT d.event, d.state, count(*) FROM json_each(?) v CROSS JOIN delivery d "
        f"ON d.id BETWEEN v.value * {rows.SPAN} AND v.value * {rows.SPAN} + {rows.SPAN - 1} "
        "GROUP BY d.event, d.state",
        (rows.encode([row[0] for row in found]).decode(),),
    )
    for event, state, count in counted:
        states.setdefault(event, {})[state] = count
    waiting = await groups.count(reader, [row[0] for row in found], states)
    return [
        EventRow(
            number=row[0],
            event=rows.event(row[1]),
            due=states.get(row[0], {}).get(State.DUE, 0),
            delivered=states.get(row[0], {}).get(State.DELIVERED, 0),
            dead=states.get(row[0], {}).get(State.DEAD, 0),
            cancelled=states.get(row[0], {}).get(State.CANCELLED, 0),
            waiting=waiting.get(row[0], 0),
        )
        for row in found
    ]


async def event(reader: Reader, uuid: str) -> Event | None:
    found = await reader.rows("SELECT body FROM event WHERE uuid = ? ORDER BY id DESC LIMIT 1", (uuid,))
    return rows.event(found[0][0]) if found else None


async def deliveries(reader: Reader, given: DeliveryFilter) -> list[DeliveryRow]:
    where = _Where()
    where.add("d.id = ?", given.id, when=given.id)
    if given.event:
        condition, values = await groups.about(reader, given.event)
        where.add(condition, *values, when=True)
    where.add("d.lane IN (SELECT id FROM lane WHERE name = ?)", given.subscription, when=given.subscription)
    marks = ",".join("?" * len(given.states))
    where.add(f"d.state IN ({marks})", *(one.value for one in given.states), when=given.states)
    where.add("d.reason = ?", given.reason, when=given.reason)
    where.add("d.id < ?", given.before, when=given.before)
    found = await reader.rows(f"{DELIVERIES}{where.sql()} ORDER BY d.id DESC LIMIT ?", (*where.values, given.limit))
    return [
        DeliveryRow(
            id=row[0],
            event=row[1],
            type=row[2],
            repository=row[3],
            subscription=row[4],
            word=row[5],
            webhook_id=row[6],
            state=State(row[7]),
            due=row[8],
            created=row[9],
            attempts=row[10],
            reason=row[11],
            status=row[12],
            detail=row[13],
            done=row[14],
        )
        for row in found
    ]


async def attempts(reader: Reader, delivery: int) -> tuple[Message | None, list[AttemptRow]]:
    said = await reader.rows(
        "SELECT word, content_type, body, head FROM message WHERE id = (SELECT message FROM delivery WHERE id = ?)",
        (delivery,),
    )
    message = rows.message(said[0]) if said else None
    found = await reader.rows(
        "SELECT number, started, took, reason, status, detail, answer FROM attempt WHERE delivery = ? ORDER BY number",
        (delivery,),
    )
    return message, [
        AttemptRow(
            number=row[0], started=row[1], took=row[2], reason=row[3], status=row[4], detail=row[5], answer=row[6]
        )
        for row in found
    ]


async def undelivered(reader: Reader) -> list[UndeliveredCount]:
    return [
        UndeliveredCount(subscription=row[0], due=row[1], dead=row[2], oldest=row[3], waiting=row[4])
        for row in await reader.rows(OWED)
    ]


async def lanes(reader: Reader) -> list[LaneRow]:
    owed = {one.subscription: one for one in await undelivered(reader)}
    memory = {row[0]: row[1:] for row in await reader.rows("SELECT id, last_success, failures FROM lane")}
    return [
        LaneRow(
            state=state,
            dead=owed[state.name].dead if state.name in owed else 0,
            waiting=owed[state.name].waiting if state.name in owed else 0,
            last_success=memory[state.id][0],
            failures=memory[state.id][1],
        )
        for state in await queue.lanes(reader)
        if state.id in memory
    ]


async def pulls(reader: Reader, given: PullFilter) -> list[PullRow]:
    where, having = _Where(), _Where()
    where.add("registry = ?", given.registry, when=given.registry)
    where.add("repository = ?", given.repository, when=given.repository)
    where.add("digest = ?", given.digest, when=given.digest)
    where.add("tag = ?", given.tag, when=given.tag)
    having.add("max(last) >= ?", given.since, when=given.since)
    same_tag = " AND q.tag = ?" if given.tag else ""
    behind = (given.tag, given.before) if given.tag else (given.before,)
    having.add(BEHIND.format(tag=same_tag), *behind, when=given.before)
    found = await reader.rows(
        PULLS.format(where=where.sql(), having=having.sql("HAVING")), (*where.values, *having.values, given.limit)
    )
    return [
        PullRow(
            id=row[0],
            registry=row[1],
            repository=row[2],
            artifact=rows.artifact(row[7]) if row[7] is not None else Artifact(digest=row[3]),
            live=row[8] != 0,
            count=row[4],
            last=row[5],
            tags=tuple(
                TagPulls(tag=tag, count=count, last=last)
                for tag, count, last in sorted(msgspec.json.decode(row[6]), key=lambda one: (-one[2], one[0]))
            ),
        )
        for row in found
    ]


QUARANTINED = "SELECT id, at, registry, reason, detail, content_type, record, length(body)"


async def quarantined(reader: Reader, given: QuarantineFilter) -> list[QuarantineRow]:
    where = _Where()
    where.add("registry = ?", given.registry, when=given.registry)
    where.add("reason = ?", given.reason, when=given.reason)
    where.add("id < ?", given.before, when=given.before)
    found = await reader.rows(
        f"{QUARANTINED} FROM quarantine{where.sql()} ORDER BY id DESC LIMIT ?", (*where.values, given.limit)
    )
    return [_quarantined(row) for row in found]


async def quarantined_body(reader: Reader, number: int) -> tuple[QuarantineRow, bytes] | None:
    found = await reader.rows(f"{QUARANTINED}, body FROM quarantine WHERE id = ?", (number,))
    return (_quarantined(found[0]), found[0][8]) if found else None


def _quarantined(row: tuple[Any, ...]) -> QuarantineRow:
    return QuarantineRow(
        id=row[0],
        at=row[1],
        registry=row[2],
        reason=row[3],
        detail=row[4],
        content_type=row[5],
        record=row[6],
        size=row[7],
    )


def release(connection: sqlite3.Connection, number: int) -> None:
    connection.execute("DELETE FROM quarantine WHERE id = ?", (number,))
