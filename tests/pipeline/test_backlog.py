"""A backlog has a bound: what comes beyond it is dead at once, told of, and can be replayed."""

import asyncio

import pytest
from lane_work import house, pushes, view

from doubles import House, policy, subscription
from sidecar.dialects.contract import sample
from sidecar.domain.delivery import Reason, State
from sidecar.domain.lane_state import Pause
from sidecar.domain.listing import DeliveryFilter
from sidecar.domain.message import Message, Response
from sidecar.pipeline.backlog import Backlog
from sidecar.ports import PlannedDelivery, PlannedEvent
from virtual_time import VirtualClock, simulated


def bounded(backlog=10, name="one", **given):
    return subscription(name, policy=policy(backlog=backlog, **given))


async def hold(one: House, word="operator", name="one"):
    one.dispatcher.apply(await one.store.pause(Pause(lane=view(one, name).lane, hold=word), one.clock.now()))


async def states(one, name="one"):
    rows = await one.store.deliveries(DeliveryFilter(subscription=name, limit=500))
    return [(row.state, row.reason) for row in reversed(rows)]


DUE, FULL = (State.DUE, ""), (State.DEAD, "backlog_full")


@pytest.mark.parametrize("batches", [[25], [9, 1, 1, 14], [1] * 25])
@simulated
async def test_beyond_the_bound_new_deliveries_are_dead_at_once(path, batches):
    one = house(path, bounded(), bounded(10**6, "two"))
    await one.start()
    await hold(one)
    sent = 0
    for count in batches:
        await pushes(one, count, sent)
        sent += count
        await asyncio.sleep(1)
    assert await states(one) == [DUE] * 10 + [FULL] * 15
    assert view(one).pending == 10
    assert len(one.sender.ids("http://receiver.example/two")) == 25
    assert (
        sum(count for name, reason, count in one.observer.refusals if (name, reason) == ("one", "backlog_full")) == 15
    )
    assert sum(count for name, count in one.observer.plans if name == "one") == 10
    counts = {row.subscription: (row.due, row.dead) for row in await one.store.undelivered()}
    assert counts == {"one": (10, 15)}
    await one.stop()


@simulated
async def test_a_refused_delivery_keeps_its_message_for_a_replay(path):
    one = house(path, bounded(1))
    await one.start()
    await hold(one)
    await pushes(one, 2)
    await asyncio.sleep(1)
    dead, due = await one.store.deliveries(DeliveryFilter())
    assert (dead.reason, dead.attempts) == ("backlog_full", 0)
    assert dead.detail == "1 deliveries of this subscription were pending when it was made"
    message, _ = await one.store.attempts(dead.id)
    assert message is not None
    assert dead.webhook_id != due.webhook_id
    await one.stop()


@simulated
async def test_the_count_is_right_after_a_kill(path):
    clock = VirtualClock()
    one = house(path, bounded(), clock=clock)
    await one.start()
    await hold(one)
    await pushes(one, 6)
    await asyncio.sleep(1)
    await one.kill()
    one = house(path, bounded(), clock=clock)
    await one.start()
    await pushes(one, 6, 6)
    await asyncio.sleep(1)
    assert await states(one) == [DUE] * 10 + [FULL] * 2
    await one.stop()


@simulated
async def test_room_that_deliveries_leave_is_used_again(path):
    one = house(path, bounded(), answer=lambda _request: Response(status=400))
    await one.start()
    for at in range(10):
        await pushes(one, 10, at * 10)
        await asyncio.sleep(1)
    assert one.observer.refusals == []
    assert view(one).pending == 0
    await one.stop()


@simulated
async def test_a_retry_keeps_its_place(path):
    one = house(path, bounded(concurrency=16), answer=lambda _request: Response(status=500))
    await one.start()
    await pushes(one, 10)
    await asyncio.sleep(0.1)
    assert view(one).pending == 10
    await pushes(one, 1, 10)
    await asyncio.sleep(0.1)
    assert view(one).pending == 10
    assert (await states(one))[-1] == FULL
    await one.stop()


@simulated
async def test_it_is_told_once_when_it_begins_and_once_when_it_ends(path):
    one = house(path, bounded(100))
    await one.start()
    await hold(one)
    for at in range(15):
        await pushes(one, 10, at * 10)
        await asyncio.sleep(1)
    told = [(what, detail) for _, what, detail in one.observer.lanes]
    assert told == [("full", "100 deliveries are pending; new ones are dead at once, and can be replayed")]
    await hold(one, "")
    await one.quiet(60)
    await pushes(one, 5, 150)
    await one.quiet(60)
    await pushes(one, 5, 155)
    await one.quiet(60)
    told = [(what, detail) for _, what, detail in one.observer.lanes]
    assert told[1:] == [("no longer full", "50 deliveries were refused")]
    await one.stop()


@simulated
async def test_a_reload_takes_another_bound_into_use(path):
    one = house(path, bounded(5))
    await one.start()
    await hold(one)
    await pushes(one, 7)
    await asyncio.sleep(1)
    await one.configure([bounded(8)])
    await pushes(one, 7, 7)
    await asyncio.sleep(1)
    assert await states(one) == [DUE] * 5 + [FULL] * 2 + [DUE] * 3 + [FULL] * 4
    await one.stop()


@simulated
async def test_a_queue_that_is_taken_over_counts_for_the_one_who_takes_it(path):
    one = house(path, subscription("old"), bounded())
    await one.start()
    await hold(one, name="old")
    await hold(one)
    await pushes(one, 3)
    await asyncio.sleep(1)
    await one.configure([subscription("one", formerly="old", policy=policy(backlog=10))])
    assert view(one).pending == 6
    await pushes(one, 20, 3)
    await asyncio.sleep(1)
    assert view(one).pending == 10
    assert (await states(one)).count(FULL) == 16
    await one.stop()


def test_around_the_bound_it_is_not_told_by_turns():
    """A lane that is full and gets one delivery away now and then is full; below nine tenths it no longer is."""
    told = []
    pending = {1: 100}
    backlog = Backlog(pending.__getitem__, lambda lane, full, detail: told.append(full))
    backlog.bounds = {1: 100}
    message = Message(word="x", content_type="application/json", body=b"{}")
    plan = [PlannedEvent(sample(), (message,), (PlannedDelivery(lane=1, message=0, webhook_id="w", word="x"),))]
    for owed in (100, 99, 100, 95, 90, 100, 89, 100):
        pending[1] = owed
        (event,) = backlog.admit(plan)
        assert (event.deliveries[0].refused is Reason.BACKLOG_FULL) is (owed == 100)
    assert told == [True, False, True]
