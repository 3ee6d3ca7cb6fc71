"""The operator's verbs."""

import msgspec
import pytest

from doubles import House, RecordingSender, match, route, subscription
from flaky_store import FlakyStore
from notifications import envelope, push
from sidecar.dialects import load
from sidecar.dialects.contract import Audience
from sidecar.domain.delivery import State
from sidecar.domain.errors import NotFound
from sidecar.domain.message import Response
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.routing import Route, Router
from sidecar.ports import DeliveryFilter, EventFilter, QuarantineFilter
from virtual_time import VirtualClock, simulated


class Office:
    """A house at work, and the operator's verbs over it."""

    def __init__(self, path, *subscriptions, answer=None):
        self.house = House(
            path, VirtualClock(), RecordingSender(answer), subscriptions, store=FlakyStore(path, inline=True)
        )
        self.operations = Operations(self.house.store, self.house.intake, self.house.clock, self.house.observer)

    async def open(self):
        await self.house.start()
        self.connect()
        return self

    def connect(self, *more):
        lanes = {one.name: one.lane for one in self.house.dispatcher.views()}
        routes = [route(one, lanes[one.name]) for one in self.house.subscriptions]
        self.operations.connect(
            Router([*routes, *more]), self.house.destinations, self.house.dispatcher, self.house.courier
        )

    async def push(self, *names):
        await self.house.intake.accept("main", envelope(*(push(name) for name in names)))
        await self.house.quiet()

    async def events(self):
        return [one.event.id for one in await self.operations.events(EventFilter(type="artifact.pushed"))]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sidecar.db"


@simulated
async def test_an_event_is_shown_with_its_deliveries(path):
    office = await Office(path, subscription("one"), subscription("two", format="dtr")).open()
    await office.push("a")
    (uuid,) = await office.events()
    event, deliveries = await office.operations.event(uuid)
    assert (event.id, event.origin.record) == (uuid, "a")
    assert sorted((row.subscription, row.word, row.state) for row in deliveries) == [
        ("one", "PUSH_ARTIFACT", State.DELIVERED),
        ("two", "TAG_PUSH", State.DELIVERED),
    ]
    with pytest.raises(NotFound, match="there is no event nothing; it may be older than retention keeps events"):
        await office.operations.event("nothing")


@simulated
async def test_explain_says_what_the_running_configuration_makes_of_an_event(path):
    office = await Office(path, subscription("one"), subscription("two", match=match(["other/**"]))).open()
    await office.push("a")
    _, parts, others = await office.operations.explain((await office.events())[0])
    assert [(part.verdict.subscription, part.verdict.fired, part.verdict.why) for part in parts] == [
        ("one", True, ""),
        ("two", False, "repositories"),
    ]
    assert [one.body for one in parts[0].requests] == [office.house.sender.requests[0].body]
    assert [row.subscription for row in parts[0].deliveries] == ["one"]
    assert (parts[1].requests, parts[1].deliveries, others) == ([], [], [])


@simulated
async def test_explain_says_what_cannot_be_rendered(path):
    office = await Office(path, subscription("one")).open()
    await office.push("a")

    def render(*_given):
        raise KeyError("digest")

    dialect = msgspec.structs.replace(load()["harbor"], render=render)
    voice = dialect.bind(dialect.options(), ["artifact.pushed"])
    office.connect(Route(subscription("broken"), voice, 99, Audience("broken")))
    _, parts, _ = await office.operations.explain((await office.events())[0])
    assert [(part.verdict.subscription, part.verdict.fired) for part in parts] == [("one", True), ("broken", True)]
    assert parts[1].verdict.why == "PUSH_ARTIFACT cannot be rendered: KeyError: 'digest'"
    assert (len(parts[0].requests), parts[1].requests) == (1, [])


@simulated
async def test_a_delivery_is_shown_with_its_message_and_attempts(path):
    answers = iter([Response(status=500, body=b"oh no"), Response(status=200, body=b"thanks")])
    office = await Office(path, subscription("one"), answer=lambda _request: next(answers)).open()
    await office.push("a")
    ((listed),) = await office.operations.deliveries(DeliveryFilter())
    row, message, attempts = await office.operations.delivery(listed.id)
    assert row == listed
    assert message.body == office.house.sender.requests[0].body
    assert [(one.status, one.answer) for one in attempts] == [(500, b"oh no"), (200, b"thanks")]
    with pytest.raises(NotFound, match="there is no delivery 7"):
        await office.operations.delivery(7)


