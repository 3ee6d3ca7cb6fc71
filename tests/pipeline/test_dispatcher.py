"""Lanes at work: who may send when, and what becomes of the outcomes."""

import asyncio
import itertools
import random

import msgspec
import pytest
from lane_work import WELL, after, house, now, pushes, track, view

from doubles import match, policy, subscription
from flaky_store import FlakyStore
from sidecar.clock import SystemClock
from sidecar.domain.delivery import Outcome, Reason, State
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.instant import DAY, HOUR, SECOND
from sidecar.domain.lane_state import LaneName, Pause
from sidecar.domain.listing import DeliveryFilter
from sidecar.domain.message import Response
from sidecar.domain.subscription import Retry
from sidecar.pipeline import dispatcher as module
from sidecar.pipeline.track import LONGEST_WAIT
from virtual_time import VirtualClock, simulated

# --- windows ---------------------------------------------------------------------------------------------------------


@simulated
async def test_the_backlog_stays_on_disk(path):
    one = house(path, subscription("one", policy=policy(concurrency=4)), answer=after(60))
    await one.start()
    for at in range(20):
        await pushes(one, 100, at * 100)
        await asyncio.sleep(0.1)
    assert view(one).in_flight == 4
    assert view(one).pending == 2000
    assert len(track(one).window) <= module.OFFERED
    await one.stop()


@simulated
async def test_a_lane_never_has_more_in_flight_than_its_limit(path):
    one = house(
        path,
        subscription("one", policy=policy(concurrency=3)),
        answer=after(0.1),
    )
    await one.start()
    await pushes(one, 100)
    await one.quiet()
    assert one.sender.most == 3
    assert len(one.sender.requests) == 100
    await one.stop()


@pytest.mark.parametrize("seed", range(4))
@simulated
async def test_nothing_is_sent_twice_however_offers_and_reads_interleave(path, seed, monkeypatch):
    """With tiny windows, so that deliveries come from memory and from disk in turn."""
    monkeypatch.setattr(module, "WINDOW", 4)
    monkeypatch.setattr(module, "OFFERED", 8)
    chance = random.Random(seed)
    one = house(
        path,
        subscription("one", policy=policy(concurrency=3)),
        subscription("two", policy=policy(concurrency=2)),
        answer=lambda request: after(chance.random() * 0.02)(request),  # noqa: PLW0108 - anew for each
    )
    await one.start()
    sent = 0
    while sent < 600:
        count = chance.randint(1, 12)
        await pushes(one, count, sent)
        sent += count
        if chance.random() < 0.6:
            await asyncio.sleep(chance.random() * 0.05)
    await one.quiet()
    ids = one.sender.ids()
    assert len(ids) == len(set(ids)) == 2 * sent
    assert (view(one).pending, view(one, "two").pending) == (0, 0)
    await one.stop()


@simulated
async def test_what_a_read_found_before_it_was_offered_is_not_sent_again(path):
    """A commit is on disk a moment before the translator hears of it, and a lane may be reading just then."""
    one = house(path)
    await one.start()
    await pushes(one, 1)
    await one.quiet()
    offer, held_back = one.dispatcher.offer, []
    one.translator._offer = held_back.extend
    await pushes(one, 2, 1)
    await asyncio.sleep(0.1)
    assert len(held_back) == 2
    one.dispatcher.apply((await one.store.register([LaneName(name="one", format="harbor")], one.clock.now()))[0])
    await one.quiet()
    offer(held_back)
    await asyncio.sleep(100)
    assert len(one.sender.requests) == len(set(one.sender.ids())) == 3
    one.translator._offer = offer
    await pushes(one, 2, 3)
    await one.quiet()
    assert len(one.sender.requests) == len(set(one.sender.ids())) == 5
    await one.stop()


@simulated
async def test_a_hanging_lane_delays_nobody_else(path):
    one = house(
        path,
        subscription("hanging"),
        subscription("well"),
        answer=lambda request: after(1000)(request) if "hanging" in request.url else WELL,
    )
    await one.start()
    await pushes(one, 500)
    await asyncio.sleep(1)
    assert len(one.sender.ids("http://receiver.example/well")) == 500
    assert one.sender.open == 4
    await one.stop()


