"""Replay, retry and cancel on lanes at work: what is sent again, what is not, and what is owed afterwards."""

import asyncio
import random

import pytest

from doubles import House, RecordingSender, policy, subscription
from flaky_store import FlakyStore
from notifications import envelope, push
from sidecar.domain.delivery import State
from sidecar.domain.errors import Conflict, NotFound, StoreUnavailable
from sidecar.domain.glob import Globs
from sidecar.domain.instant import DAY, HOUR, SECOND
from sidecar.domain.lane_state import Pause
from sidecar.domain.listing import DeliveryFilter
from sidecar.domain.message import Response
from sidecar.domain.selection import Cursor, Selection
from sidecar.domain.subscription import Retry
from sidecar.pipeline import dispatcher as module
from sidecar.pipeline.redelivery import Redelivery
from sidecar.stores.sqlite import SQLiteStore
from virtual_time import VirtualClock, simulated

WELL, BAD, DOWN = Response(status=200), Response(status=400), Response(status=500)
DEAD = Selection(states=(State.DEAD,))
DUE = Selection(states=(State.DUE,))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "sidecar.db"


class Works:
    """A house at work, whose receiver answers `answer` (which may be changed), and the verbs over it."""

    def __init__(self, path, *subscriptions, answer=WELL, takes=0.0, **given):
        self.answer, self.takes = answer, takes
        self.house = House(
            path, VirtualClock(), RecordingSender(self._answer), subscriptions or [subscription()], **given
        )
        self.verbs = Redelivery(self.house.store, self.house.clock, self.house.observer)
        self.verbs.dispatcher = self.house.dispatcher

    async def _answer(self, _request):
        await asyncio.sleep(self.takes)
        return self.answer

    def __getattr__(self, name):
        return getattr(self.house, name)

    async def pushed(self, count, first=0, repository="prj/app"):
        await self.house.intake.accept(
            "main", envelope(*(push(f"{first + at}", repository=repository) for at in range(count)))
        )
        await asyncio.sleep(0.1)

    async def rows(self, **where):
        return list(reversed(await self.house.store.deliveries(DeliveryFilter(limit=500, **where))))

    def view(self, name="one"):
        return next(one for one in self.house.dispatcher.views() if one.name == name)

    async def walk(self, verb, where, limit=200):
        """Every step of a verb over a selection; returns the steps."""
        steps, cursor = [], Cursor()
        while cursor is not None:
            steps.append(await verb(where, cursor, limit, "tester"))
            cursor = steps[-1].cursor
        return steps


async def working(path, *subscriptions, **given):
    works = Works(path, *subscriptions, **given)
    await works.house.start()
    return works


def counts(steps):
    total = {}
    for step in steps:
        for name, count in step.counts.items():
            total[name] = total.get(name, 0) + count
    return total


# --- replay ----------------------------------------------------------------------------------------------------------


@simulated
async def test_what_was_dead_is_sent_again_at_once_with_the_same_bytes_and_id(path):
    works = await working(path, answer=BAD)
    await works.pushed(3)
    first = list(works.sender.requests)
    assert (len(first), works.view().pending) == (3, 0)
    works.answer = WELL
    begun = asyncio.get_running_loop().time()
    assert counts(await works.walk(works.verbs.replay, DEAD)) == {"one": 3}
    assert works.view().pending == 3
    await works.quiet(5)
    assert asyncio.get_running_loop().time() - begun < 1
    again = works.sender.requests[3:]
    assert sorted(one.body for one in again) == sorted(one.body for one in first)
    assert sorted(works.sender.ids()[3:]) == sorted(works.sender.ids()[:3])
    assert {(row.state, row.attempts) for row in await works.rows()} == {(State.DELIVERED, 2)}
    assert works.view().pending == 0
    await works.house.stop()


