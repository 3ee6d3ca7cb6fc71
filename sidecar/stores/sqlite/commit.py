"""The one commit loop of the process.

Work arrives as items of verbs. Each cycle takes what is there, in the order of the verbs and bounded per verb, and
applies it in one transaction: with a slow disk three separate commits would treble the time to an answer. No answer
waits for a timer: an idle loop commits at once, a busy one gathers what arrives while the previous commit runs. Only
results of attempts, for which nobody waits, linger a few milliseconds for company.

If a cycle fails for the store's own reasons (locked, full, I/O error) every item of it fails with StoreUnavailable. If
it fails for any other reason its items are tried again singly, so that one bad item fails alone with StoreRefused.

Only what somebody is told to be safe is flushed: accepted records, operators' changes. A translated batch and the
results of attempts can be made again from what was flushed before them (a delivery whose result was lost in a power cut
is sent again with the same id), so a cycle of those alone is committed without waiting for the disk. The log is written
in order, so a later flush covers them; killing the process loses nothing either way.

A verb is a plain synchronous function over a connection, applied on the loop while that is quick; `ThreadRunner` says
what is done where.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

import msgspec

from sidecar.domain.errors import SidecarError, StoreBusy, StoreRefused, StoreUnavailable
from sidecar.stores.sqlite.file import BUSY_TIMEOUT
from sidecar.stores.sqlite.runners import Runner

I = TypeVar("I")  # noqa: E741 - an item of work
R = TypeVar("R")

LINGERING = 128  # items of a lingering verb that make it linger no longer

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
    if isinstance(error, sqlite3.ProgrammingError):
        return "closed" in str(error)  # else: a value that cannot be bound
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        return code is None or (code & 0xFF) in _STORE_TROUBLE
    return isinstance(error, OSError | MemoryError | StoreUnavailable)  # MemoryError is how SQLITE_NOMEM arrives


class Verb(msgspec.Struct, Generic[I, R], frozen=True, eq=False):
    """One thing the store can do in a transaction, to several items at once.

    `limit` items per cycle; at most `bound` may wait (0 = no bound). A cycle is flushed to disk when one of its verbs
    is `durable`. A verb that `yields` lets so many cycles go without it while verbs before it have work; one that
    `lingers` waits so many seconds for a cycle that others begin before it begins one itself. `committed` is called on
    the loop with the results of a cycle, after the waiters were answered. The items of a `quiet` verb are `put`: nobody
    asks for its results, and there are none.
    """

    name: str
    apply: Callable[[sqlite3.Connection, Sequence[I]], Sequence[R]]
    limit: int
    bound: int = 0
    durable: bool = True
    yields: int = 0
    lingers: float = 0.0
    quiet: bool = False
    committed: Callable[[Sequence[R]], None] | None = None


class CycleReport(msgspec.Struct, frozen=True):
    """What one cycle did: its items, seconds for the whole transaction and for its commit, and seconds by verb."""

    items: int
    seconds: float
    flush: float
    held: tuple[tuple[str, float], ...]


Heard = Callable[[Sequence[Any], BaseException | None], None]
_Waiting = tuple[Any, Any]  # an item, and its future or, of a quiet verb, who hears of it


class CommitLoop:
    """Gathers items and commits them in cycles. Lives on one event loop."""

    def __init__(
        self,
        runner: Runner,
        verbs: Sequence[Verb[Any, Any]],
        *,
        report: Callable[[CycleReport], None] | None = None,
        ended: Callable[[bool], None] = lambda _committed: None,
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._runner = runner
        self._queues: dict[str, tuple[Verb[Any, Any], deque[_Waiting]]] = {verb.name: (verb, deque()) for verb in verbs}
        self._report = report
        self._ended = ended
        self._soon = False  # something waits that must not linger
        self._passed: dict[str, int] = {}
        self._timer: asyncio.TimerHandle | None = None
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
        """Queue one item. The future ends when it is committed; cancelling the waiter does not stop the commit."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._put(verb, item, future, soon=False)
        return future

    def put(self, verb: str, item: Any, heard: Heard, *, soon: bool = False) -> None:
        """Queue one item of a quiet verb. A `soon` item does not linger.

        `heard` is called on the loop, once a cycle with all its items that name it: with None when they are committed,
        else with the error that they met together.
        """
        self._put(verb, item, heard, soon=soon)

    def _put(self, verb: str, item: Any, waiter: Any, *, soon: bool) -> None:
        kind, waiting = self._queues[verb]
        if self._connection is None:
            raise StoreUnavailable(self._down)
        if kind.bound and len(waiting) >= kind.bound:
            raise StoreBusy(f"{len(waiting)} items are already waiting to be committed")
        waiting.append((item, waiter))
        self._soon = self._soon or soon
        if not self._busy and not self._scheduled:
            if kind.lingers and not soon and len(waiting) < LINGERING:
                if self._timer is None:
                    self._timer = self._loop.call_later(kind.lingers, self._begin)
            else:
                self._begin()

    async def drained(self) -> None:
        """Wait until nothing is waiting or running."""
        while self.busy:
            self._begin()  # nothing lingers now
            future: asyncio.Future[None] = self._loop.create_future()
            self._idle.append(future)
            await future

    def _cycle(self) -> None:
        self._scheduled = self._soon = False
        batch: list[tuple[Verb[Any, Any], list[_Waiting]]] = []
        for verb, waiting in self._queues.values():
            if waiting:
                if batch and self._passed.get(verb.name, 0) < verb.yields:
                    self._passed[verb.name] = self._passed.get(verb.name, 0) + 1
                    continue
                self._passed.pop(verb.name, None)
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
            self._next()  # more than one cycle's worth may be waiting
            return
        self.beat = time.monotonic()  # an idle writer owed no sign of life until now
        self._busy = True
        work = [(verb, [item for item, _ in items]) for verb, items in batch]
        self._runner.call(
            lambda patient: _apply(connection, work, patient=patient),
            _commit,
            lambda result, error: self._done(batch, result, error),
        )

    def _done(
        self,
        batch: list[tuple[Verb[Any, Any], list[_Waiting]]],
        result: tuple[list[Sequence[Any]], CycleReport] | None,
        error: BaseException | None,
    ) -> None:
        self.beat = time.monotonic()
        self._busy = False
        self._ended(error is None)
        if error is None and result is not None:
            self._down = ""
            self._runner.learn(result[1].seconds - result[1].flush, result[1].flush)
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

    def _begin(self) -> None:
        """Have a cycle begin in the loop's next turn, unless one is under way."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._busy and not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._cycle)

    def _next(self) -> None:
        """Begin the next cycle, unless all that waits may linger."""
        lingers = [verb.lingers for verb, waiting in self._queues.values() if waiting]
        if (
            lingers
            and all(lingers)
            and not self._idle
            and not self._soon
            and max(map(len, self._lingering())) < LINGERING
        ):
            if self._timer is None:
                self._timer = self._loop.call_later(min(lingers), self._begin)
            return
        self._begin()

    def _lingering(self) -> list[deque[_Waiting]]:
        return [waiting for verb, waiting in self._queues.values() if verb.lingers]

    def _answer(self, batch: list[tuple[Verb[Any, Any], list[_Waiting]]], results: list[Sequence[Any]]) -> None:
        for (verb, items), values in zip(batch, results, strict=True):
            if verb.quiet:
                self._tell(items, None)
                continue
            for (_, future), value in zip(items, values, strict=True):
                if not future.done():
                    future.set_result(value)
        for (verb, _), values in zip(batch, results, strict=True):
            if verb.committed is not None:
                verb.committed(values)

    def _fail(self, batch: list[tuple[Verb[Any, Any], list[_Waiting]]], error: BaseException) -> None:
        if isinstance(error, Exception) and not isinstance(error, SidecarError):
            error = StoreRefused(f"the store refuses this item: {error}")
        for verb, items in batch:
            if verb.quiet:
                self._tell(items, error)
                continue
            for _, future in items:
                if not future.done():
                    future.set_exception(error)
                    future.exception()  # a waiter that has gone away is no reason for a warning

    def _tell(self, items: Sequence[_Waiting], error: BaseException | None) -> None:
        """Have everybody who put items hear of them, in a turn of the loop's own: what they do is no part of this."""
        by_hearer: dict[Any, list[Any]] = {}
        for item, heard in items:
            by_hearer.setdefault(heard, []).append(item)
        for heard, told in by_hearer.items():
            self._loop.call_soon(heard, told, error)

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
                self.beat = time.monotonic()
                self._ended(error is None)
                if error is None and result is not None:
                    self._down = ""
                    self._answer(one, result[0])
                elif error is not None and is_store_trouble(error):
                    self._down = str(error)
                    self._fail(one, StoreUnavailable(f"the store cannot commit: {error}"))
                elif error is not None:
                    self._fail(one, error)
                step()

            self._runner.call(lambda patient: _apply(connection, [(verb, [item[0]])], patient=patient), _commit, done)

        self._busy = True
        step()