@simulated
async def test_what_is_owed_at_the_start_is_sent(path):
    clock = VirtualClock()
    one = house(path, clock=clock, answer=after(1000))
    await one.start()
    await pushes(one, 300)
    await asyncio.sleep(1)
    await one.kill()
    one = house(path, clock=clock)
    await one.start()
    await one.quiet()
    assert len(set(one.sender.ids())) == len(one.sender.ids()) == 300
    await one.stop()


# --- time ------------------------------------------------------------------------------------------------------------


@simulated
async def test_a_lane_wakes_when_its_next_delivery_is_due(path):
    answers = iter([Response(status=500), Response(status=500), WELL])
    one = house(path, answer=lambda _request: next(answers))
    await one.start()
    await pushes(one, 1)
    await one.quiet()
    due = [
        settlement.due - one.clock._start for _, settlement, outcome in one.observer.attempts if not outcome.delivered
    ]
    assert one.sender.times[1:] == pytest.approx([each / 1e9 for each in due], abs=0.002)
    assert len(set(one.sender.ids())) == 1
    assert len({request.body for request in one.sender.requests}) == 1
    await one.stop()


@simulated
async def test_a_wall_clock_that_is_set_forward_is_noticed_within_a_minute(path):
    clock = VirtualClock()
    answers = iter([Response(status=503, retry_after="3000"), WELL])
    one = house(path, clock=clock, answer=lambda _request: next(answers))
    await one.start()
    await pushes(one, 1)
    await asyncio.sleep(10)
    clock.step(HOUR)
    await asyncio.sleep(LONGEST_WAIT + 1)
    assert len(one.sender.requests) == 2
    await one.stop()


@simulated
async def test_retry_after_pauses_the_whole_lane_even_over_a_restart(path):
    clock = VirtualClock()
    answers = iter([Response(status=429, retry_after="120")])

    def answer(request):
        return next(answers, WELL) if request.url.endswith("one") else WELL

    both = (subscription("one", policy=policy(concurrency=1)), subscription("two"))
    one = house(path, *both, clock=clock, answer=answer)
    await one.start()
    await pushes(one, 3)
    await asyncio.sleep(30)
    assert len(one.sender.ids("http://receiver.example/one")) == 1
    assert len(one.sender.ids("http://receiver.example/two")) == 3
    assert view(one).paused_until == clock._start + 120 * SECOND
    assert one.observer.lanes == [("one", "paused", "answered 429")]
    await one.stop()
    one = house(path, *both, clock=clock)
    await one.start()
    await pushes(one, 1, 3)
    await asyncio.sleep(89)
    assert one.sender.ids("http://receiver.example/one") == []
    await asyncio.sleep(2)
    await one.quiet(10)
    assert len(set(one.sender.ids("http://receiver.example/one"))) == 4
    assert min(one.sender.times[1:]) >= 120
    await one.stop()


@simulated
async def test_429_halves_the_limit_and_successes_raise_it(path):
    answers = iter([Response(status=429)] * 8)
    one = house(
        path,
        subscription("one", policy=policy(concurrency=8, retry=Retry(initial=SECOND, max_delay=SECOND))),
        answer=lambda _request: next(answers, WELL),
    )
    await one.start()
    await pushes(one, 1)
    await asyncio.sleep(0.01)
    assert view(one).limit == 4
    while next(answers, None):
        pass
    await pushes(one, 20, 1)
    await one.quiet()
    assert view(one).limit == 8
    await one.stop()


# --- clocks ----------------------------------------------------------------------------------------------------------


def stepped(virtual, newest=0):
    """The product's clock on a machine whose clock can be set."""
    clock = SystemClock(wall=virtual.now, monotonic=virtual.monotonic)
    clock.not_before(newest)
    return clock


@simulated
async def test_a_clock_set_back_by_hours_neither_stops_retries_nor_hurries_them(path):
    """Each attempt fails after at most 10 s. A second is longer by a seventh now; only the one wait in which the clock
    was set may be twice as long, for nobody looked at it since the wait began.
    """
    virtual = VirtualClock()
    retry = Retry(initial=10 * SECOND, factor=1.0, max_delay=10 * SECOND)
    one = house(
        path,
        subscription("one", policy=policy(retry=retry)),
        answer=lambda _request: Response(status=500),
        clock=stepped(virtual),
    )
    await one.start()
    await pushes(one, 1)
    await asyncio.sleep(60)
    before = len(one.sender.times)
    assert before > 5
    virtual.step(-5 * HOUR)
    await asyncio.sleep(120)
    waits = [later - sooner for sooner, later in itertools.pairwise(one.sender.times)]
    assert len(one.sender.times) > before + 8
    waits.sort()
    assert waits[-2] < 10 * 8 / 7 + 0.1
    assert waits[-1] < 20 * 8 / 7 + 0.1
    await one.kill()


