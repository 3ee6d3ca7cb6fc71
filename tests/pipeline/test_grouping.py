"""What happens together is told together: in one message, once, and in time, whatever happens in between."""

import asyncio
import json

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import virtual_time
from chatting import chatting
from doubles import House, RecordingSender, match, policy, route, subscription
from effort import examples
from notifications import envelope, push
from sidecar.dialects.contract import sample
from sidecar.domain import instant
from sidecar.domain.catalogue import Changes
from sidecar.domain.delivery import State
from sidecar.domain.lane_state import LaneName
from sidecar.domain.listing import DeliveryFilter, EventFilter
from sidecar.domain.message import Response
from sidecar.domain.record import Record, RecordKind
from sidecar.domain.retention import Retention
from sidecar.domain.subscription import Grouping, Order
from sidecar.pipeline import grouping
from sidecar.pipeline.routing import Router
from sidecar.pipeline.ticker import Ticker
from sidecar.pipeline.upkeep import Keeper
from sidecar.ports import PlannedEvent, PlannedJoin, WriteSet
from sidecar.ports.groups import FULL
from sidecar.stores.sqlite import SQLiteStore
from virtual_time import VirtualClock, simulated

NOW = 1_795_219_200 * instant.SECOND
TEN = Grouping(10 * instant.SECOND)
PUSHED = ("artifact.pushed",)


@pytest.fixture(autouse=True)
def _chatty():
    with chatting():
        yield


def chats(name="chat", group=TEN, **more):
    return subscription(name, **{"format": "chatty", "events": PUSHED, "group": group, **more})


class Town:
    """A house, what is pushed to its registry, and what its receivers heard."""

    def __init__(self, path, *subscriptions, clock=None):
        self.path, self.clock = path, clock or VirtualClock()
        self.subscriptions = list(subscriptions) or [chats()]
        self.sender = RecordingSender()
        self.house = None
        self.pushed = []

    async def begin(self):
        self.house = House(self.path, self.clock, self.sender, self.subscriptions)
        await self.house.start()
        return self

    async def restart(self):
        await self.house.stop()
        await self.begin()

    async def kill(self):
        await self.house.kill()
        await self.begin()

    async def push(self, tag="", repository="prj/app", **more):
        number = str(len(self.pushed))
        self.pushed.append(number)
        tag = tag or f"v{number}"
        record = push(number, tag, repository=repository, of=number, time=instant.rfc3339(self.clock.now()), **more)
        assert await self.house.intake.accept("main", envelope(record)) == "accepted"
        await self.settled()
        return tag

    async def burst(self, count, repository="prj/app"):
        """So many pushes in one envelope."""
        records = []
        for _ in range(count):
            number = str(len(self.pushed))
            self.pushed.append(number)
            now = instant.rfc3339(self.clock.now())
            records.append(push(number, f"v{number}", repository=repository, of=number, time=now))
        assert await self.house.intake.accept("main", envelope(*records)) == "accepted"
        await self.settled()

    async def settled(self):
        for _ in range(5000):
            await asyncio.sleep(0.0001)
            if self.house.translator.lag == 0:
                return
        raise AssertionError("it does not come to rest")

    def told(self, name="chat"):
        """The tags of each message, in the order in which the messages came."""
        bodies = [json.loads(one.body) for one in self.sender.requests if one.url.endswith(f"/{name}")]
        return [[one["tag"] for one in body["said"]] for body in bodies]

    async def waiting(self):
        return {one.subscription: one.waiting for one in await self.house.store.undelivered()}


@pytest.fixture
async def town(tmp_path):
    return lambda *subscriptions, **more: Town(tmp_path / "sidecar.db", *subscriptions, **more)


# --- what is told together --------------------------------------------------------------------------------------------


