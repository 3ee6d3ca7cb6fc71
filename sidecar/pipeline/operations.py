"""The operator's verbs, shared by every management interface: find, explain, hold, try, take again."""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from sidecar.dialects.allowance import Allowance
from sidecar.domain.delivery import Outcome, State
from sidecar.domain.errors import Conflict, NotFound
from sidecar.domain.event import Event, EventType, stable_uuid
from sidecar.domain.lane_state import LaneState, Pause
from sidecar.domain.listing import (
    AttemptRow,
    Companion,
    DeliveryFilter,
    DeliveryRow,
    EventFilter,
    EventRow,
    PullFilter,
    PullRow,
    QuarantineFilter,
    QuarantineRow,
    ScanFilter,
    ScannedRow,
    UndeliveredCount,
    WaitingGroup,
)
from sidecar.domain.message import Message
from sidecar.domain.selection import Selection
from sidecar.pipeline.courier import Courier, Destination
from sidecar.pipeline.dispatcher import Dispatcher
from sidecar.pipeline.inspection import ShownRequest, rehearsed, stored, would_be
from sidecar.pipeline.intake import Intake
from sidecar.pipeline.redelivery import Redelivery, check
from sidecar.pipeline.routing import Route, Router, Verdict, told, webhook_id
from sidecar.pipeline.track import LaneView
from sidecar.ports import Clock, Interventions, LaneRow, Ledger, Observer

OF_EVENT = 500  # deliveries that are shown of one event, the newest
RETRIED = 1000  # quarantined items taken again by one call


class Store(Ledger, Interventions, Protocol):
    """Everything that operators ask of a store."""


