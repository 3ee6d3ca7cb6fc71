"""How much a lane may owe: what a batch plans beyond that is written dead at once, and can be replayed."""

from collections.abc import Callable, Mapping, Sequence

import msgspec

from sidecar.domain.delivery import Reason
from sidecar.ports import PlannedDelivery, PlannedEvent

EASED = 0.9  # of the bound: below it a full lane counts as no longer full, so that the two are not told by turns


class Backlog:
    """Admits planned deliveries up to each lane's bound. There is one translator, so there is one of these.

    `pending` is what a lane owes as of the last commit, and `told` hears (lane, whether it is full, a sentence) once
    when a lane's backlog is full and once when it no longer is.
    """

    def __init__(self, pending: Callable[[int], int], told: Callable[[int, bool, str], None]) -> None:
        self._pending = pending
        self._told = told
        self._full: dict[int, int] = {}  # lane -> how many were refused
        self.bounds: Mapping[int, int] = {}  # lane -> the most that may be pending

    def admit(self, planned: Sequence[PlannedEvent]) -> Sequence[PlannedEvent]:
        """The same events; what a lane has no room for is refused, the earliest deliveries being admitted first."""
        asked: dict[int, int] = {}
        for one in planned:
            for delivery in one.deliveries:
                if delivery.message is not None:
                    asked[delivery.lane] = asked.get(delivery.lane, 0) + 1
        room: dict[int, int] = {}
        for lane, count in asked.items():
            bound = self.bounds.get(lane)
            if bound is None:
                continue
            left = bound - self._pending(lane)
            if count > left:
                room[lane] = max(0, left)
            elif lane in self._full and bound - left < bound * EASED:
                self._told(lane, False, f"{self._full.pop(lane)} deliveries were refused")
        return [self._refuse(one, room) for one in planned] if room else planned

    def _refuse(self, planned: PlannedEvent, room: dict[int, int]) -> PlannedEvent:
        deliveries = []
        for one in planned.deliveries:
            left = room.get(one.lane)
            if left is None or one.message is None:
                deliveries.append(one)
            elif left:
                room[one.lane] = left - 1
                deliveries.append(one)
            else:
                deliveries.append(self._refused(one))
        return msgspec.structs.replace(planned, deliveries=tuple(deliveries))

    def _refused(self, one: PlannedDelivery) -> PlannedDelivery:
        bound = self.bounds[one.lane]
        if one.lane not in self._full:
            self._told(
                one.lane, True, f"{bound} deliveries are pending; new ones are dead at once, and can be replayed"
            )
        self._full[one.lane] = self._full.get(one.lane, 0) + 1
        detail = f"{bound} deliveries of this subscription were pending when it was made"
        return msgspec.structs.replace(one, refused=Reason.BACKLOG_FULL, detail=detail)
