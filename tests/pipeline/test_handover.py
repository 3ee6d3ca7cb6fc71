"""The translator's source of records: every record once and in order, however commits, offers and reads interleave."""

import asyncio

from hypothesis import given, settings
from hypothesis import strategies as st

from effort import examples
from sidecar.domain.record import Record, RecordKind
from sidecar.pipeline.handover import Handover
from virtual_time import VirtualClock, run, simulated


class Disk:
    """ports.Journal as far as a hand-over knows it: a commit is on disk before it is announced on the loop."""

    def __init__(self, pauses=()):
        self.records = []
        self.announced = 0
        self.heard = None
        self._pauses = list(pauses)

    @property
    def last(self):
        return self.records[self.announced - 1].number if self.announced else 0

    def listen(self, heard):
        self.heard = heard

    def commit(self, count, gap=0):
        """Put records on disk. A rolled back commit leaves a gap in the numbers."""
        for _ in range(count):
            number = (self.records[-1].number if self.records else 0) + 1 + gap
            self.records.append(Record(number, RecordKind.REGISTRY, "main", f"{number}", 0, b""))
            gap = 0

    def announce(self, count=None):
        """Tell the loop of what was committed, as one batch."""
        upto = len(self.records) if count is None else min(len(self.records), self.announced + count)
        new = self.records[self.announced : upto]
        if new:
            self.announced = upto
            self.heard(new)

    async def read(self, after, limit):
        for _ in range(self._pauses.pop() if self._pauses else 0):
            await asyncio.sleep(0)
        found = [one for one in self.records if one.number > after][:limit]
        for _ in range(self._pauses.pop() if self._pauses else 0):
            await asyncio.sleep(0)
        return found


def numbers(records):
    return [one.number for one in records]


steps = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(1, 5), st.integers(0, 2)),
        st.tuples(st.just("announce"), st.integers(1, 6), st.just(0)),
        st.tuples(st.just("wait"), st.integers(1, 3), st.just(0)),
    ),
    max_size=40,
)


@settings(max_examples=examples(150), deadline=None)
@given(steps, st.lists(st.integers(0, 3), max_size=30), st.integers(1, 4), st.integers(1, 6))
def test_every_record_comes_once_and_in_order(story, pauses, limit, bound):
    """Over any interleaving of commits, their announcements, reads that take a while, and overflows."""

    async def main():
        disk = Disk(pauses)
        handover = Handover(disk, VirtualClock(), bound=bound)
        handover.start(0)
        taken = []

        async def consume():
            while True:
                taken.extend(await handover.take(limit))

        consumer = asyncio.create_task(consume())
        for what, count, gap in story:
            if what == "commit":
                disk.commit(count, gap)
            elif what == "announce":
                disk.announce(count)
            else:
                for _ in range(count):
                    await asyncio.sleep(0)
        disk.announce()
        await asyncio.sleep(5)
        consumer.cancel()
        assert numbers(taken) == numbers(disk.records)

    run(main())


def made(bound=10):
    disk = Disk()
    return disk, Handover(disk, VirtualClock(), bound=bound)


@simulated
async def test_records_are_handed_over_from_memory_once_the_disk_is_read_up():
    disk, handover = made()
    disk.commit(3)
    disk.announce()
    handover.start(0)
    assert numbers(await handover.take(2)) == [1, 2]
    assert handover.behind
    assert numbers(await handover.take(2)) == [3]
    assert not handover.behind
    disk.commit(2)
    disk.announce()
    disk.records.clear()  # what is handed over is not read
    assert numbers(await handover.take(5)) == [4, 5]


@simulated
async def test_an_overflow_goes_back_to_the_disk_and_returns_from_it():
    disk, handover = made(bound=4)
    handover.start(0)
    assert await handover.take(5) == []
    assert not handover.behind
    disk.commit(3)
    disk.announce()
    disk.commit(3)
    disk.announce()
    assert handover.behind
    disk.commit(1)
    disk.announce()
    assert numbers(await handover.take(5)) == [1, 2, 3, 4, 5]
    assert handover.behind
    assert numbers(await handover.take(5)) == [6, 7]
    assert not handover.behind


@simulated
async def test_a_read_that_sees_a_commit_before_its_announcement_does_not_take_it_twice():
    disk, handover = made()
    handover.start(0)
    disk.commit(1)
    assert numbers(await handover.take(5)) == [1]
    disk.announce()
    assert await handover.take(5) == []
    assert not handover.behind
    disk.commit(1)
    disk.announce()
    assert numbers(await handover.take(5)) == [2]


@simulated
async def test_a_waiting_translator_can_be_woken_for_nothing():
    _, handover = made()
    handover.start(0)
    await handover.take(5)
    waiting = asyncio.create_task(handover.take(5))
    await asyncio.sleep(0)
    handover.wake()
    assert await waiting == []


@simulated
async def test_a_start_at_another_cursor_forgets_what_was_in_memory():
    disk, handover = made()
    handover.start(0)
    await handover.take(5)
    disk.commit(4)
    disk.announce()
    handover.start(2)
    assert numbers(await handover.take(5)) == [3, 4]
