"""Silence for a whole format: who may command it, that it is kept, and that nobody else is touched by it."""

import pytest

from doubles import RecordingObserver, route, subscription
from sidecar.dialects import load
from sidecar.domain.errors import Forbidden
from sidecar.domain.person import ANONYMOUS, Person
from sidecar.pipeline.muting import Muting
from sidecar.pipeline.routing import Router
from sidecar.stores.sqlite import SQLiteStore

ADMIN = Person(name="ada", admin=True)


@pytest.fixture
async def store(tmp_path):
    store = SQLiteStore(tmp_path / "sidecar.db", inline=True)
    await store.open()
    yield store
    await store.close()


def enabled(muting):
    routes = [route(subscription(name, format=name), lane) for lane, name in enumerate(("harbor", "dtr"))]
    return [one.subscription.enabled for one in Router(map(muting.heard, routes)).routes]


async def test_it_is_kept_and_told_and_only_a_change_is_one(store):
    observer = RecordingObserver()
    muting = Muting(store, observer)
    changes = []
    muting.changed = lambda: changes.append(muting.silent)
    assert enabled(muting) == [True, True]
    for _ in range(2):
        await muting.mute(ADMIN, "harbor", silent=True)
    assert enabled(muting) == [False, True]
    again = Muting(store, observer)
    await again.recall(tuple(load()))
    assert enabled(again) == [False, True]
    for _ in range(2):
        await muting.mute(ADMIN, "harbor", silent=False)
    await again.recall(tuple(load()))
    assert enabled(again) == enabled(muting) == [True, True]
    assert changes == [{"harbor"}, frozenset()]
    assert observer.operations == [("ada", "silence", 1, "format=harbor"), ("ada", "unsilence", 1, "format=harbor")]


@pytest.mark.parametrize("person", [ANONYMOUS, Person(name="mia")])
async def test_only_administrators_command_it(store, person):
    muting = Muting(store, RecordingObserver())
    with pytest.raises(Forbidden):
        await muting.mute(person, "harbor", silent=True)
    assert enabled(muting) == [True, True]


async def test_what_is_not_silent_costs_nothing(store):
    """The very same route: nothing stands between an event and its subscriptions."""
    one = route(subscription("one"), 1)
    assert Muting(store, RecordingObserver()).heard(one) is one
