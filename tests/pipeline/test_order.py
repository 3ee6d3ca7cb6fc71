"""Order: a delivery is made once every earlier one of its key is finished, whatever happens in between."""

import asyncio
import random
import sqlite3
from collections import defaultdict

import msgspec
import pytest
from lane_work import WELL, after, house, said, view

from doubles import match, policy, subscription
from flaky_store import FlakyStore
from notifications import envelope, push
from sidecar.domain.delivery import State
from sidecar.domain.instant import HOUR, SECOND
from sidecar.domain.lane_state import Pause
from sidecar.domain.listing import DeliveryFilter
from sidecar.domain.message import Response
from sidecar.domain.subscription import Order, Retry
from sidecar.pipeline import dispatcher as module
from sidecar.pipeline.redelivery import Redelivery
from virtual_time import VirtualClock, simulated

QUICK = Retry(initial=SECOND, factor=1.5, max_delay=5 * SECOND, horizon=24 * HOUR)


def ordered(order=Order.REPOSITORY, **given):
    return subscription("one", policy=policy(**{"order": order, "retry": QUICK, "concurrency": 4, **given}))


async def tags(one, repository, *numbers):
    """Pushes of numbered tags to one repository, in this order."""
    await one.intake.accept(
        "main", envelope(*(push(f"{repository}-{at}", f"v{at}", repository=repository) for at in numbers))
    )


class Account:
    """What a receiver saw. It complains when a tag is heard before the one that was pushed before it."""

    def __init__(self, answer=lambda _request: WELL):
        self.answer = answer
        self.well = defaultdict(list)
        self.complaints = []
        self.asked = []

    async def __call__(self, request):
        repository, tag = said(request)
        number = int(tag[1:])
        self.asked.append((repository, number))
        answer = self.answer(request)
        if asyncio.iscoroutine(answer):
            answer = await answer
        done = self.well[repository]
        if answer.status == 200 and number not in done:
            if done and number != done[-1] + 1:
                self.complaints.append(f"{repository}:{number} came after {done[-1]}")
            done.append(number)
        return answer


@simulated
async def test_the_deliveries_of_a_repository_are_made_in_order_beside_those_of_others(path):
    account = Account(after(1))
    one = house(path, ordered(), answer=account)
    await one.start()
    for at in range(10):
        for name in ("prj/a", "prj/b", "prj/c", "prj/d"):
            await tags(one, name, at)
    await one.quiet(60)
    assert one.sender.most == 4
    assert asyncio.get_running_loop().time() < 13  # ten after one another, four beside one another
    assert account.complaints == []
    assert len(account.asked) == 40
    await one.stop()


@simulated
async def test_a_head_that_waits_for_its_retry_holds_back_its_repository_and_nothing_else(path):
    slow = Retry(initial=HOUR, factor=1.0, max_delay=HOUR, horizon=240 * HOUR)
    account = Account(lambda request: Response(status=500) if said(request) == ("prj/a", "v0") else WELL)
    one = house(path, ordered(retry=slow), answer=account)
    await one.start()
    await tags(one, "prj/a", *range(5))
    await tags(one, "prj/b", *range(5))
    await asyncio.sleep(60)
    assert account.asked.count(("prj/a", 0)) == 1
    assert not any(name == "prj/a" and at for name, at in account.asked)
    assert [at for name, at in account.asked if name == "prj/b"] == [0, 1, 2, 3, 4]
    account.answer = lambda _request: WELL
    await one.quiet(7200)
    assert [at for name, at in account.asked if name == "prj/a"] == [0, 0, 1, 2, 3, 4]
    await one.stop()


@simulated
async def test_a_head_that_is_dead_frees_the_next(path):
    account = Account(lambda request: Response(status=400) if said(request)[1] == "v0" else WELL)
    one = house(path, ordered(), answer=account)
    await one.start()
    await tags(one, "prj/a", 0, 1, 2)
    await one.quiet(10)
    assert [at for _, at in account.asked] == [0, 1, 2]
    await one.stop()


@simulated
async def test_one_subscription_s_order_holds_over_all_its_repositories(path):
    seen = []

    def answer(request):
        seen.append(said(request))
        return after(0.01)(request)

    one = house(path, ordered(Order.SUBSCRIPTION), answer=answer)
    await one.start()
    for at in range(5):
        await tags(one, "prj/a", at)
        await tags(one, "prj/b", at)
    await one.quiet(60)
    assert seen == [(name, f"v{at}") for at in range(5) for name in ("prj/a", "prj/b")]
    assert one.sender.most == 1
    await one.stop()


