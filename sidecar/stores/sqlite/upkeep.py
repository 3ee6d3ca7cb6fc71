"""Housekeeping in slices of a few milliseconds: retention by age and by size, free pages given back.

A slice is bounded three times: by rows, by the bytes of the bodies that it removes, and by a stopwatch for machines on
which even that takes long. It works in batches, so the stopwatch is looked at often; without one (inline stores) the
same work always makes the same slices.
"""

import itertools
import sqlite3
import time
from collections.abc import Callable, Iterable

import msgspec

from sidecar.domain import instant
from sidecar.domain.delivery import State
from sidecar.domain.retention import Retention
from sidecar.stores.sqlite import inbox, rows
from sidecar.stores.sqlite.file import BUSY_TIMEOUT
from sidecar.stores.sqlite.rows import SPAN
from sidecar.stores.sqlite.translation import Ids

BATCH = 32  # rows removed between two looks at the budget
ROWS = 256  # rows of a slice ...
BYTES = 8 * 1024 * 1024  # ... and bytes of their bodies, though one row always goes
SECONDS = 0.002  # after which a slice takes no further batch: the last one may take as long again
PAGES = 256  # free pages given back by one slice
RESERVE = 1024  # free pages that stay in the file: they are used again sooner than the disk gives new ones ...
RESERVE_SHARE = 8  # ... and one for so many in use
DELETION_KEPT = instant.DAY  # how long a deletion's request id is remembered
EVER = 2**63 - 1  # an instant that everything lies before
YOUNG = instant.HOUR  # what nobody heard of, and what tells repeats, stays so long even in a store over its size

EXPIRED_DELIVERIES = """
SELECT d.id, d.done, coalesce(length(m.body), 0) FROM delivery d LEFT JOIN message m ON m.id = d.message
WHERE d.state = ? AND d.done <= ? ORDER BY d.done LIMIT ?
"""
OLDEST_DONE = "SELECT done FROM delivery WHERE state = ? AND done IS NOT NULL ORDER BY done LIMIT 1"
DELETE_ATTEMPTS = "DELETE FROM attempt WHERE delivery IN (SELECT value FROM json_each(?))"
DELETE_DELIVERIES = "DELETE FROM delivery WHERE id IN (SELECT value FROM json_each(?))"
DELETE_MESSAGES = "DELETE FROM message WHERE id BETWEEN ? AND ?"
DELETE_EVENTS = "DELETE FROM event WHERE id IN (SELECT value FROM json_each(?))"
# A group is over when nothing is left of what it came to. Only what was told together has a number.
GROUPS_LEFT_ALONE = f"""
UPDATE event_group SET state = 2 WHERE number > 0 AND number IN (SELECT value FROM json_each(?)) AND NOT EXISTS (
  SELECT 1 FROM delivery d WHERE d.id BETWEEN event_group.number * {SPAN} AND event_group.number * {SPAN} + {SPAN} - 1
) RETURNING number
"""
GROUP_OVER = "SELECT id FROM event_group WHERE state = 2 AND done <= ? ORDER BY done, id LIMIT 1"
DELETE_MEMBERS = """
DELETE FROM event_group_member WHERE grp = ?1 AND seq IN (
  SELECT seq FROM event_group_member WHERE grp = ?1 ORDER BY seq LIMIT ?2
) RETURNING event
"""
DELETE_GROUP = "DELETE FROM event_group WHERE id = ?"
DELETE_JOURNAL = "DELETE FROM journal WHERE number IN (SELECT value FROM json_each(?))"
DELETE_QUARANTINE = "DELETE FROM quarantine WHERE id IN (SELECT value FROM json_each(?))"
_OWES = f"""(
  EXISTS (SELECT 1 FROM delivery d WHERE d.id BETWEEN e.id * {SPAN} AND e.id * {SPAN} + {SPAN} - 1)
  OR EXISTS (SELECT 1 FROM event_group_member m WHERE m.event = e.id)
)"""
LEFT_ALONE = f"SELECT e.id FROM json_each(?) v CROSS JOIN event e ON e.id = v.value WHERE NOT {_OWES}"
OLD_EVENTS = f"SELECT e.id, e.accepted, {_OWES} FROM event e WHERE e.id > ? ORDER BY e.id LIMIT ?"
TRANSLATED = "SELECT number, accepted, coalesce(length(body), 0) FROM journal WHERE number <= ? ORDER BY number LIMIT ?"
QUARANTINED = "SELECT id, at, length(body) FROM quarantine ORDER BY id LIMIT ?"
DELETIONS = """
SELECT registry, repository, request FROM deletion WHERE deadline <= ? AND parked IS NULL LIMIT ?
"""


class Round(msgspec.Struct, frozen=True):
    """What one slice is asked: the time, whether the writer is idle, whether the disk is nearly full."""

    now: int
    idle: bool = True
    low: bool = False


class Slice(msgspec.Struct, frozen=True):
    """What one slice came to. Sizes in bytes.

    `more`: another is due at once. `scanned`: the event up to which none is left that nobody is owed. `full`: over its
    size, though all that may go has gone.
    """

    more: bool
    scanned: int
    used: int
    full: bool


