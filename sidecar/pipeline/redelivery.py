"""Replay, retry, cancel: what operators do to deliveries, one by one and many at a time.

Many deliveries are walked over in steps, and whoever asks says when the next one comes: a step is a look at a bounded
number of rows and one short transaction. Who stops asking leaves nothing half done, and what was done stays done.
"""

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from sidecar.domain.delivery import State
from sidecar.domain.errors import Conflict, NotFound
from sidecar.domain.made import through_api
from sidecar.domain.selection import Cursor, Pick, Selection
from sidecar.pipeline.dispatcher import Dispatcher
from sidecar.ports import Clock, Interventions, LaneRow, Observer

STEP = 200  # deliveries changed by one step: a few milliseconds of the writer
REPLAYED = (State.DEAD, State.DELIVERED, State.CANCELLED)
RETRIED = (State.DUE, State.DEAD)
CANCELLED = (State.DUE,)


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """What one step changed, or would change, by subscription; what it had to leave; where the next one begins.

    `silent` deliveries have no bytes any more, or never had any. Those of `orphaned` subscriptions wait for the name.
    `waiting` are the events of groups that were given up, by subscription.
    """

    counts: Mapping[str, int]
    silent: int = 0
    orphaned: Mapping[str, int]
    cursor: Cursor | None
    waiting: Mapping[str, int] = {}


class Redelivery:
    """The verbs over deliveries. `who` is the operator, as far as the door tells."""

    def __init__(
        self, store: Interventions, clock: Clock, observer: Observer, dispatcher: Dispatcher | None = None
    ) -> None:
        self._store = store
        self._clock = clock
        self._observer = observer
        self.dispatcher = dispatcher  # None while nothing is running

    async def count(self, where: Selection, cursor: Cursor, *, orphans: bool) -> Step:
        """What one step of a walk finds. `orphans` says that deliveries of orphaned lanes, and without bytes, count."""
        found, then = await self._store.tally(where, cursor)
        all_of = _all_of(where)
        counts = {
            one.subscription: one.count if orphans else one.sendable for one in found if orphans or not one.orphaned
        }
        return Step(
            counts={name: count for name, count in counts.items() if count},
            silent=0 if orphans else sum(one.count - one.sendable for one in found if not one.orphaned),
            orphaned={} if orphans else {one.subscription: one.count for one in found if one.orphaned},
            cursor=then,
            waiting=await self._store.held(where.subscriptions) if cursor == Cursor() and orphans and all_of else {},
        )

    async def replay(self, where: Selection, cursor: Cursor, limit: int, who: str) -> Step:
        """Make one step's deliveries due again."""
        picked, then = await self._store.pick(where, cursor, min(limit, STEP))
        moved = await self._bring_back(_ids(picked), where.states)
        self._note(who, "replay", moved, where)
        return _account(picked, moved, then)

    async def retry(self, where: Selection, cursor: Cursor, limit: int, who: str) -> Step:
        """Make one step's deliveries due now, those that wait and those that are dead."""
        picked, then = await self._store.pick(where, cursor, min(limit, STEP))
        moved = await self._hasten([one.id for one in picked if one.state is State.DUE])
        moved += await self._bring_back([one.id for one in picked if one.state is State.DEAD], (State.DEAD,))
        self._note(who, "retry", moved, where)
        return _account(picked, moved, then)

    async def cancel(self, where: Selection, cursor: Cursor, limit: int, who: str) -> Step:
        """Give one step's deliveries up: first the groups that wait for subscriptions of which all is given up."""
        if cursor == Cursor() and _all_of(where):
            ended = await self._store.disband(where.subscriptions, STEP, self._clock.now())
            if ended:
                told = ",".join(ended)
                self._observer.operated(who, "cancel", sum(ended.values()), f"events in groups subscription={told}")
                return Step(counts={}, orphaned={}, cursor=cursor, waiting=ended)
        picked, then = await self._store.pick(where, cursor, min(limit, STEP))
        moved = await self._give_up(_ids(picked))
        self._note(who, "cancel", moved, where)
        return _account(picked, moved, then)

    # --- one delivery ------------------------------------------------------------------------------------------------

    async def retry_one(self, number: int, who: str) -> None:
        """Make a delivery due now. Raises NotFound, and Conflict when it is delivered, cancelled or cannot be sent."""
        one = await self._one(number)
        if one.orphaned:
            raise Conflict(orphaned(one.subscription))
        if one.state not in RETRIED:
            raise Conflict(f"delivery {number} is {one.state.name.lower()}; a replay sends it again all the same")
        if not one.sendable:
            raise Conflict(
                f"delivery {number} has nothing to send: it could not be rendered, or retention has taken its message"
            )
        if one.state is State.DUE:
            moved = await self._hasten([number])
        else:
            moved = await self._bring_back([number], (State.DEAD,))
        self._changed_meanwhile(number, moved)
        self._observer.operated(who, "retry", 1, f"delivery {number}")

    async def cancel_one(self, number: int, who: str) -> None:
        """Give a delivery up. Raises NotFound, and Conflict when it is not due."""
        one = await self._one(number)
        if one.state is not State.DUE:
            raise Conflict(f"delivery {number} is {one.state.name.lower()}; only what is due can be cancelled")
        self._changed_meanwhile(number, await self._give_up([number]))
        self._observer.operated(who, "cancel", 1, f"delivery {number}")

    async def _one(self, number: int) -> Pick:
        found, _ = await self._store.pick(Selection(states=tuple(State), ids=(number,)), Cursor(), 1)
        if not found:
            raise NotFound(f"there is no delivery {number}; it may be older than retention keeps deliveries")
        return found[0]

    @staticmethod
    def _changed_meanwhile(number: int, moved: Collection[int]) -> None:
        if not moved:
            raise Conflict(f"delivery {number} changed just now; look at it again")

    # --- what moves them ---------------------------------------------------------------------------------------------

    async def _bring_back(self, ids: Sequence[int], states: Collection[State]) -> list[int]:
        moved = await self._store.replay(ids, states, self._clock.now()) if ids else {}
        return self._tell(moved)

    async def _hasten(self, ids: Sequence[int]) -> list[int]:
        moved = await self._store.hasten(ids, self._clock.now()) if ids else {}
        return self._tell(moved)

    async def _give_up(self, ids: Sequence[int]) -> list[int]:
        moved = await self._store.cancel(ids, self._clock.now()) if ids else {}
        return self._tell(moved)

    def _tell(self, moved: Mapping[int, Sequence[int]]) -> list[int]:
        """Have the lanes hear of it, with no await between the store's answer and this."""
        if self.dispatcher is not None and moved:
            self.dispatcher.changed(moved)
        return [one for ids in moved.values() for one in ids]

    def _note(self, who: str, what: str, moved: Collection[int], where: Selection) -> None:
        if moved:
            self._observer.operated(who, what, len(moved), described(where))


