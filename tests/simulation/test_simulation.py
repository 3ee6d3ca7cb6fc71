"""One simulated minute of random faults for every seed: nothing acknowledged is lost, nothing is invented, and what is
said twice has a reason. A seed of your own: SIMULATION_SEED=7 pytest tests/simulation
"""

import functools
import os
import sqlite3

import msgspec
import pytest
from world import World

from virtual_time import run

SEEDS = [int(os.environ["SIMULATION_SEED"])] if "SIMULATION_SEED" in os.environ else list(range(1, 6))


def journal(path):
    """The ids of the records that were written, and what is in quarantine."""
    with sqlite3.connect(path) as connection:
        written = {row[0] for row in connection.execute("SELECT id FROM journal WHERE kind = 'registry'")}
        aside = connection.execute("SELECT reason, record FROM quarantine").fetchall()
        states = connection.execute("SELECT state, count(*) FROM delivery GROUP BY state").fetchall()
    connection.close()
    return written, aside, dict(states)


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


def check(world):
    written, aside, states = journal(world.path)
    acknowledged = [one for one in world.envelopes if one.acknowledged]
    assert len(acknowledged) > 60
    assert world.kills >= 1
    assert world.complaints == []
    assert aside == []
    assert set(states) == {1}, "every delivery that was ever written was made"

    # What was acknowledged was written, and everybody heard of it.
    well = {one for _, one in world.well}
    heard = {(one.subscription, one.word, one.actor) for one in world.sent if one.id in well}
    for one in acknowledged:
        assert set(one.records) <= written
        assert one.owed <= heard, f"never heard: {one.owed - heard}"

    # Nobody heard of anything else: neither of what is no event, nor of what was never written.
    allowed = {told for one in world.envelopes if set(one.records) <= written for told in one.owed}
    assert heard <= allowed, f"invented: {heard - allowed}"
    assert {(one.subscription, one.word, one.actor) for one in world.sent} <= allowed

    # One message has one id and one body, on every attempt and over every restart.
    said = {}
    for one in world.sent:
        told = (one.subscription, one.word, one.actor)
        assert said.setdefault(one.id, (told, one.body)) == (told, one.body)
    assert len({told for told, _ in said.values()}) == len(said)

    # A message is sent again after a success only if the file did not know of the success when the process began.
    done = {}
    for life, one in world.well:
        assert one not in done.get(life, set()), "sent again by the process that had its answer"
        done.setdefault(life, set()).add(one)
    for one in world.sent:
        assert one.id not in world.done_on_disk.get(one.life, set()), "sent again though it was written as delivered"
    repeats = len(world.well) - len(well)
    assert repeats <= world.kills * len({one.subscription for one in world.sent}) * 3 * 4


def test_the_oracle_is_not_blind(played):
    """What nobody heard of, and what nobody should have heard of, is found out."""
    world = played(SEEDS[0])
    one = next(each for each in world.envelopes if each.acknowledged and each.owed)
    owed = one.owed
    one.owed = owed | {("h", "PUSH_ARTIFACT", "nobody")}
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
    check(world)