@simulated
async def test_undelivered_is_what_is_due_or_dead(path):
    def answer(request):
        return Response(status=400) if request.url.endswith("one") else Response(status=200)

    office = await Office(path, subscription("one"), subscription("two"), answer=answer).open()
    await office.push("a", "b")
    found, counts = await office.operations.undelivered(DeliveryFilter())
    assert [(row.subscription, row.state) for row in found] == [("one", State.DEAD)] * 2
    assert [(one.subscription, one.due, one.dead) for one in counts] == [("one", 0, 2)]
    found, _ = await office.operations.undelivered(DeliveryFilter(subscription="two"))
    assert found == []


@simulated
async def test_subscriptions_are_shown_as_the_store_and_the_dispatcher_have_them(path):
    office = Office(path, subscription("one"))
    before = Operations(office.house.store, office.house.intake, office.house.clock, office.house.observer)
    await office.open()
    await office.push("a")
    lanes, views = await office.operations.subscriptions()
    assert [(one.state.name, one.failures) for one in lanes] == [("one", 0)]
    assert views["one"].pending == 0
    assert (await before.subscriptions())[1] == {}


@simulated
async def test_a_retried_item_leaves_quarantine_when_it_is_accepted(path):
    office = await Office(path, subscription("one")).open()
    operations = office.operations
    await office.house.intake.unknown_registry("main", envelope(push("late")), "")
    await office.house.intake.accept("main", b"unreadable")
    unreadable, late = (row.id for row in await operations.quarantined(QuarantineFilter()))
    assert await operations.retry_quarantined(late, "tester") == "accepted"
    assert await operations.retry_quarantined(unreadable, "tester") == "quarantined"
    assert [row.id for row in await operations.quarantined(QuarantineFilter())] == [unreadable]
    with pytest.raises(NotFound, match=f"there is no quarantined item {late}; it may have been retried or deleted"):
        await operations.retry_quarantined(late, "tester")
    await office.house.quiet()
    assert [event.origin.record for event in office.house.observer.events if event.type == "artifact.pushed"] == [
        "late"
    ]


@simulated
async def test_a_record_that_could_not_be_translated_is_translated_when_it_can(path):
    """Its own id is in the journal already, so it comes back under another."""
    office = await Office(path, subscription("one")).open()
    await office.house.intake.accept("other", envelope(push("early")))
    await office.house.quiet()
    (row,) = await office.operations.quarantined(QuarantineFilter())
    assert (row.reason, row.record, row.registry) == ("unknown_registry", "early", "other")
    assert await office.operations.retry_quarantined(row.id, "tester") == "accepted"
    await office.house.quiet()
    (again,) = await office.operations.quarantined(QuarantineFilter())
    assert again.id > row.id
    office.house.registries["other"] = office.house.registries["main"]
    assert await office.operations.retry_quarantined(again.id, "tester") == "accepted"
    await office.house.quiet()
    assert await office.operations.quarantined(QuarantineFilter()) == []
    assert len(office.house.sender.requests) == 1


@simulated
async def test_everything_of_a_reason_is_retried_oldest_first(path):
    office = await Office(path, subscription("one")).open()
    intake = office.house.intake
    for name in ("first", "second", "first"):
        await intake.unknown_registry("main", envelope(push(name)), "")
    await intake.accept("main", b"unreadable")
    done = await office.operations.retry_all_quarantined(QuarantineFilter(reason="unknown_registry"), "tester")
    assert msgspec.to_builtins(done) == {"tried": 3, "accepted": 2, "duplicate": 1, "quarantined": 0}
    done = await office.operations.retry_all_quarantined(QuarantineFilter(), "tester")
    assert msgspec.to_builtins(done) == {"tried": 1, "accepted": 0, "duplicate": 0, "quarantined": 1}
    assert [one.id for one in await office.house.store.read(0, 10)] == ["first", "second"]


@simulated
async def test_an_item_that_cannot_be_taken_stays(path):
    office = await Office(path, subscription("one")).open()
    await office.house.intake.unknown_registry("main", envelope(push("a")), "")
    (row,) = await office.operations.quarantined(QuarantineFilter())
    office.house.store.fail("append")
    with pytest.raises(Exception, match="disk I/O error"):
        await office.operations.retry_quarantined(row.id, "tester")
    office.house.store.fail()
    assert len(await office.operations.quarantined(QuarantineFilter())) == 1


@simulated
async def test_an_item_is_thrown_away_once(path):
    office = await Office(path, subscription("one")).open()
    await office.house.intake.accept("main", b"unreadable")
    (row,) = await office.operations.quarantined(QuarantineFilter())
    assert (await office.operations.quarantined_body(row.id)) == (row, b"unreadable")
    await office.operations.delete_quarantined(row.id, "tester")
    with pytest.raises(NotFound):
        await office.operations.delete_quarantined(row.id, "tester")