def _account(picked: Sequence[Pick], moved: Collection[int], then: Cursor | None) -> Step:
    done = set(moved)
    left = [one for one in picked if one.id not in done]
    return Step(
        counts=_by_name(picked, lambda one: one.id in done),
        silent=sum(not one.sendable and not one.orphaned for one in left),
        orphaned=_by_name(left, lambda one: one.orphaned),
        cursor=then,
    )


def orphaned(name: str) -> str:
    """Why nothing is sent for a subscription that has left the configuration, or that it does not let be used."""
    if through_api(name):
        return f"subscription {name} cannot be used under this configuration: `subscriptions list` says why"
    return (
        f"subscription {name} is not in the configuration any more: bring its name back, or write `formerly: {name}` "
        "at the one that takes over"
    )


def check(where: Selection, lanes: Sequence[LaneRow], *, orphans: bool) -> None:
    """Raises NotFound for a subscription that never was, Conflict for an orphaned one unless `orphans` may be meant."""
    known = {row.state.name: row.state for row in lanes}
    for name in where.subscriptions:
        if name not in known:
            raise NotFound(f"there is no subscription {name}")
        if known[name].orphaned and not orphans:
            raise Conflict(orphaned(name))


def described(where: Selection) -> str:
    """A selection in one line, for the log."""
    parts = [
        ("state", ",".join(one.name.lower() for one in where.states)),
        ("subscription", ",".join(where.subscriptions)),
        ("event", where.event),
        ("type", where.type),
        ("reason", where.reason),
        ("repository", ",".join(where.repositories.patterns)),
        ("deliveries", ",".join(map(str, where.ids[:10])) + (",..." if len(where.ids) > 10 else "")),
        ("since", str(where.since) if where.since else ""),
        ("until", str(where.until) if where.until else ""),
    ]
    return " ".join(f"{name}={value}" for name, value in parts if value)


def _all_of(where: Selection) -> bool:
    """Whether a selection means all that some subscriptions are owed, and so what waits in their groups as well."""
    plain = Selection(states=where.states, subscriptions=where.subscriptions)
    return bool(where.subscriptions) and State.DUE in where.states and where == plain


def _ids(picked: Sequence[Pick]) -> list[int]:
    return [one.id for one in picked]


def _by_name(picked: Sequence[Pick], true: Callable[[Pick], bool]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for one in picked:
        if true(one):
            counts[one.subscription] = counts.get(one.subscription, 0) + 1
    return counts
