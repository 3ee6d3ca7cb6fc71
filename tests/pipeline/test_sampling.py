"""Samples that are queued: who may ask, when nothing is queued, and that they go the way of an event's deliveries."""

import uuid

import msgspec
import pytest

from made_house import ADA, MIA, MadeHouse, draft
from sidecar.domain.errors import Forbidden, NotFound, Unauthenticated
from sidecar.domain.event import EventType, RegistryRef, Repository
from sidecar.domain.listing import DeliveryFilter, EventFilter
from sidecar.domain.message import Message, Response
from sidecar.domain.person import ANONYMOUS
from sidecar.pipeline.sampling import Sampling

MESSAGE = Message(word="TAG_PUSH", content_type="application/json", body=b'{"a": "sample"}')
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
QUICK = {"retry": {"initial": "10ms"}}
WHERE = {
    "registry": RegistryRef(name="main", hostname="registry.example.com"),
    "repository": Repository(path="prj/app", namespace="prj", name="app"),
}


@pytest.fixture
async def house(tmp_path):
    house = await MadeHouse(tmp_path).start()
    yield house
    await house.stop()


def queue(house, made, person=MIA):
    sampling = Sampling(
        house.store,
        house.subscribing,
        house.clock,
        house.observer,
        new_uuid=lambda: str(uuid.uuid4()),
        changed=house.dispatcher.changed,
    )
    return sampling.queue(person, made, MESSAGE, **WHERE)


async def test_a_sample_is_sent_signed_and_tried_again_like_what_happens(house):
    """It is counted in the row of failures while the receiver refuses it, and ends that row when it is taken."""
    answers = [503, 200]
    house.sender.answer = lambda _request: Response(status=answers.pop(0))
    made = await house.subscribing.create(MIA, draft(sign={"secrets": [SECRET]}, delivery=QUICK))
    assert await queue(house, made) is True
    await house.settled()
    first, again = house.sender.requests
    assert (first.url, first.body) == (again.url, again.body) == ("https://hooks.example/ci", MESSAGE.body)
    sent = [dict(one.headers) for one in (first, again)]
    assert sent[0]["webhook-id"] == sent[1]["webhook-id"]
    assert all("webhook-signature" in one for one in sent)
    (lane,) = await house.subscribing.lanes(MIA, made)
    assert (lane.failures, lane.last_success > 0) == (0, True)


async def test_each_sample_is_another_delivery_of_an_event_that_nobody_hears_of(house):
    """Receivers drop what bears an id that they know; and a sample is no push to anybody else."""
    made = await house.subscribing.create(MIA, draft())
    await house.subscribing.create(MIA, draft("second", url="https://second.example"))
    await queue(house, made)
    await queue(house, made)
    await house.settled()
    assert len({dict(one.headers)["webhook-id"] for one in house.sender.requests}) == 2
    assert house.told("https://second.example") == 0
    rows = await house.store.events(EventFilter())
    assert [(row.event.type, row.event.actor, row.delivered) for row in rows] == [(EventType.TEST, "mia", 1)] * 2
    assert ("mia", "test", 1, f"subscription=native/{made.id} queued") in house.observer.operations


async def test_nothing_is_queued_for_what_hears_nothing(house):
    """Disabled, held by an operator, or not to be used under the configuration: then it would go out much later."""
    made = await house.subscribing.create(MIA, draft())
    off = await house.subscribing.enable(MIA, made, False)
    assert await queue(house, off) is False
    on = await house.subscribing.enable(MIA, off, True)
    assert await queue(house, msgspec.structs.replace(on, trouble="the registry is gone")) is False
    await house.operations.pause(made.targets[0].name, "ada")
    assert await queue(house, on) is False
    await house.operations.resume(made.targets[0].name, "ada")
    assert list(await house.store.deliveries(DeliveryFilter())) == []
    assert await queue(house, on) is True


async def test_only_those_who_manage_it_may_ask(house):
    foreign = await house.subscribing.create(ADA, draft(namespace="other"))
    for person, refusal in ((ANONYMOUS, Unauthenticated), (MIA, Forbidden)):
        with pytest.raises(refusal):
            await queue(house, foreign, person)
    assert house.sender.requests == []


async def test_what_is_gone_is_owed_nothing(house):
    made = await house.subscribing.create(MIA, draft())
    await house.subscribing.remove(MIA, made)
    assert await queue(house, made) is False
    with pytest.raises(NotFound):
        await house.subscribing.remove(MIA, made)
