"""The pace of a lane: its rate, its breaker, and what a destination asks for."""

import asyncio

import pytest
from lane_work import WELL, after, house, now, pushes, track, view

from doubles import policy, subscription
from sidecar.domain.delivery import Outcome, Reason, State
from sidecar.domain.instant import HOUR, MINUTE, SECOND
from sidecar.domain.lane_state import Pause
from sidecar.domain.listing import DeliveryFilter
from sidecar.domain.message import Response
from sidecar.domain.subscription import Rate, Retry
from virtual_time import VirtualClock, simulated

DOWN = Outcome(reason=Reason.UNREACHABLE, retryable=True, detail="refused")
QUICK = Retry(initial=SECOND, factor=2.0, max_delay=MINUTE, horizon=30 * 24 * HOUR)


# --- the rate --------------------------------------------------------------------------------------------------------


@simulated
async def test_a_lane_sends_no_more_than_its_rate_and_no_less(path):
    one = house(path, subscription("one", policy=policy(concurrency=16, rate=Rate(20))))
    await one.start()
    await pushes(one, 100)
    await one.quiet()
    times = one.sender.times
    assert len(times) == 100
    for at, begin in enumerate(times):
        assert sum(begin <= other <= begin + 1 for other in times[at:]) <= 20 + 20 + 1
    assert times[-1] - times[0] == pytest.approx(80 / 20, abs=0.1)  # twenty at once, the rest one by one
    await one.stop()


@simulated
async def test_a_slow_rate_waits_its_minute(path):
    one = house(path, subscription("one", policy=policy(rate=Rate(2, MINUTE))))
    await one.start()
    await pushes(one, 4)
    await one.quiet(600)
    gaps = [later - earlier for earlier, later in zip(one.sender.times, one.sender.times[1:], strict=False)]
    assert gaps == pytest.approx([30, 30, 30], abs=0.01)
    await one.stop()


@simulated
async def test_a_rate_slows_nobody_else(path):
    one = house(path, subscription("slow", policy=policy(rate=Rate(1))), subscription("one"))
    await one.start()
    await pushes(one, 30)
    await asyncio.sleep(1)
    assert len(one.sender.ids("http://receiver.example/one")) == 30
    assert len(one.sender.ids("http://receiver.example/slow")) == 2
    await one.stop()


def count_reads(one):
    """The times at which what is due is read from now on."""
    reads, original = [], one.store.due

    async def due(*given):
        reads.append(now())
        return await original(*given)

    one.store.due = due
    return reads


@simulated
async def test_waiting_for_a_token_reads_nothing_from_disk(path):
    one = house(path, subscription("one", policy=policy(rate=Rate(1))))
    await one.start()
    await pushes(one, 20)
    await asyncio.sleep(0.1)
    reads = count_reads(one)
    await asyncio.sleep(10)
    assert reads == []
    assert len(one.sender.times) == 11
    await one.stop()


@simulated
async def test_waiting_for_a_retry_that_is_far_away_reads_nothing_from_disk(path):
    """The lane wakes every minute, in case the clock was set, but it knows when to look."""
    far = Retry(initial=HOUR, factor=1.0, max_delay=HOUR)
    one = house(path, subscription("one", policy=policy(retry=far)), answer=lambda _request: Response(status=500))
    await one.start()
    await pushes(one, 1)
    await asyncio.sleep(1)
    reads = count_reads(one)
    ((_, settlement, _),) = one.observer.attempts
    wait = (settlement.due - one.clock.now()) / SECOND
    assert wait > 130  # more than two minutes, with this seed
    await asyncio.sleep(wait - 1)
    assert reads == []
    await asyncio.sleep(2)
    assert len(one.sender.times) == 2
    await one.stop()


@simulated
async def test_a_reload_takes_a_new_rate_into_use(path):
    one = house(path, subscription("one", policy=policy(rate=Rate(1))))
    await one.start()
    await pushes(one, 50)
    await asyncio.sleep(3.5)
    assert len(one.sender.times) == 4
    await one.configure([subscription("one")])
    await asyncio.sleep(0.1)
    assert len(one.sender.times) == 50
    await one.stop()


# --- the breaker -----------------------------------------------------------------------------------------------------