def _single(batch: list[tuple[Verb[Any, Any], list[_Waiting]]]) -> bool:
    return len(batch) == 1 and len(batch[0][1]) == 1


class _Applied(msgspec.Struct, frozen=True):
    """An open transaction with everything in it, not yet committed."""

    connection: sqlite3.Connection
    results: list[Sequence[Any]]
    items: int
    held: tuple[tuple[str, float], ...]
    seconds: float


def _apply(connection: sqlite3.Connection, work: list[tuple[Verb[Any, Any], list[Any]]], *, patient: bool) -> _Applied:
    """Apply a cycle in a transaction and leave it open; an error leaves none. `patient` waits for a foreign lock."""
    begun = before = time.perf_counter()
    held: list[tuple[str, float]] = []
    results: list[Sequence[Any]] = []
    durable = any(verb.durable for verb, _ in work)
    _rollback(connection)  # a roll-back may have failed together with its commit
    connection.execute("PRAGMA synchronous = FULL" if durable else "PRAGMA synchronous = NORMAL")
    connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT if patient else 0}")
    connection.execute("BEGIN IMMEDIATE")
    try:
        for verb, items in work:
            results.append(verb.apply(connection, items))
            now = time.perf_counter()
            held.append((verb.name, now - before))
            before = now
    except BaseException:
        _rollback(connection)
        raise
    return _Applied(connection, results, sum(len(items) for _, items in work), tuple(held), before - begun)


def _commit(applied: _Applied) -> tuple[list[Sequence[Any]], CycleReport]:
    """Commit what was applied."""
    begun = time.perf_counter()
    try:
        applied.connection.execute("COMMIT")
    except BaseException:
        _rollback(applied.connection)
        raise
    flush = time.perf_counter() - begun
    return applied.results, CycleReport(applied.items, applied.seconds + flush, flush, applied.held)


def _rollback(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")
