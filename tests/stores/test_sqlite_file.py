"""The database file: its settings, its lock, its migrations, and the sentence for everything that can be wrong."""

import contextlib
import os
import re
import resource
import sqlite3
import stat
import time

import pytest
from store_work import NOW, entry, names, planned, quarantined, write_set

from doubles import abandon
from sidecar.domain.errors import StoreUnavailable
from sidecar.stores.sqlite import SQLiteStore, commit, file, upkeep

NEXT = file.PROGRAM_SCHEMA + 1  # the number of a migration that this program does not know


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sidecar.db"


@pytest.fixture
def opened(path):
    connection = file.open_writer(path)
    yield connection
    connection.close()


def pragma(connection, name):
    return connection.execute(f"PRAGMA {name}").fetchone()[0]


async def refusal(path):
    """The sentence with which a store refuses to open this file."""
    store = SQLiteStore(path, inline=True)
    with pytest.raises(StoreUnavailable) as caught:
        await store.open()
    assert store.down == str(caught.value)
    await store.close()
    return str(caught.value)


def test_the_settings_are_in_force(opened):
    """Read back from the connection: FULL is 2, INCREMENTAL is 2, FAST is 2, MEMORY is 2."""
    assert {
        name: pragma(opened, name)
        for name in (
            "journal_mode",
            "synchronous",
            "auto_vacuum",
            "secure_delete",
            "page_size",
            "wal_autocheckpoint",
            "journal_size_limit",
            "busy_timeout",
            "temp_store",
        )
    } == {
        "journal_mode": "wal",
        "synchronous": 2,
        "auto_vacuum": 2,
        "secure_delete": 2,
        "page_size": 4096,
        "wal_autocheckpoint": file.WAL_AUTOCHECKPOINT,
        "journal_size_limit": 64 * 1024 * 1024,
        "busy_timeout": 5000,
        "temp_store": 2,
    }


def test_page_size_and_vacuum_are_set_before_the_first_table_and_before_the_log(path, monkeypatch):
    """After either of the two they would be taken without an error and without effect."""
    said = []
    connect = sqlite3.connect

    def listening(*given, **more):
        connection = connect(*given, **more)
        connection.set_trace_callback(said.append)
        return connection

    monkeypatch.setattr(sqlite3, "connect", listening)
    file.open_writer(path).close()
    place = {
        word: next(at for at, sql in enumerate(said) if re.search(word, sql))
        for word in ("page_size = ", "auto_vacuum = ", "journal_mode = WAL", "CREATE TABLE")
    }
    assert sorted(place, key=place.get) == list(place)


def test_every_table_is_strict(opened):
    tables = opened.execute("SELECT name, strict FROM pragma_table_list WHERE schema = 'main'").fetchall()
    ours = {name: strict for name, strict in tables if not name.startswith("sqlite_")}
    assert len(ours) >= 12
    assert set(ours.values()) == {1}


def test_only_its_owner_may_read_the_file(path):
    old = os.umask(0)
    try:
        file.open_writer(path).close()
        lock = file.Lock(path.with_name("sidecar.db.lock"))
        lock.take()
        lock.close()
    finally:
        os.umask(old)
    for one in (path, path.with_name("sidecar.db.lock")):
        assert stat.S_IMODE(one.stat().st_mode) == 0o600


async def test_a_second_store_on_the_same_file_is_told_to_wait(path):
    first = SQLiteStore(path, inline=True)
    await first.open()
    said = await refusal(path)
    assert said == f"{path}.lock is locked: another registry-sidecar uses this store; stop it first"
    await first.append([entry("a")])
    await first.close()
    second = SQLiteStore(path, inline=True)
    await second.open()
    assert second.last == 1
    await second.close()


async def test_a_store_that_refused_opens_as_soon_as_it_can(path):
    first, second = SQLiteStore(path, inline=True), SQLiteStore(path, inline=True)
    await first.open()
    with pytest.raises(StoreUnavailable):
        await second.open()
    await first.close()
    await second.open()
    assert second.down == ""
    assert await second.append([entry("a")]) == 1
    await second.close()


async def test_a_newer_program_s_file_is_left_alone(path):
    connection = file.open_writer(path)
    connection.execute("UPDATE meta SET value = 99 WHERE key = 'oldest_program'")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = path.read_bytes()
    said = await refusal(path)
    assert f"was written by a newer program (schema 99, needs 99; this one knows {NEXT - 1})" in said
    assert "run the newer version" in said
    assert path.read_bytes() == before


