"""SQLiteStore: one file behind every port; what operators ask is in its other half, `office`."""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any

from sidecar.domain.catalogue import Facts, Need
from sidecar.domain.delivery import Delivery, Settlement
from sidecar.domain.errors import StoreDamaged, StoreUnavailable
from sidecar.domain.lane_state import LaneName, LaneState, Pause
from sidecar.domain.record import Entry, Quarantined, Record
from sidecar.domain.retention import Retention
from sidecar.ports import Position, Settled, WriteSet
from sidecar.ports.samples import Sample
from sidecar.stores.sqlite import backup, inbox, journal, queue, rows, samples, translation, upkeep
from sidecar.stores.sqlite.authorized import SQLiteAuthorizedEmails
from sidecar.stores.sqlite.care import Care, Sizes, Writer
from sidecar.stores.sqlite.commit import CommitLoop, CycleReport, Verb
from sidecar.stores.sqlite.due import Due
from sidecar.stores.sqlite.expiry import SQLiteExpiries
from sidecar.stores.sqlite.file import Lock, open_writer
from sidecar.stores.sqlite.groups import SQLiteGroups
from sidecar.stores.sqlite.inbox import SQLiteInboxes
from sidecar.stores.sqlite.madebook import SQLiteMadebook
from sidecar.stores.sqlite.office import Office
from sidecar.stores.sqlite.pending import Pending
from sidecar.stores.sqlite.places import SQLitePlaces
from sidecar.stores.sqlite.reading import AioReader, InlineReader, Reader
from sidecar.stores.sqlite.runners import InlineRunner, Runner, ThreadRunner
from sidecar.stores.sqlite.usage import SQLiteUsage
from sidecar.stores.sqlite.walkbook import SQLiteWalkbook

APPEND_LIMIT = 512  # requests per cycle
APPEND_BOUND = 8192  # requests waiting before intake is held back
SETTLE_LIMIT = 512
# Of the newest rows alone: a maximum over all of them would read the whole file at every start.
CLEAN = "SELECT value FROM meta WHERE key = 'clean'"
NEWEST = """
SELECT max(coalesce((SELECT accepted FROM journal ORDER BY number DESC LIMIT 1), 0),
           coalesce((SELECT accepted FROM event ORDER BY id DESC LIMIT 1), 0),
           coalesce((SELECT created FROM delivery ORDER BY id DESC LIMIT 1), 0),
           coalesce((SELECT max(last_success) FROM lane), 0))
"""


