"""What is flushed to disk before it is answered, and what may wait for a later flush."""

import pytest
from store_work import NOW, entry, names, planned, settle, settled, write_set

from sidecar.domain.lane_state import Pause
from sidecar.domain.record import Quarantined
from sidecar.stores.sqlite import SQLiteStore

FULL, NORMAL = "PRAGMA synchronous = FULL", "PRAGMA synchronous = NORMAL"


@pytest.fixture
async def traced(tmp_path):
    """An open store, and the statements that its writer ran since the last look."""
    store = SQLiteStore(tmp_path / "sidecar.db", inline=True)
    await store.open()
    statements = []
    store._connection.set_trace_callback(statements.append)

    def modes():
        found = [one for one in statements if one.startswith("PRAGMA synchronous =")]
        commits = statements.count("COMMIT")
        statements.clear()
        return found, commits

    yield store, modes
    await store.close()


async def test_whatever_is_answered_for_is_flushed_by_its_own_commit(traced):
    """Accepted entries, quarantined bodies, lanes and pauses: somebody is told that they are safe."""
    store, modes = traced
    await store.append([entry("a")])
    assert modes() == ([FULL], 1)
    await store.quarantine(Quarantined(at=NOW, registry="main", reason="unreadable", detail="", body=b"x"))
    assert modes() == ([FULL], 1)
    lanes = await store.register(names("one"), NOW)
    assert modes() == ([FULL], 1)
    await store.pause(Pause(lane=lanes[0].id, hold="operator"), NOW)
    assert modes() == ([FULL], 1)


async def test_what_can_be_made_again_does_not_wait_for_the_disk(traced):
    """A translated batch is made again from the journal; an outcome that is lost is a repeat with the same id."""
    store, modes = traced
    await store.append([entry("a")])
    (lane,) = await store.register(names("one"), NOW)
    modes()
    (delivery,) = await store.commit(write_set(0, 1, planned("event", [lane.id])))
    assert modes() == ([NORMAL], 1)
    await settle(store, settled(delivery))
    assert modes() == ([NORMAL], 1)


async def test_one_flushed_item_flushes_the_whole_cycle(traced):
    store, modes = traced
    await store.append([entry("a")])
    (lane,) = await store.register(names("one"), NOW)
    (delivery,) = await store.commit(write_set(0, 1, planned("event", [lane.id])))
    modes()
    outcome = settle(store, settled(delivery))
    await store.append([entry("b")])
    await outcome
    assert modes() == ([FULL], 1)
