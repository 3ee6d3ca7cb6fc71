"""Backups of a store at work, and what a store must do that begins from one.

A backup is read through a connection of its own that may not write, in small steps, all of one snapshot. Holding the
snapshot makes it one moment's state that need not begin anew, however much is written meanwhile, at the price of a log
that cannot start anew until the copy is made. So the copy is given up when the log or the disk do not bear that.

A store that is opened on a backup has forgotten which numbers it gave out since. Numbers name things to operators, so
it goes on far beyond them.
"""

import contextlib
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from sidecar.domain import instant
from sidecar.domain.errors import BackupRefused, StoreUnavailable
from sidecar.ports import BackupReport
from sidecar.stores.sqlite import rows
from sidecar.stores.sqlite.copying import copy_database
from sidecar.stores.sqlite.file import Note, read_only_uri

ROOM = 64 * 1024 * 1024  # bytes that stay free on the disk of a backup
LOG_BOUND = 1024 * 1024 * 1024  # bytes of log at which a backup is given up
LOOK = 0.1  # seconds between looks at log and disk
GAP = 2**20  # numbers left out at least after a restore ...
PACE = 10_000  # ... and so many for each second since the backup: more than are ever given out in one

_KEYS = "SELECT value FROM meta WHERE key = ?"
_LAST_NUMBER = """
SELECT max(coalesce((SELECT max(number) FROM journal), 0), (SELECT value FROM meta WHERE key = 'cursor'))
"""


def make_backup(store: Path, target: Path, *, force: bool, progress: Callable[[int, int], None]) -> BackupReport:
    """Copy a store at work; `progress(done, total)` in bytes, may raise to give up. Takes long: for a thread.

    Raises BackupRefused when this target cannot be written, StoreUnavailable when the store cannot be read.
    """
    begun, now = time.monotonic(), time.time_ns()
    _admit(store, target, force=force)
    try:
        with contextlib.closing(sqlite3.connect(read_only_uri(store), uri=True, isolation_level=None)) as source:
            source.execute("BEGIN")
            size, state = _read(source)
            room = shutil.disk_usage(target.parent).free
            if room < size + ROOM:
                raise BackupRefused(
                    f"the backup needs {_mib(size + ROOM)} MiB and {target.parent} has {_mib(room)}: make room, or "
                    "name a file on another disk"
                )
            watch = _Watch(store, target, progress)
            copy_database(
                source, target, now=now, replace=force, compare=lambda copy: _compare(copy, state), watch=watch.pages
            )
    except OSError as error:
        raise BackupRefused(f"{target} cannot be written ({error.strerror or error})") from error
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the backup failed: {error}") from error
    return BackupReport(
        path=os.fspath(target), size=target.stat().st_size, took=time.monotonic() - begun, number=state[0], at=now
    )


def _admit(store: Path, target: Path, *, force: bool) -> None:
    """Raises BackupRefused when nothing may be written there."""
    if not target.is_absolute():
        raise BackupRefused(f"{str(target)[:200]!r} is not an absolute path: name the file from / on")
    if not target.parent.is_dir():
        raise BackupRefused(f"the directory {target.parent} does not exist where the sidecar runs")
    own = {store.resolve(), *(store.resolve().with_name(f"{store.name}{end}") for end in ("-wal", "-shm", ".lock"))}
    if target.resolve() in own:
        raise BackupRefused(f"{target} is the store itself: name another file")
    if target.exists() and not target.is_file():
        raise BackupRefused(f"{target} is not a file: name one")
    if target.exists() and not force:
        raise BackupRefused(f"{target} exists already: name another file, or overwrite it with --force")


State = tuple[int, int, int, tuple[str, ...]]  # the last number, the cursor, the schema's version, its statements


def _read(source: sqlite3.Connection) -> tuple[int, State]:
    """Bytes of the file, and what the copy is compared by. The first read takes the snapshot."""
    schema = tuple(row[0] for row in source.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY sql"))
    size = source.execute("PRAGMA page_count").fetchone()[0] * source.execute("PRAGMA page_size").fetchone()[0]
    number = source.execute("SELECT coalesce(max(number), 0) FROM journal").fetchone()[0]
    cursor = source.execute(_KEYS, ("cursor",)).fetchone()[0]
    return size, (number, cursor, source.execute("PRAGMA user_version").fetchone()[0], schema)


def _compare(copy: sqlite3.Connection, state: State) -> None:
    _, found = _read(copy)
    if found != state:
        raise BackupRefused("the copy is not what the store held; nothing was written, try again")


class _Watch:
    """Tells the progress of a copy, and gives it up when it costs too much."""

    def __init__(self, store: Path, target: Path, progress: Callable[[int, int], None]) -> None:
        self._log = store.with_name(f"{store.name}-wal")
        self._target = target
        self._progress = progress
        self._next = 0.0

    def pages(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now < self._next and done < total:
            return
        self._next = now + LOOK
        self._progress(done * 4096, total * 4096)
        log = self._log.stat().st_size if self._log.exists() else 0
        if log > LOG_BOUND:
            raise BackupRefused(
                f"given up: the store's log grew to {_mib(log)} MiB meanwhile; try at a quieter time, or another disk"
            )
        if shutil.disk_usage(self._target.parent).free < ROOM // 2:
            raise BackupRefused(f"given up: the disk of {self._target} is full; make room")


def adopt(connection: sqlite3.Connection, now: int, note: Note) -> int:
    """Make a store go on from a backup, if it is one: returns when that was made, 0 if it is none."""
    found = connection.execute(_KEYS, ("copied_at",)).fetchone()
    if found is None:
        return 0
    gap = GAP + max(0, now - found[0]) // instant.SECOND * PACE
    connection.execute("BEGIN IMMEDIATE")
    newest = connection.execute(_LAST_NUMBER).fetchone()[0]
    event = connection.execute("SELECT coalesce(max(id), 0) FROM event").fetchone()[0]
    given = connection.execute(_KEYS, ("last_event",)).fetchone()
    rows.insert(
        connection,
        "INSERT OR REPLACE INTO meta (key, value)",
        [
            ("last_number", max(newest, first_number(connection)) + gap),
            ("last_event", max(event, given[0] if given else 0) + gap),
        ],
    )
    changed = connection.execute("UPDATE sqlite_sequence SET seq = seq + ? WHERE name = 'quarantine'", (gap,)).rowcount
    if not changed:
        connection.execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('quarantine', ?)", (gap,))
    connection.execute("DELETE FROM meta WHERE key = 'copied_at'")
    connection.execute("COMMIT")
    made = instant.rfc3339_seconds(found[0])
    note(f"the store goes on from a backup of {made}; what was delivered since is sent again")
    return int(found[0])


def first_number(connection: sqlite3.Connection) -> int:
    """The number after which the journal goes on, if that lies beyond its newest record."""
    found = connection.execute(_KEYS, ("last_number",)).fetchone()
    return int(found[0]) if found else 0


def _mib(count: int) -> int:
    return -(-count // 1024 // 1024)
