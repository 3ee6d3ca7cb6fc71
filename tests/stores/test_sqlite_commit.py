"""The commit loop: one transaction per cycle, and who is told what when one fails."""

import asyncio
import contextlib
import sqlite3
import threading
import time

import msgspec
import pytest
from store_work import NOW, entry, names, planned, quarantined, settle, settled, write_set

from sidecar.domain.delivery import State
from sidecar.domain.errors import NotFound, StoreBusy, StoreRefused, StoreUnavailable
from sidecar.domain.lane_state import Pause
from sidecar.domain.listing import DeliveryFilter, QuarantineFilter
from sidecar.stores.sqlite import SQLiteStore, commit
from sidecar.stores.sqlite import store as store_module
from sidecar.stores.sqlite.commit import CommitLoop, Verb, is_store_trouble
from sidecar.stores.sqlite.runners import InlineRunner, ThreadRunner


@pytest.fixture
def database(tmp_path):
    connection = sqlite3.connect(tmp_path / "t.db", isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE t (v INTEGER NOT NULL CHECK (v >= 0)) STRICT")
    yield connection
    connection.close()


def put(connection, items):
    for item in items:
        connection.execute("INSERT INTO t VALUES (?)", (item,))
    return [item * 10 for item in items]


def broken(connection, items):
    for item in items:
        put(connection, [item])
        if item == 13:
            raise trouble(sqlite3.SQLITE_IOERR_WRITE, "disk I/O error")
    return [None] * len(items)


def trouble(code, text):
    error = sqlite3.OperationalError(text)
    error.sqlite_errorcode = code
    return error


@pytest.fixture
async def loop(database):
    """A commit loop with two verbs and the list of what its cycles report."""
    reports = []
    verbs = [Verb("first", put, limit=8, bound=20), Verb("second", broken, limit=8)]
    loop = CommitLoop(InlineRunner(), verbs, report=reports.append)
    loop.connect(database)
    loop.reports = reports
    return loop


def values(database):
    return [row[0] for row in database.execute("SELECT v FROM t ORDER BY v")]


async def gathered(*futures):
    return await asyncio.gather(*futures, return_exceptions=True)


async def test_one_cycle_is_one_transaction_of_all_verbs(loop, database):
    said = []
    database.set_trace_callback(said.append)
    await gathered(*(loop.submit("first", one) for one in range(3)), loop.submit("second", 3))
    assert [sql for sql in said if sql.split()[0] in {"BEGIN", "COMMIT", "ROLLBACK"}] == ["BEGIN IMMEDIATE", "COMMIT"]
    assert values(database) == [0, 1, 2, 3]
    (report,) = loop.reports
    assert report.items == 4
    assert [verb for verb, _ in report.held] == ["first", "second"]


async def test_a_cycle_takes_no_more_than_its_limit(loop):
    assert await gathered(*(loop.submit("first", one) for one in range(20))) == [one * 10 for one in range(20)]
    assert [one.items for one in loop.reports] == [8, 8, 4]


async def test_one_bad_item_fails_alone(loop, database):
    results = await gathered(*(loop.submit("first", one) for one in (1, -5, 2)), loop.submit("second", 3))
    assert isinstance(results[1], StoreRefused)
    assert "CHECK constraint failed" in str(results[1])
    assert (results[0], *results[2:]) == (10, 20, None)
    assert values(database) == [1, 2, 3]
    assert loop.down == ""


@pytest.mark.parametrize("bad", [2**70, "\ud800", object(), b"bytes"])
async def test_a_value_that_cannot_be_stored_is_refused(loop, database, bad):
    """Whatever kind of error the driver makes of it: a number too large, half a character, a foreign type."""
    verb = Verb("bad", lambda connection, items: [connection.execute("INSERT INTO t VALUES (?)", items)], limit=1)
    loop._queues["bad"] = (verb, type(loop._queues["first"][1])())
    results = await gathered(loop.submit("bad", bad), loop.submit("first", 1))
    assert isinstance(results[0], StoreRefused)
    assert results[1] == 10
    assert (await gathered(loop.submit("bad", bad)))[0].__class__ is StoreRefused
    assert loop.down == ""


async def test_an_error_of_our_own_is_passed_on_as_it_is(loop):
    def refuse(_connection, _items):
        raise NotFound("there is no such thing")

    loop._queues["own"] = (Verb("own", refuse, limit=1), type(loop._queues["first"][1])())
    results = await gathered(loop.submit("own", 1), loop.submit("first", 1))
    assert isinstance(results[0], NotFound)
    assert results[1] == 10


async def test_the_store_s_own_trouble_fails_everything_and_writes_nothing(loop, database):
    results = await gathered(*(loop.submit("first", one) for one in range(3)), loop.submit("second", 13))
    assert [type(one) for one in results] == [StoreUnavailable] * 4
    assert str(results[0]) == "the store cannot commit: disk I/O error"
    assert values(database) == []
    assert loop.down == "disk I/O error"
    assert await loop.submit("first", 7) == 70
    assert loop.down == ""


async def test_trouble_while_items_are_tried_singly_is_told_to_those_alone(loop, database):
    results = await gathered(*(loop.submit("first", one) for one in (1, -1, 2)), loop.submit("second", 3))
    assert loop.down == ""
    results = await gathered(loop.submit("first", -1), loop.submit("second", 13), loop.submit("first", 4))
    assert [type(one) for one in results] == [StoreRefused, StoreUnavailable, int]
    assert values(database) == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (trouble(sqlite3.SQLITE_FULL, "database or disk is full"), True),
        (trouble(sqlite3.SQLITE_IOERR_FSYNC, "disk I/O error"), True),
        (trouble(sqlite3.SQLITE_BUSY_SNAPSHOT, "database is locked"), True),
        (trouble(sqlite3.SQLITE_READONLY, "attempt to write a readonly database"), True),
        (trouble(sqlite3.SQLITE_CORRUPT, "database disk image is malformed"), True),
        (sqlite3.ProgrammingError("Cannot operate on a closed database."), True),
        (sqlite3.OperationalError("no code"), True),
        (MemoryError(), True),
        (OSError(28, "No space left on device"), True),
        (trouble(sqlite3.SQLITE_CONSTRAINT_NOTNULL, "NOT NULL constraint failed"), False),
        (trouble(sqlite3.SQLITE_TOOBIG, "string or blob too big"), False),
        (sqlite3.ProgrammingError("Error binding parameter 1: type 'object' is not supported"), False),
        (OverflowError(), False),
        (UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed"), False),
        (NotFound("no"), False),
    ],
    ids=repr,
)
def test_what_is_the_store_s_trouble_and_what_is_an_item_s(error, expected):
    assert is_store_trouble(error) is expected


