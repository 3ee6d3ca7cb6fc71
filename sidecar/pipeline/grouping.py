"""Telling together what happens together: which groups of events are due, and what each of them comes to.

An event of a subscription that groups is not said at once: it joins a group in the store, with the batch that makes it.
A group's deadline is its first event's acceptance and the window, in the journal's own time; a tick at or after it
closes the group, and one delivery is planned with the tick's batch. So a group is told once whatever happens in
between, and what is told together depends on what was accepted when, not on when it was translated.

A lane whose subscription is missing keeps its groups until it returns. One that groups no longer has them told at the
next tick; if it has an order, what happens until then waits with them, so that nothing overtakes them.
"""

from collections.abc import Mapping, Sequence

import msgspec

from sidecar.domain import instant
from sidecar.domain.message import Message
from sidecar.domain.record import Record
from sidecar.domain.subscription import Grouping, Order
from sidecar.pipeline.routing import Route, Router, render, unrendered, webhook_id
from sidecar.ports import Closing, Groups, PlannedDelivery, PlannedEvent, Stored, WriteSet
from sidecar.ports.groups import EVER, Gathered, Member

GROUPS = 100  # that one tick closes ...
MEMBERS = 500  # ... with so many events in all, or one group: a few milliseconds of the loop, and of the writer
GROUPED = "group"  # the word of what is told of several, where they are not alike
REST = instant.MINUTE  # after a tick that failed
_AT_ONCE = Grouping(0)  # as the key is made for those that group no longer


class Together(msgspec.Struct, frozen=True):
    """What the groups come to that one tick closes."""

    closed: Sequence[Closing]
    planned: Sequence[PlannedEvent]


NONE = Together((), ())


class Gatherer:
    """Knows in which lanes groups wait, and tells those that are due. `store` is the store's part."""

    def __init__(self, store: Groups) -> None:
        self._store = store
        self._routes: Mapping[int, Route] = {}
        self._given = Router(())
        self._due: dict[int, int] = {}  # lane -> earliest deadline, as committed
        self._full = False
        self._tried = 0  # at which tick groups were closed, while it is not known what came of it
        self._stale = False  # lanes have changed since the store was asked
        self.router = self._given

    @property
    def idle(self) -> bool:
        """Whether nobody's events are grouped and no group waits."""
        return not self._due and not self.router.groups

    def configure(self, router: Router) -> Router:
        """Go by these routes from the next batch on; returns those that events are to be planned by."""
        self._given = router
        self._stale = bool(self._due)
        self._settle()
        return self.router

    async def renew(self) -> Router:
        """Ask the store which groups wait; returns the routes that events are to be planned by."""
        self._stale = self._full = False
        self._due = dict(await self._store.waiting())
        self._tried = 0
        self._settle()
        return self.router

    def _settle(self) -> None:
        """Have lanes that group no longer go on with it until what waits there is told, where they have an order."""
        self._routes = {one.lane: one for one in self._given.routes} if self._due or self._given.groups else {}
        late = {
            lane
            for lane in self._due
            if (one := self._routes.get(lane)) is not None
            and one.subscription.group is None
            and one.subscription.policy.order is not Order.NONE
        }
        self.router = (
            Router([_late(one) if one.lane in late else one for one in self._given.routes]) if late else (self._given)
        )

    def due(self) -> int | None:
        """The instant from which a tick closes a group, None for never."""
        if not self._due:
            return None
        rested = self._tried + REST if self._tried else 0  # a failing tick must not be followed by the next at once
        if self._full or self._stale:
            return rested
        waiting = [self._until(lane, at) for lane, at in self._due.items() if lane in self._routes]
        return max(min(waiting), rested) if waiting else None

    def _until(self, lane: int, deadline: int) -> int:
        return deadline if self._routes[lane].subscription.group is not None else 0

    def committed(self, work: WriteSet) -> Router:
        """These events wait now; returns the routes that further ones are to be planned by."""
        late = False
        for planned in work.events:
            for one in planned.joins:
                deadline = planned.event.accepted + one.window
                if one.lane not in self._due:
                    route = self._routes.get(one.lane)
                    late = late or route is None or route.subscription.group is None  # the key went meanwhile
                self._due[one.lane] = min(deadline, self._due.get(one.lane, deadline))
                # It was planned for a lane that is gone or has an heir by now.
                self._stale = self._stale or one.lane not in self._routes
        if late:
            self._stale = True
            self._settle()
        self._full = self._store.filled() or self._full
        return self.router

    async def close(self, tick: Record) -> Together:
        """What the groups come to that a tick finds due: some of them, the next tick goes on."""
        due = self.due()
        if due is None or (due > tick.accepted and self._tried != tick.accepted):
            return NONE
        self._tried = tick.accepted
        routes = self._routes
        waiting = await self._store.waiting()
        lanes = [
            (lane, EVER if routes[lane].subscription.group is None else tick.accepted)
            for lane, at in sorted(waiting.items(), key=lambda one: one[1])
            if lane in routes and (at <= tick.accepted or routes[lane].subscription.group is None)
        ]
        closed: list[Closing] = []
        planned: list[PlannedEvent] = []
        for group in await self._store.gathered(lanes, GROUPS, MEMBERS) if lanes else ():
            route = routes[group.lane]
            group = _spoken(group, route)  # noqa: PLW2901 - the group as it can be said now
            joined = len(group.members) > 1 and route.voice.joins
            closed.append(Closing(group.id, joined))
            planned += [_together(group, route)] if joined else [_alone(group, one, route) for one in group.members]
        return Together(closed, planned)


