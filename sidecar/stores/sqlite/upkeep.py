"""Housekeeping in slices of a few milliseconds: retention, size, checkpoints."""

import sqlite3

from sidecar.domain import instant
from sidecar.domain.delivery import State
from sidecar.domain.retention import Retention
from sidecar.stores.sqlite.file import BUSY_TIMEOUT
from sidecar.stores.sqlite.rows import SPAN
from sidecar.stores.sqlite.translation import Ids

SLICE = 200  # rows of one kind per slice: keeps a slice well under 5 ms
VACUUM_PAGES = 64
DELETION_KEPT = instant.DAY  # how long a deletion's request id is remembered

EXPIRED_DELIVERIES = "SELECT id FROM delivery WHERE state = ? AND done <= ? ORDER BY done LIMIT ?"
OLD_EVENTS = f"""
SELECT e.id, e.accepted, EXISTS (
  SELECT 1 FROM delivery d WHERE d.id BETWEEN e.id * {SPAN} AND e.id * {SPAN} + {SPAN} - 1
) FROM event e
WHERE e.id > ? ORDER BY e.id LIMIT ?
"""
TRANSLATED = "SELECT number, accepted FROM journal WHERE number <= ? ORDER BY number LIMIT ?"
QUARANTINED = "SELECT id FROM (SELECT id, at FROM quarantine ORDER BY id LIMIT ?) WHERE at <= ?"
DELETIONS = """
SELECT registry, repository, request FROM deletion WHERE deadline <= ? AND parked IS NULL LIMIT ?
"""


class Keeper:
    """What one slice needs to remember between slices."""

    def __init__(self, retention: Retention) -> None:
        self.retention = retention
        self._scanned = {"age": 0, "size": 0}  # the last event looked at, by what is being removed

    def step(self, connection: sqlite3.Connection, ids: Ids, now: int) -> bool:
        """One slice; True when it removed a full slice of anything, so that more is probably waiting."""
        keep = self.retention
        more = False
        for state, age in (
            (State.DELIVERED, keep.delivered),
            (State.CANCELLED, keep.delivered),
            (State.DEAD, keep.dead),
        ):
            more |= self._deliveries(connection, ids, state, now - age) == SLICE
        more |= self._events(connection, ids, now - keep.delivered, "age")
        more |= self._journal(connection, now - keep.journal) == SLICE
        more |= _quarantine(connection, now - keep.quarantine) == SLICE
        connection.execute(
            f"DELETE FROM deletion WHERE (registry, repository, request) IN ({DELETIONS})",
            (now - DELETION_KEPT, SLICE),
        )
        more |= self._shrink(connection, ids, now)
        connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
        return more

    def _deliveries(self, connection: sqlite3.Connection, ids: Ids, state: State, until: int) -> int:
        found = [row[0] for row in connection.execute(EXPIRED_DELIVERIES, (state.value, until, SLICE)).fetchall()]
        if found:
            marks = ",".join("?" * len(found))
            ids.keep(connection)
            connection.execute(f"DELETE FROM attempt WHERE delivery IN ({marks})", found)
            connection.execute(f"DELETE FROM delivery WHERE id IN ({marks})", found)
        return len(found)

    def _events(self, connection: sqlite3.Connection, ids: Ids, until: int, why: str) -> bool:
        """Events without deliveries go with their messages. The scan moves on past those that still owe something.

        Events are read in order, so a slice that ends with a young one is the last.
        """
        scanned = connection.execute(OLD_EVENTS, (self._scanned[why], SLICE)).fetchall()
        more = len(scanned) == SLICE and scanned[-1][1] <= until
        self._scanned[why] = scanned[-1][0] if more else 0
        gone = [number for number, accepted, owes in scanned if accepted <= until and not owes]
        if gone:
            marks = ",".join("?" * len(gone))
            ids.keep(connection)
            for one in gone:
                connection.execute("DELETE FROM message WHERE id BETWEEN ? AND ?", (one * SPAN, one * SPAN + SPAN - 1))
            connection.execute(f"DELETE FROM event WHERE id IN ({marks})", gone)
        return more

    def _journal(self, connection: sqlite3.Connection, until: int) -> int:
        """Translated records go by age. They are read in order: a slice that holds young ones is the last."""
        cursor = connection.execute("SELECT value FROM meta WHERE key = 'cursor'").fetchone()[0]
        found = connection.execute(TRANSLATED, (cursor, SLICE)).fetchall()
        old = [number for number, accepted in found if accepted <= until]
        if old:
            connection.execute(f"DELETE FROM journal WHERE number IN ({','.join('?' * len(old))})", old)
        return len(old)

    def _shrink(self, connection: sqlite3.Connection, ids: Ids, now: int) -> bool:
        """Over max_size: finished history first, oldest first, then dead, then quarantine; pending never.

        Events that nobody heard of and translated records are history too, but an hour of them stays: of the first
        for people who look for the reason, of the second because it tells repeats.
        """
        if used_bytes(connection) <= self.retention.max_size:
            return False
        for state in (State.DELIVERED, State.CANCELLED):
            if self._deliveries(connection, ids, state, now):
                self._events(connection, ids, now, "size")
                return True
        if self._events(connection, ids, now - instant.HOUR, "size") or self._journal(connection, now - instant.HOUR):
            return True
        if self._deliveries(connection, ids, State.DEAD, now):
            self._events(connection, ids, now, "size")
            return True
        return _quarantine(connection, now) > 0


def _quarantine(connection: sqlite3.Connection, until: int) -> int:
    return connection.execute(
        f"DELETE FROM quarantine WHERE id IN ({QUARANTINED})",
        (SLICE, until),
    ).rowcount


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something: free pages are not counted, they are given back bit by bit."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    return int((pages - free) * size)


def checkpoint(connection: sqlite3.Connection, *, truncate: bool) -> None:
    """Write the log back into the file, so that it starts anew; `truncate` also gives its space back (at a stop).

    Outside a transaction. Does not wait for readers: what they still look at is written back next time.
    """
    connection.execute("PRAGMA busy_timeout = 0")
    try:
        connection.execute(f"PRAGMA wal_checkpoint({'TRUNCATE' if truncate else 'RESTART'})").fetchall()
    finally:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
