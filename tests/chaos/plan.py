"""What a campaign will do, worked out from its seed alone: worlds, lives, and how each life ends."""

import random
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from killpoints import POINTS, Point

LIVES = 50  # of one world: then it drains, is checked, and another begins with an empty folder


class Life(msgspec.Struct, frozen=True, kw_only=True):
    """One life. With a `point` it dies there by itself; else it is killed `after` so many seconds.

    `does` is what is done to it before: reload, stop (as SIGTERM), throttle (by all receivers), rubbish (is posted), or
    nothing; `pause` how long after its first answer.
    """

    point: str = ""
    hit: int = 1
    after: float = 0.0
    does: str = ""
    pause: float = 0.0
    envelopes: int = 0  # new ones to give
    unreadable: int = 0
    clock: int | None = None  # seconds by which the wall clock is off from now on
    clock_at: float = 0.0
    whole: bool = False  # a new interpreter, not a fork
    upgraded: bool = False  # run by the next version of the program
    checkpoint: int = 2000


class WorldPlan(msgspec.Struct, frozen=True, kw_only=True):
    """One world: a store of its own, lives one after another, and what it is like."""

    number: int
    seed: int
    lives: tuple[Life, ...]
    brief: bool  # retention so short that it has work in every life
    jumps: bool  # the wall clock is set now and then


def campaign(kills: int, seed: int) -> list[WorldPlan]:
    """Worlds with so many lives in all. Points are died at about equally often; a third of all deaths are random."""
    chance = random.Random(seed)
    worlds = max(2, -(-kills // LIVES)) if kills > 10 else 1
    shares = [kills // worlds + (number < kills % worlds) for number in range(worlds)]
    points = _endless(chance, [one for one in POINTS.values() if one.needs != "fresh"])
    fresh = _endless(chance, [one for one in POINTS.values() if one.needs == "fresh"])
    return [_world(chance, number, share, points, fresh) for number, share in enumerate(shares)]


def _endless(chance: random.Random, points: Sequence[Point]) -> Iterator[Point]:
    """All of them in some order, again and again."""
    while True:
        yield from chance.sample(list(points), len(points))


def _world(
    chance: random.Random, number: int, share: int, points: Iterator[Point], fresh: Iterator[Point]
) -> WorldPlan:
    jumps = number % 3 == 2
    upgraded_from = share // 2 if number % 2 else share + 1
    lives = []
    for at in range(share):
        unborn = at in {0, upgraded_from}
        lives.append(
            _life(chance, fresh if unborn else points, unborn=unborn, jumps=jumps, upgraded=at >= upgraded_from)
        )
    return WorldPlan(
        number=number,
        seed=chance.randrange(2**32),
        lives=tuple(lives),
        brief=not jumps,
        jumps=jumps,
    )


def _life(chance: random.Random, points: Iterator[Point], *, unborn: bool, jumps: bool, upgraded: bool) -> Life:
    given: dict[str, Any] = {
        "envelopes": chance.randint(5, 40),
        "unreadable": int(chance.random() < 0.2),
        "pause": chance.random() * 0.08,
        "whole": chance.random() < 0.04,
        "upgraded": upgraded,
        "checkpoint": chance.choice([2000, 2000, 60]),
    }
    if jumps and chance.random() < 0.4:
        given["clock"] = chance.choice([-7200, -3600, -90, -5, 0, 5, 90, 3600, 7200, 20000])
        given["clock_at"] = chance.random() * 0.3
    if unborn or chance.random() < 0.67:
        point = next(points)
        does = point.needs if point.needs != "fresh" else ""
        given["unreadable"] = 3 if does == "rubbish" else given["unreadable"]
        return Life(point=point.name, hit=chance.randint(1, point.within), does=does, **given)
    dice = chance.random()
    if dice < 0.2:
        return Life(does="stop", after=chance.random() * 0.25, **given)
    if dice < 0.4:
        return Life(does="reload", after=chance.random() * 0.1, **given)
    return Life(after=chance.random() * 0.7, **given)
