"""The verbs of subscriptions made through APIs: each changes one and its lanes together."""

import sqlite3
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import msgspec

from sidecar.domain.errors import NotFound, Stale, Taken
from sidecar.domain.made import Api, Draft, Health, LastTrigger, Made, Target, Tree, kept, lane_name
from sidecar.stores.sqlite import groups, interventions, queue, rows
from sidecar.stores.sqlite.pending import Pending
from sidecar.stores.sqlite.reading import Reader

CLEARED = 200  # deliveries cancelled in one transaction

COLUMNS = (
    "id, api, key, uuid, policy, namespace, repository, name, creator, created, updated, revision, enabled, document, "
    "targets"
)
MADE = f"SELECT {COLUMNS} FROM made ORDER BY id"
ONE = f"SELECT {COLUMNS}, lanes FROM made WHERE id = ?"
OTHER = "SELECT 1 FROM made WHERE api = ? AND key = ? AND id <> ?"
INSERT = """
INSERT INTO made (api, key, uuid, policy, namespace, repository, name, creator, created, updated, revision, enabled,
                  lanes, document, targets)
VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?8, 1, ?9, 0, ?10, x'')
"""
CHANGE = """
UPDATE made SET key = ?2, namespace = ?3, repository = ?4, name = ?5, enabled = ?6, document = ?7, updated = ?8,
  revision = revision + 1 WHERE id = ?1
"""
LEFT = "SELECT id FROM delivery WHERE state = 0 AND lane = ? LIMIT ?"
TRIGGERS = """
SELECT t.lane, t.word, t.at FROM json_each(?) v CROSS JOIN last_trigger t ON t.lane = v.value
"""

HEALTH = """
SELECT l.id, l.name, l.format, l.policy, l.paused_until, l.hold, l.orphaned, l.held_since, l.held_total,
       l.last_success, l.failures
FROM json_each(?) v CROSS JOIN lane l ON l.id = v.value WHERE l.retired = 0
"""

_targets = msgspec.json.Decoder(list[Target]).decode
_document = msgspec.json.Decoder(Tree).decode


async def recall(reader: Reader) -> list[Made]:
    return [_made(row) for row in await reader.rows(MADE)]


async def health(reader: Reader, pending: Callable[[int], int], lanes: Collection[int]) -> list[Health]:
    found = [
        Health(state=queue.state_of(row[:9], pending(row[0])), last_success=row[9], failures=row[10])
        for row in await reader.rows(HEALTH, (rows.encode(list(lanes)).decode(),))
    ]
    return sorted(found, key=lambda one: one.state.id)


async def triggers(reader: Reader, lanes: Collection[int]) -> list[LastTrigger]:
    found = await reader.rows(TRIGGERS, (rows.encode(list(lanes)).decode(),))
    return [LastTrigger(*row) for row in sorted(found)]


def put(connection: sqlite3.Connection, pending: Pending, draft: Draft, creator: str, now: int) -> Made:
    """Raises Taken."""
    _free(connection, draft, 0)
    number = connection.execute(
        INSERT,
        (
            draft.api.value,
            draft.key,
            draft.uuid,
            draft.namespace,
            draft.repository,
            draft.name,
            creator,
            now,
            draft.enabled,
            rows.encode(draft.document),
        ),
    ).lastrowid
    assert number is not None
    return _with_lanes(connection, pending, number, draft, ((), 0))


def change(connection: sqlite3.Connection, pending: Pending, current: tuple[int, int], draft: Draft, now: int) -> Made:
    """`current` is its id and its revision so far. Raises NotFound, Stale, Taken."""
    number, expected = current
    before, lanes = _current(connection, number, expected)
    _free(connection, draft, number)
    connection.execute(
        CHANGE,
        (
            number,
            draft.key,
            draft.namespace,
            draft.repository,
            draft.name,
            draft.enabled,
            rows.encode(draft.document),
            now,
        ),
    )
    made = _with_lanes(connection, pending, number, draft, (before.targets, lanes))
    going_on = {one.lane for one in made.targets}
    if draft.targets != before.draft().targets:  # new ones were judged: whatever was wrong with the old is over
        for lane in going_on:
            queue.set_orphaned(connection, lane, orphaned=False, now=now)
    _retire(connection, pending, [one.lane for one in before.targets if one.lane not in going_on], now)
    return made


