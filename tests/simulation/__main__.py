"""`make simulate HOURS=24 SEED=7`: simulated hours of every fault at once, from one seed, which repeats them.

Prints how it goes, and what does not hold; ends with 1 then.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1])]

from oracle import check
from world import World

from sidecar.stores.sqlite import file
from virtual_time import run

TEMPO = 20.0  # something happens every few seconds, a life lasts minutes
HOUR = 3600.0


async def play(world: World) -> None:
    """Trouble, and then peace; tells of every hour."""
    begun = time.monotonic()

    async def tell() -> None:
        while True:
            await asyncio.sleep(HOUR)
            print(
                f"hour {world.now() / HOUR:.0f}: {len(world.envelopes)} envelopes, {len(world.sent)} requests, "
                f"{world.kills} kills, {world.faults} disk faults, {len(world.complaints)} complaints "
                f"({time.monotonic() - begun:.0f} s)",
                flush=True,
            )

    telling = asyncio.create_task(tell())
    await world.run()
    telling.cancel()
    await world.end()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--hours", type=float, default=24.0)
    parser.add_argument("--seed", type=int, default=None)
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
    print(f"{given.hours:g} simulated hours, SEED={seed}", flush=True)
    file.LOG_SPACE = 4096  # a log of its working size is laid out at every start
    with tempfile.TemporaryDirectory(prefix="simulation-") as folder:
        world = World(seed, Path(folder) / "sidecar.db", seconds=given.hours * HOUR, tempo=TEMPO)
        try:
            run(play(world))
            check(world)
        except (AssertionError, BaseExceptionGroup) as error:
            for one in (*world.complaints[:20], f"{type(error).__name__}: {error}"):
                print(f"FAULT {one}")
            print(f"again: make simulate HOURS={given.hours:g} SEED={seed}")
            return 1
    done = sum(one.acknowledged for one in world.envelopes)
    print(
        f"{done} envelopes acknowledged, {world.kills} kills, {len(world.sent)} requests, "
        f"{world.compared} comparisons of what is pending: all holds"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