@simulated
async def test_the_next_of_a_key_does_not_wait_for_company_to_be_written(path):
    """Outcomes linger 5 ms for others; one that something waits for does not."""
    one = house(path, ordered(Order.SUBSCRIPTION), answer=lambda _request: WELL)
    await one.start()
    await asyncio.sleep(1)
    begun = asyncio.get_running_loop().time()
    await tags(one, "prj/a", *range(50))
    while len(one.sender.requests) < 50:  # noqa: ASYNC110 - there is nobody to set an event
        await asyncio.sleep(0.001)
    assert asyncio.get_running_loop().time() - begun < 0.1
    await one.stop()


@simulated
async def test_order_holds_over_a_kill_and_a_reload(path):
    clock = VirtualClock()
    failing = {("prj/a", "v0"), ("prj/b", "v2")}
    account = Account(lambda request: Response(status=500) if said(request) in failing else after(0.2)(request))
    one = house(path, ordered(), clock=clock, answer=account)
    await one.start()
    await tags(one, "prj/a", *range(10))
    await tags(one, "prj/b", *range(10))
    await asyncio.sleep(2)
    await one.kill()
    one = house(path, ordered(), clock=clock, answer=account)
    await one.start()
    await asyncio.sleep(2)
    await one.configure([ordered(concurrency=2)])
    await asyncio.sleep(2)
    assert {at for name, at in account.asked if name == "prj/a"} == {0}
    assert {at for name, at in account.asked if name == "prj/b"} == {0, 1, 2}
    failing.clear()
    await one.quiet(600)
    assert account.complaints == []
    assert account.well["prj/a"] == list(range(10))
    await one.stop()


async def cancel(one, delivery):
    await Redelivery(one.store, one.clock, one.observer, one.dispatcher).cancel_one(delivery.id, "operator")


async def replay(one, delivery):
    await Redelivery(one.store, one.clock, one.observer, one.dispatcher).retry_one(delivery.id, "operator")


@simulated
async def test_a_head_that_is_cancelled_frees_the_next(path):
    slow = Retry(initial=HOUR, factor=1.0, max_delay=HOUR, horizon=240 * HOUR)
    account = Account(lambda request: Response(status=500) if said(request)[1] == "v0" else WELL)
    one = house(path, ordered(retry=slow), answer=account)
    await one.start()
    await tags(one, "prj/a", 0, 1, 2)
    await asyncio.sleep(10)
    assert [at for _, at in account.asked] == [0]
    (*_, head) = await one.store.deliveries(DeliveryFilter())
    await cancel(one, head)
    await one.quiet(10)
    assert [at for _, at in account.asked] == [0, 1, 2]
    assert view(one).pending == 0
    await one.stop()


@simulated
async def test_a_delivery_that_is_replayed_is_the_head_again(path):
    account = Account(lambda request: Response(status=400) if said(request)[1] == "v0" else after(5)(request))
    one = house(path, ordered(), answer=account)
    await one.start()
    await tags(one, "prj/a", *range(4))
    await asyncio.sleep(1)  # v0 is dead, v1 under way
    (*_, dead) = await one.store.deliveries(DeliveryFilter())
    assert dead.state is State.DEAD
    account.answer = after(5)
    await replay(one, dead)
    await one.quiet(60)
    assert [at for _, at in account.asked] == [0, 1, 0, 2, 3]
    assert one.sender.most == 2  # v1 was under way already
    await one.stop()


@simulated
async def test_a_window_of_old_heads_is_not_sent_after_a_replay(path):
    """A lane that stands still has heads in its window; then an earlier delivery is replayed."""
    account = Account(lambda request: Response(status=400) if said(request)[1] == "v0" else WELL)
    one = house(path, ordered(concurrency=1), answer=account)
    await one.start()
    await tags(one, "prj/a", 0)
    await one.quiet(10)
    one.sender.answer = after(30)
    await tags(one, "prj/b", 1)
    await asyncio.sleep(1)
    await tags(one, "prj/a", 1)
    await asyncio.sleep(1)
    one.sender.answer = account
    account.answer = lambda _request: WELL
    (*_, dead) = await one.store.deliveries(DeliveryFilter())
    await replay(one, dead)
    await one.quiet(60)
    assert [at for name, at in account.asked if name == "prj/a"] == [0, 0, 1]
    await one.stop()


@simulated
async def test_what_a_read_found_just_before_a_change_is_not_sent(path):
    """The read was under way when a delivery was cancelled: what it brings is no longer so."""
    one = house(path, subscription("one"))
    await one.start()
    lane = view(one).lane
    one.dispatcher.apply(await one.store.pause(Pause(lane=lane, hold="operator"), one.clock.now()))
    await tags(one, "prj/a", 0, 1)
    await asyncio.sleep(1)
    original, found, go_on = one.store.due, asyncio.Event(), asyncio.Event()

    async def slowly(*given):
        rows = await original(*given)
        found.set()
        await go_on.wait()
        return rows

    one.store.due = slowly
    one.dispatcher.apply(await one.store.pause(Pause(lane=lane, hold=""), one.clock.now()))
    await found.wait()
    (*_, first) = await one.store.deliveries(DeliveryFilter())
    await cancel(one, first)
    go_on.set()
    await one.quiet(10)
    assert [said(request)[1] for request in one.sender.requests] == ["v1"]
    await one.stop()


