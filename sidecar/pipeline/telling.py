"""What the translator tells of a batch, once it is committed."""

from collections.abc import Mapping, Sequence

import msgspec

from sidecar.domain.delivery import Reason
from sidecar.domain.errors import SidecarError
from sidecar.domain.event import Event
from sidecar.domain.record import Record
from sidecar.ports import Clock, Observer, WriteSet


class Told(msgspec.Struct, frozen=True):
    """What became of one record. A tick is no registry's, what ends with it may be one's."""

    record: Record
    outcome: str
    events: tuple[Event, ...] = ()
    registry: str = ""


class Telling:
    """Tells the observer. `names` are those of subscriptions, by lane, and change with the configuration."""

    def __init__(self, observer: Observer, clock: Clock, names: Mapping[int, str]) -> None:
        self._observer = observer
        self._clock = clock
        self.names = names

    def batch(self, told: Sequence[Told], work: WriteSet) -> None:
        """Every record's outcome, what was set aside, what each subscription is owed and what it was refused."""
        now = self._clock.now()
        for one in told:
            registry = one.registry or one.record.registry
            self._observer.translated(registry, one.outcome, one.events, now - one.record.accepted)
        for item in work.quarantined:
            self._observer.quarantined(item)
        counts: dict[int, int] = {}
        refused: dict[tuple[int, Reason], int] = {}
        for planned in work.events:
            for delivery in planned.deliveries:
                reason = delivery.refused
                if delivery.message is None:
                    reason = Reason.RENDER_FAILED
                    error = SidecarError(f"for {self._name(delivery.lane)}: {delivery.detail}")
                    self._observer.trouble("rendering", error)
                if reason is None:
                    counts[delivery.lane] = counts.get(delivery.lane, 0) + 1
                else:
                    refused[delivery.lane, reason] = refused.get((delivery.lane, reason), 0) + 1
        for lane, count in counts.items():
            self._observer.planned(self._name(lane), count)
        for (lane, reason), count in refused.items():
            self._observer.refused(self._name(lane), reason, count)

    def full(self, lane: int, full: bool, detail: str) -> None:
        """A lane's backlog is full, or no longer."""
        self._observer.lane_changed(self._name(lane), "full" if full else "no longer full", detail)

    def _name(self, lane: int) -> str:
        return self.names.get(lane, "")