class SQLiteStore(
    Office,
    SQLiteWalkbook,
    SQLiteMadebook,
    SQLitePlaces,
    SQLiteUsage,
    SQLiteExpiries,
    SQLiteGroups,
    SQLiteInboxes,
    SQLiteAuthorizedEmails,
):
    """One SQLite file, one writer, readers apart. `inline=True` runs everything on the caller's thread.

    Made closed; `open` may be called again and again until it succeeds, and every verb raises StoreUnavailable until
    then.
    """

    def __init__(
        self,
        path: Path,
        *,
        retention: Retention | None = None,
        inline: bool = False,
        report: Callable[[CycleReport], None] | None = None,
    ) -> None:
        self.path = path
        self._inline = inline
        self._lock = Lock(path.with_name(f"{path.name}.lock"))
        self._numbers = journal.Numbers()
        self._ids = translation.Ids()
        self._pending = Pending()
        self._due = Due(self._pending)
        self._keeper = upkeep.Keeper(retention or Retention(), stopwatch=None if inline else time.perf_counter)
        writer = Writer(self._submit, self._on_writer, self._idle, lambda: self._connection, self._held)
        self.care = Care(path, self._keeper, writer, inline=inline)
        self._last = 0
        self._newest = 0
        self._listeners: list[Callable[[Sequence[Record]], None]] = []
        self._report = report
        self._runner: Runner | None = None
        self._loop: CommitLoop | None = None
        self._connection: sqlite3.Connection | None = None
        self._readers: list[Reader] = []
        self._why = "the store is not open yet"
        self.unclean = False  # what was opened had no orderly end, or is a backup
        self.notes: list[str] = []  # sentences about the opening that an operator should read

    # --- life -------------------------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Open the file. Raises StoreUnavailable with a sentence; calling again tries again."""
        if self._runner is None:
            self._runner = InlineRunner() if self._inline else ThreadRunner()
            self._loop = CommitLoop(self._runner, self._verbs(), report=self._report, ended=self._pending.ended)
        assert self._loop is not None
        try:
            self.notes.clear()
            connection, self._last, self._newest = await self._on_writer(self._open)
            try:
                if not self._readers:
                    self._readers = [InlineReader(self.path), await self._apart()]
            except BaseException:
                await self._on_writer(connection.close)  # the next attempt opens its own, and there is only ever one
                raise
        except StoreUnavailable as error:
            self._why = str(error)
            self.care.damaged = self._why if isinstance(error, StoreDamaged) else ""
            raise
        except (sqlite3.Error, OSError) as error:
            self._why = f"cannot open {self.path}: {error}"
            raise StoreUnavailable(self._why) from error
        self._connection = connection
        self._why = ""
        self.care.open()
        self._loop.connect(connection)

    def _open(self) -> tuple[sqlite3.Connection, int, int]:
        if not self.path.parent.is_dir():
            raise StoreUnavailable(
                f"the directory {self.path.parent} does not exist; make it and mount the volume there"
            )
        self._lock.take()
        connection = open_writer(self.path, self.notes.append)
        try:
            copied = backup.adopt(connection, time.time_ns(), self.notes.append)
            self.unclean = bool(copied) or not connection.execute(CLEAN).fetchone()[0]
            self._numbers.load(connection)
            self._ids.load(connection)
            self._pending.load(connection)
            last, self._numbers.last = self._numbers.last, max(self._numbers.last, backup.first_number(connection))
            newest = connection.execute(NEWEST).fetchone()[0]
        except BaseException:
            connection.close()
            raise
        return connection, last, max(newest, copied)

    async def close(self) -> None:
        """Finish what is waiting, empty the log, close. Safe to call twice, and on a store that never opened."""
        self.care.close()
        if self._loop is not None:
            await self._loop.drained()
            self._loop.disconnect("the store is closed")
        for reader in self._readers:
            await reader.close()
        self._readers = []
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                await self._on_writer(lambda: upkeep.checkpoint(connection, "TRUNCATE"))
            await self._on_writer(connection.close)
        if self._runner is not None:
            self._runner.close()
            self._runner = None
            self._loop = None
        self._lock.close()
        self._why = "the store is closed"

    async def _apart(self) -> Reader:
        """A reader whose queries may take long, so it has a thread of its own."""
        return InlineReader(self.path) if self._inline else await AioReader.open(self.path)

    async def _on_writer(self, work: Callable[[], Any]) -> Any:
        """Run work on the writer's thread, outside the commit loop (opening and closing only)."""
        assert self._runner is not None
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

        def done(result: Any, error: BaseException | None) -> None:
            if future.done():
                return
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

        self._runner.call_thread(work, done)
        return await future

    def _verbs(self) -> list[Verb[Any, Any]]:
        return [
            Verb(
                "append",
                lambda connection, items: journal.append(connection, self._numbers, items),
                limit=APPEND_LIMIT,
                bound=APPEND_BOUND,
                committed=self._appended,
            ),
            Verb(
                "settle",
                lambda connection, items: queue.settle(connection, self._pending, items),
                limit=SETTLE_LIMIT,
                durable=False,
                lingers=0.010,
                quiet=True,
            ),
            Verb(
                "translate",
                lambda connection, items: [translation.commit(connection, self._ids, self._pending, items[0])],
                limit=1,
                durable=False,
                yields=8,
            ),
            Verb("quarantine", journal.quarantine, limit=64),
            # Not flushed, as the settlement that follows is not: the log is in order, and so has none without its item.
            Verb("inbox", inbox.put, limit=16, durable=False),
            Verb("do", lambda connection, items: [work(connection) for work in items], limit=4),
            Verb(
                "upkeep",
                lambda connection, items: [self._keeper.step(connection, self._ids, asked) for asked in items],
                limit=1,
                durable=False,
            ),
        ]

    def _appended(self, results: Sequence[list[Record]]) -> None:
        records = [record for made in results for record in made]
        if not records:
            return
        self._last = records[-1].number
        for heard in self._listeners:
            heard(records)

    # --- state ------------------------------------------------------------------------------------------------------

    @property
    def down(self) -> str:
        """Why the store cannot be used just now, "" when it can."""
        if self._loop is None or self._connection is None:
            return self._why
        return self._loop.down or self.care.refusal

    @property
    def newest(self) -> int:
        """The newest instant that the file held when it was opened: time must not stand before it."""
        return self._newest

    @property
    def sizes(self) -> Sizes:
        return self.care.sizes

    def measure(self) -> Sizes:
        """Measure file, log and disk. A few system calls: called every few seconds, not per request."""
        return self.care.measure()

    def stalled(self) -> float:
        """Seconds for which the writer has owed a sign of life, 0 when it owes none."""
        if self._loop is None or not self._loop.busy:
            return 0.0
        return time.monotonic() - self._loop.beat

    def set_retention(self, retention: Retention) -> None:
        self._keeper.retention = retention

    # --- Journal ----------------------------------------------------------------------------------------------------

    @property
    def last(self) -> int:
        return self._last

    def listen(self, heard: Callable[[Sequence[Record]], None]) -> None:
        self._listeners.append(heard)

    async def append(self, entries: Sequence[Entry]) -> int:
        self._admit()
        return len(await self._submit("append", entries))

    async def read(self, after: int, limit: int) -> Sequence[Record]:
        return [rows.record(row) for row in await self._pipeline_reader().rows(journal.READ, (after, limit))]

    async def quarantine(self, item: Quarantined) -> None:
        self._admit()
        await self._submit("quarantine", item)

    # --- Translation ------------------------------------------------------------------------------------------------

    async def begin(self) -> Position:
        position: Position = await self._submit("do", translation.begin)
        return position

    async def attempt(self) -> int:
        return int(await self._submit("do", translation.attempt))

    async def end(self) -> None:
        await self._submit("do", translation.end)

    async def look(self, need: Need) -> Facts:
        return await translation.look(self._pipeline_reader(), need)

    async def commit(self, work: WriteSet) -> Sequence[Delivery]:
        due: list[Delivery] = await self._submit("translate", work)
        return due

    # --- Queue ------------------------------------------------------------------------------------------------------

    async def due(self, lane: int, limit: int, excluding: Collection[int], now: int) -> Sequence[Delivery]:
        return await self._due.read(self._pipeline_reader(), lane, limit, excluding, now)

    async def next_due(self, lane: int, after: int) -> int | None:
        return await queue.next_due(self._pipeline_reader(), lane, after)

    async def cap_due(self, lane: int, latest: int, now: int) -> int:
        by = await queue.last_due(self._pipeline_reader(), lane) - latest
        moved, some = 0, queue.HASTENED if by > 0 else 0
        while some == queue.HASTENED:
            some = await self._do(queue.cap_due, lane, latest, by, now)
            moved += some
        return moved

    def settle(self, settlement: Settlement, heard: Settled) -> None:
        if self._loop is None:
            raise StoreUnavailable(self._why)
        self._loop.put("settle", settlement, heard, soon=settlement.ordered)

    def pending(self, lane: int) -> int:
        return self._pending.of(lane).due

    async def register(self, lanes: Sequence[LaneName], now: int) -> Sequence[LaneState]:
        states: list[LaneState] = await self._do(queue.register, lanes, now)
        return states

    async def pause(self, pause: Pause, now: int) -> LaneState:
        state: LaneState = await self._do(queue.pause, pause, now)
        return state

    # --- Samples ----------------------------------------------------------------------------------------------------

    async def owe_sample(self, sample: Sample) -> None:
        await self._do(samples.owe, self._ids, sample)

    # --- Upkeep -----------------------------------------------------------------------------------------------------

    async def step(self, now: int) -> bool:
        return await self.care.step(now)

    # --- plumbing ---------------------------------------------------------------------------------------------------

    def _pipeline_reader(self) -> Reader:
        """The pipeline's reader: look-ups by key that take microseconds, made on the loop, without a hop."""
        if not self._readers:
            raise StoreUnavailable(self.down)
        return self._readers[0]

    def _operator_reader(self) -> Reader:
        """The reader for operators, apart from the pipeline's so that a long list never delays a delivery."""
        if not self._readers:
            raise StoreUnavailable(self.down)
        return self._readers[1]

    async def _patient_reader(self) -> Reader:
        """A third one, opened when it is first wanted: most sidecars never ask what it is for."""
        self._pipeline_reader()
        if len(self._readers) < 3:
            self._readers.append(await self._apart())
        return self._readers[2]

    def _admit(self) -> None:
        """Raises StoreUnavailable when nothing more may be accepted."""
        why = self.care.refusal
        if why:
            raise StoreUnavailable(why)

    def _idle(self) -> bool:
        return self._loop is not None and not self._loop.busy

    def _held(self, verb: str, seconds: float) -> None:
        if self._report is not None:
            self._report(CycleReport(0, 0.0, 0.0, ((verb, seconds),)))

    async def _do(self, verb: Callable[..., Any], *given: Any) -> Any:
        """Have an operator's change, or one of lanes, applied by itself."""
        return await self._submit("do", lambda connection: verb(connection, self._pending, *given))

    async def _submit(self, verb: str, item: Any) -> Any:
        if self._loop is None:
            raise StoreUnavailable(self._why)
        return await self._loop.submit(verb, item)
