"""The operator's verbs."""

import asyncio
import json
from datetime import UTC, datetime

import msgspec
import pytest
from standardwebhooks import Webhook

from doubles import House, RecordingSender, match, policy, route, subscription
from flaky_store import FlakyStore
from notifications import envelope, push
from sidecar.dialects import load
from sidecar.dialects.contract import Audience
from sidecar.domain.delivery import State
from sidecar.domain.errors import Conflict, NotFound
from sidecar.domain.instant import SECOND
from sidecar.domain.listing import DeliveryFilter, EventFilter, QuarantineFilter
from sidecar.domain.message import Response
from sidecar.domain.secret import Secret
from sidecar.domain.selection import Cursor, Selection
from sidecar.domain.subscription import Retry, Signing, SignScheme
from sidecar.pipeline import operations
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.routing import Route, Router
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
async def test_explain_shows_what_was_sent_as_it_was_and_what_would_be_sent_where_nothing_was(path):
    """The stored bytes and the time of the last attempt, whatever the configuration says since."""
    answers = iter([Response(status=500), Response(status=200)])
    office = await Office(path, subscription("one"), answer=lambda _request: next(answers)).open()
    await office.push("a")
    first, last = office.house.sender.requests
    await office.house.configure([subscription("one", format="dtr"), subscription("new", format="dtr")])
    office.connect()
    _, (one, new), _ = await office.operations.explain((await office.events())[0])
    (sent,) = one.requests
    assert (sent.body, sent.word, sent.delivery.state) == (first.body, "PUSH_ARTIFACT", State.DELIVERED)
    assert [each.status for each in sent.attempts] == [500, 200]
    headers = dict(sent.headers)
    assert headers["webhook-timestamp"] == dict(last.headers)["webhook-timestamp"]
    assert headers["webhook-id"] == dict(last.headers)["webhook-id"]
    (unsent,) = new.requests
    assert (unsent.word, unsent.delivery, unsent.attempts) == ("TAG_PUSH", None, ())
    assert dict(unsent.headers)["webhook-timestamp"] == str(office.house.clock.now() // 10**9)


@simulated
async def test_explain_shows_what_was_sent_to_each_also_where_another_was_sent_more_than_fits(path, monkeypatch):
    """A deletion of a thousand tags is a thousand deliveries to a receiver that is told of each by itself."""
    monkeypatch.setattr(operations, "OF_EVENT", 1)
    office = await Office(path, subscription("one"), subscription("two", format="dtr")).open()
    await office.push("a")
    _, parts, _ = await office.operations.explain((await office.events())[0])
    assert [[each.state for each in part.deliveries] for part in parts] == [[State.DELIVERED], [State.DELIVERED]]
    assert [[one.delivery is None for one in part.requests] for part in parts] == [[False], [False]], (
        "nothing is unsent"
    )


@simulated
async def test_explain_names_what_went_to_subscriptions_that_are_gone(path):
    office = await Office(path, subscription("one"), subscription("two")).open()
    await office.push("a")
    await office.house.configure([subscription("two")])
    office.connect()
    _, parts, others = await office.operations.explain((await office.events())[0])
    assert [part.verdict.subscription for part in parts] == ["two"]
    assert [(row.subscription, row.state) for row in others] == [("one", State.DELIVERED)]


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


# --- subscriptions ---------------------------------------------------------------------------------------------------


@simulated
async def test_a_paused_subscription_waits_over_a_restart_until_it_is_resumed(path):
    office = await Office(path, subscription("one"), subscription("two")).open()
    state = await office.operations.pause("one", "tester")
    assert (state.hold, state.held) == ("operator", True)
    await office.house.intake.accept("main", envelope(push("a")))
    await asyncio.sleep(100)
    assert [one.url for one in office.house.sender.requests] == ["http://receiver.example/two"]
    await office.house.stop()
    office = await Office(path, subscription("one"), subscription("two")).open()
    await asyncio.sleep(100)
    assert office.house.sender.requests == []
    state = await office.operations.resume("one", "tester")
    assert (state.hold, state.pending) == ("", 1)
    await office.house.quiet(5)
    assert [one.url for one in office.house.sender.requests] == ["http://receiver.example/one"]
    assert office.house.observer.operations == [("tester", "resume", 1, "subscription=one")]
    assert office.house.observer.lanes == [("one", "released", "by an operator")]
    await office.house.stop()


@simulated
async def test_a_resume_ends_the_hold_of_a_410(path):
    answers = iter([Response(status=410)])
    office = await Office(path, subscription("one"), answer=lambda _request: next(answers, Response(status=200))).open()
    await office.push("a")
    await office.house.intake.accept("main", envelope(push("b")))
    await asyncio.sleep(100)
    assert len(office.house.sender.requests) == 1
    await office.operations.resume("one", "tester")
    await office.house.quiet(5)
    assert len(office.house.sender.requests) == 2
    await office.house.stop()


@simulated
async def test_a_resume_ends_the_wait_that_was_asked_for(path):
    answers = iter([Response(status=429, retry_after="3000")])
    quick = policy(retry=Retry(initial=SECOND, max_delay=SECOND))
    office = await Office(
        path, subscription("one", policy=quick), answer=lambda _request: next(answers, Response(status=200))
    ).open()
    await office.house.intake.accept("main", envelope(push("a"), push("b")))
    await asyncio.sleep(100)
    waiting = await office.house.owed()
    assert waiting >= 1
    await office.operations.resume("one", "tester")
    await office.operations.redelivery.retry(
        Selection(states=(State.DUE,), subscriptions=("one",)), Cursor(), 200, "tester"
    )
    await office.house.quiet(5)
    assert await office.house.owed() == 0
    await office.house.stop()


@simulated
async def test_a_subscription_that_is_not_there_cannot_be_paused(path):
    office = await Office(path, subscription("one")).open()
    for verb in (office.operations.pause, office.operations.resume):
        with pytest.raises(NotFound, match="there is no subscription two"):
            await verb("two", "tester")
    assert office.house.observer.operations == []


@simulated
async def test_a_test_sends_a_signed_sample_once_and_leaves_no_trace(path):
    """Whatever the receiver says, and while the subscription is paused."""
    secret = Secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    signing = Signing(scheme=SignScheme.STANDARD, secrets=(secret,))
    office = await Office(
        path, subscription("one", signing=signing), answer=lambda _request: Response(status=500, body=b"no")
    ).open()
    await office.operations.pause("one", "tester")
    tried = await office.operations.test("one", "", "tester")
    assert (tried.outcome.delivered, tried.outcome.status, tried.outcome.answer) == (False, 500, b"no")
    (request,) = office.house.sender.requests
    headers = dict(request.headers)
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    signed = Webhook(secret.reveal()).sign(headers["webhook-id"], at, request.body.decode())
    assert headers["webhook-signature"] == signed
    assert json.loads(request.body)["type"] == "PUSH_ARTIFACT"
    assert tried.request.webhook_id == dict(request.headers)["webhook-id"]
    assert tried.request.webhook_id.startswith("msg_test")
    await asyncio.sleep(3600)
    assert len(office.house.sender.requests) == 1
    assert await office.operations.deliveries(DeliveryFilter()) == []
    assert await office.operations.events(EventFilter()) == []
    assert office.house.observer.operations[-1] == ("tester", "test", 1, "subscription=one reason=server_error")
    assert (await office.operations.test("one", "", "tester")).request.webhook_id != tried.request.webhook_id


@simulated
async def test_a_test_says_the_event_that_was_asked_for_and_refuses_what_the_format_cannot_say(path):
    office = await Office(path, subscription("one")).open()
    tried = await office.operations.test("one", "artifact.deleted", "tester")
    assert (tried.type, tried.request.word, tried.outcome.delivered) == ("artifact.deleted", "DELETE_ARTIFACT", True)
    with pytest.raises(Conflict, match="unknown event 'nothing' for format harbor"):
        await office.operations.test("one", "nothing", "tester")
    with pytest.raises(NotFound, match="there is no subscription two in the configuration"):
        await office.operations.test("two", "", "tester")
    assert len(office.house.sender.requests) == 1


@simulated
async def test_nothing_is_sent_while_nothing_runs(path):
    office = await Office(path, subscription("one")).open()
    stopped = Operations(office.house.store, office.house.intake, office.house.clock, office.house.observer)
    stopped.connect(Router([route(subscription("one"), 1)]), office.house.destinations)
    with pytest.raises(Conflict, match="nothing is sent while the sidecar is stopped"):
        await stopped.test("one", "", "tester")


@simulated
async def test_a_selection_names_subscriptions_that_are_there(path):
    office = await Office(path, subscription("one"), subscription("two")).open()
    await office.house.configure([subscription("one")])
    check = office.operations.check
    await check(Selection(states=(State.DEAD,)), orphans=False)
    await check(Selection(states=(State.DEAD,), subscriptions=("one",)), orphans=False)
    await check(Selection(states=(State.DUE,), subscriptions=("one", "two")), orphans=True)
    with pytest.raises(Conflict, match="subscription two is not in the configuration any more"):
        await check(Selection(states=(State.DEAD,), subscriptions=("one", "two")), orphans=False)
    with pytest.raises(NotFound, match="there is no subscription three"):
        await check(Selection(states=(State.DUE,), subscriptions=("three",)), orphans=True)