@simulated
async def test_a_head_under_way_when_its_queue_is_taken_over_frees_the_next(path):
    """It ends in the lane that is gone; what waits behind it is in the lane that took over."""
    old, new = ordered(), subscription("new", policy=ordered().policy, match=match(repositories=("other/**",)))
    one = house(path, old, new, answer=after(5))
    await one.start()
    await tags(one, "prj/a", *range(3))
    await asyncio.sleep(1)
    await one.configure([msgspec.structs.replace(new, formerly="one")])
    await one.quiet(100)
    assert [said(request)[1] for request in one.sender.requests] == ["v0", "v1", "v2"]
    assert view(one, "new").pending == 0
    await one.stop()


@simulated
async def test_a_change_of_order_is_for_what_comes_after_it(path):
    slow = Retry(initial=HOUR, factor=1.0, max_delay=HOUR, horizon=240 * HOUR)
    failing = {"v0", "v10"}
    account = Account(lambda request: Response(status=500) if said(request)[1] in failing else WELL)
    one = house(path, ordered(retry=slow), answer=account)
    await one.start()
    await tags(one, "prj/a", 0, 1)
    await asyncio.sleep(1)
    await one.configure([ordered(Order.NONE, retry=slow)])
    await tags(one, "prj/a", 10, 11)
    await asyncio.sleep(1)
    assert [at for _, at in account.asked] == [0, 10, 11]  # 1 waits for 0 as it did; nothing waits for 10
    failing.clear()
    await one.quiet(7200)
    assert sorted(at for _, at in account.asked) == [0, 0, 1, 10, 10, 11]
    await one.stop()


@simulated
async def test_a_stuck_repository_with_a_deep_queue_costs_the_others_no_reads(path):
    """However much waits behind a head, a read looks at the head alone."""
    slow = Retry(initial=HOUR, factor=1.0, max_delay=HOUR, horizon=240 * HOUR)
    account = Account(lambda request: Response(status=500) if said(request)[0] == "prj/stuck" else WELL)
    one = house(path, ordered(retry=slow), answer=account)
    await one.start()
    await tags(one, "prj/stuck", *range(1000))
    await asyncio.sleep(1)
    rows, reader = [], one.store._readers[0]
    original = reader.rows

    async def counted(*given):
        found = await original(*given)
        rows.append(len(found))
        return found

    reader.rows = counted
    await tags(one, "prj/b", *range(20))
    await asyncio.sleep(10)
    assert [at for name, at in account.asked if name == "prj/b"] == list(range(20))
    assert sum(rows) < 200
    await one.stop()


@pytest.mark.parametrize("seed", range(6))
@simulated
async def test_order_under_whatever_happens(path, seed, monkeypatch):
    """Tiny windows, failures, kills, holds, reloads, a store that is away: each repository's tags come in order."""
    monkeypatch.setattr(module, "WINDOW", 3)
    chance = random.Random(seed)
    calm = False

    def answer(_request):
        dice = 1.0 if calm else chance.random()
        status = 200 if dice > 0.4 else chance.choice([500, 503, 404, 429])
        return after(chance.random() * 0.3, Response(status=status))(_request)

    account = Account(answer)
    clock = VirtualClock()
    names = [f"prj/{at}" for at in range(5)]
    given = defaultdict(int)
    one = None
    for life in range(6):
        store = FlakyStore(path, inline=True)
        one = house(path, ordered(concurrency=chance.randint(1, 6)), clock=clock, answer=account, store=store)
        await one.start()
        for _ in range(chance.randint(5, 20)):
            name = chance.choice(names)
            count = chance.randint(1, 4)
            await tags(one, name, *range(given[name], given[name] + count))
            given[name] += count
            await asyncio.sleep(chance.random() * 0.5)
            dice = chance.random()
            if dice < 0.1:
                store.fail("settle")
                await asyncio.sleep(chance.random() * 3)
                store.fail()
            elif dice < 0.2:
                await one.configure([ordered(concurrency=chance.randint(1, 6))])
            elif dice < 0.3:
                lane = view(one).lane
                one.dispatcher.apply(await store.pause(Pause(lane=lane, hold="operator"), clock.now()))
                await asyncio.sleep(chance.random())
                one.dispatcher.apply(await store.pause(Pause(lane=lane, hold=""), clock.now()))
        if life < 5:
            await one.kill()
    calm = True
    await one.quiet(3600)
    await one.stop()
    assert account.complaints == []
    assert {name: len(done) for name, done in account.well.items()} == dict(given)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT DISTINCT state FROM delivery").fetchall() == [(1,)]
    connection.close()
