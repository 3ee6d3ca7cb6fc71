"""The database file: its lock, its pragmas, its migrations.

There is exactly ONE read-write connection, and it also does the checkpoints: before SQLite 3.51.3 two connections that
write and checkpoint at the same instant can corrupt a write-ahead log. An exclusive lock on `<file>.lock` keeps a
second process away. Everything else opens the file read-only.
"""

import contextlib
import fcntl
import os
import re
import shutil
import sqlite3
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

from sidecar.domain.errors import BackupRefused, StoreDamaged, StoreUnavailable
from sidecar.stores.sqlite.copying import copy_database

PAGE_SIZE = 4096
WAL_AUTOCHECKPOINT = 2000  # pages: 8 MiB
BUSY_TIMEOUT = 5000  # milliseconds
CACHE_SIZE = -16000  # KiB
LOG_SPACE = 8 * 1024 * 1024  # WAL_AUTOCHECKPOINT pages
WAL_LIMIT = 64 * 1024 * 1024
NETWORK_FILE_SYSTEMS = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "fuse.sshfs", "glusterfs"}
)
PROGRAM_SCHEMA = 13  # the newest migration this program knows
WAL_FORMAT = 2  # the header's bytes 18 and 19 in a file that has a log; 1 in one that has none
OLDEST = re.compile(r"^-- oldest program: (\d+)$", re.MULTILINE)
Note = Callable[[str], None]  # takes a sentence that the operator should read