class Explanation(msgspec.Struct, frozen=True):
    """One subscription's part of an explanation: the verdict, what it is or would be sent, its deliveries."""

    verdict: Verdict
    route: Route
    requests: Sequence[ShownRequest]
    deliveries: Sequence[DeliveryRow]


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a test: the request as it was sent, and what was answered. `took` in nanoseconds."""

    type: EventType
    request: ShownRequest
    outcome: Outcome
    took: int


class Retried(msgspec.Struct):
    """What became of quarantined items that were taken again."""

    tried: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0


class Operations:
    """Everything an operator can ask. Works on a store that is open; the running parts are connected when they run."""

    def __init__(self, store: Store, intake: Intake, clock: Clock, observer: Observer) -> None:
        self._store = store
        self._intake = intake
        self._clock = clock
        self._observer = observer
        self._router = Router(())
        self._destinations: Mapping[str, Destination] = {}
        self._dispatcher: Dispatcher | None = None
        self._courier: Courier | None = None
        self.redelivery = Redelivery(store, clock, observer)

    def connect(
        self,
        router: Router,
        destinations: Mapping[str, Destination],
        dispatcher: Dispatcher | None = None,
        courier: Courier | None = None,
    ) -> None:
        """Use the running configuration, destinations by name; without dispatcher and courier nothing is running."""
        self._router = router
        self._destinations = destinations
        self._dispatcher = self.redelivery.dispatcher = dispatcher
        self._courier = courier

    @property
    def routes(self) -> Sequence[Route]:
        return self._router.routes

    def now(self) -> int:
        """The sidecar's own time, for what is shown as an age."""
        return self._clock.now()

    # --- looking -----------------------------------------------------------------------------------------------------

    @property
    def under_way(self) -> frozenset[int]:
        """The deliveries that an attempt is being made of just now."""
        return self._dispatcher.under_way if self._dispatcher is not None else frozenset()

    async def events(self, where: EventFilter) -> Sequence[EventRow]:
        return await self._store.events(where)

    async def event(self, uuid: str) -> tuple[Event, Sequence[DeliveryRow]]:
        """An event with its deliveries. Raises NotFound."""
        event = await self._store.event(uuid)
        if event is None:
            raise NotFound(f"there is no event {uuid}; it may be older than retention keeps events")
        return event, await self._store.deliveries(DeliveryFilter(event=uuid, limit=OF_EVENT))

    async def waits(self, uuid: str) -> Sequence[WaitingGroup]:
        """The groups in which an event waits to be told with others."""
        return await self._store.waits(uuid)

    async def companions(self, delivery: int) -> Sequence[Companion]:
        """The events that a delivery tells of in one message; none when it is of one by itself."""
        return await self._store.companions(delivery)

    async def explain(self, uuid: str) -> tuple[Event, Sequence[Explanation], Sequence[DeliveryRow]]:
        """What every subscription makes of an event, and its deliveries to those that are gone. Raises NotFound.

        Where there are deliveries their own bytes are shown, else what would be sent under the running configuration.
        """
        event, deliveries = await self.event(uuid)
        parts = []
        allowance = Allowance()
        for route, verdict in zip(self._router.routes, self._router.explain(event), strict=True):
            own: Sequence[DeliveryRow] = [one for one in deliveries if one.subscription == route.subscription.name]
            if not own and verdict.fired and len(deliveries) >= OF_EVENT:  # others have many: one for each tag, say
                own = await self._store.deliveries(DeliveryFilter(event=uuid, subscription=route.subscription.name))
            requests = [one for each in own for one in await self._sent(each)]
            for word in () if own else verdict.words:
                try:
                    requests += self._unsent(event, route, word, allowance)
                except Exception as error:  # noqa: BLE001 - what a dialect raises is what the operator wants to know
                    why = f"{word} cannot be rendered: {told(error)}"
                    verdict = msgspec.structs.replace(verdict, why=why)  # noqa: PLW2901 - the verdict with its reason
            parts.append(Explanation(verdict, route, requests, own))
        names = {one.subscription.name for one in self._router.routes}
        return event, parts, [one for one in deliveries if one.subscription not in names]

    async def _sent(self, delivery: DeliveryRow) -> Sequence[ShownRequest]:
        """The request of a delivery, none when it has no bytes."""
        shown = self.shown(delivery, *await self._store.attempts(delivery.id))
        return [shown] if shown is not None else []

    def shown(
        self, delivery: DeliveryRow, message: Message | None, attempts: Sequence[AttemptRow]
    ) -> ShownRequest | None:
        """The request of a delivery, None when it has no bytes or its subscription has left the configuration."""
        to = self._destinations.get(delivery.subscription)
        return stored(delivery, message, attempts, to, self._clock.now()) if message is not None and to else None

    def _unsent(self, event: Event, route: Route, word: str, allowance: Allowance) -> list[ShownRequest]:
        """The requests that an event would come to in one word. Raises what the dialect raises."""
        name, now = route.subscription.name, self._clock.now()
        return [
            would_be(message, self._destinations[name], webhook_id(event, name, word, index), now, event.id)
            for index, message in enumerate(route.voice.render(event, word, route.sharing(allowance)))
        ]

    async def deliveries(self, where: DeliveryFilter) -> Sequence[DeliveryRow]:
        return await self._store.deliveries(where)

    async def delivery(self, number: int) -> tuple[DeliveryRow, Message | None, Sequence[AttemptRow]]:
        """A delivery with its message and its attempts. Raises NotFound."""
        found = await self._store.deliveries(DeliveryFilter(id=number, limit=1))
        if not found:
            raise NotFound(f"there is no delivery {number}; it may be older than retention keeps deliveries")
        message, attempts = await self._store.attempts(number)
        return found[0], message, attempts

    async def undelivered(self, where: DeliveryFilter) -> tuple[Sequence[DeliveryRow], Sequence[UndeliveredCount]]:
        """What is due or dead, and how much of it each subscription has."""
        where = msgspec.structs.replace(where, states=(State.DUE, State.DEAD))
        return await self._store.deliveries(where), await self._store.undelivered()

    async def subscriptions(self) -> tuple[Sequence[LaneRow], dict[str, LaneView]]:
        """Every lane as the store has it, and those that run as the dispatcher has them."""
        views = {one.name: one for one in self._dispatcher.views()} if self._dispatcher is not None else {}
        return await self._store.lanes(), views

    # --- subscriptions -----------------------------------------------------------------------------------------------

    async def pause(self, name: str, who: str) -> LaneState:
        """Hold a subscription until it is resumed, over restarts. Raises NotFound."""
        return await self._hold(name, "operator", who, "pause")

    async def resume(self, name: str, who: str) -> LaneState:
        """Release a subscription from an operator's hold, from that of a 410, and from its pause. Raises NotFound."""
        return await self._hold(name, "", who, "resume")

    async def _hold(self, name: str, hold: str, who: str, what: str) -> LaneState:
        lanes = {row.state.name: row.state for row in await self._store.lanes()}
        if name not in lanes:
            raise NotFound(f"there is no subscription {name}")
        state = await self._store.pause(Pause(lane=lanes[name].id, hold=hold), self._clock.now())
        if self._dispatcher is not None:
            self._dispatcher.apply(state)
        if state.hold != lanes[name].hold:
            self._observer.lane_changed(name, "held" if hold else "released", "by an operator")
        self._observer.operated(who, what, 1, f"subscription={name}")
        return state

    async def test(self, name: str, event: str, who: str) -> Tried:
        """Send a sample to a subscription's destination, once, whether it is paused or not; nothing is stored.

        Raises NotFound, and Conflict when the format cannot say the event or nothing is running.
        """
        routes = {one.subscription.name: one for one in self._router.routes}
        if name not in routes:
            raise NotFound(f"there is no subscription {name} in the configuration")
        if self._courier is None:
            raise Conflict("nothing is sent while the sidecar is stopped; start it and try again")
        try:
            what, message = rehearsed(routes[name], event)
        except ValueError as error:
            raise Conflict(str(error)) from None
        now = self._clock.now()
        number = f"msg_test{stable_uuid('test', name, str(now)).replace('-', '')}"
        to = self._destinations[name]
        request = would_be(message, to, number, now)
        outcome, took = await self._courier.test(message, to, number)
        self._observer.operated(who, "test", 1, f"subscription={name} reason={outcome.reason.value}")
        return Tried(type=what, request=request, outcome=outcome, took=took)

    async def check(self, where: Selection, *, orphans: bool) -> None:
        """Raises NotFound or Conflict for a selection that names subscriptions which cannot be meant."""
        if where.subscriptions:
            check(where, await self._store.lanes(), orphans=orphans)

    async def pulls(self, where: PullFilter) -> Sequence[PullRow]:
        """How often artifacts were pulled, the last pulled first."""
        return await self._store.pulls(where)

    async def scans(self, where: ScanFilter) -> Sequence[ScannedRow]:
        """The last scans of artifacts, the last scanned first."""
        return await self._store.scans(where)

    # --- quarantine --------------------------------------------------------------------------------------------------

    async def quarantined(self, where: QuarantineFilter) -> Sequence[QuarantineRow]:
        return await self._store.quarantined(where)

    async def quarantined_body(self, number: int) -> tuple[QuarantineRow, bytes]:
        """One quarantined item with its bytes. Raises NotFound."""
        found = await self._store.quarantined_body(number)
        if found is None:
            raise NotFound(f"there is no quarantined item {number}; it may have been retried or deleted")
        return found

    async def retry_quarantined(self, number: int, who: str) -> str:
        """Take an item again: it leaves quarantine if it is accepted now, and stays if it is not. Raises NotFound.

        Returns accepted, duplicate or quarantined.
        """
        outcome = await self._take_again(number)
        self._observer.operated(who, "quarantine retry", 1, f"item={number} outcome={outcome}")
        return outcome

    async def _take_again(self, number: int) -> str:
        row, body = await self.quarantined_body(number)
        outcome = await self._intake.again(row, body)
        if outcome != "quarantined":
            await self._store.release(number)
        return outcome

    async def retry_all_quarantined(self, where: QuarantineFilter, who: str) -> Retried:
        """Take everything of a reason or registry again, oldest first, at most RETRIED items."""
        done = Retried()
        rows = await self._store.quarantined(msgspec.structs.replace(where, limit=RETRIED))
        for row in reversed(rows):
            outcome = await self._take_again(row.id)
            done.tried += 1
            setattr(done, outcome, getattr(done, outcome) + 1)
        if done.tried:
            detail = f"accepted={done.accepted} duplicate={done.duplicate} quarantined={done.quarantined}"
            self._observer.operated(who, "quarantine retry", done.tried, detail)
        return done

    async def delete_quarantined(self, number: int, who: str) -> None:
        """Throw an item away. Raises NotFound."""
        await self.quarantined_body(number)
        await self._store.release(number)
        self._observer.operated(who, "quarantine delete", 1, f"item={number}")