async def test_a_newer_schema_that_an_older_program_may_open_is_opened(path):
    """A later migration only adds, and says so by leaving `oldest_program` as it was."""
    connection = file.open_writer(path)
    connection.execute(f"PRAGMA user_version = {NEXT}")
    connection.close()
    store = SQLiteStore(path, inline=True)
    await store.open()
    assert await store.append([entry("a")]) == 1
    await store.close()


async def test_a_file_that_is_no_database_is_left_alone(path):
    path.write_bytes(b"this is not a database, but it is long enough to be looked at as one" * 20)
    before = path.read_bytes()
    assert await refusal(path) == (
        f"{path} is damaged (file is not a database): stop the sidecar, put a backup in the file's place and start it "
        "again; docs/operations.md tells how under Backup and restore"
    )
    assert path.read_bytes() == before


async def test_a_directory_that_is_missing_is_not_made(tmp_path):
    said = await refusal(tmp_path / "volume" / "sidecar.db")
    assert said == f"the directory {tmp_path}/volume does not exist; make it and mount the volume there"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "9p", "ceph", "fuse.sshfs", "glusterfs"])
async def test_a_network_file_system_is_refused(path, kind, monkeypatch):
    monkeypatch.setattr(file, "file_system", lambda _path: kind)
    assert await refusal(path) == f"{path} lies on a network file system ({kind}); SQLite needs a local disk"
    assert not path.exists()


def test_the_longest_mount_point_decides_the_file_system(tmp_path):
    """`/proc` lies in `/` and is a mount of its own."""
    assert file.file_system(file.Path("/proc/self")) == "proc"
    assert file.file_system(tmp_path) not in {"proc", "sysfs", ""}


def test_migrations_are_numbered_without_a_gap():
    numbers = [number for number, _ in file.migrations()]
    assert numbers == list(range(1, len(numbers) + 1))
    assert numbers[-1] == file.PROGRAM_SCHEMA


async def test_a_file_of_the_first_schema_is_brought_up_to_date_with_what_it_owes(path):
    """Version 1 knew no order: what it queued has none. Nor did it know of pulls, walks, APIs, ends and groups."""
    store = SQLiteStore(path, inline=True)
    await store.open()
    (lane,) = await store.register(names("one"), NOW)
    (owed,) = await store.commit(write_set(0, 1, planned("x", [lane.id])))
    store._connection.execute("DROP INDEX delivery_order")
    tables = ("pull", "pull_session", "walk", "walk_place", "walk_finding", "registry_instance")
    tables += ("made", "lane_clearing", "last_trigger", "flag", "scan", "usage", "usage_blob", "usage_gap")
    tables += ("expiry_told", "expiry_look", "inbox", "inbox_dismissal", "inbox_owner")
    tables += ("authorized_email", "confirmation_mail", "event_group", "event_group_member")
    store._connection.execute("DROP INDEX lane_in_use")
    for column in ("made", "retired"):
        store._connection.execute(f"ALTER TABLE lane DROP COLUMN {column}")
    for table in tables:
        store._connection.execute(f"DROP TABLE {table}")
    for index in ("tag_expires", "tag_expires_in"):
        store._connection.execute(f"DROP INDEX {index}")
    for column in ("expires", "armed"):
        store._connection.execute(f"ALTER TABLE tag DROP COLUMN {column}")
    for table in ("repository", "manifest", "tag"):
        store._connection.execute(f"ALTER TABLE {table} DROP COLUMN found")
    store._connection.execute("ALTER TABLE message DROP COLUMN head")
    store._connection.execute("UPDATE meta SET value = 1 WHERE key = 'oldest_program'")
    store._connection.execute("PRAGMA user_version = 1")
    await store.close()
    store = SQLiteStore(path, inline=True)
    await store.open()
    assert pragma(store._connection, "user_version") == file.PROGRAM_SCHEMA
    assert list(await store.due(lane.id, 10, (), NOW)) == [owed]
    assert store.pending(lane.id) == 1
    await store.close()
    assert path.with_name("sidecar.db.schema1").exists()