@simulated
async def test_what_a_clock_ahead_put_off_for_a_month_is_made_after_a_start(path):
    """They failed while the clock was a month ahead; the store's newest record is from before. Not all at once.

    A 404 is tried again and opens no breaker.
    """
    virtual = VirtualClock()
    retry = Retry(initial=HOUR, factor=1.0, max_delay=HOUR, horizon=90 * DAY)
    given = {"answer": lambda _request: Response(status=404), "clock": virtual}
    one = house(path, subscription("one", policy=policy(retry=retry, concurrency=40)), **given)
    await one.start()
    await pushes(one, 40)
    await asyncio.sleep(5)
    virtual.step(30 * DAY)
    await asyncio.sleep(70)
    await one.stop()
    virtual.step(-30 * DAY)
    two = house(path, subscription("one", policy=policy(retry=retry)), clock=stepped(virtual, one.store.newest))
    await two.start()
    await two.quiet(2.5 * 3600)
    assert len(set(two.sender.times)) > 30, "their order and distances are kept"
    assert ("one", "hastened", "40 deliveries were due too far ahead") in two.observer.lanes
    await two.stop()


@simulated
async def test_a_pause_stored_by_a_clock_ahead_ends_within_an_hour(path):
    virtual = VirtualClock()
    one = house(path, clock=virtual)
    await one.start()
    state = await one.store.pause(Pause(lane=view(one).lane, until=virtual.now() + 30 * DAY), virtual.now())
    one.dispatcher.apply(state)
    await pushes(one, 1)
    await asyncio.sleep(3500)
    assert one.sender.times == []
    await one.quiet(200)
    await one.stop()


# --- held lanes ------------------------------------------------------------------------------------------------------


@simulated
async def test_410_holds_the_lane_until_it_is_released_even_over_a_restart(path):
    clock = VirtualClock()
    one = house(
        path,
        subscription("one", policy=policy(concurrency=1)),
        clock=clock,
        answer=lambda _request: Response(status=410),
    )
    await one.start()
    await pushes(one, 3)
    await asyncio.sleep(HOUR / 1e9)
    assert len(one.sender.requests) == 1
    assert one.observer.lanes == [("one", "held", "the destination answered 410 Gone")]
    await one.stop()
    one = house(path, clock=clock)
    await one.start()
    await asyncio.sleep(HOUR / 1e9)
    assert (one.sender.requests, view(one).held, view(one).pending) == ([], True, 2)
    state = await one.store.pause(Pause(lane=view(one).lane, hold=""), clock.now())
    one.dispatcher.apply(state)
    await one.quiet(10)
    assert len(one.sender.requests) == 2
    (first, *_) = reversed(await one.store.deliveries(DeliveryFilter()))
    assert (first.state, first.reason) == (State.DEAD, "gone")
    await one.stop()


@simulated
async def test_a_stop_keeps_the_hold_that_its_last_answer_brought(path):
    clock = VirtualClock()
    one = house(path, clock=clock, answer=after(3, Response(status=410)))
    await one.start()
    await pushes(one, 1)
    await asyncio.sleep(1)
    await one.stop()
    one = house(path, clock=clock)
    await one.start()
    assert view(one).held
    await one.stop()


@simulated
async def test_a_hold_that_cannot_be_stored_is_stored_later(path):
    store = FlakyStore(path, inline=True)
    one = house(path, store=store, answer=lambda _request: Response(status=410))
    await one.start()
    await pushes(one, 1)
    store.fail("do")
    await asyncio.sleep(20)
    store.fail()
    await asyncio.sleep(2)
    (row,) = await store.lanes()
    assert row.state.hold == "gone"
    await one.stop()


@simulated
async def test_a_reload_keeps_a_hold_that_is_not_stored_yet(path):
    """The store knows nothing of the 410 when the reload reads it."""
    store = FlakyStore(path, inline=True)
    one = house(path, store=store, answer=lambda _request: Response(status=410))
    await one.start()
    original = store.pause
    store.pause = _away
    await pushes(one, 1)
    await asyncio.sleep(0.5)
    await one.configure([subscription("one")])
    store.pause = original
    await asyncio.sleep(2)
    await pushes(one, 3, first=1)
    await asyncio.sleep(2)
    (row,) = await store.lanes()
    assert (row.state.hold, view(one).held, view(one).pending) == ("gone", True, 3)
    await one.stop()


