"""A file that is damaged is found out beside the work, told with the remedy, and written to no more."""

import contextlib
import os
import sqlite3
import threading

import pytest
from store_work import NOW, entry, names, planned, quarantined, write_set

from doubles import abandon
from sidecar.domain.errors import StoreDamaged, StoreUnavailable
from sidecar.domain.listing import QuarantineFilter
from sidecar.stores.sqlite import SQLiteStore
from sidecar.stores.sqlite.integrity import examine

PAGE = 4096


@pytest.fixture
async def filled(tmp_path):
    """A store with some hundred pages of everything, closed."""
    path = tmp_path / "sidecar.db"
    store = SQLiteStore(path, inline=True)
    await store.open()
    (lane,) = await store.register(names("one"), NOW)
    await store.append([entry(f"r{one}", body=os.urandom(900)) for one in range(500)])
    await store.commit(write_set(0, 500, *(planned(f"e{one}", [lane.id]) for one in range(500))))
    for _ in range(20):
        await store.quarantine(quarantined(body=os.urandom(3 * PAGE)))
    await store.close()
    return path


def root(path, name):
    """The number of the first page of a table or index."""
    with contextlib.closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = ?", (name,)).fetchone()[0]


def spoil(path, page):
    """Overwrite a page with noise, as a disk does that lost a write."""
    with path.open("r+b") as file:
        file.seek((page - 1) * PAGE)
        file.write(os.urandom(PAGE))


def test_a_whole_file_is_found_whole(filled):
    found = examine(filled, threading.Event())
    assert (found.problems, found.unfinished) == ((), ())
    assert found.tables >= 13


@pytest.mark.parametrize("name", ["message", "journal_identity", "delivery_due"])
def test_a_spoilt_page_of_a_table_or_an_index_is_found(filled, name):
    spoil(filled, root(filled, name))
    assert examine(filled, threading.Event()).problems


def test_what_takes_too_long_is_left_unfinished_and_said_so(filled):
    found = examine(filled, threading.Event(), work=0.0)
    assert found.problems == ()
    assert len(found.unfinished) == found.tables


def test_a_stop_ends_it(filled):
    stop = threading.Event()
    stop.set()
    found = examine(filled, stop)
    assert (found.problems, len(found.unfinished)) == ((), found.tables), "not one was looked at"


async def test_damage_makes_the_store_refuse_with_the_remedy(filled):
    """What was answered for could not be promised any more; a registry keeps what is refused."""
    spoil(filled, root(filled, "message"))
    store = SQLiteStore(filled)
    await store.open()
    assert await store.append([entry("before")]) == 1
    found = await store.care.examine()
    assert found.problems
    assert store.down.startswith(f"{filled} is damaged (")
    assert "stop the sidecar, put a backup in the file's place and start it again" in store.down
    with pytest.raises(StoreUnavailable, match="is damaged"):
        await store.append([entry("after")])
    await store.close()


async def test_a_reader_that_meets_damage_says_so(filled):
    spoil(filled, root(filled, "quarantine"))
    store = SQLiteStore(filled)
    await store.open()
    with pytest.raises(StoreDamaged, match="put a backup in the file's place"):
        await store.quarantined(QuarantineFilter())
    await store.close()


@pytest.mark.parametrize("orderly", [True, False])
async def test_only_an_end_without_order_asks_for_a_look(tmp_path, orderly):
    store = SQLiteStore(tmp_path / "sidecar.db", inline=True)
    await store.open()
    assert not store.unclean
    await store.begin()
    if orderly:
        await store.end()
        await store.close()
    else:
        await abandon(store)
    again = SQLiteStore(tmp_path / "sidecar.db", inline=True)
    await again.open()
    assert again.unclean is not orderly
    await again.close()


async def test_a_file_whose_beginning_is_spoilt_cannot_be_opened_until_it_is_replaced(filled):
    whole = filled.read_bytes()
    spoil(filled, 1)
    store = SQLiteStore(filled)
    with pytest.raises(StoreDamaged, match="is damaged"):
        await store.open()
    assert store.care.damaged == store.down
    filled.write_bytes(whole)
    await store.open()
    assert (store.down, store.care.damaged) == ("", "")
    await store.close()