class Lock:
    """An exclusive lock beside the database, released by `close` or by the end of the process."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def take(self) -> None:
        """Raises StoreUnavailable when another process holds it."""
        if self._fd is not None:
            return
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(fd)
            raise StoreUnavailable(
                f"{self._path} is locked: another registry-sidecar uses this store; stop it first"
            ) from error
        self._fd = fd

    def close(self) -> None:
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def file_system(path: Path) -> str:
    """The type of the file system that holds a path, "" where the system does not tell."""
    target = os.fspath(path.resolve())
    best, kind = "", ""
    with contextlib.suppress(OSError), Path("/proc/mounts").open(encoding="utf-8") as mounts:
        for line in mounts:
            fields = line.split()
            if len(fields) < 3:
                continue
            mount = fields[1].replace("\\040", " ")
            inside = target == mount or target.startswith(mount.rstrip("/") + "/")
            if inside and len(mount) >= len(best):
                best, kind = mount, fields[2]
    return kind


def open_writer(path: Path, note: Note = lambda _sentence: None) -> sqlite3.Connection:
    """Open, or make, the database for writing and bring its schema up to date.

    Raises StoreUnavailable with a sentence for everything that an operator can mend: no such directory, no
    permission, a network file system, a file that is not a database (StoreDamaged) or was written by a newer program.
    """
    kind = file_system(path.parent)
    if kind in NETWORK_FILE_SYSTEMS:
        raise StoreUnavailable(f"{path} lies on a network file system ({kind}); SQLite needs a local disk")
    try:
        fresh = not path.exists() or path.stat().st_size == 0
        if fresh:
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        _drop_foreign_log(path, note)
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=512)
    except (OSError, sqlite3.Error) as error:
        raise StoreUnavailable(f"cannot open {path}: {error}") from error
    try:
        _configure(connection, fresh=fresh)
        _migrate(connection, path, note)
        _lay_out_log(connection, path)
    except sqlite3.DatabaseError as error:
        connection.close()
        if is_damage(error):
            raise StoreDamaged(remedy(path, str(error))) from error
        raise StoreUnavailable(f"cannot use {path}: {error}") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _drop_foreign_log(path: Path, note: Note) -> None:
    """Set aside a log that is not this file's.

    A backup has no log, and says so in its header. A log beside it was left by the file whose place it took; SQLite
    would write it into the backup, and so damage it.
    """
    log = path.with_name(f"{path.name}-wal")
    if not log.exists() or not log.stat().st_size:
        return
    with path.open("rb") as file:
        head = file.read(20)
    if len(head) == 20 and WAL_FORMAT not in head[18:20]:
        kept = log.with_name(f"{log.name}.old")
        log.replace(kept)
        path.with_name(f"{path.name}-shm").unlink(missing_ok=True)
        note(f"{log} was left by another file and is {kept.name} now; remove it when nothing is missing")


def _configure(connection: sqlite3.Connection, *, fresh: bool) -> None:
    if fresh:
        # In this order: page_size and auto_vacuum only take effect before the first table and before WAL.
        connection.execute(f"PRAGMA page_size = {PAGE_SIZE}")
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT}")
    mode = connection.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA secure_delete = FAST")
    connection.execute(f"PRAGMA wal_autocheckpoint = {WAL_AUTOCHECKPOINT}")
    connection.execute(f"PRAGMA journal_size_limit = {WAL_LIMIT}")
    connection.execute(f"PRAGMA cache_size = {CACHE_SIZE}")
    connection.execute("PRAGMA temp_store = MEMORY")
    synchronous = connection.execute("PRAGMA synchronous").fetchone()[0]
    vacuum = connection.execute("PRAGMA auto_vacuum").fetchone()[0]
    if mode != "wal" or synchronous != 2 or (fresh and vacuum != 2):
        raise StoreUnavailable(
            f"SQLite did not take its settings (journal_mode={mode}, synchronous={synchronous}, "
            f"auto_vacuum={vacuum}); the file system may not support shared memory"
        )


def _lay_out_log(connection: sqlite3.Connection, path: Path) -> None:
    """Give the write-ahead log its working size at once.

    A flush of a file that grows also writes the file's metadata; over-writing a log that has its size already took a
    third off every commit. The space is made by a transaction that spills into the log and is then rolled back: its
    frames count for nothing and are over-written. Checkpoints that restart the log, and never truncate it, keep it.
    """
    log = path.with_name(f"{path.name}-wal")
    connection.execute("PRAGMA cache_size = 16")
    # Without room for it commits are slower, no more: what is owed can still be delivered from a disk that is full.
    with contextlib.suppress(sqlite3.OperationalError):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES ('log_space', zeroblob(?))", (LOG_SPACE,))
    if connection.in_transaction:
        connection.execute("ROLLBACK")
    connection.execute(f"PRAGMA cache_size = {CACHE_SIZE}")
    with contextlib.suppress(OSError):
        descriptor = os.open(log, os.O_RDWR | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def migrations() -> list[tuple[int, str]]:
    """The numbered migrations, in order."""
    folder = resources.files("sidecar.stores.sqlite").joinpath("migrations")
    files = sorted((one for one in folder.iterdir() if one.name.endswith(".sql")), key=lambda one: one.name)
    return [(int(one.name[:4]), one.read_text(encoding="utf-8")) for one in files]


def _migrate(connection: sqlite3.Connection, path: Path, note: Note) -> None:
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    needed = 0
    if version:
        oldest = connection.execute("SELECT value FROM meta WHERE key = 'oldest_program'").fetchone()
        needed = int(oldest[0]) if oldest else version
        if needed > PROGRAM_SCHEMA:
            raise StoreUnavailable(
                f"{path} was written by a newer program (schema {version}, needs {needed}; this one knows "
                f"{PROGRAM_SCHEMA}): run the newer version, or restore a copy from before the upgrade"
            )
    pending = [(number, text) for number, text in migrations() if number > version]
    if version and pending:
        _copy_beside(connection, path, version, note)
    steps: list[str] = []
    for number, text in pending:
        needed = max(needed, oldest_program(number, text))
        steps.append(
            f"{text}\nINSERT OR REPLACE INTO meta (key, value) VALUES ('oldest_program', {needed});\n"
            f"PRAGMA user_version = {number};\n"
        )
    # A new file is made at once: there is nothing that a half of it would be good for, and each commit is flushed.
    for script in steps if version else ["".join(steps)] if steps else []:
        connection.executescript(f"BEGIN IMMEDIATE;\n{script}COMMIT;")


def oldest_program(number: int, text: str) -> int:
    """The oldest program that can use a file after this migration, told by the newest migration it knows.

    A migration that older programs need not know of has the line `-- oldest program: N`; without it none can.
    """
    told = OLDEST.search(text)
    return int(told[1]) if told is not None else number


def _copy_beside(connection: sqlite3.Connection, path: Path, version: int, note: Note) -> None:
    """Keep a copy of the file as it was, when there is room for it twice over. Replaces one of an earlier upgrade."""
    copy = path.with_name(f"{path.name}.schema{version}")
    if shutil.disk_usage(path.parent).free < 2 * path.stat().st_size:
        note(f"{path} is brought up to date without a copy of it as it was: there is no room for one")
        return
    try:
        copy_database(connection, copy, now=time.time_ns(), replace=True)
    except (BackupRefused, OSError) as error:
        note(f"{path} is brought up to date without a copy of it as it was: {error}")
    else:
        note(f"{path} is brought up to date; {copy.name} is a copy of it as it was, to go back with")


def is_damage(error: BaseException) -> bool:
    """Whether an error of SQLite says that the file is damaged."""
    code = getattr(error, "sqlite_errorcode", None)
    return code is not None and (code & 0xFF) in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


def remedy(path: Path, what: str) -> str:
    """One sentence about a damaged file."""
    return (
        f"{path} is damaged ({what}): stop the sidecar, put a backup in the file's place and start it again; "
        "docs/operations.md tells how under Backup and restore"
    )


def read_only_uri(path: Path) -> str:
    """The URI that opens the file without the right to write."""
    return f"{path.resolve().as_uri()}?mode=ro"
