"""What becomes of a message that is carried to an inbox: kept once, whatever happens around it."""

import asyncio
import json

import pytest

from flaky_store import FlakyStore
from made_house import MadeHouse
from sidecar.domain.delivery import Reason, State
from sidecar.domain.inbox import ItemFilter, Owner
from sidecar.domain.listing import DeliveryFilter
from sidecar.domain.selection import Cursor, Selection
from sidecar.outbound.carriers import Carriers
from sidecar.pipeline.inbox_carrier import InboxCarrier
from sidecar.ports import SendRequest
from virtual_time import VirtualClock

MARIA = Owner.parse("user/maria")


def request(body=b'{"kind": "repo_push", "metadata": {"repository": "prj/app"}}', url="inbox:user/maria", **given):
    headers = (("Content-Type", given.pop("content_type", "application/json")), ("webhook-id", "msg_1"))
    return SendRequest(url=url, headers=headers, body=body, timeout=1, word="WORD", **given)


@pytest.fixture
async def store(path):
    store = FlakyStore(path, inline=True)
    await store.open()
    yield store
    await store.close()


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def carrier(store, clock):
    return InboxCarrier(store, clock)


async def lying(store, *owners):
    return [one.item for one in await store.items(ItemFilter(owners=owners or None, dismissed=True))]


async def test_a_kind_with_its_metadata_is_kept_as_these_two(carrier, store, clock):
    before = clock.now()
    assert (await carrier.send(request())).reason is Reason.OK
    (item,) = await lying(store, MARIA)
    assert (item.kind, item.content_type, item.body) == ("repo_push", "application/json", b'{"repository": "prj/app"}')
    assert item.webhook_id == "msg_1"
    assert before <= item.created <= clock.now()


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b'{"kind": "repo_push", "metadata": {}, "more": 1}'),
        ("application/json", b'{"kind": 5, "metadata": {}}'),
        ("application/cloudevents+json", b'{"specversion": "1.0"}'),
        ("application/json", b'[1, {"kind": "x"}]'),
        ("text/plain; charset=utf-8", "Träger".encode()),
        ("application/json", b"\xff no JSON"),
        ("application/json", b"[" * 100_000),
        ("application/json", b""),
    ],
)
async def test_any_other_message_is_kept_as_it_is_under_its_word(carrier, store, content_type, body):
    assert (await carrier.send(request(body, content_type=content_type))).reason is Reason.OK
    (item,) = await lying(store)
    assert (item.kind, item.content_type, item.body) == ("WORD", content_type, body)


async def test_the_same_message_for_the_same_inbox_is_kept_once(carrier, store):
    for url in ("inbox:user/maria", "inbox:user/m%61ria", "inbox:team/prj/dev"):
        assert (await carrier.send(request(url=url))).reason is Reason.OK
    assert [one.owner.address for one in await lying(store)] == ["team/prj/dev", "user/maria"]


@pytest.mark.parametrize("url", ["inbox:", "inbox:robot/x", "inbox:user/a/b"])
async def test_an_address_that_names_nobody_is_given_up_on(carrier, store, url):
    outcome = await carrier.send(request(url=url))
    assert (outcome.reason, outcome.retryable) == (Reason.BAD_DESTINATION, False)
    assert outcome.detail == "the inbox must be user/NAME, team/NAMESPACE/TEAM or org/NAMESPACE"
    assert await lying(store) == []


async def test_while_the_store_is_away_it_is_tried_again(carrier, store):
    await store.close()
    outcome = await carrier.send(request())
    assert (outcome.reason, outcome.retryable) == (Reason.UNREACHABLE, True)
    assert outcome.detail == "the store is closed"


# --- as a delivery ---------------------------------------------------------------------------------------------------

SECTIONS = {
    "management": {
        "users": [{"name": "maria", "tokens": ["a-token-of-maria-xxxx"], "namespaces": ["prj"]}],
        "teams": {"prj": {"dev": ["maria"]}},
    },
    "subscriptions": [
        {
            "name": "team",
            "format": "quay",
            "options": {"method": "quay_notification"},
            "url": "inbox:team/prj/dev",
        }
    ],
}


class InboxHouse(MadeHouse):
    """A push makes a notification for a team."""

    def __init__(self, folder):
        super().__init__(folder, **SECTIONS)
        self.kept = []  # of each item that was carried, whether it was new

    def carriers(self):
        put_item = self.store.put_item

        async def kept(item):
            self.kept.append(await put_item(item))
            return self.kept[-1]

        self.store.put_item = kept
        return Carriers(self.sender, {"inbox": InboxCarrier(self.store, self.clock)})

    async def states(self):
        return [one.state for one in await self.store.deliveries(DeliveryFilter())]


async def test_a_push_lies_in_the_inbox_and_is_delivered(tmp_path):
    house = await InboxHouse(tmp_path).start()
    await house.push("prj/app")
    await house.settled()
    (item,) = await lying(house.store)
    (delivery,) = await house.store.deliveries(DeliveryFilter())
    assert (delivery.state, delivery.reason, delivery.status) == (State.DELIVERED, "ok", 0)
    assert (item.owner.address, item.kind, item.webhook_id) == ("team/prj/dev", "repo_push", delivery.webhook_id)
    told = json.loads(item.body)
    assert (told["repository"], told["updated_tags"]) == ("prj/app", ["v1"])
    assert house.sender.requests == []
    await house.stop()


async def test_a_kill_between_item_and_settlement_makes_no_second_item(tmp_path):
    """The deliveries are due again after the restart, are carried again, and find their items kept."""
    house = await InboxHouse(tmp_path).start()
    house.store.settle = lambda _settlement, _heard: None  # what came of them is never written down
    await house.push("prj/app", "prj/web")
    await house.until(lambda: house.kept == [True, True])
    before = await lying(house.store)
    assert await house.states() == [State.DUE, State.DUE]
    await house.kill()

    again = await InboxHouse(tmp_path).start()
    await again.settled()
    assert again.kept == [False, False]
    assert await lying(again.store) == before
    assert await again.states() == [State.DELIVERED, State.DELIVERED]
    await again.stop()


async def test_a_kill_before_the_item_is_kept_loses_nothing(tmp_path):
    house = await InboxHouse(tmp_path).start()
    asked = asyncio.Event()

    async def never(_item):
        asked.set()
        await asyncio.Event().wait()

    house.store.put_item = never
    await house.push("prj/app")
    await asyncio.wait_for(asked.wait(), 10)
    await house.kill()

    again = await InboxHouse(tmp_path).start()
    await again.settled()
    assert again.kept == [True]
    assert len(await lying(again.store)) == 1
    await again.stop()


async def test_a_replay_puts_nothing_a_second_time(tmp_path):
    house = await InboxHouse(tmp_path).start()
    await house.push("prj/app")
    await house.settled()
    await house.operations.redelivery.replay(Selection(states=(State.DELIVERED,)), Cursor(), 10, "ada")
    await house.until(lambda: house.kept == [True, False])
    await house.settled()
    assert len(await lying(house.store)) == 1
    await house.stop()