def test_a_migration_leaves_a_copy_of_the_file_as_it_was(path, monkeypatch):
    file.open_writer(path).close()
    more = [*file.migrations(), (NEXT, "CREATE TABLE added (id INTEGER PRIMARY KEY) STRICT;")]
    monkeypatch.setattr(file, "migrations", lambda: more)
    monkeypatch.setattr(file, "PROGRAM_SCHEMA", NEXT)
    connection = file.open_writer(path)
    assert pragma(connection, "user_version") == NEXT
    assert connection.execute("SELECT count(*) FROM added").fetchone() == (0,)
    connection.close()
    copy = path.with_name(f"sidecar.db.schema{NEXT - 1}")
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    with sqlite3.connect(copy) as old:
        assert old.execute("PRAGMA user_version").fetchone() == (NEXT - 1,)
    old.close()
    assert {one.name for one in path.parent.iterdir()} <= {"sidecar.db", "sidecar.db-wal", "sidecar.db-shm", copy.name}


def test_a_copy_of_an_earlier_upgrade_is_replaced(path, monkeypatch):
    """After going back and up again, the older copy would lack what came between."""
    file.open_writer(path).close()
    copy = path.with_name(COPY)
    copy.write_bytes(b"a copy that was cut short, or an old one")
    upgrade(monkeypatch, "CREATE TABLE added (id INTEGER PRIMARY KEY) STRICT;")
    notes = []
    file.open_writer(path, notes.append).close()
    assert notes == [f"{path} is brought up to date; {COPY} is a copy of it as it was, to go back with"]
    with contextlib.closing(sqlite3.connect(copy)) as old:
        assert old.execute("PRAGMA quick_check").fetchone() == ("ok",)


def test_without_room_for_a_copy_the_upgrade_goes_on_and_says_so(path, monkeypatch):
    file.open_writer(path).close()
    upgrade(monkeypatch, "CREATE TABLE added (id INTEGER PRIMARY KEY) STRICT;")
    usage = file.shutil._ntuple_diskusage
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(total=10**9, used=10**9 - 1000, free=1000))
    notes = []
    file.open_writer(path, notes.append).close()
    assert notes == [f"{path} is brought up to date without a copy of it as it was: there is no room for one"]
    assert not path.with_name(COPY).exists()


@pytest.mark.parametrize("may", [False, True])
def test_a_migration_says_which_programs_may_still_open_the_file(path, monkeypatch, may):
    said, oldest = (f"-- oldest program: {NOW_KNOWN}\n", NOW_KNOWN) if may else ("", NOW_KNOWN + 1)
    file.open_writer(path).close()
    with monkeypatch.context() as newer:
        upgrade(newer, f"{said}CREATE TABLE added (id INTEGER PRIMARY KEY) STRICT;")
        connection = file.open_writer(path)
        assert connection.execute("SELECT value FROM meta WHERE key = 'oldest_program'").fetchone() == (oldest,)
        connection.close()
    if may:  # the program from before
        file.open_writer(path).close()
    else:
        with pytest.raises(StoreUnavailable, match="was written by a newer program"):
            file.open_writer(path)


NOW_KNOWN = file.PROGRAM_SCHEMA
COPY = f"sidecar.db.schema{NOW_KNOWN}"


def upgrade(monkeypatch, sql):
    """Have the program know one migration more than the file."""
    more = [*file.migrations(), (NOW_KNOWN + 1, sql)]
    monkeypatch.setattr(file, "migrations", lambda: more)
    monkeypatch.setattr(file, "PROGRAM_SCHEMA", NOW_KNOWN + 1)


def test_a_migration_that_fails_changes_nothing(path, monkeypatch):
    file.open_writer(path).close()
    more = [*file.migrations(), (NEXT, "CREATE TABLE added (id INTEGER PRIMARY KEY) STRICT; SELECT one FROM nowhere;")]
    monkeypatch.setattr(file, "migrations", lambda: more)
    with pytest.raises(StoreUnavailable, match="no such table: nowhere"):
        file.open_writer(path)
    monkeypatch.undo()
    connection = file.open_writer(path)
    assert pragma(connection, "user_version") == NEXT - 1
    assert connection.execute("SELECT name FROM sqlite_schema WHERE name = 'added'").fetchall() == []
    connection.close()