@simulated
async def test_a_dead_destination_gets_one_probe_for_each_back_off(path):
    one = house(path, subscription("one", policy=policy(concurrency=4, retry=QUICK)), answer=lambda _request: DOWN)
    await one.start()
    await pushes(one, 200)
    await asyncio.sleep(0.1)
    burst = len(one.sender.times)
    assert 10 <= burst <= 13  # ten in a row, and what was under way with the tenth
    await asyncio.sleep(3600)
    # Back-offs of up to 1, 2, 4 ... 60 s, half of that on average: some 120 in an hour, and not one of 200 in a minute.
    assert 60 < len(one.sender.times) - burst < 240
    assert one.sender.most <= 4
    rows = await one.store.deliveries(DeliveryFilter(limit=500))
    assert sum(row.attempts for row in rows) == len(one.sender.times)
    assert {row.state for row in rows} == {State.DUE}
    assert [what for _, what, _ in one.observer.lanes] == ["opened"]
    assert view(one).probe_at > 0
    await one.stop()


@simulated
async def test_what_waits_behind_an_open_breaker_spends_no_attempts(path):
    one = house(path, subscription("one", policy=policy(concurrency=2, retry=QUICK)), answer=lambda _request: DOWN)
    await one.start()
    await pushes(one, 100)
    await asyncio.sleep(20)
    untouched = [row for row in await one.store.deliveries(DeliveryFilter(limit=500)) if not row.attempts]
    assert len(untouched) > 70
    one.sender.answer = lambda _request: WELL
    await one.quiet(600)
    rows = {row.id: row for row in await one.store.deliveries(DeliveryFilter(limit=500))}
    assert {rows[one.id].attempts for one in untouched} == {1}
    await one.stop()


@simulated
async def test_exactly_one_probe_is_under_way_while_the_lane_is_open(path):
    one = house(path, subscription("one", policy=policy(concurrency=8, retry=QUICK)), answer=lambda _request: DOWN)
    await one.start()
    await pushes(one, 100)
    await asyncio.sleep(1)
    one.sender.most = 0
    one.sender.answer = after(7, DOWN)
    await asyncio.sleep(600)
    assert one.sender.most == 1
    await one.stop()


@simulated
async def test_the_first_success_closes_it_and_the_limit_climbs_from_one(path):
    one = house(path, subscription("one", policy=policy(concurrency=4, retry=QUICK)), answer=lambda _request: DOWN)
    await one.start()
    await pushes(one, 40)
    await asyncio.sleep(30)
    open_at_once = []

    def recovered(_request):
        open_at_once.append((one.sender.open, view(one).limit))
        return after(1)(_request)

    one.sender.answer = recovered
    await one.quiet(600)
    assert open_at_once[:2] == [(1, 1), (1, 1)]  # the probe, and the first after it
    assert max(count for count, _ in open_at_once) == 4
    assert all(count <= limit for count, limit in open_at_once)
    assert [what for _, what, _ in one.observer.lanes] == ["opened", "closed"]
    assert one.observer.lanes[0][2] == "10 attempts in a row failed; the last one: refused"
    assert view(one).probe_at == 0
    await one.stop()


@simulated
async def test_deliveries_go_on_when_the_destination_refuses_the_probe_itself(path):
    """400 is an answer: what is behind the refused delivery must not wait for hours."""
    one = house(path, subscription("one", policy=policy(retry=QUICK)), answer=lambda _request: DOWN)
    await one.start()
    await pushes(one, 40)
    await asyncio.sleep(30)
    answers = iter([Response(status=400)])
    one.sender.answer = lambda _request: next(answers, WELL)
    await one.quiet(300)
    states = [row.state for row in await one.store.deliveries(DeliveryFilter(limit=500))]
    assert (states.count(State.DEAD), states.count(State.DELIVERED)) == (1, 39)
    await one.stop()


@pytest.mark.parametrize("how", ["changed", "released", "resumed"])
@simulated
async def test_an_operator_who_mends_something_sees_it_tried_at_once(path, how):
    slow = Retry(initial=HOUR, factor=1.0, max_delay=HOUR)
    one = house(path, subscription("one", policy=policy(retry=slow)), answer=lambda _request: DOWN)
    await one.start()
    await pushes(one, 40)
    await asyncio.sleep(1)
    assert view(one).probe_at > 0
    one.sender.answer = lambda _request: WELL
    if how == "changed":
        await one.configure([subscription("one", url="http://elsewhere.example/", policy=policy(retry=slow))])
    else:
        for hold in ("operator", "") if how == "released" else ("",):
            one.dispatcher.apply(await one.store.pause(Pause(lane=view(one).lane, hold=hold), one.clock.now()))
    await asyncio.sleep(1)
    assert await one.owed() <= 13  # those that failed wait for their own back-off
    assert [what for _, what, _ in one.observer.lanes] == ["opened", "closed"]
    await one.stop()