@simulated
async def test_a_burst_of_one_repository_is_one_message_when_its_window_is_over(town):
    world = await town().begin()
    await world.push("a")
    await asyncio.sleep(4)
    await world.push("b")
    await asyncio.sleep(5.5)
    assert world.told() == []
    await asyncio.sleep(1)
    assert world.told() == [["a", "b"]]
    await world.push("c")
    await asyncio.sleep(11)
    assert world.told() == [["a", "b"], ["c"]]
    await world.house.stop()


@simulated
async def test_each_repository_has_a_group_of_its_own(town):
    world = await town().begin()
    await world.push("a")
    await asyncio.sleep(1)
    await world.push("x", repository="prj/web")
    await world.push("b")
    await asyncio.sleep(12)
    assert world.told() == [["a", "b"], ["x"]]
    await world.house.stop()


@simulated
async def test_a_digest_takes_all_that_the_subscription_hears(town):
    world = await town(chats(group=Grouping(instant.DAY, whole=True))).begin()
    await world.push("a")
    await world.push("x", repository="prj/web")
    await asyncio.sleep(86_000)
    assert world.told() == []
    await world.push("y", repository="team/web")
    await asyncio.sleep(500)
    assert world.told() == [["a", "x", "y"]]
    await world.house.stop()


@simulated
async def test_who_does_not_group_is_told_at_once(town):
    world = await town(chats(), chats("plain", group=None)).begin()
    await world.push("a")
    await world.push("b")
    await asyncio.sleep(1)
    assert world.told("plain") == [["a"], ["b"]]
    assert world.told() == []
    await asyncio.sleep(11)
    assert world.told() == [["a", "b"]]
    await world.house.stop()


@simulated
async def test_what_matches_no_filter_is_in_no_group(town):
    world = await town(chats(match=match(["prj/**"]))).begin()
    await world.push("a", repository="team/web")
    await world.push("b")
    await asyncio.sleep(12)
    assert world.told() == [["b"]]
    await world.house.stop()


@simulated
async def test_a_full_group_is_told_at_once_and_the_next_event_begins_another(town):
    world = await town().begin()
    await world.burst(FULL + 3)
    await asyncio.sleep(0.5)
    assert [len(one) for one in world.told()] == [FULL]
    await asyncio.sleep(11)
    assert [len(one) for one in world.told()] == [FULL, 3]
    assert [tag for one in world.told() for tag in one] == [f"v{at}" for at in range(FULL + 3)]
    await world.house.stop()


@simulated
async def test_windows_go_by_when_things_were_accepted_however_late_they_are_translated(town):
    world = await town().begin()
    await world.house.kill()
    store = SQLiteStore(world.path, inline=True)
    await store.open()
    world.house.intake._journal = store
    for tag in ("a", "b", "c"):
        number = str(len(world.pushed))
        world.pushed.append(number)
        record = push(number, tag, of=number, time=instant.rfc3339(world.clock.now()))
        assert await world.house.intake.accept("main", envelope(record)) == "accepted"
        await asyncio.sleep(8)
    await store.close()
    await world.begin()
    await asyncio.sleep(30)
    assert world.told() == [["a", "b"], ["c"]]  # at 0 s and 8 s; 16 s is behind the window of the first
    await world.house.stop()


# --- what becomes of it -----------------------------------------------------------------------------------------------


@simulated
async def test_ids_are_those_of_the_first_event_and_stay(town):
    world = await town().begin()
    world.sender.answer = lambda _request: Response(status=500)
    await world.push("a")
    await world.push("b")
    await asyncio.sleep(15)
    world.sender.answer = lambda _request: Response(status=200)
    await world.kill()
    await asyncio.sleep(60)
    assert len(set(world.sender.ids())) == 1
    assert len({one.body for one in world.sender.requests}) == 1
    (event, *_) = [
        one.event for one in await world.house.store.events(EventFilter(type="artifact.pushed")) if one.event.tag == "a"
    ]
    assert world.sender.ids()[0].startswith(f"msg_{event.id.replace('-', '')}")
    await world.house.stop()


