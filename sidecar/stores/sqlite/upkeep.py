"""Housekeeping in slices of a few milliseconds: retention, size, checkpoints."""

import sqlite3

from sidecar.domain import instant
from sidecar.domain.delivery import State
from sidecar.domain.retention import Retention
from sidecar.stores.sqlite.translation import Ids

SLICE = 200  # rows of one kind per slice: keeps a slice well under 5 ms
VACUUM_PAGES = 64
DELETION_KEPT = instant.DAY  # how long a deletion's request id is remembered

EXPIRED_DELIVERIES = "SELECT id FROM delivery WHERE state = ? AND done <= ? ORDER BY done LIMIT ?"
OLD_EVENTS = """
SELECT e.id, EXISTS (SELECT 1 FROM delivery d WHERE d.event = e.id) FROM event e
WHERE e.id > ? AND e.accepted <= ? ORDER BY e.id LIMIT ?
"""


class Keeper:
    """What one slice needs to remember between slices."""

    def __init__(self, retention: Retention) -> None:
        self.retention = retention
        self._event_scan = 0

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
        more |= self._events(connection, ids, now - keep.delivered)
        more |= self._journal(connection, now - keep.journal) == SLICE
        more |= _quarantine(connection, now - keep.quarantine) == SLICE
        connection.execute(
            "DELETE FROM deletion WHERE (registry, repository, request) IN "
            "(SELECT registry, repository, request FROM deletion WHERE deadline <= ? AND parked IS NULL LIMIT ?)",
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

    def _events(self, connection: sqlite3.Connection, ids: Ids, until: int) -> bool:
        """Events without deliveries go with their messages. The scan moves on past those that still owe something."""
        scanned = connection.execute(OLD_EVENTS, (self._event_scan, until, SLICE)).fetchall()
        self._event_scan = scanned[-1][0] if len(scanned) == SLICE else 0
        gone = [row[0] for row in scanned if not row[1]]
        if gone:
            marks = ",".join("?" * len(gone))
            ids.keep(connection)
            connection.execute(f"DELETE FROM message WHERE event IN ({marks})", gone)
            connection.execute(f"DELETE FROM event WHERE id IN ({marks})", gone)
        return len(scanned) == SLICE

    def _journal(self, connection: sqlite3.Connection, until: int) -> int:
        """Translated records go by age. They are read in order, so the first young one ends the slice."""
        cursor = connection.execute("SELECT value FROM meta WHERE key = 'cursor'").fetchone()[0]
        found = connection.execute(
            "SELECT number, accepted FROM journal WHERE number <= ? ORDER BY number LIMIT ?", (cursor, SLICE)
        ).fetchall()
        old = [number for number, accepted in found if accepted <= until]
        if old:
            connection.execute("DELETE FROM journal WHERE number BETWEEN ? AND ?", (old[0], old[-1]))
        return len(old)

    def _shrink(self, connection: sqlite3.Connection, ids: Ids, now: int) -> bool:
        """Over max_size: delivered history first, oldest first, then dead, then quarantine; pending never."""
        if used_bytes(connection) <= self.retention.max_size:
            return False
        for state in (State.DELIVERED, State.CANCELLED, State.DEAD):
            if self._deliveries(connection, ids, state, now):
                self._events(connection, ids, now)
                return True
        return self._events(connection, ids, now - instant.HOUR) or _quarantine(connection, now) > 0


def _quarantine(connection: sqlite3.Connection, until: int) -> int:
    return connection.execute(
        "DELETE FROM quarantine WHERE id IN (SELECT id FROM quarantine WHERE at <= ? ORDER BY id LIMIT ?)",
        (until, SLICE),
    ).rowcount


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes of the file that hold something: free pages are not counted, they are given back bit by bit."""
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    return int((pages - free) * size)


def checkpoint(connection: sqlite3.Connection) -> None:
    """Write the log back into the file and empty it. Outside a transaction."""
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
