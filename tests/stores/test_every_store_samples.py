"""Samples: what every store promises of deliveries that no record brought."""

import pytest
from store_work import NOW
from test_every_store import STORES, Place

from sidecar.domain.errors import NotFound
from sidecar.domain.event import Event, EventType, RegistryRef, Repository
from sidecar.domain.lane_state import LaneName
from sidecar.domain.listing import DeliveryFilter, EventFilter
from sidecar.domain.message import Message
from sidecar.ports.samples import Sample

BODY = b'{"repository": "prj/app"}'


@pytest.fixture(params=STORES)
async def place(request, tmp_path):
    place = Place(STORES[request.param], tmp_path / "sidecar.db")
    yield place
    for store in place.opened:
        await store.close()


@pytest.fixture
async def store(place):
    return await place.open()


def sample(lane, uuid="0190a0b0-0000-8000-8000-000000000001", at=NOW):
    event = Event(
        id=uuid,
        type=EventType.TEST,
        time=at,
        accepted=at,
        registry=RegistryRef(name="main", hostname="registry.example.com"),
        repository=Repository(path="prj/app", namespace="prj", name="app"),
        actor="maria",
    )
    message = Message(word="repo_push", content_type="application/json", body=BODY)
    return Sample(event=event, message=message, lane=lane, webhook_id=f"msg_{uuid[-4:]}")


async def lane(store, name="one"):
    (state,) = await store.register([LaneName(name=name, format="quay")], NOW)
    return state.id


async def test_a_sample_is_due_at_once_and_counted(store):
    number = await lane(store)
    await store.owe_sample(sample(number))
    (due,) = await store.due(number, 10, (), NOW)
    assert (due.word, due.content_type, due.body, due.webhook_id) == ("repo_push", "application/json", BODY, "msg_0001")
    assert (due.due, due.created, due.event_id) == (NOW, NOW, sample(number).event.id)
    assert store.pending(number) == 1


async def test_a_sample_is_listed_as_a_test_that_nobody_takes_for_a_push(store):
    await store.owe_sample(sample(await lane(store)))
    (row,) = await store.events(EventFilter())
    assert row.event == sample(1).event == await store.event(row.event.id)
    assert row.event.type == "test"
    (delivery,) = await store.deliveries(DeliveryFilter(event=row.event.id))
    assert (delivery.subscription, delivery.word) == ("one", "repo_push")


async def test_samples_outlive_a_restart_and_have_numbers_of_their_own(place, store):
    number = await lane(store)
    for last in "12":
        await store.owe_sample(sample(number, f"0190a0b0-0000-8000-8000-00000000000{last}"))
    await store.close()
    again = await place.open()
    assert [one.webhook_id for one in await again.due(number, 10, (), NOW)] == ["msg_0001", "msg_0002"]
    assert again.pending(number) == 2


async def test_a_lane_that_is_not_there_is_owed_nothing(store):
    with pytest.raises(NotFound):
        await store.owe_sample(sample(99))
    assert await store.events(EventFilter()) == []