@simulated
async def test_a_group_of_one_has_the_bytes_and_the_id_of_an_event_by_itself(town):
    world = await town(chats(), chats("plain", group=None, url="http://receiver.example/plain")).begin()
    await world.push("a")
    await asyncio.sleep(12)
    plain, grouped = world.sender.requests
    assert plain.url.endswith("/plain")
    assert plain.body == grouped.body
    (one,) = await world.house.store.deliveries(DeliveryFilter(subscription="chat"))
    assert one.word == "artifact.pushed"
    await world.house.stop()


@simulated
async def test_what_cannot_be_said_together_is_a_dead_delivery_and_disturbs_nobody(town):
    world = await town().begin()
    await world.push("unspeakable")
    await world.push("a")
    await world.push("x", repository="prj/web")
    await asyncio.sleep(12)
    assert world.told() == [["x"]]
    (dead,) = await world.house.store.deliveries(DeliveryFilter(states=(State.DEAD,)))
    assert dead.reason == "render_failed"
    assert dead.detail == ("chatty could not say artifact.pushed: ValueError: there is a tag that cannot be said")
    assert sum((await world.waiting()).values()) == 0
    await world.house.stop()


@simulated
async def test_the_store_tells_what_waits_and_what_was_told_together(town):
    world = await town().begin()
    at = world.clock.now()
    await world.push("a")
    await world.push("b")
    store = world.house.store
    b, a = (one.event for one in await store.events(EventFilter(type="artifact.pushed")))
    (waits,) = await store.waits(a.id)
    assert (waits.subscription, waits.word, waits.whole, waits.size) == ("chat", "artifact.pushed", False, 2)
    assert 10 * instant.SECOND <= waits.until - at < 10.1 * instant.SECOND
    assert [one.waiting for one in await store.events(EventFilter(type="artifact.pushed"))] == [1, 1]
    assert await world.waiting() == {"chat": 2}
    assert {one.state.name: one.waiting for one in await store.lanes()} == {"chat": 2}
    await asyncio.sleep(12)
    assert await store.waits(a.id) == []
    for event in (a, b):
        (delivery,) = await store.deliveries(DeliveryFilter(event=event.id))
        assert delivery.state is State.DELIVERED
        assert [one.event for one in await store.companions(delivery.id)] == [a.id, b.id]
    assert [(one.delivered, one.waiting) for one in await store.events(EventFilter(type="artifact.pushed"))] == [
        (1, 0),
        (1, 0),
    ]
    await world.house.stop()


# --- order and backlog ------------------------------------------------------------------------------------------------


@simulated
@pytest.mark.parametrize("order", [Order.REPOSITORY, Order.SUBSCRIPTION])
async def test_groups_keep_the_order(town, order):
    world = await town(chats(policy=policy(order=order))).begin()
    world.sender.answer = lambda _request: Response(status=500)
    await world.push("a")
    await asyncio.sleep(11)
    await world.push("b")
    await world.push("c")
    await asyncio.sleep(15)
    assert {tuple(one) for one in world.told()} == {("a",)}
    world.sender.answer = lambda _request: Response(status=200)
    await asyncio.sleep(600)
    assert world.told()[-2:] == [["a"], ["b", "c"]]
    await world.house.stop()


@simulated
async def test_what_happens_after_the_key_was_removed_does_not_overtake_what_waits(town):
    ordered = policy(order=Order.REPOSITORY)
    world = await town(chats(policy=ordered, group=Grouping(instant.HOUR))).begin()
    await world.push("a")
    await world.house.configure([chats(policy=ordered, group=None)])
    await world.push("b")
    await asyncio.sleep(1)
    assert [tag for one in world.told() for tag in one] == ["a", "b"]
    await world.push("c")
    await asyncio.sleep(1)
    assert world.told()[-1] == ["c"]
    await world.house.stop()