async def test_no_more_than_the_bound_may_wait(loop):
    waiting = [loop.submit("first", one) for one in range(20)]
    with pytest.raises(StoreBusy, match="20 items are already waiting to be committed"):
        loop.submit("first", 99)
    other = loop.submit("second", 1)
    await gathered(*waiting, other)
    assert await loop.submit("first", 99) == 990


async def test_a_waiter_that_went_away_is_written_all_the_same(loop, database):
    async def wait():
        await loop.submit("first", 1)

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    await loop.drained()
    assert values(database) == [1]


async def test_drained_waits_for_everything_that_was_asked_for(loop, database):
    for one in range(20):
        loop.submit("first", one)
    assert loop.busy
    await loop.drained()
    assert not loop.busy
    assert values(database) == list(range(20))
    await loop.drained()


async def test_nothing_is_taken_before_the_store_is_open(database):
    loop = CommitLoop(InlineRunner(), [Verb("first", put, limit=1)])
    with pytest.raises(StoreUnavailable, match="the store is not open yet"):
        loop.submit("first", 1)
    loop.connect(database)
    assert await loop.submit("first", 1) == 10


async def test_whoever_waits_when_the_store_goes_away_is_told(loop):
    """All of them, though they are more than one cycle takes."""
    waiting = [loop.submit("first", one) for one in range(20)]
    loop.disconnect("the disk was pulled out")
    results = await asyncio.wait_for(gathered(*waiting), 5)
    assert [(type(one), str(one)) for one in results] == [(StoreUnavailable, "the disk was pulled out")] * 20
    await asyncio.wait_for(loop.drained(), 5)


