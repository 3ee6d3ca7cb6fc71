"""A copy of a database, page by page: written aside, checked, flushed, and only then put in its place."""

import contextlib
import errno
import os
import sqlite3
import tempfile
from collections.abc import Callable
from pathlib import Path

from sidecar.domain.errors import BackupRefused

PAGES = 256  # of one step: 1 MiB
Watch = Callable[[int, int], None]  # pages copied, pages in all; may raise to give up


def copy_database(
    source: sqlite3.Connection,
    target: Path,
    *,
    now: int,
    replace: bool,
    compare: Callable[[sqlite3.Connection], None] = lambda _copy: None,
    watch: Watch = lambda _done, _total: None,
) -> None:
    """Copy what `source` sees into `target`, a file of mode 0600 that is there whole or not at all.

    The copy is marked as one, made at `now`. `compare` may raise BackupRefused when it is not what it should be.
    Without `replace` a file that is there already is left alone. Raises BackupRefused with a sentence, OSError,
    sqlite3.Error.
    """
    handle, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".part", dir=target.parent)  # mode 0600
    os.close(handle)
    part = Path(name)
    try:
        with contextlib.closing(sqlite3.connect(part, isolation_level=None)) as copy:
            copy.execute("PRAGMA locking_mode = EXCLUSIVE")  # so that a log needs no shared memory beside it
            copy.execute("PRAGMA synchronous = OFF")  # it is flushed once, whole, below
            copy.execute("PRAGMA journal_mode = OFF")
            source.backup(copy, pages=PAGES, progress=lambda _status, left, total: watch(total - left, total))
            copy.execute("PRAGMA journal_mode = DELETE")  # so that the one file is all there is
            compare(copy)
            _mark(copy, now)
        _check(part)
        _flush(part, os.O_RDWR)
        _publish(part, target, replace=replace)
        _flush(target.parent, os.O_RDONLY)
    finally:
        for one in (part, *(Path(f"{part}-{kind}") for kind in ("journal", "wal", "shm"))):
            one.unlink(missing_ok=True)


def _mark(copy: sqlite3.Connection, now: int) -> None:
    """Note in a copy that it is one, and that nothing was cut short in it."""
    values = ("copied_at", now, "clean", 1, "tried_at", -1)
    copy.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?), (?, ?), (?, ?)", values)


def _check(part: Path) -> None:
    with contextlib.closing(sqlite3.connect(f"{part.resolve().as_uri()}?mode=ro&immutable=1", uri=True)) as copy:
        (found,) = copy.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise BackupRefused(f"the copy is damaged, and so the store may be: {found}")


def _flush(path: Path, how: int) -> None:
    handle = os.open(path, how | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _publish(part: Path, target: Path, *, replace: bool) -> None:
    if replace:
        part.replace(target)
        return
    try:
        os.link(part, target)  # unlike a renaming this fails when somebody was faster
    except FileExistsError:
        raise BackupRefused(f"{target} exists already: name another file, or overwrite it with --force") from None
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EMLINK}:
            raise
        if target.exists():
            raise BackupRefused(f"{target} exists already: name another file, or overwrite it with --force") from None
        part.rename(target)  # a file system without hard links
