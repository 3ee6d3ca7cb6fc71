"""One simulated minute of random faults for every seed: nothing acknowledged is lost, nothing is invented, and what is
said twice has a reason. A seed of your own: SIMULATION_SEED=7 pytest tests/simulation
"""

import functools
import os

import msgspec
import pytest
from oracle import Look, check, moved
from world import World

from effort import THOROUGH
from sidecar.domain.delivery import State
from virtual_time import run

SEEDS = [1, 2, 3, 4, 5] if THOROUGH else [1, 2]
if "SIMULATION_SEED" in os.environ:
    SEEDS = [int(os.environ["SIMULATION_SEED"])]


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    """Plays a seed's minute, once."""

    @functools.cache
    def play(seed):
        world = World(seed, tmp_path_factory.mktemp(f"world-{seed}") / "sidecar.db")

        async def main():
            await world.run()
            await world.end()

        run(main())
        return world

    return play


@pytest.mark.parametrize("seed", SEEDS)
def test_a_minute_of_faults(seed, played):
    try:
        check(played(seed))
    except BaseException:
        print(f"SIMULATION_SEED={seed}")
        raise


def test_some_of_it_is_told_together(played):
    worlds = [played(seed) for seed in SEEDS]
    assert any(len(one.said) > 1 for world in worlds for one in world.sent)


def test_a_slower_world(tmp_path):
    """A slower world: lives of many minutes, faults that last, a clock set by hours. In a hurry, of a quarter of it."""
    world = World(1, tmp_path / "sidecar.db", seconds=3600 if THOROUGH else 900, tempo=60)

    async def main():
        await world.run()
        await world.end()

    run(main())
    check(world)
    assert world.compared > (20 if THOROUGH else 4)


def test_the_oracle_is_not_blind(played):
    """What nobody heard of, and what nobody should have heard of, is found out."""
    world = played(SEEDS[0])
    one = next(each for each in world.envelopes if each.acknowledged and world.must(each))
    owed = one.owed
    one.owed = owed | {(role, "PUSH_ARTIFACT", "nobody") for role in world.lanes}
    with pytest.raises(AssertionError, match="never heard"):
        check(world)
    one.owed = frozenset()
    with pytest.raises(AssertionError, match="invented"):
        check(world)
    one.owed = owed
    world.sent.append(msgspec.structs.replace(world.sent[0], body=b"other bytes"))
    with pytest.raises(AssertionError):
        check(world)
    world.sent.pop()
    world.well.append(world.well[-1])
    with pytest.raises(AssertionError, match="sent again by the process that had its answer"):
        check(world)
    world.well.pop()
    world.aside.add(b"never posted")
    with pytest.raises(AssertionError):
        check(world)
    world.aside.discard(b"never posted")
    check(world)


def test_a_state_that_goes_back_is_found_out():
    """The table of moves is what allows; whatever it does not name is a complaint, and operators' moves need one."""
    before = Look({1: (State.DELIVERED, "a"), 2: (State.DUE, "b"), 3: (State.DUE, "c")})
    after = Look({1: (State.DUE, "a"), 2: (State.DELIVERED, "b"), 3: (State.DUE, "d")})
    assert moved(before, before) == []
    assert moved(before, after, touched={1}) == ["delivery 3 was c and is d"]
    assert moved(before, after) == ["delivery 1 went from DELIVERED to DUE", "delivery 3 was c and is d"]
