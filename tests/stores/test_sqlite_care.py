"""Housekeeping of a real file: in slices, while it is full, while it is large, while somebody reads it."""

import asyncio
import contextlib
import itertools
import os
import resource
import sqlite3
import time

import pytest
from store_work import NOW, entry, names, planned, quarantined, settle, settled, write_set

from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.instant import DAY
from sidecar.domain.listing import EventFilter, QuarantineFilter
from sidecar.domain.retention import Retention
from sidecar.stores.sqlite import SQLiteStore, care, file, queue, reading, translation, upkeep

MIB = 1024 * 1024


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sidecar.db"


async def opened(path, **given):
    store = SQLiteStore(path, **{"inline": True, **given})
    await store.open()
    return store


async def rounds(store, now=NOW):
    """Keep house until nothing more is due; the size of the file after each slice."""
    sizes = []
    while await store.step(now):
        sizes.append(store.sizes.store)
        assert len(sizes) < 2000
    return [*sizes, store.sizes.store]


async def fill(store, mib):
    """Put so many MiB into quarantine."""
    for _ in range(mib):
        await store.quarantine(quarantined(body=os.urandom(MIB)))


# --- slices ----------------------------------------------------------------------------------------------------------


async def test_a_slice_is_bounded_by_bytes_as_well_as_by_rows(path, monkeypatch):
    """Eight bodies of a mebibyte make a slice full, as 256 rows do; one body that is larger goes alone."""
    monkeypatch.setattr(upkeep, "BYTES", 8 * MIB)
    store = await opened(path, retention=Retention(quarantine=0))
    await fill(store, 20)
    left = []
    while await store.step(NOW + DAY):
        left.append(len(await store.quarantined(QuarantineFilter(limit=100))))
    assert left[:2] == [12, 4]
    monkeypatch.setattr(upkeep, "BYTES", MIB // 2)
    await fill(store, 3)
    assert await store.step(NOW + DAY)
    assert len(await store.quarantined(QuarantineFilter())) == 2
    await store.close()


async def test_after_a_purge_the_file_shrinks_slice_by_slice(path):
    store = await opened(path)
    await fill(store, 24)
    await rounds(store)
    before = store.sizes
    assert before.store > 24 * MIB
    for one in range(1, 25):
        await store.release(one)
    sizes = await rounds(store)
    assert len(sizes) > 10
    assert sizes[-1] <= store.sizes.used + (upkeep.RESERVE + 16) * 4096 < 6 * MIB
    pages = store._connection.execute("PRAGMA freelist_count").fetchone()[0]
    assert upkeep.RESERVE - upkeep.PAGES < pages <= upkeep.RESERVE, "some stay, for they are used again soon"
    await store.close()


async def test_a_busy_writer_gives_nothing_back(path):
    store = await opened(path)
    await fill(store, 8)
    for one in range(1, 9):
        await store.release(one)
    before = store._connection.execute("PRAGMA page_count").fetchone()[0]
    asked = upkeep.Round(NOW, idle=False)
    await store._submit("upkeep", asked)
    assert store._connection.execute("PRAGMA page_count").fetchone()[0] == before
    await store._submit("upkeep", upkeep.Round(NOW, idle=True))
    assert store._connection.execute("PRAGMA page_count").fetchone()[0] == before - upkeep.PAGES
    await store.close()


def test_a_page_is_given_back_by_each_statement(path):
    """The reason for going page by page: whatever number is asked for, one step frees one page."""
    connection = file.open_writer(path)
    connection.execute("INSERT INTO meta (key, value) VALUES ('x', zeroblob(1000000))")
    connection.execute("DELETE FROM meta WHERE key = 'x'")
    free = connection.execute("PRAGMA freelist_count").fetchone()[0]
    connection.execute("PRAGMA incremental_vacuum(1)")
    assert connection.execute("PRAGMA freelist_count").fetchone()[0] == free - 1
    connection.close()


async def test_a_slice_that_is_not_committed_is_done_again(path):
    """What was scanned is known only when it is on disk."""
    store = await opened(path, retention=Retention(delivered=0))
    await store.commit(write_set(0, 1, *(planned(f"e{one}", ()) for one in range(40))))
    apply = store._loop._queues["upkeep"][0].apply

    def failing(connection, items):
        apply(connection, items)
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR
        raise error

    verb, waiting = store._loop._queues["upkeep"]
    store._loop._queues["upkeep"] = (type(verb)(**{**_fields(verb), "apply": failing}), waiting)
    with pytest.raises(StoreUnavailable):
        await store.step(NOW + DAY)
    store._loop._queues["upkeep"] = (verb, waiting)
    await rounds(store, NOW + DAY)
    assert await store.events(EventFilter()) == []
    await store.close()


def _fields(verb):
    return {name: getattr(verb, name) for name in verb.__struct_fields__}


# --- a large file ----------------------------------------------------------------------------------------------------


def large(path, events):
    """A file of a few thousand bytes for each event, all of it delivered long ago."""
    connection = file.open_writer(path)
    at = [(one, one * 65536) for one in range(1, events + 1)]
    connection.execute("BEGIN")
    connection.execute("INSERT INTO lane (name, format, policy) VALUES ('one', 'harbor', 1)")
    noise = os.urandom(4000)
    for sql, rows in (
        (
            "INSERT INTO journal (number, kind, registry, id, accepted, body) VALUES (?, 'registry', 'main', ?, ?, ?)",
            ((one, f"r{one}", NOW, noise[:1200]) for one, _ in at),
        ),
        (
            """INSERT INTO event (id, uuid, type, registry, repository, time, accepted, body)
            VALUES (?, ?, 'artifact.pushed', 'main', 'prj/app', ?, ?, ?)""",
            ((one, f"e{one}", NOW, NOW, noise[:900]) for one, _ in at),
        ),
        (
            "INSERT INTO message (id, word, content_type, body) VALUES (?, 'PUSH', 'application/json', ?)",
            ((first, noise) for _, first in at),
        ),
        (
            """INSERT INTO delivery (id, event, lane, message, webhook_id, word, state, due, created, done)
            VALUES (?, ?, 1, ?, ?, 'PUSH', 1, ?, ?, ?)""",
            ((first, one, first, f"msg_{one}", NOW, NOW, NOW + one) for one, first in at),
        ),
    ):
        connection.executemany(sql, rows)
    connection.execute("UPDATE meta SET value = ? WHERE key = 'cursor'", (events,))
    connection.execute("COMMIT")
    connection.close()


async def test_no_slice_holds_the_writer_for_long_in_a_large_file(path, monkeypatch):
    """The bound is 5 ms, from which one slice in ten is excused.

    The store's stopwatches count the time for which the processor works for the thread that reads them: what the
    machine does meanwhile for others is not the slice's.
    """
    monkeypatch.setattr(time, "perf_counter", time.thread_time)
    large(path, 12_500)
    held = []
    store = await opened(
        path,
        inline=False,
        retention=Retention(delivered=0, journal=0),
        report=lambda report: held.extend(seconds for verb, seconds in report.held if verb == "upkeep"),
    )
    try:
        assert path.stat().st_size > 75 * MIB
        while len(held) < 200 and await store.step(NOW + DAY):
            pass
    finally:
        await store.close()
    held.sort()
    assert len(held) > 50
    assert held[len(held) * 9 // 10] < 0.005


@pytest.mark.parametrize(
    ("batch", "rows"),
    [(0, upkeep.ROWS), (0.3 * upkeep.SECONDS, 3 * upkeep.BATCH), (0.6 * upkeep.SECONDS, upkeep.BATCH)],
)
async def test_a_slice_takes_no_further_batch_when_its_time_is_over(path, monkeypatch, batch, rows):
    """By the time of day, of which each batch takes so much; where none passes, the rows of a slice are its bound."""
    large(path, 400)
    passed = itertools.count()
    monkeypatch.setattr(time, "perf_counter", lambda: next(passed) * batch)
    store = await opened(path, inline=False, retention=Retention(delivered=0, journal=0))
    try:
        assert await store.step(NOW + DAY)
    finally:
        await store.close()
    connection = sqlite3.connect(path)
    assert connection.execute("SELECT count(*) FROM delivery").fetchone() == (400 - rows,)
    connection.close()


# --- space -----------------------------------------------------------------------------------------------------------


async def test_what_is_old_goes_on_a_disk_that_is_full(path, monkeypatch):
    """Deleting writes to the log first, and the log cannot grow. The limit on file sizes stands for the disk."""
    monkeypatch.setattr(file, "LOG_SPACE", MIB // 4)
    monkeypatch.setattr(file, "WAL_AUTOCHECKPOINT", 100_000)  # nothing but housekeeping writes the log back
    store = await opened(path, retention=Retention(delivered=0, journal=0, quarantine=0))
    (lane,) = await store.register(names("one"), NOW)
    await store.append([entry(f"r{one}") for one in range(2000)])
    made = await store.commit(write_set(0, 2000, *(planned(f"e{one}", [lane.id]) for one in range(2000))))
    await settle(store, *(settled(one) for one in made))
    await store.close()
    store = await opened(path, retention=Retention(delivered=0, journal=0, quarantine=0))
    most = max(one.stat().st_size for one in path.parent.iterdir())
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, before[1]))
    try:
        refused = 0
        for _ in range(100):
            try:
                if not await store.step(NOW + DAY):
                    break
            except StoreUnavailable:
                refused += 1
        assert refused > 0, "the disk was not full enough to show anything"
        assert store.down == ""
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert await store.events(EventFilter()) == []
    await store.close()


async def test_a_disk_that_is_nearly_full_gets_every_free_page_back(path, monkeypatch):
    store = await opened(path)
    await fill(store, 3)
    for one in range(1, 4):
        await store.release(one)
    await rounds(store)
    assert store._connection.execute("PRAGMA freelist_count").fetchone()[0] > 500
    usage = file.shutil._ntuple_diskusage
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(total=10**9, used=10**9 - 2**20, free=2**20))
    store.measure()
    await rounds(store)
    assert store._connection.execute("PRAGMA freelist_count").fetchone()[0] == 0
    await store.close()


