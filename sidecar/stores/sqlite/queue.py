"""The dispatcher's verbs but for `due`: next_due, settle, and the lanes' memory."""

import sqlite3
from collections.abc import Sequence

from sidecar.domain.delivery import Settlement, State
from sidecar.domain.errors import NotFound
from sidecar.domain.lane_state import LaneName, LaneState, Pause
from sidecar.stores.sqlite import groups, rows
from sidecar.stores.sqlite.pending import PENDING, Pending
from sidecar.stores.sqlite.reading import Reader
from sidecar.stores.sqlite.translation import held_total

NEXT_DUE = "SELECT min(due) FROM delivery WHERE state = 0 AND lane = ? AND due > ?"
LAST_DUE = "SELECT max(due) FROM delivery WHERE state = 0 AND lane = ?"
HASTEN = """
UPDATE delivery SET due = max(?, due - ?) WHERE id IN (
  SELECT id FROM delivery WHERE state = 0 AND lane = ? AND due > ? ORDER BY due DESC LIMIT ?
)
"""
HASTENED = 200  # deliveries moved in one transaction
LANES = """
SELECT id, name, format, policy, paused_until, hold, orphaned, held_since, held_total FROM lane
WHERE retired = 0 ORDER BY id
"""


async def next_due(reader: Reader, lane: int, after: int) -> int | None:
    value = (await reader.rows(NEXT_DUE, (lane, after)))[0][0]
    return int(value) if value is not None else None


async def last_due(reader: Reader, lane: int) -> int:
    """The latest due time of the lane, 0 without any."""
    return int((await reader.rows(LAST_DUE, (lane,)))[0][0] or 0)


def cap_due(connection: sqlite3.Connection, _pending: Pending, lane: int, latest: int, by: int, now: int) -> int:
    """Move some of what is due after `latest` ahead by so many nanoseconds, though not before `now`."""
    return connection.execute(HASTEN, (now, by, lane, latest, HASTENED)).rowcount


SETTLE = {
    size: "UPDATE delivery SET state = v.column2, due = v.column3, attempts = v.column4, reason = v.column5, "
    "status = v.column6, detail = v.column7, done = v.column8 "
    f"FROM (VALUES {','.join(['(?,?,?,?,?,?,?,?)'] * size)}) v WHERE delivery.id = v.column1 AND delivery.state = 0"
    for size in rows.SIZES
}


def settle(connection: sqlite3.Connection, pending: Pending, items: Sequence[Settlement]) -> list[None]:
    """Write attempts and new states. A delivery that an operator cancelled meanwhile stays cancelled."""
    rows.insert(
        connection,
        "INSERT OR REPLACE INTO attempt (delivery, number, started, took, reason, status, detail, answer)",
        [
            (one.delivery, one.attempt, one.started, one.took, one.reason.value, one.status, one.detail, one.answer)
            for one in items
        ],
    )
    at = moved = 0
    while at < len(items):
        size = next(one for one in rows.SIZES if one <= len(items) - at)
        values: list[object] = []
        for one in items[at : at + size]:
            done = one.started + one.took if one.state is not State.DUE else None
            values += (
                one.delivery,
                one.state.value,
                one.due,
                one.attempt,
                one.reason.value,
                one.status,
                one.detail,
                done,
            )
        moved += connection.execute(
            SETTLE[size],
            values,
        ).rowcount
        at += size
    _remember(connection, pending, items)
    if moved < len(items):
        pending.recount(connection)  # somebody else finished one of them: the settlements do not tell whose it was
    return []


def _remember(connection: sqlite3.Connection, pending: Pending, items: Sequence[Settlement]) -> None:
    """Keep each lane's last success and consecutive failures, which retention must not take away, and its count."""
    # By lane: last success, failures since (or since ever), how many are finished, and how many of them in order.
    by_lane: dict[int, tuple[int, int, int, int]] = {}
    for one in items:
        last, failures, done, ordered = by_lane.get(one.lane, (0, 0, 0, 0))
        if one.state is State.DELIVERED:
            by_lane[one.lane] = (max(last, one.started + one.took), 0, done + 1, ordered + one.ordered)
        elif one.state is State.DUE:
            by_lane[one.lane] = (last, failures + 1, done, ordered)
        else:
            by_lane[one.lane] = (last, failures + 1, done + 1, ordered + one.ordered)
    counted = True
    for lane, (last, failures, done, ordered) in by_lane.items():
        counted = counted and done <= pending.of(lane).due
        pending.finished(lane, done, ordered)
        connection.execute(
            "UPDATE lane SET last_success = max(last_success, ?1), failures = iif(?1 > 0, 0, failures) + ?2 "
            "WHERE id = ?3",
            (last, failures, lane),
        )
    if not counted:
        pending.recount(connection)  # what was under way belongs to another lane by now


