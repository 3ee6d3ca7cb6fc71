"""Several observers as one."""

from collections.abc import Callable, Sequence

from sidecar.domain.delivery import Delivery, Outcome, Reason, Settlement
from sidecar.domain.event import Event
from sidecar.domain.person import Visit
from sidecar.domain.record import Quarantined
from sidecar.domain.walk import Walk
from sidecar.ports import Observer


class Observers:
    """Tells each observer in turn. One that fails stops neither the others nor the pipeline.

    `failed` hears what an observer raised, once for each kind of error, and may raise nothing itself.
    """

    def __init__(self, *observers: Observer, failed: Callable[[Exception], None] | None = None) -> None:
        self._failed = failed
        self._known: set[tuple[str, type[Exception]]] = set()
        self._always = observers
        self.join()

    def join(self, *more: Observer) -> None:
        """Tell these too from now on, and none that joined before."""
        observers = (*self._always, *more)
        # Bound once: these calls are on the path of every event and every delivery.
        self._ingested = tuple(one.ingested for one in observers)
        self._quarantined = tuple(one.quarantined for one in observers)
        self._translated = tuple(one.translated for one in observers)
        self._planned = tuple(one.planned for one in observers)
        self._refused = tuple(one.refused for one in observers)
        self._attempted = tuple(one.attempted for one in observers)
        self._lane_changed = tuple(one.lane_changed for one in observers)
        self._operated = tuple(one.operated for one in observers)
        self._visited = tuple(one.visited for one in observers)
        self._walked = tuple(one.walked for one in observers)
        self._trouble = tuple(one.trouble for one in observers)

    def ingested(self, registry: str, outcome: str, events: int) -> None:
        self._tell(self._ingested, registry, outcome, events)

    def quarantined(self, item: Quarantined) -> None:
        self._tell(self._quarantined, item)

    def translated(self, registry: str, outcome: str, events: Sequence[Event], lag: int) -> None:
        self._tell(self._translated, registry, outcome, events, lag)

    def planned(self, subscription: str, count: int) -> None:
        self._tell(self._planned, subscription, count)

    def refused(self, subscription: str, reason: Reason, count: int) -> None:
        self._tell(self._refused, subscription, reason, count)

    def attempted(self, subscription: str, settlement: Settlement, outcome: Outcome, delivery: Delivery) -> None:
        self._tell(self._attempted, subscription, settlement, outcome, delivery)

    def lane_changed(self, subscription: str, what: str, detail: str) -> None:
        self._tell(self._lane_changed, subscription, what, detail)

    def operated(self, who: str, what: str, count: int, detail: str) -> None:
        self._tell(self._operated, who, what, count, detail)

    def visited(self, visit: Visit) -> None:
        self._tell(self._visited, visit)

    def walked(self, walk: Walk) -> None:
        self._tell(self._walked, walk)

    def trouble(self, where: str, error: BaseException) -> None:
        self._tell(self._trouble, where, error)

    def _tell(self, listeners: tuple[Callable[..., None], ...], *told: object) -> None:
        for listener in listeners:
            try:
                listener(*told)
            except Exception as error:  # noqa: BLE001 - watching must not hurt what is watched
                kind = (listener.__qualname__, type(error))
                if self._failed is not None and kind not in self._known:
                    self._known.add(kind)
                    self._failed(error)