# --- the log ---------------------------------------------------------------------------------------------------------


async def test_a_question_that_takes_too_long_is_ended_and_the_next_is_answered(path):
    """It would keep the log from starting anew for as long as it lasts."""
    store = await opened(path, inline=False)
    reader = await reading.AioReader.open(path, patience=0.2)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    begun = time.monotonic()
    long = asyncio.create_task(reader.rows(endless))
    await asyncio.sleep(0)
    assert await reader.rows("SELECT value FROM meta WHERE key = 'cursor'") == [(0,)], "its time begins with its turn"
    with pytest.raises(StoreUnavailable, match=r"longer than 0\.2 s: ask for fewer, or for a shorter time"):
        await long
    assert time.monotonic() - begun < 5
    await reader.close()
    await store.close()


async def test_the_log_of_a_writer_that_is_never_idle_is_written_back_too(path, monkeypatch):
    monkeypatch.setattr(file, "WAL_AUTOCHECKPOINT", 100_000)
    monkeypatch.setattr(care, "LOG_SPACE", 2 * MIB)
    store = await opened(path)
    busy = care.Care(path, store._keeper, _never_idle(store), inline=True)
    await fill(store, 4)
    busy.measure()
    await busy.step(NOW)
    log = upkeep.checkpoint(store._connection, "PASSIVE")
    assert log.pages == log.written
    await fill(store, 1)
    assert path.with_name("sidecar.db-wal").stat().st_size < 6 * MIB, "what follows begins at its front"
    await store.close()


