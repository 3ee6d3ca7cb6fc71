"""The one commit loop of the process.

Work arrives as items of verbs. Each cycle takes what is there, in the order of the verbs and bounded per verb, and
applies it in one transaction: with a slow disk three separate commits would treble the time to an answer. There is no
timer: an idle loop commits at once, a busy one gathers what arrives while the previous commit runs.

If a cycle fails for the store's own reasons (locked, full, I/O error) every item of it fails with StoreUnavailable. If
it fails for any other reason its items are tried again singly, so that one bad item fails alone with StoreRefused.

A verb is a plain synchronous function over a connection. It runs on the writer's thread, or inline in tests.
"""

import asyncio
import queue
import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from sidecar.domain.errors import StoreBusy, StoreRefused, StoreUnavailable

I = TypeVar("I")  # noqa: E741 - an item of work
R = TypeVar("R")

_STORE_TROUBLE = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
    }
)


def is_store_trouble(error: BaseException) -> bool:
    """Whether an error is about the store as a whole rather than about one item."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        return code is None or (code & 0xFF) in _STORE_TROUBLE
    return isinstance(error, OSError | StoreUnavailable)


class Verb(msgspec.Struct, Generic[I, R], frozen=True, eq=False):
    """One thing the store can do in a transaction, to several items at once.

    `limit` items per cycle; at most `bound` may wait (0 = no bound). `committed` is called on the loop with the results
    of a cycle, after the waiters were answered.
    """

    name: str
    apply: Callable[[sqlite3.Connection, Sequence[I]], Sequence[R]]
    limit: int
    bound: int = 0
    committed: Callable[[Sequence[R]], None] | None = None


class Runner(Protocol):
    """Where transactions run."""

    def call(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        """Run `work` and call `done(result, error)` on the event loop."""

    def close(self) -> None: ...


class ThreadRunner:
    """One daemon thread fed by a queue: one hop there and one back for a whole cycle."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._work: queue.SimpleQueue[tuple[Callable[[], Any], Callable[[Any, BaseException | None], None]] | None] = (
            queue.SimpleQueue()
        )
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    def call(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        self._work.put((work, done))

    def close(self) -> None:
        self._work.put(None)
        self._thread.join(timeout=30)

    def _run(self) -> None:
        while (job := self._work.get()) is not None:
            work, done = job
            result, error = None, None
            try:
                result = work()
            except BaseException as caught:  # noqa: BLE001 - carried to the loop, which knows whom it concerns
                error = caught
            try:
                self._loop.call_soon_threadsafe(done, result, error)
            except RuntimeError:
                return  # the loop is closed: nobody is waiting any more


class InlineRunner:
    """Runs transactions where they are asked for: the same store without a thread, for deterministic tests."""

    def call(self, work: Callable[[], Any], done: Callable[[Any, BaseException | None], None]) -> None:
        result, error = None, None
        try:
            result = work()
        except Exception as caught:  # noqa: BLE001 - the same contract as the thread's
            error = caught
        asyncio.get_running_loop().call_soon(done, result, error)

    def close(self) -> None:
        return


class CycleReport(msgspec.Struct, frozen=True):
    """What one cycle did: items and seconds by verb, and seconds for the whole transaction."""

    items: int
    seconds: float
    held: tuple[tuple[str, float], ...]


_Waiting = tuple[Any, asyncio.Future[Any]]


class CommitLoop:
    """Gathers items and commits them in cycles. Lives on one event loop."""

    def __init__(
        self, runner: Runner, verbs: Sequence[Verb[Any, Any]], *, report: Callable[[CycleReport], None] | None = None
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._runner = runner
        self._queues: dict[str, tuple[Verb[Any, Any], deque[_Waiting]]] = {verb.name: (verb, deque()) for verb in verbs}
        self._report = report
        self._connection: sqlite3.Connection | None = None
        self._down = "the store is not open yet"
        self._busy = False
        self._scheduled = False
        self._idle: list[asyncio.Future[None]] = []
        self.beat = time.monotonic()  # when the writer last showed life

    @property
    def down(self) -> str:
        """Why the store cannot commit, "" when it can."""
        return self._down

    @property
    def busy(self) -> bool:
        """Whether anything is being committed or waits for it."""
        return self._busy or self._scheduled or any(waiting for _, waiting in self._queues.values())

    def connect(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._down = ""

    def disconnect(self, why: str) -> None:
        self._connection = None
        self._down = why

    def submit(self, verb: str, item: Any) -> asyncio.Future[Any]:
        """Queue one item. The future ends when it is durable; cancelling the waiter does not stop the commit."""
        kind, waiting = self._queues[verb]
        if self._connection is None:
            raise StoreUnavailable(self._down)
        if kind.bound and len(waiting) >= kind.bound:
            raise StoreBusy(f"{len(waiting)} items are already waiting to be committed")
        future: asyncio.Future[Any] = self._loop.create_future()
        waiting.append((item, future))
        if not self._busy and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._cycle)
        return future

    async def drained(self) -> None:
        """Wait until nothing is waiting or running."""
        while self.busy:
            future: asyncio.Future[None] = self._loop.create_future()
            self._idle.append(future)
            await future

    def _cycle(self) -> None:
        self._scheduled = False
        batch: list[tuple[Verb[Any, Any], list[_Waiting]]] = []
        for verb, waiting in self._queues.values():
            if waiting:
                count = min(len(waiting), verb.limit)
                batch.append((verb, [waiting.popleft() for _ in range(count)]))
        if not batch:
            for future in self._idle:
                if not future.done():
                    future.set_result(None)
            self._idle.clear()
            return
        connection = self._connection
        if connection is None:
            self._fail(batch, StoreUnavailable(self._down))
            return
        self._busy = True
        work = [(verb, [item for item, _ in items]) for verb, items in batch]
        self._runner.call(lambda: _transact(connection, work), lambda result, error: self._done(batch, result, error))

    def _done(
        self,
        batch: list[tuple[Verb[Any, Any], list[_Waiting]]],
        result: tuple[list[Sequence[Any]], CycleReport] | None,
        error: BaseException | None,
    ) -> None:
        self.beat = time.monotonic()
        self._busy = False
        if error is None and result is not None:
            self._down = ""
            self._answer(batch, result[0])
            if self._report is not None:
                self._report(result[1])
        elif error is not None and (is_store_trouble(error) or _single(batch)):
            if is_store_trouble(error):
                self._down = str(error)
                self._fail(batch, StoreUnavailable(f"the store cannot commit: {error}"))
            else:
                self._fail(batch, error)
        else:
            self._singly(batch)
            return
        self._next()

    def _next(self) -> None:
        if not self._busy and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._cycle)

    def _answer(self, batch: list[tuple[Verb[Any, Any], list[_Waiting]]], results: list[Sequence[Any]]) -> None:
        for (_, items), values in zip(batch, results, strict=True):
            for (_, future), value in zip(items, values, strict=True):
                if not future.done():
                    future.set_result(value)
        for (verb, _), values in zip(batch, results, strict=True):
            if verb.committed is not None:
                verb.committed(values)

    def _fail(self, batch: list[tuple[Verb[Any, Any], list[_Waiting]]], error: BaseException) -> None:
        if not isinstance(error, StoreUnavailable) and isinstance(error, sqlite3.Error | ValueError | TypeError):
            error = StoreRefused(f"the store refuses this item: {error}")
        for _, items in batch:
            for _, future in items:
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # a waiter that has gone away is no reason for a warning

    def _singly(self, batch: list[tuple[Verb[Any, Any], list[_Waiting]]]) -> None:
        """Try every item of a failed cycle in a transaction of its own, in order."""
        rest = deque((verb, item) for verb, items in batch for item in items)

        def step() -> None:
            if not rest or self._connection is None:
                if rest:
                    self._fail([(verb, [item]) for verb, item in rest], StoreUnavailable(self._down))
                self._busy = False
                self._next()
                return
            verb, item = rest.popleft()
            one = [(verb, [item])]
            connection = self._connection

            def done(result: tuple[list[Sequence[Any]], CycleReport] | None, error: BaseException | None) -> None:
                if error is None and result is not None:
                    self._answer(one, result[0])
                elif error is not None:
                    trouble = is_store_trouble(error)
                    self._fail(one, StoreUnavailable(f"the store cannot commit: {error}") if trouble else error)
                step()

            self._runner.call(lambda: _transact(connection, [(verb, [item[0]])]), done)

        self._busy = True
        step()


def _single(batch: list[tuple[Verb[Any, Any], list[_Waiting]]]) -> bool:
    return len(batch) == 1 and len(batch[0][1]) == 1


def _transact(
    connection: sqlite3.Connection, work: list[tuple[Verb[Any, Any], list[Any]]]
) -> tuple[list[Sequence[Any]], CycleReport]:
    """Apply a cycle in one transaction. Runs on the writer's thread."""
    begun = time.perf_counter()
    held: list[tuple[str, float]] = []
    results: list[Sequence[Any]] = []
    connection.execute("BEGIN IMMEDIATE")
    try:
        before = begun
        for verb, items in work:
            results.append(verb.apply(connection, items))
            now = time.perf_counter()
            held.append((verb.name, now - before))
            before = now
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    items_done = sum(len(items) for _, items in work)
    return results, CycleReport(items_done, time.perf_counter() - begun, tuple(held))