class _Budget:
    """What a slice may still do."""

    def __init__(self, stopwatch: Callable[[], float] | None) -> None:
        self._rows, self._bytes = ROWS, BYTES
        self._stopwatch = stopwatch
        self._until = stopwatch() + SECONDS if stopwatch is not None else 0.0

    def spend(self, count: int, size: int = 0) -> None:
        self._rows -= count
        self._bytes -= size

    @property
    def late(self) -> bool:
        return self._stopwatch is not None and self._stopwatch() >= self._until

    @property
    def spent(self) -> bool:
        return self._rows <= 0 or self._bytes <= 0 or self.late

    def afford(self, found: Iterable[tuple[int, int, int]], until: int) -> list[int]:
        """The ids of (id, instant, bytes) up to an instant that may go in one batch: one at least, if it is old."""
        chosen: list[int] = []
        size = 0
        for identity, at, length in found:
            if at > until or (chosen and size + length > self._bytes):
                break
            chosen.append(identity)
            size += length
        self.spend(len(chosen), size)
        return chosen


class Keeper:
    """What one slice needs to know, and what it learned for the next."""

    def __init__(self, retention: Retention, *, stopwatch: Callable[[], float] | None = time.perf_counter) -> None:
        self.retention = retention
        self._stopwatch = stopwatch
        self._scanned = 0  # events are numbered in order, and one that is owed to nobody stays so: none is read twice
        self.used = 0
        self.full = False

    def learn(self, done: Slice) -> None:
        """Take over what a slice found, once it is committed."""
        self._scanned, self.used, self.full = done.scanned, done.used, done.full

    def step(self, connection: sqlite3.Connection, ids: Ids, asked: Round) -> Slice:
        """One slice, within a transaction."""
        return _Step(connection, ids, self.retention, asked, (self._scanned, _Budget(self._stopwatch))).run()


_Begin = tuple[int, _Budget]  # the event up to which all is known, and what may be done


