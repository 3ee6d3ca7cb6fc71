"""A backup is one moment's whole state in one file, and a store that begins from it gives no number out twice."""

import asyncio
import contextlib
import os
import sqlite3
import stat

import pytest
from store_work import NOW, entry, names, planned, quarantined, settle, settled, write_set

from doubles import abandon
from sidecar.domain.errors import BackupRefused, StoreUnavailable
from sidecar.domain.instant import DAY, SECOND
from sidecar.domain.listing import QuarantineFilter
from sidecar.stores.sqlite import SQLiteStore, backup, file


@pytest.fixture
async def store(tmp_path):
    store = SQLiteStore(tmp_path / "sidecar.db")
    await store.open()
    yield store
    await store.close()


def quiet(_done, _total):
    pass


async def copy(store, target, *, force=False, progress=quiet):
    return await store.care.backup(target, force=force, progress=progress)


async def test_a_backup_is_one_file_that_only_its_owner_reads(store, tmp_path):
    await store.append([entry("a"), entry("b")])
    target = tmp_path / "copies" / "one.db"
    target.parent.mkdir()
    old = os.umask(0)
    try:
        made = await copy(store, target)
    finally:
        os.umask(old)
    assert [one.name for one in target.parent.iterdir()] == ["one.db"]
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert (made.path, made.size, made.number) == (str(target), target.stat().st_size, 2)
    with contextlib.closing(sqlite3.connect(f"{target.as_uri()}?mode=ro&immutable=1", uri=True)) as alone:
        assert alone.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert alone.execute("SELECT id FROM journal ORDER BY number").fetchall() == [("a",), ("b",)]


async def test_a_file_that_is_there_is_overwritten_only_by_force(store, tmp_path):
    target = tmp_path / "one.db"
    target.write_text("precious")
    with pytest.raises(BackupRefused, match=r"one\.db exists already: name another file, or overwrite it with --force"):
        await copy(store, target)
    assert target.read_text() == "precious"
    await copy(store, target, force=True)
    assert target.read_bytes().startswith(b"SQLite format 3")


@pytest.mark.parametrize("own", ["sidecar.db", "sidecar.db-wal", "sidecar.db-shm", "sidecar.db.lock"])
async def test_the_store_itself_is_never_overwritten(store, own):
    with pytest.raises(BackupRefused, match="is the store itself"):
        await copy(store, store.path.with_name(own), force=True)
    assert await store.append([entry("a")]) == 1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("relative.db", "is not an absolute path"),
        ("/nowhere/at/all.db", "the directory /nowhere/at does not exist"),
        ("/proc", "is not a file"),
    ],
)
async def test_places_that_cannot_be_written_are_refused(store, name, sentence):
    with pytest.raises(BackupRefused, match=sentence):
        await copy(store, file.Path(name), force=True)


async def test_too_little_room_is_told_before_anything_is_written(store, tmp_path, monkeypatch):
    usage = file.shutil._ntuple_diskusage
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(total=10**9, used=10**9 - 2**20, free=2**20))
    folder = tmp_path / "copies"
    folder.mkdir()
    with pytest.raises(BackupRefused, match=r"the backup needs \d+ MiB and .* has 1: make room"):
        await copy(store, folder / "one.db")
    assert list(folder.iterdir()) == []


async def test_a_backup_that_is_given_up_leaves_nothing(store, tmp_path, monkeypatch):
    monkeypatch.setattr(backup, "LOG_BOUND", 0)
    await store.append([entry("a")])
    with pytest.raises(BackupRefused, match="given up: the store's log grew"):
        await copy(store, tmp_path / "one.db")
    assert not [one for one in tmp_path.iterdir() if "one.db" in one.name]


async def test_there_is_one_backup_at_a_time(store, tmp_path):
    first = asyncio.create_task(copy(store, tmp_path / "one.db"))
    await asyncio.sleep(0)
    with pytest.raises(BackupRefused, match="is being made already"):
        await copy(store, tmp_path / "two.db")
    await first


async def test_a_store_that_is_not_open_is_not_copied(tmp_path):
    with pytest.raises(StoreUnavailable):
        await copy(SQLiteStore(tmp_path / "sidecar.db"), tmp_path / "one.db")


async def test_a_backup_under_load_is_one_moment_of_it(store, tmp_path, monkeypatch):
    """Each write set moves the cursor by one and makes one event: whatever the moment, both agree."""
    monkeypatch.setattr("sidecar.stores.sqlite.copying.PAGES", 1)
    (lane,) = await store.register(names("one"), NOW)
    await store.append([entry(f"r{one}", body=bytes(3000)) for one in range(300)])
    for one in range(150):
        await store.commit(write_set(one, one + 1, planned(f"e{one}", [lane.id])))
    steps = []
    work = asyncio.create_task(
        copy(store, tmp_path / "one.db", progress=lambda done, total: steps.append((done, total)))
    )
    moved = 150
    while not work.done() and moved < 300:
        await store.commit(write_set(moved, moved + 1, planned(f"e{moved}", [lane.id])))
        moved += 1
    made = await work
    assert steps[-1][0] == steps[-1][1] == made.size
    assert moved > 155, "nothing was written meanwhile"
    with contextlib.closing(sqlite3.connect(tmp_path / "one.db")) as alone:
        cursor = alone.execute("SELECT value FROM meta WHERE key = 'cursor'").fetchone()[0]
        assert alone.execute("SELECT count(*), count(DISTINCT event) FROM delivery").fetchone() == (cursor, cursor)
        assert 150 <= cursor <= moved


