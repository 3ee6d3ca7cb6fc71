"""Housekeeping is paced, survives trouble, and does not believe a clock that leapt."""

import asyncio

from doubles import RecordingObserver
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.instant import DAY, HOUR, MINUTE
from sidecar.pipeline.upkeep import BREATH, REST, Keeper
from virtual_time import VirtualClock, simulated


class Rounds:
    """ports.Upkeep that notes when it was asked, and has so many slices waiting."""

    def __init__(self, slices=0):
        self.slices, self.asked, self.error, self.now = slices, [], None, 0

    async def step(self, now):
        self.asked.append(asyncio.get_running_loop().time())
        self.now = now
        if self.error is not None:
            raise self.error
        self.slices -= 1
        return self.slices > 0


class Running:
    """A keeper at work over some rounds."""

    def __init__(self, slices=0):
        self.clock, self.observer, self.rounds = VirtualClock(), RecordingObserver(), Rounds(slices)
        self.keeper = Keeper(self.rounds, self.clock, self.observer)
        self.task = asyncio.create_task(self.keeper.run())

    async def count(self, seconds):
        """How many slices there are in the next so many seconds."""
        before = len(self.rounds.asked)
        await asyncio.sleep(seconds)
        return len(self.rounds.asked) - before

    async def behind(self, seconds):
        """By how much, in whole minutes, ages are told by an earlier time than the clock's, after so many seconds."""
        await asyncio.sleep(seconds)
        asked = self.rounds.asked[-1]
        ago = int((asyncio.get_running_loop().time() - asked) * 1e9)
        return round((self.clock.wall() - ago - self.rounds.now) / MINUTE)


@simulated
async def test_slices_follow_each_other_with_a_breath_and_then_rest():
    running = Running(slices=3)
    await asyncio.sleep(REST)
    assert running.rounds.asked == [0.0, BREATH, 2 * BREATH]
    await asyncio.sleep(1)
    assert running.rounds.asked[3] == 2 * BREATH + REST


@simulated
async def test_trouble_ends_a_round_and_not_the_keeper():
    running = Running()
    running.rounds.error = StoreUnavailable("the store cannot commit: disk I/O error")
    assert await running.count(REST * 3.5) == 4
    assert [where for where, _ in running.observer.troubles] == ["upkeep"] * 4
    running.rounds.error = None
    assert await running.count(REST) == 1


@simulated
async def test_a_clock_that_leapt_ahead_is_not_believed_for_an_hour():
    """Retention would throw away what is still young. Housekeeping goes on, by the time before."""
    running = Running()
    assert await running.count(10) == 1
    running.clock.step(2 * HOUR)
    assert await running.behind(5 * REST) == 120
    assert running.keeper.held
    assert await running.behind(HOUR / 1e9 - 10 * REST) == 120
    assert [str(error) for _, error in running.observer.troubles] == [
        "the clock leapt 7200 s ahead; retention goes by the time before for 60 minutes, or until the clock is set back"
    ]
    assert await running.behind(10 * REST) == 0
    assert not running.keeper.held
    assert await running.count(5 * REST) == 5


@simulated
async def test_a_leap_that_is_taken_back_ends_the_doubt():
    running = Running()
    await running.count(10)
    running.clock.step(30 * DAY)
    assert await running.behind(5 * REST) == 30 * 24 * 60
    running.clock.step(-30 * DAY)
    assert await running.behind(5 * REST) == 0
    assert not running.keeper.held


@simulated
async def test_a_second_leap_begins_the_doubt_anew():
    running = Running()
    await running.count(10)
    running.clock.step(2 * HOUR)
    assert await running.behind(50 * 60) == 120
    running.clock.step(2 * HOUR)
    assert await running.behind(50 * 60) == 240
    assert await running.behind(20 * 60) == 0


@simulated
async def test_small_steps_and_steps_back_change_nothing():
    running = Running()
    await running.count(10)
    for step in (59 * MINUTE, -59 * MINUTE, -3 * HOUR):
        running.clock.step(step)
        assert await running.behind(REST) == 0
    assert running.observer.troubles == []


@simulated
async def test_a_stop_does_not_wait_for_the_rest():
    running = Running()
    await asyncio.sleep(1)
    running.keeper.stop()
    await running.task
    assert asyncio.get_running_loop().time() == 1.0