async def test_results_are_told_before_the_listeners_hear(database):
    order = []
    verb = Verb("first", put, limit=8, committed=lambda results: order.append(list(results)))
    loop = CommitLoop(InlineRunner(), [verb])
    loop.connect(database)
    futures = [loop.submit("first", one) for one in range(3)]
    for future in futures:
        future.add_done_callback(lambda done: order.append(done.done()))
    await gathered(*futures)
    assert [0, 10, 20] in order


async def test_a_transaction_that_was_left_open_does_not_stop_the_next(loop, database):
    """A roll-back can fail with the disk that failed the commit."""
    database.execute("BEGIN")
    database.execute("INSERT INTO t VALUES (5)")
    assert await loop.submit("first", 1) == 10
    assert values(database) == [1]


async def test_an_idle_writer_owes_no_sign_of_life(loop):
    """However long it idled before the work that it is at now."""
    loop.beat = time.monotonic() - 3600
    future = loop.submit("first", 1)
    await asyncio.sleep(0)
    assert time.monotonic() - loop.beat < 60
    await future


async def test_the_loop_goes_on_while_the_thread_is_at_something_long(database):
    """A checkpoint blocks neither the loop nor, for good, what is submitted meanwhile."""
    started, go = threading.Event(), threading.Event()

    def long():
        started.set()
        return go.wait(10)

    runner = ThreadRunner()
    loop = CommitLoop(runner, [Verb("first", put, limit=8)])
    loop.connect(database)
    done = asyncio.get_running_loop().create_future()
    runner.call_thread(long, lambda result, _error: done.set_result(result))
    assert await asyncio.to_thread(started.wait, 10)
    first = loop.submit("first", 1)
    for _ in range(20):
        await asyncio.sleep(0)
    assert not first.done()
    second = loop.submit("first", 2)
    go.set()
    assert await gathered(done, first, second) == [True, 10, 20]
    runner.close()


async def test_two_transactions_never_share_the_connection(database):
    """Not even when quick commits run on the loop while the thread is at something long."""
    inside, most = [], []
    guard = threading.Lock()

    def watched(connection, items):
        with guard:
            inside.append(1)
            most.append(len(inside))
        try:
            return put(connection, items)
        finally:
            with guard:
                inside.pop()

    def long():
        with guard:
            inside.append(1)
        time.sleep(0.02)
        with guard:
            inside.pop()

    runner = ThreadRunner()
    loop = CommitLoop(runner, [Verb("first", watched, limit=4)])
    loop.connect(database)
    for _ in range(ThreadRunner.TRUST + 20):
        await loop.submit("first", 1)
    done = asyncio.get_running_loop().create_future()
    runner.call_thread(long, lambda *_result: done.set_result(None))
    await gathered(done, *(loop.submit("first", 1) for _ in range(8)))
    assert set(most) == {1}
    runner.close()


async def test_a_lock_that_somebody_else_holds_never_holds_the_loop(database, monkeypatch):
    """An operator's own sqlite3 may write for a while; probes and other requests are answered meanwhile."""
    monkeypatch.setattr(commit, "BUSY_TIMEOUT", 60_000)
    path = database.execute("PRAGMA database_list").fetchone()[2]
    runner = ThreadRunner()
    loop = CommitLoop(runner, [Verb("first", put, limit=4)])
    loop.connect(database)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as foreign:
        foreign.execute("BEGIN IMMEDIATE")
        waiting = loop.submit("first", 1)
        begun = time.monotonic()
        for _ in range(20):
            await asyncio.sleep(0.001)
        assert time.monotonic() - begun < 30  # the lock is waited for up to a minute
        assert not waiting.done()
        foreign.execute("ROLLBACK")
    assert await gathered(waiting) == [10]
    assert loop.down == ""
    runner.close()


async def test_a_checkpoint_costs_the_loop_its_trust_for_a_while_and_a_stuck_disk_for_long():
    """A pause of 30 ms is what a checkpoint looks like; one of 200 ms is a disk that somebody waits for."""
    runner = ThreadRunner()

    async def where() -> str:
        done = asyncio.get_running_loop().create_future()
        runner.call(
            lambda _patient: None,
            lambda _applied: threading.current_thread().name,
            lambda result, error: done.set_result(error or result),
        )
        return await done

    def quick(times: int) -> None:
        for _ in range(times):
            runner.learn(0.0001, 0.0002)

    here = threading.current_thread().name
    quick(200)
    assert await where() == here
    runner.learn(0.0001, 0.030)
    quick(ThreadRunner.TRUST - 1)
    assert await where() == "store-writer"
    quick(ThreadRunner.TRUST)
    assert await where() == here
    runner.learn(0.0001, 0.200)
    quick(ThreadRunner.BANISHED - 1)
    assert await where() == "store-writer"
    quick(ThreadRunner.TRUST + 1)
    assert await where() == here
    runner.close()