def _never_idle(store):
    return care.Writer(
        store._submit, store._on_writer, lambda: False, lambda: store._connection, lambda _verb, _seconds: None
    )


async def test_a_checkpoint_is_seen_among_what_holds_the_writer(path):
    held = []
    store = await opened(path, report=lambda report: held.extend(verb for verb, _ in report.held))
    await store.step(NOW)
    assert held == ["upkeep", "checkpoint"]
    await store.close()


# --- plans -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        (upkeep.OLDEST_DONE, "delivery_done (state=? AND done>?)"),
        (upkeep.LEFT_ALONE, "INTEGER PRIMARY KEY (rowid=?)"),
        (upkeep.DELETE_ATTEMPTS, "PRIMARY KEY (delivery=?)"),
        (upkeep.DELETE_DELIVERIES, "INTEGER PRIMARY KEY (rowid=?)"),
        (queue.LAST_DUE, "delivery_due (lane=?)"),
        (queue.HASTEN, "delivery_due (lane=? AND due>?)"),
        (translation.PARKED, "deletion_parked"),
    ],
)
def test_housekeeping_uses_indexes(path, sql, index):
    with contextlib.closing(file.open_writer(path)) as connection:
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", (1,) * sql.count("?"))]
    assert any(index in line for line in plan), plan
    assert not any("TEMP B-TREE" in line for line in plan), plan
