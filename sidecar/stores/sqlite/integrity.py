"""Whether the file is whole: looked at after an end that was not orderly, beside the work and bounded in time.

SQLite itself survives being killed; a machine that lost power, or a disk that lies about what it has written, may leave
a file that is damaged in places where nobody looks for days.
"""

import contextlib
import sqlite3
import threading
import time
from pathlib import Path

import msgspec

from sidecar.stores.sqlite.file import is_damage, read_only_uri

WORK = 30.0  # seconds of work at most ...
SPELL = 0.02  # ... so many at a time, with as long a rest after each
LOG_BOUND = 128 * 1024 * 1024  # bytes of log at which the look at a table ends: it keeps the log from starting anew
TICKS = 2000  # instructions of SQLite between two looks at the clock
FOUND = 3  # problems told


class Examination(msgspec.Struct, frozen=True):
    """What a look at the file found. `unfinished` are the tables that were not looked at to their end."""

    problems: tuple[str, ...]
    tables: int
    unfinished: tuple[str, ...]
    seconds: float


def examine(path: Path, stop: threading.Event, *, work: float = WORK) -> Examination:
    """Look at every table with its indexes, each in a read of its own. Takes long: for a thread.

    Raises sqlite3.Error when the file cannot be read for reasons that are no damage.
    """
    begun = time.monotonic()
    problems: list[str] = []
    unfinished: list[str] = []
    tables: list[str] = []
    try:
        with contextlib.closing(sqlite3.connect(read_only_uri(path), uri=True, isolation_level=None)) as connection:
            connection.execute("PRAGMA query_only = 1")
            connection.execute("PRAGMA cache_size = -2000")
            pace = _Pace(path, stop, work)
            connection.set_progress_handler(pace.tick, TICKS)
            tables = [
                row[0]
                for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")
            ]
            for table in tables:
                if pace.over():
                    unfinished.append(table)
                    continue
                try:
                    found = connection.execute(f'PRAGMA quick_check("{table}")').fetchmany(FOUND)
                except sqlite3.OperationalError as error:
                    if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                        raise
                    unfinished.append(table)
                    continue
                problems += [f"{table}: {row[0]}" for row in found if row[0] != "ok"]
                pace.rest()
    except sqlite3.Error as error:
        if not is_damage(error):
            raise
        problems.append(str(error))
    return Examination(
        tuple(" ".join(one.split()) for one in problems[:FOUND]),
        len(tables),
        tuple(unfinished),
        time.monotonic() - begun,
    )


class _Pace:
    """Work and rest in turn, until the work allowed is used up."""

    def __init__(self, path: Path, stop: threading.Event, work: float) -> None:
        self._log = path.with_name(f"{path.name}-wal")
        self._stop = stop
        self._left = work
        self._since = time.monotonic()

    def tick(self) -> int:
        """SQLite's progress handler: 1 ends the statement."""
        worked = time.monotonic() - self._since
        if worked < SPELL:
            return 0
        self.rest()
        return int(self.over() or self._log_is_long())

    def rest(self) -> None:
        """A rest as long as the work before it."""
        worked = time.monotonic() - self._since
        self._left -= worked
        self._stop.wait(worked)
        self._since = time.monotonic()

    def over(self) -> bool:
        return self._left <= 0 or self._stop.is_set()

    def _log_is_long(self) -> bool:
        try:
            return self._log.stat().st_size > LOG_BOUND
        except OSError:
            return False
