"""The ticker: one tick for the earliest deadline, never two of one instant, none once it is stopped."""

import asyncio

from doubles import RecordingObserver
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.record import RecordKind
from sidecar.pipeline.ticker import Ticker
from virtual_time import VirtualClock, simulated

SECOND = 10**9


class Journal:
    """Takes entries, and says when it cannot."""

    def __init__(self):
        self.entries = []
        self.away = False

    async def append(self, entries):
        if self.away:
            raise StoreUnavailable("away")
        self.entries.extend(entries)
        return len(entries)


def made():
    clock, journal, observer = VirtualClock(), Journal(), RecordingObserver()
    return clock, journal, observer, Ticker(journal, clock, observer)


@simulated
async def test_ticks_once_at_the_earliest_deadline():
    clock, journal, _, ticker = made()
    begun = clock.now()
    for seconds in (20, 10, 30):
        ticker.by(begun + seconds * SECOND)
    ticker.by(None)
    await asyncio.sleep(60)
    (tick,) = journal.entries
    assert (tick.kind, tick.registry, tick.accepted) == (RecordKind.TICK, "", begun + 10 * SECOND)


@simulated
async def test_what_is_over_already_is_told_at_once_and_never_twice_at_one_instant():
    clock, journal, _, ticker = made()
    for _ in range(3):
        ticker.by(clock.now() - SECOND)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    assert clock.monotonic() == 0
    assert len({one.id for one in journal.entries}) == 3
    assert [one.accepted - clock.now() for one in journal.entries] == [0, 1, 2]


@simulated
async def test_a_tick_that_cannot_be_journalled_is_tried_again():
    clock, journal, observer, ticker = made()
    journal.away = True
    ticker.by(clock.now() + SECOND)
    await asyncio.sleep(2)
    ticker.by(clock.now() + 3600 * SECOND)
    await asyncio.sleep(10)
    assert [where for where, _ in observer.troubles] == ["ticker"] * 3
    journal.away = False
    await asyncio.sleep(60)
    assert len(journal.entries) == 1


@simulated
async def test_what_is_forgotten_and_what_is_told_after_a_stop_is_no_tick():
    clock, journal, _, ticker = made()
    ticker.by(clock.now() + SECOND)
    ticker.forget()
    await asyncio.sleep(10)
    ticker.by(clock.now() + SECOND)
    ticker.stop()
    ticker.by(clock.now() + SECOND)
    await asyncio.sleep(10)
    assert journal.entries == []