async def lanes(reader: Reader) -> list[LaneState]:
    counted = dict(await reader.rows(PENDING))
    return [state_of(row, counted.get(row[0], 0)) for row in await reader.rows(LANES)]


def state_of(row: tuple[int, str, str, int, int, str, int, int, int], pending: int) -> LaneState:
    return LaneState(
        id=row[0],
        name=row[1],
        format=row[2],
        policy=row[3],
        paused_until=row[4],
        hold=row[5],
        orphaned=bool(row[6]),
        held_since=row[7],
        held_total=row[8],
        pending=pending,
    )


def register(connection: sqlite3.Connection, pending: Pending, names: Sequence[LaneName], now: int) -> list[LaneState]:
    known = {row[1]: row[0] for row in connection.execute(LANES)}
    moved = 0  # deliveries that went from one lane to another
    joined: dict[int, int] = {}
    for one in names:
        if one.formerly and one.formerly in known:
            old = known[one.formerly]
            if one.name in known:
                joined[old] = known[one.name]
                # Each lane counts its own held time; what was held so far in the old one must stay held.
                base = held_total(connection, known[one.name], now) - held_total(connection, old, now)
                groups.inherit(connection, known[one.name], old)
                moved += connection.execute(
                    "UPDATE delivery SET lane = ?, held_base = held_base + ? WHERE lane = ? AND state = 0",
                    (known[one.name], base, old),
                ).rowcount
            else:
                connection.execute("UPDATE lane SET name = ? WHERE id = ?", (one.name, old))
                known[one.name] = known.pop(one.formerly)
        if one.name not in known:
            made = connection.execute(
                "INSERT INTO lane (name, format, policy) VALUES (?, ?, 0)", (one.name, one.format)
            ).lastrowid
            assert made is not None
            known[one.name] = made
        connection.execute("UPDATE lane SET format = ? WHERE name = ?", (one.format, one.name))
    connection.execute(
        "UPDATE lane SET policy = id WHERE format = 'harbor' AND policy = 0"
    )  # a lane's own number is as good an integer as any, and never used again
    wanted = {one.name for one in names}
    pending.joined(joined, {known[name] for name in wanted})
    for name, lane in known.items():
        set_orphaned(connection, lane, orphaned=name not in wanted, now=now)
    if moved:
        pending.recount(connection)
    return [state_of(row, pending.counted(row[0]).due) for row in connection.execute(LANES).fetchall()]


def set_orphaned(connection: sqlite3.Connection, lane: int, *, orphaned: bool, now: int) -> None:
    before = connection.execute("SELECT orphaned, hold FROM lane WHERE id = ?", (lane,)).fetchone()
    if before is None or bool(before[0]) == orphaned:
        return
    connection.execute("UPDATE lane SET orphaned = ? WHERE id = ?", (orphaned, lane))
    if not before[1]:
        _hold(connection, lane, held=orphaned, now=now)


def _hold(connection: sqlite3.Connection, lane: int, *, held: bool, now: int) -> None:
    """Begin or end the time that does not count towards any horizon."""
    if held:
        connection.execute("UPDATE lane SET held_since = ? WHERE id = ? AND held_since = 0", (now, lane))
    else:
        connection.execute(
            "UPDATE lane SET held_total = held_total + max(0, ? - held_since), held_since = 0 "
            "WHERE id = ? AND held_since > 0",
            (now, lane),
        )


def pause(connection: sqlite3.Connection, pending: Pending, change: Pause, now: int) -> LaneState:
    """Raises NotFound when there is no such lane."""
    before = connection.execute(
        "SELECT hold, orphaned FROM lane WHERE id = ? AND retired = 0", (change.lane,)
    ).fetchone()
    if before is None:
        raise NotFound(f"there is no subscription with the number {change.lane}")
    if change.until:
        connection.execute(
            "UPDATE lane SET paused_until = max(paused_until, ?) WHERE id = ?", (change.until, change.lane)
        )
    if change.hold is not None and change.hold != before[0]:
        connection.execute("UPDATE lane SET hold = ? WHERE id = ?", (change.hold, change.lane))
        if not before[1]:
            _hold(connection, change.lane, held=bool(change.hold), now=now)
    if change.hold == "":
        connection.execute("UPDATE lane SET paused_until = 0 WHERE id = ?", (change.lane,))
    found = [row for row in connection.execute(LANES).fetchall() if row[0] == change.lane]
    return state_of(found[0], pending.of(change.lane).due)
