"""Outcomes on their way to the store: each is written once the store takes it, and their owner hears of it."""

import asyncio

import pytest

from doubles import RecordingObserver
from sidecar.domain.delivery import Reason, Settlement, State
from sidecar.domain.errors import StoreRefused, StoreUnavailable
from sidecar.pipeline.settling import STORE_RETRY, Settling
from virtual_time import simulated


def settlement(number, **more):
    return Settlement(
        delivery=number,
        lane=1,
        attempt=1,
        state=State.DELIVERED,
        due=0,
        started=0,
        took=0,
        reason=Reason.OK,
        **more,
    )


class Queue:
    """The part of ports.Queue that is used here. What it holds is told of when the test says so."""

    def __init__(self):
        self.closed = False
        self.held = []

    def settle(self, one, heard):
        if self.closed:
            raise StoreUnavailable("closed")
        self.held.append((one, heard))

    def tell(self, error=None):
        held, self.held = self.held, []
        for heard in {heard for _, heard in held}:
            heard([one for one, each in held if each == heard], error)


@pytest.fixture
def made():
    class Made:
        queue, observer = Queue(), RecordingObserver()
        written, refused = [], []

    Made.settling = Settling(
        Made.queue,
        Made.observer,
        written=Made.written.append,
        refused=lambda one, error: Made.refused.append((one.delivery, str(error))),
    )
    return Made


@simulated
async def test_what_is_written_together_is_told_together(made):
    for number in range(3):
        made.settling.write(settlement(number))
    assert made.written == []
    made.queue.tell()
    assert [[one.delivery for one in batch] for batch in made.written] == [[0, 1, 2]]


@simulated
async def test_what_the_store_does_not_take_is_given_to_it_again(made):
    made.settling.write(settlement(1))
    made.queue.tell(StoreUnavailable("the disk is full"))
    assert made.settling.away
    made.queue.closed = True
    made.settling.write(settlement(2))
    await asyncio.sleep(3.5 * STORE_RETRY)
    made.queue.closed = False
    await asyncio.sleep(STORE_RETRY)
    assert made.written == []
    assert made.settling.away
    made.queue.tell()
    assert not made.settling.away
    assert sorted(one.delivery for batch in made.written for one in batch) == [1, 2]
    assert {where for where, _ in made.observer.troubles} == {"dispatcher"}
    assert len(made.observer.troubles) <= 5


@simulated
async def test_what_cannot_be_written_is_written_without_its_words_once(made):
    made.settling.write(settlement(1, detail="\udcff", answer=b"x"))
    made.queue.tell(StoreRefused("no"))
    assert made.refused == [(1, "no")]
    ((plain, _),) = made.queue.held
    assert (plain.delivery, plain.detail, plain.answer) == (1, "", b"")
    made.queue.tell(StoreRefused("no"))
    assert made.queue.held == []
    assert made.written == []


@simulated
async def test_a_store_that_refuses_one_outcome_is_not_away(made):
    """It was away, it is back, and what it was given again it will not have: others must not wait for that."""
    made.settling.write(settlement(1))
    made.queue.tell(StoreUnavailable("the disk is full"))
    await asyncio.sleep(1.5 * STORE_RETRY)
    made.queue.tell(StoreRefused("no"))
    assert made.refused == [(1, "no")]
    assert not made.settling.away
    assert list(map(list, made.written)) == [[]]  # so that lanes which stood still go on


@simulated
async def test_a_stop_tries_once_more_and_then_no_more(made):
    made.settling.write(settlement(1))
    made.queue.tell(StoreUnavailable("away"))
    made.settling.stop()
    assert [one.delivery for one, _ in made.queue.held] == [1]
    made.queue.tell(StoreUnavailable("away"))
    await asyncio.sleep(10 * STORE_RETRY)
    assert made.queue.held == []