@simulated
async def test_a_pause_that_an_operator_ended_is_not_stored_later(path):
    store = FlakyStore(path, inline=True)
    one = house(path, store=store, answer=lambda _request: Response(status=429, retry_after="3000"))
    await one.start()
    original = store.pause
    store.pause = _away
    await pushes(one, 1)
    await asyncio.sleep(0.5)
    store.pause = original
    one.dispatcher.apply(await store.pause(Pause(lane=view(one).lane, hold=""), one.clock.now()))
    await asyncio.sleep(5)
    (row,) = await store.lanes()
    assert row.state.paused_until == view(one).paused_until == 0
    await one.stop()


async def _away(*_given):
    raise StoreUnavailable("the disk is full")


@simulated
async def test_a_release_while_a_read_is_under_way_forgets_nothing(path):
    """The read left out what was in the window, and the hold has emptied the window."""
    one = house(path, subscription("one", policy=policy(concurrency=4)), answer=after(30))
    await one.start()
    lane = view(one).lane
    await pushes(one, 6)
    await asyncio.sleep(1)
    assert (view(one).in_flight, len(track(one).window)) == (4, 2)
    original, found, go_on = one.store.due, asyncio.Event(), asyncio.Event()

    async def slowly(*given):
        rows = await original(*given)
        found.set()
        await go_on.wait()
        return rows

    one.store.due = slowly
    track(one).backlog = True  # as after a due time that has come
    one.dispatcher._pump(track(one))
    await found.wait()
    for hold in ("operator", ""):
        one.dispatcher.apply(await one.store.pause(Pause(lane=lane, hold=hold), one.clock.now()))
    go_on.set()
    await one.quiet(100)
    assert len(set(one.sender.ids())) == len(one.sender.ids()) == 6
    assert view(one).pending == 0
    await one.stop()


@simulated
async def test_an_operator_s_hold_lets_what_is_in_flight_end(path):
    one = house(path, subscription("one", policy=policy(concurrency=2)), answer=after(5))
    await one.start()
    await pushes(one, 6)
    await asyncio.sleep(1)
    one.dispatcher.apply(await one.store.pause(Pause(lane=view(one).lane, hold="operator"), one.clock.now()))
    await asyncio.sleep(100)
    assert (len(one.sender.requests), await one.owed(), view(one).pending) == (2, 4, 4)
    await pushes(one, 1, 6)
    await asyncio.sleep(100)
    assert len(one.sender.requests) == 2
    one.dispatcher.apply(await one.store.pause(Pause(lane=view(one).lane, hold=""), one.clock.now()))
    await one.quiet(60)
    assert len(set(one.sender.ids())) == len(one.sender.requests) == 7
    await one.stop()


@simulated
async def test_held_time_does_not_end_a_horizon(path):
    """A day under a horizon of an hour: the delivery is tried when it is released."""
    short = policy(retry=Retry(initial=20 * SECOND, factor=1.0, horizon=HOUR))
    one = house(path, subscription("one", policy=short), answer=lambda _request: Response(status=500))
    await one.start()
    lane = view(one).lane
    one.dispatcher.apply(await one.store.pause(Pause(lane=lane, hold="operator"), one.clock.now()))
    await pushes(one, 1)
    await asyncio.sleep(24 * 3600)
    one.dispatcher.apply(await one.store.pause(Pause(lane=lane, hold=""), one.clock.now()))
    await asyncio.sleep(600)
    assert len(one.sender.requests) > 20
    (row,) = await one.store.deliveries(DeliveryFilter())
    assert row.state is State.DUE
    await asyncio.sleep(3600)
    (row,) = await one.store.deliveries(DeliveryFilter())
    assert (row.state, row.reason) == (State.DEAD, "expired")
    await one.stop()