async def reloaded_meanwhile(world, monkeypatch, subscriptions):
    """Push `a` and, between its translation and its transaction, have other subscriptions take effect."""
    commit = SQLiteStore.commit

    async def slow(self, work):
        if work.events:
            monkeypatch.setattr(SQLiteStore, "commit", commit)
            await world.house.configure(subscriptions)
        return await commit(self, work)

    monkeypatch.setattr(SQLiteStore, "commit", slow)
    await world.push("a")


@simulated
async def test_what_was_planned_before_the_key_was_removed_does_not_wait_for_ever(town, monkeypatch):
    world = await town(chats(group=TEN)).begin()
    await reloaded_meanwhile(world, monkeypatch, [chats(group=None)])
    await asyncio.sleep(1)
    assert world.told() == [["a"]]
    assert await world.waiting() in ({}, {"chat": 0})
    await world.house.stop()


@simulated
@pytest.mark.parametrize("also", [False, True])
async def test_what_was_planned_before_the_key_was_removed_is_not_overtaken(town, monkeypatch, also):
    """Whether anybody else groups or not."""
    ordered = policy(order=Order.REPOSITORY)
    others = [chats("other", group=Grouping(instant.HOUR))] if also else []
    world = await town(chats(policy=ordered, group=Grouping(instant.HOUR)), *others).begin()
    monkeypatch.setattr(Ticker, "by", lambda self, deadline: None)  # the tick comes later than the next event
    await reloaded_meanwhile(world, monkeypatch, [chats(policy=ordered, group=None), *others])
    await world.push("b")
    await asyncio.sleep(0.1)
    monkeypatch.undo()
    await world.push("c", repository="prj/web")
    await asyncio.sleep(1)
    assert [tag for one in world.told() for tag in one if tag != "c"] == ["a", "b"]
    await world.house.stop()


# --- reloads ----------------------------------------------------------------------------------------------------------


@simulated
async def test_groups_wait_for_a_subscription_that_is_missing(town):
    world = await town(chats(), chats("other")).begin()
    await world.push("a")
    await world.house.configure([chats("other")])
    await asyncio.sleep(3600)
    assert world.told() == []
    assert await world.waiting() == {"chat": 1}
    await world.kill()
    await world.house.configure([chats("other")])
    await asyncio.sleep(60)
    assert world.told() == []
    await world.house.configure([chats(), chats("other")])
    await asyncio.sleep(1)
    assert world.told() == [["a"]]
    await world.house.stop()


@simulated
@pytest.mark.parametrize("both", [False, True])
async def test_an_heir_tells_what_waits(town, both):
    before = [chats(), chats("new")] if both else [chats()]
    world = await town(*before).begin()
    await world.push("a")
    await world.house.configure([chats("new", formerly="chat")])
    await world.push("b")
    await asyncio.sleep(15)
    told = [tag for one in world.told("new") for tag in one]
    assert sorted(told) == (["a", "a", "b"] if both else ["a", "b"])
    assert sum((await world.waiting()).values()) == 0
    await world.house.stop()


@simulated
async def test_without_the_key_what_waits_is_told_at_once(town):
    world = await town(chats(group=Grouping(instant.HOUR))).begin()
    await world.push("a")
    await world.push("b")
    await world.house.configure([chats(group=None)])
    await asyncio.sleep(0.5)
    assert world.told() == [["a", "b"]]
    await world.house.stop()


@simulated
async def test_a_format_that_cannot_say_several_says_each(town):
    world = await town().begin()
    await world.push("a")
    await world.push("b")
    await world.house.configure([chats(format="distribution", group=None)])
    await asyncio.sleep(1)
    bodies = [json.loads(one.body) for one in world.sender.requests]
    assert [one["events"][0]["target"]["tag"] for one in bodies] == ["a", "b"]
    for row in await world.house.store.events(EventFilter(type="artifact.pushed")):
        (delivery,) = await world.house.store.deliveries(DeliveryFilter(event=row.event.id))
        assert delivery.event == row.event.id
        assert await world.house.store.companions(delivery.id) == []
        assert (row.delivered, row.waiting) == (1, 0)
    await world.house.stop()