@simulated
async def test_what_was_delivered_is_sent_again_only_where_that_was_said(path):
    works = await working(path)
    await works.pushed(2)
    assert counts(await works.walk(works.verbs.replay, DEAD)) == {}
    assert len(works.sender.requests) == 2
    assert counts(await works.walk(works.verbs.replay, Selection(states=(State.DELIVERED,)))) == {"one": 2}
    await works.quiet(5)
    assert sorted(works.sender.ids()[2:]) == sorted(works.sender.ids()[:2])
    assert [one.number for one in (await works.store.attempts((await works.rows())[0].id))[1]] == [1, 2]
    await works.house.stop()


@simulated
async def test_a_replay_has_a_whole_horizon_before_it(path):
    """Dead after an hour; replayed a day later it is tried for an hour again, and no longer."""
    short = policy(retry=Retry(initial=60 * SECOND, factor=1.0, horizon=HOUR))
    works = await working(path, subscription("one", policy=short), answer=DOWN)
    await works.pushed(1)
    await asyncio.sleep(DAY / 1e9)
    (row,) = await works.rows()
    assert (row.state, row.reason) == (State.DEAD, "expired")
    tried = len(works.sender.requests)
    await works.walk(works.verbs.replay, DEAD)
    await asyncio.sleep(HOUR / 1e9 * 0.9)
    (row,) = await works.rows()
    assert row.state is State.DUE
    assert len(works.sender.requests) > tried + 20
    await asyncio.sleep(HOUR / 1e9 * 0.2)
    (row,) = await works.rows()
    assert (row.state, row.reason) == (State.DEAD, "expired")
    await works.house.stop()


@simulated
async def test_a_replay_is_chosen_by_subscription_and_repository(path):
    works = await working(path, subscription("one"), subscription("two"), answer=BAD)
    await works.pushed(2)
    await works.pushed(3, 2, repository="team/web")
    works.answer = WELL
    team = Globs.of(["team/**"], segments=True)
    chosen = Selection(states=(State.DEAD,), subscriptions=("two",), repositories=team)
    assert counts(await works.walk(works.verbs.replay, chosen)) == {"two": 3}
    await works.quiet(5)
    delivered = await works.rows(states=(State.DELIVERED,))
    assert {(row.subscription, row.repository) for row in delivered} == {("two", "team/web")}
    await works.house.stop()


@simulated
async def test_a_walk_that_is_left_alone_stays_where_it_is_and_can_be_gone_on_with(path):
    works = await working(path, answer=BAD)
    await works.pushed(10)
    works.answer = WELL
    step = await works.verbs.replay(DEAD, Cursor(), 4, "tester")
    assert step.counts == {"one": 4}
    await works.quiet(5)
    assert len(await works.rows(states=(State.DELIVERED,))) == 4
    rest = await works.verbs.replay(DEAD, step.cursor, 200, "tester")
    assert (rest.counts, rest.cursor) == ({"one": 6}, None)
    await works.quiet(5)
    assert counts(await works.walk(works.verbs.replay, DEAD)) == {}
    assert len(works.sender.requests) == 20
    await works.house.stop()


@simulated
async def test_a_walk_over_what_was_delivered_does_not_run_after_its_own_work(path):
    """What it sends is delivered again, and new work goes on being delivered, while it walks."""
    works = await working(path)
    await works.pushed(6)
    where = Selection(states=(State.DELIVERED,))
    replayed, cursor, first = 0, Cursor(), 6
    while cursor is not None:
        step = await works.verbs.replay(where, cursor, 2, "tester")
        replayed, cursor = replayed + sum(step.counts.values()), step.cursor
        await works.pushed(1, first)
        first += 1
        await works.quiet(5)
        assert first < 20
    assert replayed == 6
    await works.house.stop()


@simulated
async def test_a_replay_on_a_held_lane_waits_for_its_release(path):
    works = await working(path, answer=BAD)
    await works.pushed(2)
    works.answer = WELL
    works.dispatcher.apply(await works.store.pause(Pause(lane=works.view().lane, hold="operator"), works.clock.now()))
    await works.walk(works.verbs.replay, DEAD)
    await asyncio.sleep(100)
    assert (len(works.sender.requests), works.view().pending) == (2, 2)
    works.dispatcher.apply(await works.store.pause(Pause(lane=works.view().lane, hold=""), works.clock.now()))
    await works.quiet(5)
    assert len(works.sender.requests) == 4
    await works.house.stop()