class _Step:
    """One slice at work."""

    def __init__(
        self, connection: sqlite3.Connection, ids: Ids, retention: Retention, asked: Round, begin: _Begin
    ) -> None:
        self._connection = connection
        self._ids = ids
        self._keep = retention
        self._asked = asked
        self._scanned, self._budget = begin
        self._kept = False

    def run(self) -> Slice:
        budget = self._budget
        while not budget.spent and self._by_age():
            pass
        used = used_bytes(self._connection)
        full = False
        while not budget.spent and used > self._keep.max_size:
            if not self._by_size():
                full = True
                break
            used = used_bytes(self._connection)
        more = budget.spent
        if not more and (self._asked.idle or self._asked.low):
            more = _give_back(self._connection, budget, all_of_it=self._asked.low)
        return Slice(more, self._scanned, used, full)

    def _by_age(self) -> bool:
        """Remove a batch of what is too old; False when nothing is."""
        now, keep = self._asked.now, self._keep
        return (
            self._deliveries(State.DELIVERED, now - keep.delivered)
            or self._deliveries(State.CANCELLED, now - keep.delivered)
            or self._deliveries(State.DEAD, now - keep.dead)
            or self._groups(now - keep.delivered)
            or self._events(now - keep.delivered)
            or self._journal(now - keep.journal)
            or self._quarantine(now - keep.quarantine)
            or self._deletions(now - DELETION_KEPT)
            or self._inbox(inbox.oldest(self._connection, BATCH), now - keep.inbox)
            or self._inbox(inbox.beyond(self._connection, BATCH), EVER)
        )

    def _by_size(self) -> bool:
        """Remove a batch for size: finished history, oldest first, then dead, quarantine, and what lies in inboxes."""
        young = self._asked.now - YOUNG
        finished = []
        for state in (State.DELIVERED, State.CANCELLED):
            found = self._connection.execute(OLDEST_DONE, (state.value,)).fetchone()
            if found is not None:
                finished.append((found[0], state))
        records = self._translated(1)
        if records and records[0][1] <= young and all(records[0][1] <= done for done, _ in finished):
            return self._journal(young)
        if finished:
            return self._deliveries(min(finished)[1], EVER)
        return (
            self._groups(young)
            or self._events(young)
            or self._deliveries(State.DEAD, EVER)
            or self._quarantine(EVER)
            or self._inbox(inbox.oldest(self._connection, BATCH), EVER)
        )

    def _deliveries(self, state: State, until: int) -> bool:
        """Deliveries go with their attempts, and their event with its messages when it is owed to nobody else."""
        found = self._connection.execute(EXPIRED_DELIVERIES, (state.value, until, BATCH)).fetchall()
        gone = self._budget.afford(found, until)
        if gone:
            self._keep_ids()
            listed = _listed(gone)
            self._connection.execute(DELETE_ATTEMPTS, (listed,))
            self._connection.execute(DELETE_DELIVERIES, (listed,))
            numbers = sorted({one // SPAN for one in gone})
            for (number,) in self._connection.execute(GROUPS_LEFT_ALONE, (_listed(numbers),)).fetchall():
                self._connection.execute(DELETE_MESSAGES, (number * SPAN, number * SPAN + SPAN - 1))
            self._forget_left_alone(numbers)
        return bool(gone)

    def _groups(self, until: int) -> bool:
        """What was in a group goes a batch at a time once the group is over, its events if nobody else is owed them."""
        found = self._connection.execute(GROUP_OVER, (until,)).fetchone()
        if found is None:
            return False
        gone = [row[0] for row in self._connection.execute(DELETE_MEMBERS, (found[0], BATCH)).fetchall()]
        self._forget_left_alone(sorted(set(gone)))
        if len(gone) < BATCH:
            self._connection.execute(DELETE_GROUP, found)
        self._budget.spend(len(gone) + 1)
        return True

    def _forget_left_alone(self, events: list[int]) -> None:
        self._forget([row[0] for row in self._connection.execute(LEFT_ALONE, (_listed(events),)).fetchall()])

    def _events(self, until: int) -> bool:
        """Events that nobody was ever owed go by their own age. Those that are owed go with their last delivery."""
        found = self._connection.execute(OLD_EVENTS, (self._scanned, BATCH)).fetchall()
        # Up to the first young one: what is passed over is never looked at again.
        old = [(number, owes) for number, _, owes in itertools.takewhile(lambda one: one[1] <= until, found)]
        if old:
            self._forget([number for number, owes in old if not owes])
            self._scanned = old[-1][0]
            self._budget.spend(len(old))
        return bool(old)

    def _forget(self, events: list[int]) -> None:
        if not events:
            return
        self._keep_ids()
        for one in events:
            self._connection.execute(DELETE_MESSAGES, (one * SPAN, one * SPAN + SPAN - 1))
        self._connection.execute(DELETE_EVENTS, (_listed(events),))

    def _keep_ids(self) -> None:
        """No id may come twice, so the last one is noted before the newest rows can go."""
        if not self._kept:
            self._ids.keep(self._connection)
            self._kept = True

    def _translated(self, limit: int) -> list[tuple[int, int, int]]:
        cursor = self._connection.execute("SELECT value FROM meta WHERE key = 'cursor'").fetchone()[0]
        return self._connection.execute(TRANSLATED, (cursor, limit)).fetchall()

    def _journal(self, until: int) -> bool:
        """Records go by age once they are translated; they are in order, so the first young one ends the search."""
        gone = self._budget.afford(self._translated(BATCH), until)
        if gone:
            self._connection.execute(DELETE_JOURNAL, (_listed(gone),))
        return bool(gone)

    def _quarantine(self, until: int) -> bool:
        gone = self._budget.afford(self._connection.execute(QUARANTINED, (BATCH,)).fetchall(), until)
        if gone:
            self._connection.execute(DELETE_QUARANTINE, (_listed(gone),))
        return bool(gone)

    def _inbox(self, found: list[tuple[int, int, int]], until: int) -> bool:
        """Of these notifications those up to an instant."""
        gone = self._budget.afford(found, until)
        if gone:
            inbox.remove(self._connection, gone)
        return bool(gone)

    def _deletions(self, until: int) -> bool:
        gone = self._connection.execute(
            f"DELETE FROM deletion WHERE (registry, repository, request) IN ({DELETIONS})", (until, BATCH)
        ).rowcount
        self._budget.spend(gone)
        return gone > 0


def _listed(numbers: list[int]) -> str:
    """Numbers for `json_each`: one parameter, and one prepared statement, whatever their number."""
    return rows.encode(numbers).decode()


def _give_back(connection: sqlite3.Connection, budget: _Budget, *, all_of_it: bool) -> bool:
    """Take some free pages off the end of the file; True while there are more than it should keep.

    Page by page: Python takes a single step of `incremental_vacuum(N)`, which frees one page whatever N is.
    """
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    kept = 0
    if not all_of_it:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        kept = max(RESERVE, (pages - free) // RESERVE_SHARE)
    done = 0
    while free - done > kept and done < PAGES and not budget.late:
        connection.execute("PRAGMA incremental_vacuum(1)")
        done += 1
    return bool(free - done > kept)


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something: free pages are not counted, they are used again or given back."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    return int((pages - free) * size)


class Log(msgspec.Struct, frozen=True):
    """What a checkpoint found: pages in the log, and how many of them are in the file now."""

    pages: int = 0
    written: int = 0


def checkpoint(connection: sqlite3.Connection, mode: str) -> Log:
    """Write the log back into the file. `RESTART` lets it start anew, `TRUNCATE` gives its space back (at a stop).

    `PASSIVE` does neither, and so never waits for anybody. Outside a transaction. The others do not wait for readers
    either: what those still look at is written back next time.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        _, pages, written = connection.execute(f"PRAGMA wal_checkpoint({mode})").fetchone()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
    return Log(max(0, pages), max(0, written))