@simulated
async def test_what_waits_is_said_in_the_words_of_the_format_that_the_subscription_has_by_then(town):
    world = await town().begin()
    await world.push("a")
    await world.push("b")
    await world.house.configure([chats(format="harbor", group=None)])
    await asyncio.sleep(1)
    bodies = [json.loads(one.body) for one in world.sender.requests]
    assert [(one["type"], one["event_data"]["resources"][0]["tag"]) for one in bodies] == [
        ("PUSH_ARTIFACT", "a"),
        ("PUSH_ARTIFACT", "b"),
    ]
    await world.house.stop()


@simulated
async def test_a_format_without_a_word_for_what_waits_says_nothing_of_it(town):
    world = await town(chats(events=("artifact.pushed", "repository.created"))).begin()
    await world.push("a")
    await world.house.configure([chats(format="quay", events=("repo_push",), group=None)])
    await asyncio.sleep(1)
    bodies = [json.loads(one.body) for one in world.sender.requests]
    assert [one["updated_tags"] for one in bodies] == [["a"]]  # quay tells nobody of a repository that begins
    assert sum((await world.waiting()).values()) == 0
    await world.house.stop()


@simulated
async def test_a_chat_is_told_of_a_burst_in_one_message(town):
    world = await town(chats(format="slack")).begin()
    for tag in ("a", "b", "c"):
        await world.push(tag)
    await asyncio.sleep(11)
    (request,) = world.sender.requests
    assert all(f":{tag}" in request.body.decode() for tag in ("a", "b", "c"))
    await world.house.stop()


@simulated
async def test_with_the_key_added_only_what_comes_after_waits(town):
    world = await town(chats(group=None)).begin()
    await world.push("a")
    await asyncio.sleep(0.5)
    await world.house.configure([chats()])
    await world.push("b")
    await world.push("c")
    await asyncio.sleep(11)
    assert world.told() == [["a"], ["b", "c"]]
    await world.house.stop()


@simulated
async def test_a_disabled_subscription_tells_what_it_was_owed(town):
    world = await town().begin()
    await world.push("a")
    await world.house.configure([chats(enabled=False)])
    await world.push("b")
    await asyncio.sleep(11)
    assert world.told() == [["a"]]
    await world.house.stop()


# --- being stopped and killed -----------------------------------------------------------------------------------------


@simulated
@pytest.mark.parametrize("how", ["restart", "kill"])
async def test_groups_outlive_the_process(town, how):
    world = await town().begin()
    await world.push("a")
    await getattr(world, how)()
    await world.push("b")
    await getattr(world, how)()
    await asyncio.sleep(16)
    assert world.told() == [["a", "b"]]
    await world.house.stop()


@simulated
async def test_a_group_given_up_while_it_is_told_stays_given_up(town, monkeypatch):
    world = await town().begin()
    await world.push("a")
    await world.push("b")
    gathered = SQLiteStore.gathered

    async def meanwhile(self, *asked):
        found = await gathered(self, *asked)
        if found:
            assert await self.disband(["chat"], 10, world.clock.now()) == {"chat": 2}
        return found

    monkeypatch.setattr(SQLiteStore, "gathered", meanwhile)
    await asyncio.sleep(12)
    assert world.told() == []
    assert await world.house.store.deliveries(DeliveryFilter()) == []
    assert sum((await world.waiting()).values()) == 0
    await world.house.stop()


# --- many of them -----------------------------------------------------------------------------------------------------