@simulated
async def test_what_cannot_be_replayed_is_counted(path):
    works = await working(path, subscription("one"), subscription("two"), answer=BAD)
    await works.pushed(3)
    await works.configure([subscription("one")])
    connection = works.store._connection
    (gone, *_) = [row.id for row in await works.rows(subscription="one")]
    connection.execute("UPDATE delivery SET message = NULL WHERE id = ?", (gone,))
    counted = await works.verbs.count(DEAD, Cursor(), orphans=False)
    assert (counted.counts, counted.silent, counted.orphaned) == ({"one": 2}, 1, {"two": 3})
    (step,) = await works.walk(works.verbs.replay, DEAD)
    assert (step.counts, step.silent, step.orphaned) == ({"one": 2}, 1, {"two": 3})
    await works.house.stop()


@simulated
async def test_each_step_that_changes_something_is_told_with_who_and_how_many(path):
    works = await working(path, answer=BAD)
    await works.pushed(3)
    await works.walk(works.verbs.replay, Selection(states=(State.DEAD,), subscriptions=("one",)), limit=2)
    assert works.observer.operations == [
        ("tester", "replay", 2, "state=dead subscription=one"),
        ("tester", "replay", 1, "state=dead subscription=one"),
    ]
    await works.walk(works.verbs.cancel, Selection(states=(State.DUE,), ids=(4711,)))
    assert len(works.observer.operations) == 2
    await works.house.stop()


@simulated
async def test_a_count_changes_nothing(path):
    works = await working(path, answer=BAD)
    await works.pushed(3)
    counted = await works.verbs.count(DEAD, Cursor(), orphans=False)
    assert (counted.counts, counted.cursor) == ({"one": 3}, None)
    await asyncio.sleep(100)
    assert (len(works.sender.requests), works.observer.operations) == (3, [])
    await works.house.stop()


# --- retry -----------------------------------------------------------------------------------------------------------


@simulated
async def test_what_waits_for_a_later_attempt_is_tried_now(path):
    slow = policy(retry=Retry(initial=HOUR, factor=1.0))
    works = await working(path, subscription("one", policy=slow), answer=DOWN)
    await works.pushed(3)
    works.answer = WELL
    one, *_ = await works.rows()
    await works.verbs.retry_one(one.id, "tester")
    await asyncio.sleep(1)
    assert [row.state for row in await works.rows()] == [State.DELIVERED, State.DUE, State.DUE]
    assert works.view().pending == 2
    (step,) = await works.walk(works.verbs.retry, Selection(states=(State.DUE, State.DEAD)))
    assert step.counts == {"one": 2}
    await works.quiet(5)
    assert works.view().pending == 0
    assert works.observer.operations[0] == ("tester", "retry", 1, f"delivery {one.id}")
    await works.house.stop()


@simulated
async def test_a_dead_delivery_is_retried_as_well(path):
    works = await working(path, answer=BAD)
    await works.pushed(2)
    works.answer = WELL
    one, two = await works.rows()
    await works.verbs.retry_one(one.id, "tester")
    await works.quiet(5)
    await works.walk(works.verbs.retry, Selection(states=(State.DUE, State.DEAD)))
    await works.quiet(5)
    assert works.sender.ids()[2:] == [one.webhook_id, two.webhook_id]
    assert works.view().pending == 0
    await works.house.stop()


@simulated
async def test_a_retry_of_what_is_in_flight_sends_nothing_twice(path):
    works = await working(path, takes=5)
    await works.pushed(1)
    (row,) = await works.rows()
    await works.verbs.retry_one(row.id, "tester")
    await works.quiet(60)
    assert (len(works.sender.requests), works.view().pending) == (1, 0)
    await works.house.stop()