@simulated
async def test_an_orphan_s_deliveries_wait_for_its_return(path):
    one = house(path, subscription("one"), subscription("two"), answer=after(1))
    await one.start()
    await pushes(one, 50)
    await asyncio.sleep(0.5)
    await one.configure([subscription("two")])
    await asyncio.sleep(100)
    assert len(one.sender.ids("http://receiver.example/one")) == 4
    assert len(one.sender.ids("http://receiver.example/two")) == 50
    assert view(one).held
    await one.configure([subscription("one"), subscription("two")])
    await one.quiet(100)
    ids = one.sender.ids("http://receiver.example/one")
    assert len(ids) == len(set(ids)) == 50
    await one.stop()


@simulated
async def test_what_is_under_way_when_its_queue_is_taken_over_is_not_sent_twice(path):
    """The new name is there already, so what was queued moves to its lane while the old one still sends."""
    one = house(path, subscription("old"), subscription("new"), answer=after(5))
    await one.start()
    await pushes(one, 6)
    await asyncio.sleep(1)
    await one.configure([subscription("new", formerly="old")])
    await one.quiet(100)
    ids = one.sender.ids()
    assert len(ids) == len(set(ids)) == 12
    assert view(one, "new").pending == view(one, "old").pending == 0
    await one.stop()


@simulated
async def test_what_fails_under_way_when_its_queue_is_taken_over_is_tried_again(path):
    """Nothing else wakes the new lane: it has read its queue without what was under way."""
    answers = iter([Response(status=500)] * 3)

    async def answer(_request):
        await asyncio.sleep(5)
        return next(answers, WELL)

    one = house(path, subscription("old"), subscription("new", match=match(repositories=("other/**",))), answer=answer)
    await one.start()
    await pushes(one, 3)
    await asyncio.sleep(1)
    await one.configure([subscription("new", formerly="old", match=match(repositories=("other/**",)))])
    await one.quiet(3600)
    assert len(one.sender.requests) == 6
    assert view(one, "new").pending == view(one, "old").pending == 0
    await one.stop()


@simulated
async def test_what_was_planned_before_its_queue_was_taken_over_is_made_by_the_heir(path):
    """The batch waits for the store, so it is committed for the old name after the new one has taken its queue."""
    store = FlakyStore(path, inline=True)
    new = subscription("new", match=match(repositories=("other/**",)))
    one = house(path, subscription("old"), new, store=store)
    await one.start()
    store.fail("translate")
    await pushes(one, 3)
    await asyncio.sleep(1)
    await one.configure([msgspec.structs.replace(new, formerly="old")])
    store.fail()
    await one.quiet(100)
    assert one.sender.ids("http://receiver.example/old") == []
    assert len(one.sender.ids("http://receiver.example/new")) == 3
    assert view(one, "new").pending == view(one, "old").pending == 0
    await one.stop()


@simulated
async def test_a_name_that_comes_back_after_its_queue_was_taken_over_has_a_queue_of_its_own(path):
    one = house(path, subscription("old"), subscription("new"))
    await one.start()
    await one.configure([subscription("new", formerly="old")])
    await one.configure([subscription("new"), subscription("old")])
    await pushes(one, 3)
    await one.quiet(100)
    assert len(one.sender.ids("http://receiver.example/old")) == len(one.sender.ids("http://receiver.example/new")) == 3
    await one.stop()


@simulated
async def test_a_reload_between_taking_a_delivery_and_sending_it_loses_no_place(path):
    """The attempt goes on as it began; afterwards the lane is empty and has all its room."""
    one = house(path)
    await one.start()
    original = one.dispatcher.offer
    states = await one.store.register([], one.clock.now())

    def offer(deliveries):
        original(deliveries)
        one.dispatcher.configure({}, states)

    one.translator._offer = offer
    await pushes(one, 2)
    await asyncio.sleep(1)
    assert (view(one).in_flight, view(one).held) == (0, True)
    one.translator._offer = original
    await one.configure([subscription("one")])
    await one.quiet(10)
    assert sorted(set(one.sender.ids())) == sorted(one.sender.ids())
    assert len(one.sender.ids()) == 2
    await one.stop()


# --- a store that is away --------------------------------------------------------------------------------------------