@simulated
async def test_many_groups_at_one_instant_are_told_in_bounded_parts(town, monkeypatch):
    sizes = []
    close = grouping.Gatherer.close

    async def seen(self, tick):
        together = await close(self, tick)
        if together.closed:
            sizes.append(len(together.closed))
        return together

    monkeypatch.setattr(grouping.Gatherer, "close", seen)
    world = await town().begin()
    for at in range(250):
        await world.burst(1, repository=f"prj/r{at}")
    await asyncio.sleep(60)
    assert sum(len(one) for one in world.told()) == 250
    assert max(sizes) <= grouping.GROUPS
    await world.house.stop()


# --- retention --------------------------------------------------------------------------------------------------------


@simulated
async def test_retention_leaves_what_waits_and_takes_all_of_what_was_told(town):
    world = town(chats(group=Grouping(instant.HOUR, whole=True)))
    await world.begin()
    store = world.house.store
    store.set_retention(Retention(delivered=instant.MINUTE, dead=instant.MINUTE, journal=instant.MINUTE))
    await world.burst(40)
    keeper = asyncio.create_task(Keeper(store, world.clock, world.house.observer).run())
    await asyncio.sleep(3500)
    assert len(await store.events(EventFilter(type="artifact.pushed", limit=100))) == 40
    await asyncio.sleep(110)
    assert [len(one) for one in world.told()] == [40]
    await asyncio.sleep(120)
    keeper.cancel()
    assert await store.events(EventFilter()) == []
    counted = await store._operator_reader().rows(
        "SELECT (SELECT count(*) FROM event_group), (SELECT count(*) FROM event_group_member), "
        "(SELECT count(*) FROM message), (SELECT count(*) FROM delivery)"
    )
    assert counted == [(0, 0, 0, 0)]
    await world.push("later")
    assert len({row.number for row in await store.events(EventFilter(type="artifact.pushed"))}) == 1
    await world.house.stop()


# --- whatever happens -------------------------------------------------------------------------------------------------

STEPS = st.one_of(
    st.tuples(st.just("push"), st.sampled_from(["prj/app", "prj/web", "solo"])),
    st.tuples(st.just("push"), st.just("prj/app")),
    st.tuples(st.just("repeat"), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 4.0, 9.9, 10.1, 30.0])),
    st.tuples(st.just("restart"), st.none()),
    st.tuples(st.just("kill"), st.none()),
)


