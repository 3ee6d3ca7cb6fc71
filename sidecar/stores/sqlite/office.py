"""The operator's half of the store: the ports Ledger and Interventions."""

from collections.abc import Collection, Mapping, Sequence

from sidecar.domain.delivery import State
from sidecar.domain.event import Event
from sidecar.domain.listing import (
    AttemptRow,
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
)
from sidecar.domain.message import Message
from sidecar.domain.selection import Cursor, Pick, Selection, Tally
from sidecar.ports import LaneRow
from sidecar.stores.sqlite import interventions, ledger, scans
from sidecar.stores.sqlite.parts import Part


class Office(Part):
    """Lists and changes. Whoever is a store gives it a reader apart from the pipeline's, and the commit loop."""

    # --- Ledger -----------------------------------------------------------------------------------------------------

    async def events(self, where: EventFilter) -> Sequence[EventRow]:
        return await ledger.events(self._operator_reader(), where)

    async def event(self, uuid: str) -> Event | None:
        return await ledger.event(self._operator_reader(), uuid)

    async def deliveries(self, where: DeliveryFilter) -> Sequence[DeliveryRow]:
        return await ledger.deliveries(self._operator_reader(), where)

    async def attempts(self, delivery: int) -> tuple[Message | None, Sequence[AttemptRow]]:
        return await ledger.attempts(self._operator_reader(), delivery)

    async def undelivered(self) -> Sequence[UndeliveredCount]:
        return await ledger.undelivered(self._operator_reader())

    async def lanes(self) -> Sequence[LaneRow]:
        return await ledger.lanes(self._operator_reader())

    async def pulls(self, where: PullFilter) -> Sequence[PullRow]:
        return await ledger.pulls(self._operator_reader(), where)

    async def scans(self, where: ScanFilter) -> Sequence[ScannedRow]:
        return await scans.listed(self._operator_reader(), where)

    async def quarantined(self, where: QuarantineFilter) -> Sequence[QuarantineRow]:
        return await ledger.quarantined(self._operator_reader(), where)

    async def quarantined_body(self, number: int) -> tuple[QuarantineRow, bytes] | None:
        return await ledger.quarantined_body(self._operator_reader(), number)

    async def release(self, number: int) -> None:
        await self._submit("do", lambda connection: ledger.release(connection, number))

    # --- Interventions ----------------------------------------------------------------------------------------------

    async def tally(self, where: Selection, cursor: Cursor) -> tuple[Sequence[Tally], Cursor | None]:
        return await interventions.tally(self._operator_reader(), where, cursor)

    async def pick(self, where: Selection, cursor: Cursor, limit: int) -> tuple[Sequence[Pick], Cursor | None]:
        return await interventions.pick(self._operator_reader(), where, cursor, limit)

    async def replay(self, ids: Collection[int], states: Collection[State], now: int) -> Mapping[int, Sequence[int]]:
        moved: Mapping[int, Sequence[int]] = await self._do(interventions.replay, ids, states, now)
        return moved

    async def hasten(self, ids: Collection[int], now: int) -> Mapping[int, Sequence[int]]:
        moved: Mapping[int, Sequence[int]] = await self._do(interventions.hasten, ids, now)
        return moved

    async def cancel(self, ids: Collection[int], now: int) -> Mapping[int, Sequence[int]]:
        moved: Mapping[int, Sequence[int]] = await self._do(interventions.cancel, ids, now)
        return moved