def _late(route: Route) -> Route:
    return msgspec.structs.replace(route, subscription=msgspec.structs.replace(route.subscription, group=_AT_ONCE))


def _spoken(group: Gathered, route: Route) -> Gathered:
    """The group in words of the format: those of another that the subscription had before are said in this one's."""
    words = {one.word for one in group.members}
    unknown = {one for one in words if not route.voice.knows(one)}
    if not unknown:
        return group
    untagged = route.subscription.match.untagged
    said: dict[tuple[int, str], Member] = {}
    for one in group.members:
        for word in route.voice.words(one.event, untagged=untagged) if one.word in unknown else (one.word,):
            said[one.number, word] = Member(one.number, one.event, word)
    return msgspec.structs.replace(group, members=list(said.values()))


def _together(group: Gathered, route: Route) -> PlannedEvent:
    """The group in one message: it belongs to the first event, from which it has its id."""
    first = group.members[0]
    stored = Stored(group.id, first.number)
    name = route.subscription.name
    words = {one.word for one in group.members}
    word = words.pop() if len(words) == 1 else GROUPED
    key = _order_key(group, route)
    try:
        messages: Sequence[Message] = route.voice.join([(one.event, one.word) for one in group.members], route.audience)
    except Exception as error:  # noqa: BLE001 - one subscriber's words must not stop the others
        dead = unrendered(first.event, route, word, error, place=GROUPED)
        return PlannedEvent(first.event, (), (dead,), stored=stored)
    deliveries = tuple(
        PlannedDelivery(
            lane=route.lane,
            message=index,
            webhook_id=webhook_id(first.event, name, GROUPED, index),
            word=one.word,
            order_key=key,
        )
        for index, one in enumerate(messages)
    )
    return PlannedEvent(first.event, tuple(messages), deliveries, stored=stored)


def _alone(group: Gathered, one: Member, route: Route) -> PlannedEvent:
    """One event as it is told without a group."""
    messages, deliveries = render(one.event, one.word, route, order_key=_order_key(group, route))
    return PlannedEvent(one.event, messages, deliveries, stored=Stored(group.id, one.number))


def _order_key(group: Gathered, route: Route) -> str:
    """What is told of several repositories waits for all that was told before."""
    order = route.subscription.policy.order
    if order is not Order.NONE and not group.key:
        order = Order.SUBSCRIPTION
    return order.key(group.members[0].event)