@settings(
    max_examples=examples(40),
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(steps=st.lists(STEPS, max_size=14), whole=st.booleans(), ordered=st.booleans())
def test_each_event_is_told_in_exactly_one_message_and_in_time(tmp_path_factory, steps, whole, ordered):
    """Any interleaving, repetition, restart and kill: once, and no later than the window, a tick, and the starts."""

    async def story():
        order = policy(order=Order.REPOSITORY if ordered else Order.NONE)
        one = chats(group=Grouping(10 * instant.SECOND, whole=whole), policy=order)
        world = Town(tmp_path_factory.mktemp("town") / "sidecar.db", one)
        loop = asyncio.get_running_loop()
        pushed, heard, stops, last = {}, {}, 0, None

        def answer(request):
            for said in json.loads(request.body)["said"]:
                heard.setdefault(said["tag"], (loop.time(), set()))[1].add(dict(request.headers)["webhook-id"])
            return Response(status=200)

        world.sender.answer = answer
        await world.begin()
        for what, given_ in steps:
            if what == "push":
                last = push(f"{len(pushed)}", f"v{len(pushed)}", repository=given_, of=len(pushed))
                pushed[f"v{len(pushed)}"] = loop.time()
                assert await world.house.intake.accept("main", envelope(last)) == "accepted"
            elif what == "repeat" and last is not None:
                assert await world.house.intake.accept("main", envelope(last)) == "duplicate"
            elif what == "wait":
                await asyncio.sleep(given_)
            elif what in {"restart", "kill"}:
                stops += 1
                await getattr(world, what)()
        await asyncio.sleep(20 + 6 * stops)
        assert heard.keys() == pushed.keys()
        assert {tag: len(ids) for tag, (_, ids) in heard.items()} == dict.fromkeys(pushed, 1)
        bodies = {}
        for request in world.sender.requests:
            assert bodies.setdefault(dict(request.headers)["webhook-id"], request.body) == request.body
        for tag, at in pushed.items():
            assert heard[tag][0] - at <= 10 + 1 + 6 * stops
        await world.house.stop()

    virtual_time.run(story())


@simulated
async def test_killed_between_the_tick_and_its_transaction_a_group_is_told_once(town, monkeypatch):
    world = await town().begin()
    await world.push("a")
    await world.push("b")
    reached = asyncio.Event()

    async def stuck(self, work):
        if work.closed:
            reached.set()
            await asyncio.sleep(3600)
        return await commit(self, work)

    commit = SQLiteStore.commit
    monkeypatch.setattr(SQLiteStore, "commit", stuck)
    await reached.wait()
    assert world.told() == []
    await world.house.kill()
    monkeypatch.setattr(SQLiteStore, "commit", commit)
    await world.begin()
    await asyncio.sleep(7)
    assert world.told() == [["a", "b"]]
    await world.house.stop()


@simulated
async def test_a_tick_that_nothing_can_be_made_of_is_not_followed_by_the_next_at_once(town, monkeypatch):
    world = await town().begin()
    await world.push("a")
    broken = []

    async def failing(self, *given_):
        broken.append(world.clock.now())
        raise RuntimeError("what was written cannot be read")

    gathered = SQLiteStore.gathered
    monkeypatch.setattr(SQLiteStore, "gathered", failing)
    await asyncio.sleep(11)
    await world.push("x", repository="prj/web")
    await asyncio.sleep(30)
    assert len(broken) == 1
    monkeypatch.setattr(SQLiteStore, "gathered", gathered)
    await asyncio.sleep(60)
    assert sorted(tag for one in world.told() for tag in one) == ["a", "x"]
    await world.house.stop()


def batch(cursor, events, closed=()):
    nothing = Changes(repositories=[], manifests=[], tags=[], deletions=[], namespaces=[])
    return WriteSet(
        expected=cursor,
        cursor=cursor + 1,
        events=events,
        changes=nothing,
        finished=(),
        quarantined=(),
        now=NOW,
        closed=closed,
    )


async def test_ten_thousand_groups_at_one_tick_stay_within_bounds(tmp_path):
    """Each slice reads and writes a bounded part of them, whatever waits behind it."""
    store = SQLiteStore(tmp_path / "sidecar.db", inline=True)
    await store.open()
    (lane,) = await store.register([LaneName(name="chat", format="chatty")], NOW)
    cursor = 0
    for begin in range(0, 10_000, 500):
        events = [
            PlannedEvent(
                msgspec.structs.replace(sample(), id=f"e{at}", accepted=NOW),
                (),
                (),
                (PlannedJoin(lane.id, f"main/prj/r{at}", "artifact.pushed", 1),),
            )
            for at in range(begin, begin + 500)
        ]
        await store.commit(batch(cursor, events))
        cursor += 1
    gatherer = grouping.Gatherer(store)
    gatherer.configure(Router([route(chats(), lane.id)]))
    await gatherer.renew()
    told = slices = 0
    while gatherer.due() is not None:
        tick = Record(cursor, RecordKind.TICK, "", f"tick:{cursor}", NOW + 10 * instant.SECOND + slices, b"")
        together = await gatherer.close(tick)
        assert 0 < len(together.closed) <= grouping.GROUPS
        assert sum(len(one.messages) for one in together.planned) <= grouping.MEMBERS
        told += len(await store.commit(batch(cursor, together.planned, together.closed)))
        await gatherer.renew()
        cursor += 1
        slices += 1
    assert (told, slices) == (10_000, 100)
    assert store.pending(lane.id) == 10_000
    await store.close()
