"""`make chaos KILLS=1000 SEED=...`: a sidecar is killed again and again, and whatever it acknowledged must arrive.

Prints the seed, which repeats the same plan, and a table; ends with 1 when anything was lost, invented, or repeated
without a reason. CI runs 36 kills.
"""

import argparse
import asyncio
import logging
import random
import shutil
import sys
import tempfile
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "e2e")]

from full_disk import DiskRun, Faults
from killpoints import POINTS
from plan import WorldPlan, campaign
from verdict import Verdict
from world_run import WorldRun

SIDE_BY_SIDE = 2


async def play(plans: list[WorldPlan], folder: Path) -> Verdict:
    """All worlds, two at a time."""
    total = Verdict()
    left = list(reversed(plans))
    begun = time.monotonic()

    async def one_after_another() -> None:
        while left:
            plan = left.pop()
            place = folder / f"world-{plan.number}"
            try:
                verdict = await WorldRun(plan, place).run()
            except (RuntimeError, AssertionError, TimeoutError) as error:
                verdict = Verdict(faults=[f"world {plan.number}: {error}"])
            verdict.faults = [f"world {plan.number}: {one}" for one in verdict.faults]
            total.add(verdict)
            if not verdict.faults:
                shutil.rmtree(place)
            print(
                f"world {plan.number + 1} of {len(plans)}: {verdict.deaths.total()} deaths, "
                f"{verdict.acknowledged} records acknowledged, {verdict.heard} requests heard, "
                f"{len(verdict.faults)} faults ({time.monotonic() - begun:.0f} s)",
                flush=True,
            )

    await asyncio.gather(*(one_after_another() for _ in range(SIDE_BY_SIDE)))
    return total


async def fill(folder: Path, seed: int, *, mount: bool) -> Verdict:
    """The disk fills and is freed."""
    run = DiskRun(folder / "disk", seed, mount=mount)
    print(f"full disk: {run.form}", flush=True)
    try:
        verdict = await run.run()
    except (Faults, RuntimeError, AssertionError, TimeoutError) as error:
        verdict = Verdict(faults=[f"{error}"])
    verdict.faults = [f"full disk: {one}" for one in verdict.faults]
    refused = run.senders.statuses.get(503, 0)
    print(
        f"full disk: {refused} times 503, {verdict.acknowledged} records acknowledged, {len(verdict.faults)} faults",
        flush=True,
    )
    return verdict


def show(verdict: Verdict) -> None:
    kills = verdict.deaths.total() - verdict.deaths["stopped in order"]
    print(f"\n{'died':<34}{'deaths':>8}{'repeated':>10}{'bound':>8}")
    for how in sorted(verdict.deaths):
        print(f"{how:<34}{verdict.deaths[how]:>8}{verdict.repeated_by[how]:>10}{verdict.bound_by[how]:>8}")
    missed = sorted(POINTS.keys() - verdict.deaths.keys())
    if missed:
        print(f"nobody died at: {', '.join(missed)}")
    print(
        f"\nkills {kills}   records acknowledged {verdict.acknowledged}   deliveries owed {verdict.owed}   "
        f"requests {verdict.heard}\nlost {verdict.lost}   repeated {verdict.repeated} (bound {verdict.bound})   "
        f"faults {len(verdict.faults)}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--no-mount", action="store_true", help="fill no file system, limit the size of files")
    given = parser.parse_args()
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(10**6)
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # writing to victims that have just died is the point
    print(f"{given.kills} kills, SEED={seed}", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    verdict = asyncio.run(play(campaign(given.kills, seed), folder))
    verdict.add(asyncio.run(fill(folder, seed, mount=not given.no_mount)))
    show(verdict)
    for one in verdict.faults[:50]:
        print(f"FAULT {one}")
    if len(verdict.faults) > 50:
        print(f"... and {len(verdict.faults) - 50} more")
    if verdict.faults:
        print(f"what is left of the worlds is in {folder}; again: make chaos KILLS={given.kills} SEED={seed}")
        return 1
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
