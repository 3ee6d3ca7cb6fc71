"""What operators do to a simulated world, and what befalls its machine. One function for each, listed in HANDS.

To add an operation: write an async function of the world, and give it a weight. It may raise StoreUnavailable at any
moment, and the process may die under it: `world.house` is None then.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from doubles import House
from sidecar.domain import instant
from sidecar.domain.delivery import State
from sidecar.domain.errors import NotFound, StoreUnavailable
from sidecar.domain.lane_state import Pause
from sidecar.domain.listing import QuarantineFilter
from sidecar.domain.selection import Cursor, Selection
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.routing import Router

Hand = Callable[[Any], Awaitable[None]]
FINISHED = (State.DELIVERED, State.DEAD, State.CANCELLED)
STEPS = (-20_000, -7200, -900, -5, 3, 30, 5000, 20_000)  # seconds


async def set_the_clock(world: Any) -> None:
    """By seconds, or by hours."""
    world.machine.step(world.chance.choice(STEPS) * instant.SECOND)


async def hold_a_lane(world: Any) -> None:
    """Pause a lane for a moment, and let it go on, however long the store makes one try."""
    house: House = world.house
    lane = world.chance.choice([one.lane for one in house.dispatcher.views()])
    await hold(world, lane, "operator")
    await asyncio.sleep(world.chance.random() * 3 * world.tempo)
    while not await hold(world, lane, ""):  # noqa: ASYNC110 - there is nobody to set an event
        await asyncio.sleep(0.3)


async def release_a_lane(world: Any) -> None:
    """One that is held, by a 410 as it may be."""
    held = [one.lane for one in world.house.dispatcher.views() if one.held]
    if held:
        await hold(world, world.chance.choice(held), "")


async def hold(world: Any, lane: int, word: str) -> bool:
    house: House | None = world.house
    if house is None:
        return False
    try:
        house.dispatcher.apply(await house.store.pause(Pause(lane=lane, hold=word), house.clock.now()))
    except StoreUnavailable:
        return False
    return True


async def reload(world: Any) -> None:
    """The file is written anew and read, again and again until the store can take it, or until the process ends."""
    world.write_file(world.file.changed(world.chance, world.number()))
    house: House | None = world.house
    while house is not None and house is world.house:
        try:
            await house.configure(world.file.subscriptions())
        except StoreUnavailable:
            await asyncio.sleep(0.3)
        else:
            world.in_use()
            return


async def look_at_quarantine(world: Any) -> None:
    """Retry what lies there, in vain, or throw it away."""
    house: House = world.house
    operations = operations_of(house)
    for row in (await operations.quarantined(QuarantineFilter(limit=3)))[:1]:
        _, body = await operations.quarantined_body(row.id)
        if world.chance.random() < 0.5:
            assert await operations.retry_quarantined(row.id, "operator") == "quarantined"
        else:
            world.throw_away(body)
            await operations.delete_quarantined(row.id, "operator")
            world.thrown_away(body)


def operations_of(house: House) -> Operations:
    """The verbs of a house that runs."""
    operations = Operations(house.store, house.intake, house.clock, house.observer)
    operations.connect(Router(()), house.destinations, house.dispatcher, house.courier)
    return operations


async def replay(world: Any) -> None:
    """What is finished is sent once more."""
    if ids := world.some_of(FINISHED):
        world.bring_back(ids)
        where = Selection(states=FINISHED, ids=tuple(ids))
        await operations_of(world.house).redelivery.replay(where, Cursor(), len(ids), "operator")


async def retry(world: Any) -> None:
    """What waits is tried at once."""
    if ids := world.some_of((State.DUE,)):
        where = Selection(states=(State.DUE, State.DEAD), ids=tuple(ids))
        await operations_of(world.house).redelivery.retry(where, Cursor(), len(ids), "operator")


async def cancel(world: Any) -> None:
    """What is due is not wanted any more."""
    if ids := world.some_of((State.DUE,)):
        world.give_up(ids)
        where = Selection(states=(State.DUE,), ids=tuple(ids))
        await operations_of(world.house).redelivery.cancel(where, Cursor(), len(ids), "operator")


async def bring_back_everything(world: Any) -> None:
    """At the end: what is dead or cancelled is sent after all."""
    states, cursor = (State.DEAD, State.CANCELLED), Cursor()
    while cursor is not None:
        step = await operations_of(world.house).redelivery.replay(Selection(states=states), cursor, 200, "operator")
        cursor = step.cursor


# How often each is done, in proportion.
HANDS: tuple[tuple[int, Hand], ...] = (
    (4, set_the_clock),
    (4, hold_a_lane),
    (4, reload),
    (3, release_a_lane),
    (2, look_at_quarantine),
    (2, replay),
    (2, retry),
    (1, cancel),
)


async def one_of_them(world: Any) -> None:
    """Do one thing, unless the process is down or the store does not let it."""
    if world.house is None:
        return
    (hand,) = world.chance.choices([one for _, one in HANDS], [weight for weight, _ in HANDS])
    try:
        await hand(world)
    except (StoreUnavailable, NotFound):
        return