def remove(connection: sqlite3.Connection, pending: Pending, number: int, expected: int, now: int) -> None:
    """Raises NotFound, Stale."""
    before, _ = _current(connection, number, expected)
    connection.execute("DELETE FROM made WHERE id = ?", (number,))
    _retire(connection, pending, [one.lane for one in before.targets], now)


def clear(connection: sqlite3.Connection, pending: Pending, now: int) -> Mapping[int, Sequence[int]]:
    """Cancel some of what one retired lane still owes; the ids by lane, none once no lane owes anything."""
    for (lane,) in connection.execute("SELECT lane FROM lane_clearing ORDER BY lane").fetchall():
        left = [row[0] for row in connection.execute(LEFT, (lane, CLEARED)).fetchall()]
        if left:
            return interventions.cancel(connection, pending, left, now)
        if groups.end(connection, lane, CLEARED, now)[0]:
            return {lane: ()}
        connection.execute("DELETE FROM lane_clearing WHERE lane = ?", (lane,))
    return {}


def forget_failures(connection: sqlite3.Connection, _pending: Pending, lane: int) -> None:
    connection.execute("UPDATE lane SET failures = 0 WHERE id = ?", (lane,))


def _current(connection: sqlite3.Connection, number: int, expected: int) -> tuple[Made, int]:
    row = connection.execute(ONE, (number,)).fetchone()
    if row is None:
        raise NotFound("there is no such subscription any more")
    found = _made(row[:-1])
    if found.revision != expected:
        raise Stale("somebody else has changed the subscription meanwhile: read it again, and decide anew")
    return found, row[-1]


def _free(connection: sqlite3.Connection, draft: Draft, number: int) -> None:
    if connection.execute(OTHER, (draft.api.value, draft.key, number)).fetchone() is not None:
        raise Taken(f"there is a subscription {draft.key} already: choose another name, or change that one")


def _with_lanes(
    connection: sqlite3.Connection, pending: Pending, number: int, draft: Draft, had: tuple[Sequence[Target], int]
) -> Made:
    """Give the targets their lanes, old and new, and write down which. `had`: the targets so far, and all its lanes."""
    before, lanes = had
    targets = []
    for tree, old in zip(draft.targets, kept(before, draft.targets), strict=True):
        if old is not None:
            connection.execute("UPDATE lane SET format = ? WHERE id = ?", (tree.get("format", ""), old.lane))
            targets.append(Target(old.lane, old.name, tree))
            continue
        lanes += 1
        name = lane_name(draft.api, number, lanes)
        lane = connection.execute(
            "INSERT INTO lane (name, format, policy, made) VALUES (?, ?, 0, ?)", (name, tree.get("format", ""), number)
        ).lastrowid
        assert lane is not None
        targets.append(Target(lane, name, tree))
    connection.execute(
        "UPDATE made SET lanes = ?, targets = ?, policy = iif(policy = 0 AND api = ?, ?, policy) WHERE id = ?",
        (lanes, rows.encode(targets), Api.HARBOR.value, targets[0].lane, number),
    )
    made = _made(connection.execute(ONE, (number,)).fetchone()[:-1])
    connection.execute(
        "UPDATE lane SET policy = iif(?1 = 0 AND format = 'harbor', id, ?1) WHERE made = ?2", (made.policy, number)
    )
    if made.api is Api.HARBOR:
        pending.trace(connection)
    return made


def _made(row: tuple[Any, ...]) -> Made:
    return Made(
        id=row[0],
        api=Api(row[1]),
        key=row[2],
        uuid=row[3],
        policy=row[4],
        namespace=row[5],
        repository=row[6],
        name=row[7],
        creator=row[8],
        created=row[9],
        updated=row[10],
        revision=row[11],
        enabled=bool(row[12]),
        document=_document(row[13]),
        targets=tuple(_targets(row[14])),
    )


def _retire(connection: sqlite3.Connection, pending: Pending, lanes: Sequence[int], now: int) -> None:
    """What is retired is orphaned as well: nothing is sent for it, or made due again."""
    if lanes:
        given = rows.encode(lanes).decode()
        connection.execute(
            "UPDATE lane SET retired = ?, orphaned = 1 WHERE id IN (SELECT value FROM json_each(?))", (now, given)
        )
        for table in ("last_trigger", "expiry_told", "expiry_look"):
            connection.execute(f"DELETE FROM {table} WHERE lane IN (SELECT value FROM json_each(?))", (given,))
        rows.insert(connection, "INSERT OR IGNORE INTO lane_clearing (lane)", [(lane,) for lane in lanes])
        pending.retire(lanes)