async def test_an_orderly_stop_empties_the_log(path):
    """So that a copy of the one file is whole."""
    store = SQLiteStore(path, inline=True)
    await store.open()
    await store.append([entry("a")])
    await store.close()
    wal = path.with_name("sidecar.db-wal")
    assert not wal.exists() or wal.stat().st_size == 0
    with sqlite3.connect(f"{path.as_uri()}?mode=ro&immutable=1", uri=True) as alone:
        assert alone.execute("SELECT id FROM journal").fetchall() == [("a",)]
    alone.close()


async def test_a_file_that_was_abandoned_is_recovered_from_its_log(path):
    store = SQLiteStore(path, inline=True)
    await store.open()
    for one in range(200):
        await store.append([entry(f"{one}", body=bytes(2000))])
    await abandon(store)
    again = SQLiteStore(path, inline=True)
    await again.open()
    assert again.last == 200
    assert len(await again.read(0, 500)) == 200
    await again.close()


async def test_readers_cannot_write(path):
    store = SQLiteStore(path)
    await store.open()
    for reader in store._readers:
        with pytest.raises(StoreUnavailable, match="readonly"):
            await reader.rows("DELETE FROM journal")
    await store.close()


async def test_a_long_look_of_an_operator_does_not_hold_up_a_checkpoint(path, monkeypatch):
    """A checkpoint that waited for readers would hold the writer for seconds, and the registry waits one.

    Here it would wait for a minute, so that a machine that is busy is not taken for it.
    """
    for one in (file, commit, upkeep):
        monkeypatch.setattr(one, "BUSY_TIMEOUT", 60_000)
    store = SQLiteStore(path, inline=True)
    await store.open()
    await store.append([entry("a")])
    looking = sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, isolation_level=None)
    looking.execute("BEGIN")
    looking.execute("SELECT count(*) FROM journal").fetchone()
    await store.append([entry("b")])
    begun = time.monotonic()
    await store.step(NOW)
    assert time.monotonic() - begun < 30
    looking.close()
    assert pragma(store._connection, "busy_timeout") == 60_000
    await store.close()


async def test_too_little_room_on_the_disk_is_told_before_anything_is_accepted(path, monkeypatch):
    store = SQLiteStore(path, inline=True)
    await store.open()
    await store.append([entry("a")])
    usage = file.shutil._ntuple_diskusage
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(total=10**9, used=10**9 - 2**20, free=2**20))
    store.measure()
    with pytest.raises(
        StoreUnavailable, match=r"only 1 MiB are free on the disk of .*; nothing is accepted below 64 MiB"
    ):
        await store.append([entry("b")])
    with pytest.raises(StoreUnavailable, match="nothing is accepted"):
        await store.quarantine(quarantined())
    monkeypatch.undo()
    store.measure()
    assert await store.append([entry("b")]) == 1
    await store.quarantine(quarantined())
    await store.close()


async def test_a_reader_that_cannot_be_opened_leaves_no_second_writer(path, monkeypatch):
    """Two connections that write can corrupt the log, so a failed attempt to open leaves none."""
    made = []
    connect = sqlite3.connect

    def counting(*given, **more):
        connection = connect(*given, **more)
        made.append(connection)
        return connection

    def failing(_path):
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(file.sqlite3, "connect", counting)
    store = SQLiteStore(path, inline=True)
    with monkeypatch.context() as patch:
        patch.setattr("sidecar.stores.sqlite.store.InlineReader", failing)
        with pytest.raises(StoreUnavailable, match="unable to open database file"):
            await store.open()
    for connection in made:
        with pytest.raises(sqlite3.ProgrammingError, match="closed"):
            connection.execute("SELECT 1")
    await store.open()
    assert await store.append([entry("a")]) == 1
    await store.close()


def test_a_disk_without_room_for_the_log_does_not_keep_the_store_closed(tmp_path, monkeypatch):
    """What is owed can still be delivered from it. The limit on file sizes stands for the disk."""
    path = tmp_path / "sidecar.db"
    file.open_writer(path).close()
    monkeypatch.setattr(file, "LOG_SPACE", 8 * 1024 * 1024)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1024 * 1024, before[1]))
    try:
        with contextlib.closing(file.open_writer(path)) as connection:
            assert connection.execute("SELECT value FROM meta WHERE key = 'cursor'").fetchone() == (0,)
            connection.execute("UPDATE meta SET value = 5 WHERE key = 'cursor'")
            assert connection.execute("PRAGMA cache_size").fetchone() == (file.CACHE_SIZE,)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