@simulated
async def test_what_cannot_be_retried_is_refused_with_a_sentence(path):
    works = await working(path, subscription("one"), subscription("two"), answer=WELL)
    await works.pushed(1)
    works.answer = BAD
    await works.pushed(1, 1)
    delivered = (await works.rows(states=(State.DELIVERED,), subscription="one"))[0].id
    silent = (await works.rows(states=(State.DEAD,), subscription="one"))[0].id
    orphan = (await works.rows(states=(State.DEAD,), subscription="two"))[0].id
    await works.configure([subscription("one")])
    works.store._connection.execute("UPDATE delivery SET message = NULL WHERE id = ?", (silent,))
    for number, sentence in (
        (delivered, f"delivery {delivered} is delivered; a replay sends it again all the same"),
        (silent, f"delivery {silent} has nothing to send: it could not be rendered, or retention"),
        (
            orphan,
            "subscription two is not in the configuration any more: bring its name back, or write `formerly: two`",
        ),
    ):
        with pytest.raises(Conflict, match=sentence):
            await works.verbs.retry_one(number, "tester")
    with pytest.raises(NotFound, match="there is no delivery 7; it may be older"):
        await works.verbs.retry_one(7, "tester")
    assert works.observer.operations == []
    await works.house.stop()


# --- cancel ----------------------------------------------------------------------------------------------------------


@simulated
async def test_what_is_cancelled_in_the_window_is_not_sent(path):
    works = await working(path, subscription("one", policy=policy(concurrency=1)), takes=10)
    await works.pushed(5)
    assert len(works.sender.requests) == 1
    flying, *waiting = await works.rows()
    await works.verbs.cancel_one(waiting[0].id, "tester")
    assert works.view().pending == 4
    await works.quiet(120)
    assert works.sender.ids() == [flying.webhook_id, *(row.webhook_id for row in waiting[1:])]
    assert works.view().pending == 0
    await works.house.stop()


@simulated
async def test_what_is_cancelled_in_flight_stays_cancelled_and_is_counted_once(path):
    works = await working(path, subscription("one", policy=policy(concurrency=2)), takes=10)
    await works.pushed(4)
    (step,) = await works.walk(works.verbs.cancel, DUE)
    assert (step.counts, works.view().pending, works.view().in_flight) == ({"one": 4}, 0, 2)
    await works.pushed(1, 4)
    assert works.view().pending == 1
    await asyncio.sleep(12)
    assert (works.view().pending, works.view().in_flight) == (1, 1)  # those that were cancelled have ended
    await asyncio.sleep(100)
    assert [row.state for row in await works.rows()] == [State.CANCELLED] * 4 + [State.DELIVERED]
    assert (len(works.sender.requests), works.view().pending) == (3, 0)
    await works.house.stop()


@simulated
async def test_what_is_cancelled_in_flight_and_brought_back_is_settled_by_that_attempt(path):
    works = await working(path, takes=10)
    await works.pushed(1)
    await works.walk(works.verbs.cancel, DUE)
    await works.walk(works.verbs.replay, Selection(states=(State.CANCELLED,)))
    assert works.view().pending == 1
    await works.quiet(60)
    assert (len(works.sender.requests), works.view().pending) == (1, 0)
    assert [row.state for row in await works.rows()] == [State.DELIVERED]
    await works.house.stop()


@simulated
async def test_a_read_that_was_under_way_does_not_bring_back_what_is_cancelled(path):
    """As a store does whose reads are answered later, from what they saw when they were asked."""

    class Slow(SQLiteStore):
        async def due(self, *given):
            found = await super().due(*given)
            await asyncio.sleep(1)
            return found

    works = await working(path, store=Slow(path, inline=True))
    await works.pushed(3)
    await asyncio.sleep(1.4)  # the read of the start has found nothing, the next one has seen all three
    assert works.sender.requests == []
    await works.verbs.cancel_one((await works.rows())[0].id, "tester")
    await works.quiet(60)
    assert [row.state for row in await works.rows()] == [State.CANCELLED, State.DELIVERED, State.DELIVERED]
    assert (len(works.sender.requests), works.view().pending) == (2, 0)
    await works.house.stop()