@simulated
async def test_a_reload_that_changes_nothing_leaves_the_breaker_open(path):
    one = house(path, subscription("one", policy=policy(retry=QUICK)), answer=lambda _request: DOWN)
    await one.start()
    await pushes(one, 40)
    await asyncio.sleep(60)
    probe_at = view(one).probe_at
    await one.configure([subscription("one", policy=policy(retry=QUICK))])
    assert view(one).probe_at == probe_at > 0
    await one.stop()


@simulated
async def test_an_open_lane_disturbs_nobody_else(path):
    one = house(
        path,
        subscription("down", policy=policy(retry=QUICK)),
        subscription("one"),
        answer=lambda request: DOWN if "down" in request.url else WELL,
    )
    await one.start()
    for at in range(20):
        await pushes(one, 10, at * 10)
        await asyncio.sleep(1)
    assert len(one.sender.ids("http://receiver.example/one")) == 200
    await one.stop()


@simulated
async def test_a_horizon_that_ends_while_the_lane_is_open_leaves_one_attempt_to_each(path):
    """Nothing dies untried: what waited behind the breaker is tried once more, and only then is it dead."""
    short = Retry(initial=SECOND, factor=2.0, max_delay=MINUTE, horizon=10 * MINUTE)
    one = house(path, subscription("one", policy=policy(retry=short)), answer=lambda _request: DOWN)
    await one.start()
    await pushes(one, 100)
    await asyncio.sleep(1200)
    rows = await one.store.deliveries(DeliveryFilter(limit=500))
    assert {row.reason for row in rows if row.state is State.DEAD} == {"expired"}
    assert all(row.attempts for row in rows if row.state is State.DEAD)
    assert view(one).probe_at > 0  # a probe that expires is a failure like any other
    await one.stop()


# --- what the destination asks for -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("120", 120), ("Sat, 21 Nov 2026 00:02:00 GMT", 120), ("Sat Nov 21 00:02:00 2026", 120), ("1" + "0" * 30, 3600)],
)
@pytest.mark.parametrize("status", [429, 503, 500])
@simulated
async def test_retry_after_pauses_the_whole_lane_at_most_an_hour(path, status, text, seconds):
    answers = iter([Response(status=status, retry_after=text)])
    one = house(path, subscription("one", policy=policy(concurrency=1)), answer=lambda _request: next(answers, WELL))
    await one.start()
    await pushes(one, 3)
    await asyncio.sleep(seconds - 1)
    assert len(one.sender.times) == 1
    await asyncio.sleep(2)
    assert len(one.sender.times) >= 3
    await one.stop()


@pytest.mark.parametrize("text", ["0", "-5", "soon", "1.5", "Fri, 20 Nov 2026 00:00:00 GMT", ""])
@simulated
async def test_a_retry_after_that_says_nothing_pauses_nothing(path, text):
    answers = iter([Response(status=503, retry_after=text)])
    one = house(path, subscription("one", policy=policy(concurrency=1)), answer=lambda _request: next(answers, WELL))
    await one.start()
    await pushes(one, 3)
    await asyncio.sleep(0.1)
    assert len(one.sender.times) >= 3
    assert one.observer.lanes == []
    await one.stop()


@simulated
async def test_a_later_retry_after_moves_the_end_and_a_sooner_one_does_not(path):
    asked = iter(["100", "10"])
    one = house(
        path,
        subscription("one", policy=policy(concurrency=2)),
        answer=lambda request: after(0.5, Response(status=429, retry_after=next(asked, "")))(request),  # noqa: PLW0108 - anew for each
        clock=VirtualClock(),
    )
    await one.start()
    await pushes(one, 2)
    await asyncio.sleep(1)
    assert len(one.sender.times) == 2
    assert view(one).paused_until == one.clock._start + int(100.5 * SECOND)
    assert track(one).lane.waits_until(one.clock.now()) == view(one).paused_until
    await one.stop()