async def restored(store, tmp_path, cursor=0):
    """A store that begins from a backup, after the first one went on for a while."""
    place = tmp_path / "elsewhere"
    place.mkdir()
    await copy(store, place / "sidecar.db")
    (lane,) = await store.register(names("one"), NOW)
    await store.append([entry(f"later{one}") for one in range(50)])
    await store.quarantine(quarantined())
    await store.commit(write_set(cursor, cursor + 1, *(planned(f"later{one}", [lane.id]) for one in range(20))))
    again = SQLiteStore(place / "sidecar.db")
    await again.open()
    return again, lane


async def test_nothing_is_numbered_twice_after_a_restore(store, tmp_path):
    """Numbers name things to operators: one that meant one thing never comes to mean another."""
    (lane,) = await store.register(names("one"), NOW)
    await store.append([entry("a"), entry("b")])
    await store.quarantine(quarantined())
    await store.commit(write_set(0, 2, planned("before", [lane.id])))
    again, lane = await restored(store, tmp_path, cursor=2)
    given = {
        "records": {one.number for one in await store.read(0, 1000)},
        "items": {one.id for one in await store.quarantined(QuarantineFilter())},
        "deliveries": {one.id for one in await store.due(lane.id, 1000, (), NOW)},
    }
    for life in range(2):  # the second time after a restart in which nothing was given out
        await again.append([entry(f"new{life}")])
        await again.quarantine(quarantined())
        (made,) = await again.commit(write_set(2 + life, 3 + life, planned(f"new{life}", [lane.id])))
        number = (await again.read(2, 1000))[-1].number
        assert number > max(given["records"])
        assert (await again.quarantined(QuarantineFilter()))[0].id > max(given["items"])
        assert made.id > max(given["deliveries"])
        given["records"].add(number)
        given["deliveries"].add(made.id)
        await again.close()
        await again.open()
    assert [one.id for one in await again.read(0, 10)] == ["a", "b", "new0", "new1"]
    await again.close()


async def test_the_first_restart_after_a_restore_does_not_forget_it(store, tmp_path):
    await store.append([entry("a"), entry("b")])
    again, _ = await restored(store, tmp_path)
    assert again.notes[0].startswith("the store goes on from a backup of ")
    assert again.unclean, "what was copied is looked at"
    assert again.last == 2, "what the translator waits for is what there is"
    await again.begin()
    await again.end()
    await again.close()
    third = SQLiteStore(again.path)
    await third.open()
    assert (third.notes, third.unclean) == ([], False)
    await third.append([entry("new")])
    assert third.last > 52 + backup.GAP - 100
    await third.close()


async def test_numbers_leave_out_more_the_older_the_backup_is(tmp_path):
    connection = file.open_writer(tmp_path / "sidecar.db")
    connection.execute("INSERT INTO meta (key, value) VALUES ('copied_at', ?)", (NOW,))
    assert backup.adopt(connection, NOW + DAY, lambda _sentence: None) == NOW
    assert backup.first_number(connection) == backup.GAP + 86400 * backup.PACE
    assert backup.adopt(connection, NOW + 2 * DAY, lambda _sentence: None) == 0
    connection.close()


async def test_time_after_a_restore_does_not_begin_before_the_backup(store, tmp_path):
    await store.append([entry("a", at=NOW), entry("b", at=NOW)])
    again, _ = await restored(store, tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "elsewhere" / "sidecar.db")) as copied:
        assert copied.execute("SELECT max(accepted) FROM journal").fetchone() == (NOW,)
    assert again.newest >= NOW
    await again.close()


async def test_a_log_left_by_the_file_before_is_not_written_into_the_backup(store, tmp_path):
    """An operator who restores and forgets to remove the log beside the file."""
    await store.append([entry("a"), entry("b")])
    await copy(store, tmp_path / "one.db")
    (lane,) = await store.register(names("one"), NOW)
    for one in range(60):
        await store.append([entry(f"later{one}", body=bytes(3000))])
        made = await store.commit(write_set(one, one + 1, planned(f"e{one}", [lane.id])))
        await settle(store, settled(made[0], at=NOW + one * SECOND))
    log = store.path.with_name("sidecar.db-wal")
    left = log.read_bytes()
    await abandon(store)  # closing writes the log back; killing would have left it
    log.write_bytes(left)
    (tmp_path / "one.db").replace(store.path)
    again = SQLiteStore(store.path)
    await again.open()
    assert [one.id for one in await again.read(0, 100)] == ["a", "b"]
    assert (await again.care.examine()).problems == ()
    assert store.path.with_name("sidecar.db-wal.old").read_bytes() == left
    assert any("was left by another file" in note for note in again.notes)
    await again.close()