@simulated
async def test_outcomes_are_kept_while_the_store_is_away_and_nothing_new_is_sent(path):
    """Whatever is sent and cannot be written would be sent again after a restart."""
    store = FlakyStore(path, inline=True)
    one = house(path, subscription("one"), subscription("two"), store=store, answer=after(0.5))
    await one.start()
    await pushes(one, 100)
    await asyncio.sleep(0.1)
    store.fail("settle")
    await asyncio.sleep(2)
    # Four were in flight in each lane; four more began in the moment before the first outcome was refused.
    assert len(one.sender.requests) <= 16
    sent = list(one.sender.requests)
    await asyncio.sleep(60)
    assert one.sender.requests == sent
    assert [where for where, _ in one.observer.troubles].count("dispatcher") <= 63
    store.fail()
    await one.quiet(60)
    assert len(set(one.sender.ids())) == len(one.sender.requests) == 200
    assert {row.attempts for row in await store.deliveries(DeliveryFilter(limit=500))} == {1}
    await one.stop()


@simulated
async def test_a_store_that_cannot_be_read_is_asked_again_and_not_all_the_time(path):
    store = FlakyStore(path, inline=True)
    one = house(path, store=store, answer=after(0.01))
    await one.start()
    store.blind = True
    one.dispatcher.apply((await store.register((), one.clock.now()))[0])
    await one.configure([subscription("one")])
    await asyncio.sleep(60)
    assert 30 <= [where for where, _ in one.observer.troubles].count("reading") <= 65
    store.blind = False
    await pushes(one, 5)
    await one.quiet(10)
    assert len(one.sender.requests) == 5
    await one.stop()


@simulated
async def test_an_outcome_that_cannot_be_written_as_it_is_is_written_without_its_words(path):
    """It was sent once, and is not sent again and again because of what was answered."""
    strange = Outcome(reason=Reason.REDIRECTED, status=302, detail="to \udcff", answer=b"x")
    one = house(path, answer=lambda _request: strange)
    await one.start()
    await pushes(one, 1)
    await asyncio.sleep(3600)
    assert len(one.sender.requests) == 1
    (row,) = await one.store.deliveries(DeliveryFilter())
    assert (row.state, row.reason, row.status, row.detail) == (State.DEAD, "redirected", 302, "")
    assert [where for where, _ in one.observer.troubles] == ["settling"]
    await one.stop()


@simulated
async def test_a_fault_of_ours_ends_one_attempt_and_not_the_lane(path):
    faults = iter([ValueError("a bug")])

    def answer(_request):
        fault = next(faults, None)
        if fault is not None:
            raise fault
        return WELL

    one = house(path, answer=answer)
    await one.start()
    await pushes(one, 2)
    await one.quiet(120)
    assert len(one.sender.requests) == 3
    assert [where for where, _ in one.observer.troubles] == ["courier"]
    assert sorted(row.attempts for row in await one.store.deliveries(DeliveryFilter())) == [1, 2]
    await one.stop()


# --- stopping --------------------------------------------------------------------------------------------------------


@simulated
async def test_a_stop_waits_for_what_is_in_flight_and_starts_nothing(path):
    clock = VirtualClock()
    one = house(path, clock=clock, answer=after(3))
    await one.start()
    await pushes(one, 20)
    await asyncio.sleep(1)
    begun = now()
    assert await one.dispatcher.stop(10.0) == 0
    assert now() - begun == pytest.approx(2.0, abs=0.1)
    assert len(one.sender.requests) == 4
    await one.stop()
    again = house(path, clock=clock)
    await again.start()
    await again.quiet()
    assert len(again.sender.requests) == 16
    assert not set(again.sender.ids()) & set(one.sender.ids())
    await again.stop()


@simulated
async def test_a_stop_is_bounded_and_what_it_cut_off_is_due_again(path):
    clock = VirtualClock()
    one = house(path, clock=clock, answer=after(1000))
    await one.start()
    await pushes(one, 20)
    await asyncio.sleep(1)
    begun = now()
    assert await one.dispatcher.stop(5.0) == 4
    assert now() - begun == pytest.approx(5.0, abs=0.1)
    await one.stop()
    again = house(path, clock=clock)
    await again.start()
    await again.quiet()
    assert set(one.sender.ids()) <= set(again.sender.ids())
    assert len(again.sender.requests) == 20
    await again.stop()


@simulated
async def test_outcomes_that_waited_for_the_store_are_written_at_a_stop(path):
    store = FlakyStore(path, inline=True)
    one = house(path, store=store)
    await one.start()
    store.fail("settle")
    await pushes(one, 4)
    await asyncio.sleep(0.5)
    assert len(one.sender.requests) == 4
    store.fail()
    await one.stop()
    again = house(path)
    await again.start()
    assert await again.owed() == 0
    await again.stop()