@simulated
async def test_only_what_is_due_can_be_cancelled(path):
    works = await working(path, answer=BAD)
    await works.pushed(1)
    (row,) = await works.rows()
    with pytest.raises(Conflict, match=f"delivery {row.id} is dead; only what is due can be cancelled"):
        await works.verbs.cancel_one(row.id, "tester")
    await works.house.stop()


@simulated
async def test_an_orphan_s_work_ends_by_cancelling_it(path):
    works = await working(path, subscription("one"), subscription("two"), takes=1000)
    await works.pushed(10)
    await works.configure([subscription("two")])
    where = Selection(states=(State.DUE,), subscriptions=("one",))
    counted = await works.verbs.count(where, Cursor(), orphans=True)
    assert (counted.counts, counted.orphaned) == ({"one": 10}, {})
    assert counts(await works.walk(works.verbs.cancel, where)) == {"one": 10}
    assert [one.subscription for one in await works.store.undelivered()] == ["two"]
    await works.house.kill()


@simulated
async def test_a_store_that_is_away_changes_nothing_and_lanes_go_on(path):
    works = await working(path, takes=1, store=FlakyStore(path, inline=True))
    await works.pushed(8)
    works.store.fail("do")
    with pytest.raises(StoreUnavailable):
        await works.verbs.cancel(DUE, Cursor(), 200, "tester")
    works.store.fail()
    await works.quiet(60)
    assert (len(works.sender.requests), works.view().pending) == (8, 0)
    await works.house.stop()


# --- all at once -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(6))
@simulated
async def test_whatever_operators_do_meanwhile_nothing_is_forgotten_and_the_count_stays_right(path, seed, monkeypatch):
    """With tiny windows, slow and failing receivers, and a random verb every moment; at the end everything is replayed
    and must arrive, each delivery as often as it was asked for and no more than once at a time."""
    monkeypatch.setattr(module, "WINDOW", 3)
    monkeypatch.setattr(module, "OFFERED", 6)
    chance = random.Random(seed)
    quick = policy(concurrency=3, retry=Retry(initial=SECOND, factor=1.0, max_delay=SECOND))
    works = await working(path, subscription("one", policy=quick), subscription("two", policy=quick))
    flying = set()

    async def answering(request):
        identity = dict(request.headers)["webhook-id"]
        assert identity not in flying
        flying.add(identity)
        await asyncio.sleep(chance.random() * 0.3)
        flying.discard(identity)
        return chance.choice((WELL, WELL, DOWN, BAD))

    works.sender.answer = answering
    states = {
        works.verbs.replay: (State.DEAD, State.DELIVERED, State.CANCELLED),
        works.verbs.retry: (State.DUE, State.DEAD),
        works.verbs.cancel: (State.DUE,),
    }
    for at in range(120):
        if at < 60:
            await works.pushed(chance.randint(1, 4), at * 10)
        verb = chance.choice(list(states))
        where = Selection(
            states=tuple(chance.sample(states[verb], chance.randint(1, len(states[verb])))),
            subscriptions=chance.choice(((), ("one",), ("two",))),
        )
        await verb(where, Cursor(chance.randrange(1, 60) * 65536, 0), chance.randint(1, 9), "tester")
        await asyncio.sleep(chance.random() * 0.2)
        for name in ("one", "two"):
            due = sum(row.state is State.DUE for row in await works.rows(subscription=name))
            unwritten = 9  # attempts that have ended and are not yet written, or were written and not yet counted
            assert abs(works.view(name).pending - due) <= unwritten
    works.sender.answer = lambda _request: WELL
    await works.quiet(60)
    assert (works.view("one").pending, works.view("two").pending) == (0, 0)
    everything = Selection(states=(State.DEAD, State.CANCELLED))
    await works.walk(works.verbs.replay, everything, limit=7)
    await works.quiet(60)
    assert {row.state for row in await works.rows()} == {State.DELIVERED}
    assert (works.view("one").pending, works.view("two").pending) == (0, 0)
    await works.house.stop()
