"""Everything that keeps the file well while the store works: sizes, slices of housekeeping, the log, a look at it."""

import asyncio
import contextlib
import shutil
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from sidecar.domain.errors import BackupRefused, StoreUnavailable
from sidecar.ports import BackupReport
from sidecar.stores.sqlite import upkeep
from sidecar.stores.sqlite.backup import make_backup
from sidecar.stores.sqlite.file import WAL_LIMIT, remedy
from sidecar.stores.sqlite.integrity import Examination, examine

T = TypeVar("T")

MIN_FREE = 64 * 1024 * 1024  # bytes of disk below which intake is refused
LOG_SPACE = WAL_LIMIT // 2  # bytes of log at which it is written back though the writer is never idle


class Sizes(msgspec.Struct, frozen=True):
    """Bytes of the file, of its write-ahead log, free on its disk, and of the file's pages that hold something."""

    store: int = 0
    wal: int = 0
    free: int = 0
    used: int = 0


class Writer(msgspec.Struct, frozen=True):
    """What the care of a file asks of the store."""

    submit: Callable[[str, Any], Awaitable[Any]]  # a verb and its item, to be committed
    on_writer: Callable[[Callable[[], Any]], Awaitable[Any]]  # work for the writer's thread, outside a transaction
    idle: Callable[[], bool]
    connection: Callable[[], sqlite3.Connection | None]
    held: Callable[[str, float], None]  # hears for how many seconds work of a name held the writer


class Care:
    """Looks after one file."""

    def __init__(self, path: Path, keeper: upkeep.Keeper, writer: Writer, *, inline: bool) -> None:
        self._path = path
        self._wal = path.with_name(f"{path.name}-wal")
        self._keeper = keeper
        self._writer = writer
        self._inline = inline
        self._stop = threading.Event()
        self._copying = False
        self.sizes = Sizes()
        self.damaged = ""  # the sentence, when the file is known to be

    def open(self) -> None:
        """A file was opened that SQLite can use."""
        self._stop.clear()
        self.damaged = ""
        self.measure()

    def close(self) -> None:
        """End what reads for long."""
        self._stop.set()

    # --- sizes -------------------------------------------------------------------------------------------------------

    def measure(self) -> Sizes:
        """Measure file, log and disk. A few system calls: called every few seconds, not per request."""
        with contextlib.suppress(OSError):
            self.sizes = Sizes(
                self._path.stat().st_size,
                self._wal.stat().st_size if self._wal.exists() else 0,
                shutil.disk_usage(self._path.parent).free,
                self._keeper.used,
            )
        return self.sizes

    @property
    def low(self) -> bool:
        return self.sizes.free < MIN_FREE

    @property
    def refusal(self) -> str:
        """Why nothing more is accepted, "" when it is."""
        if self.damaged:
            return self.damaged
        if not self.low:
            return ""
        return (
            f"only {self.sizes.free // 1024 // 1024} MiB are free on the disk of {self._path}; nothing is accepted "
            f"below {MIN_FREE // 1024 // 1024} MiB"
        )

    @property
    def full(self) -> bool:
        """Whether the store is over its size, though all that may go has gone."""
        return self._keeper.full

    # --- housekeeping ------------------------------------------------------------------------------------------------

    async def step(self, now: int) -> bool:
        """One slice; True when another is due at once. The log is written back when that is all."""
        asked = upkeep.Round(now, idle=await self._idle(), low=self.low)
        try:
            done: upkeep.Slice = await self._writer.submit("upkeep", asked)
        except StoreUnavailable:
            # On a full disk the log cannot grow, and nothing can be deleted until what it holds is in the file.
            await self._checkpoint("RESTART")
            self.measure()
            raise
        self._keeper.learn(done)
        if await self._idle():
            if not done.more or self.low:
                await self._checkpoint("RESTART")
        elif self.sizes.wal > LOG_SPACE:
            await self._checkpoint("PASSIVE")
        self.measure()
        return done.more

    async def _idle(self) -> bool:
        """Whether nothing waits for the writer. After a commit it looks once more for work, which is no work itself."""
        await asyncio.sleep(0)
        return self._writer.idle()

    async def _checkpoint(self, mode: str) -> None:
        connection = self._writer.connection()
        if connection is None:
            return

        def work() -> None:
            begun = time.perf_counter()
            upkeep.checkpoint(connection, mode)
            seconds.append(time.perf_counter() - begun)

        seconds: list[float] = []
        with contextlib.suppress(sqlite3.Error):
            await self._writer.on_writer(work)
        for one in seconds:
            self._writer.held("checkpoint", one)

    # --- long reads --------------------------------------------------------------------------------------------------

    async def examine(self) -> Examination:
        """Look at the whole file, beside the work. What is found makes the store refuse until a backup replaces it."""
        try:
            found = await self._long(lambda: examine(self._path, self._stop))
        except sqlite3.Error as error:
            raise StoreUnavailable(f"the store cannot be examined: {error}") from error
        if found.problems:
            self.damaged = remedy(self._path, "; ".join(found.problems))
        return found

    async def backup(self, target: Path, *, force: bool, progress: Callable[[int, int], None]) -> BackupReport:
        """Copy the store, as it is now, into a file. `progress(done, total)` in bytes, from a thread.

        Raises BackupRefused, StoreUnavailable.
        """
        if self._copying:
            raise BackupRefused("a backup is being made already: wait for it")
        if self._writer.connection() is None:
            raise StoreUnavailable("the store is not open")
        self._copying = True

        def watched(done: int, total: int) -> None:
            if self._stop.is_set():
                raise BackupRefused("given up: the sidecar stops")
            progress(done, total)

        try:
            return await self._long(lambda: make_backup(self._path, target, force=force, progress=watched))
        finally:
            self._copying = False

    async def _long(self, work: Callable[[], T]) -> T:
        return work() if self._inline else await asyncio.to_thread(work)