# --- the store's own verbs in one cycle -------------------------------------------------------------------------------


@pytest.fixture
async def store(tmp_path):
    store = SQLiteStore(tmp_path / "sidecar.db", inline=True)
    await store.open()
    yield store
    await store.close()


async def test_a_record_that_cannot_be_stored_leaves_its_neighbours_alone(store):
    good = [store.append([entry(f"{one}")]) for one in range(3)]
    bad = store.append([msgspec.structs.replace(entry("bad"), registry="\ud800")])
    results = await gathered(*good, bad, store.quarantine(quarantined()))
    assert [one for one in results if isinstance(one, BaseException)] == [results[3]]
    assert isinstance(results[3], StoreRefused)
    assert [one.id for one in await store.read(0, 10)] == ["0", "1", "2"]
    assert len(await store.quarantined(QuarantineFilter())) == 1


async def test_too_many_requests_at_once_are_told_to_come_back(store, monkeypatch):
    monkeypatch.setattr(store_module, "APPEND_BOUND", 2)
    other = SQLiteStore(store.path.with_name("other.db"), inline=True)
    await other.open()
    results = await gathered(*(other.append([entry(f"{one}")]) for one in range(4)))
    assert [type(one) for one in results] == [int, int, StoreBusy, StoreBusy]
    await other.close()


async def test_what_an_operator_cancelled_stays_cancelled(store):
    """An attempt that was in flight may end after the cancellation."""
    (lane,) = await store.register(names("one"), NOW)
    (delivery,) = await store.commit(write_set(0, 1, planned("x", [lane.id])))
    await store._submit(
        "do",
        lambda connection: (
            connection.execute(
                "UPDATE delivery SET state = 3, reason = 'cancelled', done = ? WHERE id = ?", (NOW, delivery.id)
            ).rowcount
        ),
    )
    await settle(store, settled(delivery, State.DUE, due=NOW, status=500))
    (row,) = await store.deliveries(DeliveryFilter())
    assert (row.state, row.reason, row.done) == (State.CANCELLED, "cancelled", NOW)
    assert await store.due(lane.id, 10, (), NOW) == []
    _, attempts = await store.attempts(delivery.id)
    assert len(attempts) == 1


async def test_a_close_writes_what_was_asked_for_before_it(store):
    (lane,) = await store.register(names("one"), NOW)
    (delivery,) = await store.commit(write_set(0, 1, planned("x", [lane.id])))
    settle(store, settled(delivery))
    asking = asyncio.gather(*(store.append([entry(f"{one}")]) for one in range(1000)))
    await asyncio.sleep(0)
    await store.close()
    assert await asking == [1] * 1000
    await store.open()
    assert len(await store.read(0, 2000)) == 1000
    assert await store.undelivered() == []


async def test_only_what_somebody_is_told_to_be_safe_waits_for_the_disk(store):
    """Accepted records and operators' changes are flushed; what can be made again from them is not."""
    (lane,) = await store.register(names("one"), NOW)
    said = []
    store._connection.set_trace_callback(said.append)

    async def flushed(work):
        said.clear()
        await work
        return [sql.rpartition(" ")[2] for sql in said if "synchronous" in sql]

    assert await flushed(store.append([entry("a")])) == ["FULL"]
    assert await flushed(store.quarantine(quarantined())) == ["FULL"]
    assert await flushed(store.pause(Pause(lane=lane.id, hold="operator"), NOW)) == ["FULL"]
    assert await flushed(store.commit(write_set(0, 1, planned("x", [lane.id])))) == ["NORMAL"]
    (delivery,) = await store.due(lane.id, 1, (), NOW)
    assert await flushed(settle(store, settled(delivery))) == ["NORMAL"]
    assert "FULL" in await flushed(asyncio.gather(store.commit(write_set(1, 2)), store.append([entry("b")])))
