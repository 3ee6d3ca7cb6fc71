"""The operator's verbs, shared by every management interface: find, explain, retry what was set aside."""

from collections.abc import Sequence

import msgspec

from sidecar.domain.delivery import State
from sidecar.domain.errors import NotFound
from sidecar.domain.event import Event
from sidecar.domain.message import Message
from sidecar.pipeline.dispatcher import Dispatcher, LaneView
from sidecar.pipeline.intake import Intake
from sidecar.pipeline.routing import Route, Router, Verdict
from sidecar.ports import (
    AttemptRow,
    Clock,
    DeliveryFilter,
    DeliveryRow,
    EventFilter,
    EventRow,
    LaneRow,
    Ledger,
    PullFilter,
    PullRow,
    QuarantineFilter,
    QuarantineRow,
    UndeliveredCount,
)

RETRIED = 1000  # quarantined items taken again by one call


class Explanation(msgspec.Struct, frozen=True):
    """One subscription's part of an explanation: the verdict, the messages it comes to now, its deliveries."""

    verdict: Verdict
    route: Route
    messages: Sequence[Message]
    deliveries: Sequence[DeliveryRow]


class Retried(msgspec.Struct):
    """What became of quarantined items that were taken again."""

    tried: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0


class Operations:
    """Everything an operator can ask. Works on a store that is open; the running parts are connected when they run."""

    def __init__(self, ledger: Ledger, intake: Intake, clock: Clock) -> None:
        self._ledger = ledger
        self._intake = intake
        self._clock = clock
        self._router = Router(())
        self._dispatcher: Dispatcher | None = None

    def connect(self, router: Router, dispatcher: Dispatcher | None) -> None:
        """Use the running configuration; without a dispatcher nothing is running."""
        self._router = router
        self._dispatcher = dispatcher

    @property
    def routes(self) -> Sequence[Route]:
        return self._router.routes

    # --- looking -----------------------------------------------------------------------------------------------------

    async def events(self, where: EventFilter) -> Sequence[EventRow]:
        return await self._ledger.events(where)

    async def event(self, uuid: str) -> tuple[Event, Sequence[DeliveryRow]]:
        """An event with its deliveries. Raises NotFound."""
        event = await self._ledger.event(uuid)
        if event is None:
            raise NotFound(f"there is no event {uuid}; it may be older than retention keeps events")
        return event, await self._ledger.deliveries(DeliveryFilter(event=uuid, limit=500))

    async def explain(self, uuid: str) -> tuple[Event, Sequence[Explanation]]:
        """What every subscription makes of an event under the running configuration. Raises NotFound."""
        event, deliveries = await self.event(uuid)
        parts = []
        for route, verdict in zip(self._router.routes, self._router.explain(event), strict=True):
            messages: list[Message] = []
            for word in verdict.words:
                try:
                    messages.extend(route.voice.render(event, word, route.audience))
                except Exception as error:  # noqa: BLE001 - the same event gave a dead delivery; say so here as well
                    why = f"{word} cannot be rendered: {type(error).__name__}: {error}"
                    verdict = msgspec.structs.replace(verdict, why=why)  # noqa: PLW2901 - the verdict with its reason
            own = [one for one in deliveries if one.subscription == route.subscription.name]
            parts.append(Explanation(verdict, route, messages, own))
        return event, parts

    async def deliveries(self, where: DeliveryFilter) -> Sequence[DeliveryRow]:
        return await self._ledger.deliveries(where)

    async def delivery(self, number: int) -> tuple[DeliveryRow, Message | None, Sequence[AttemptRow]]:
        """A delivery with its message and its attempts. Raises NotFound."""
        found = await self._ledger.deliveries(DeliveryFilter(id=number, limit=1))
        if not found:
            raise NotFound(f"there is no delivery {number}; it may be older than retention keeps deliveries")
        message, attempts = await self._ledger.attempts(number)
        return found[0], message, attempts

    async def undelivered(self, where: DeliveryFilter) -> tuple[Sequence[DeliveryRow], Sequence[UndeliveredCount]]:
        """What is due or dead, and how much of it each subscription has."""
        where = msgspec.structs.replace(where, states=(State.DUE, State.DEAD))
        return await self._ledger.deliveries(where), await self._ledger.undelivered()

    async def subscriptions(self) -> tuple[Sequence[LaneRow], dict[str, LaneView]]:
        """Every lane as the store has it, and those that run as the dispatcher has them."""
        views = {one.name: one for one in self._dispatcher.views()} if self._dispatcher is not None else {}
        return await self._ledger.lanes(), views

    async def pulls(self, where: PullFilter) -> Sequence[PullRow]:
        """How often artifacts were pulled, the last pulled first."""
        return await self._ledger.pulls(where)

    # --- quarantine --------------------------------------------------------------------------------------------------

    async def quarantined(self, where: QuarantineFilter) -> Sequence[QuarantineRow]:
        return await self._ledger.quarantined(where)

    async def quarantined_body(self, number: int) -> tuple[QuarantineRow, bytes]:
        """One quarantined item with its bytes. Raises NotFound."""
        found = await self._ledger.quarantined_body(number)
        if found is None:
            raise NotFound(f"there is no quarantined item {number}; it may have been retried or deleted")
        return found

    async def retry_quarantined(self, number: int) -> str:
        """Take an item again: it leaves quarantine if it is accepted now, and stays if it is not. Raises NotFound.

        Returns accepted, duplicate or quarantined.
        """
        row, body = await self.quarantined_body(number)
        outcome = await self._intake.again(row, body)
        if outcome != "quarantined":
            await self._ledger.release(number)
        return outcome

    async def retry_all_quarantined(self, where: QuarantineFilter) -> Retried:
        """Take everything of a reason or registry again, oldest first, at most RETRIED items."""
        done = Retried()
        rows = await self._ledger.quarantined(msgspec.structs.replace(where, limit=RETRIED))
        for row in reversed(rows):
            outcome = await self.retry_quarantined(row.id)
            done.tried += 1
            setattr(done, outcome, getattr(done, outcome) + 1)
        return done

    async def delete_quarantined(self, number: int) -> None:
        """Throw an item away. Raises NotFound."""
        await self.quarantined_body(number)
        await self._ledger.release(number)
