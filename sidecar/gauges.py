"""Gauges of the parts at work, set every few seconds: the file by its size, lanes from memory."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping

import msgspec

from sidecar.domain.errors import StoreUnavailable
from sidecar.pipeline.dispatcher import Dispatcher
from sidecar.pipeline.translator import Translator
from sidecar.pipeline.upkeep import Keeper
from sidecar.pipeline.weighing import Weigher
from sidecar.ports import Clock, Observer
from sidecar.stores.sqlite import SQLiteStore
from sidecar.telemetry.backlogs import tell_lanes
from sidecar.telemetry.condition import Condition
from sidecar.telemetry.metrics import Metrics

EVERY = 5.0  # seconds


class Measured(msgspec.Struct, frozen=True):
    """The parts that only run once the store is open."""

    translator: Translator
    dispatcher: Dispatcher
    keeper: Keeper


class Gauges:
    """`running` None = the store is not open yet; `described` has the formats of all that is subscribed, by name."""

    def __init__(
        self,
        store: SQLiteStore,
        condition: Condition,
        metrics: Metrics,
        described: Callable[[], Mapping[str, str]],
        weigher: Weigher,
        *,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._store = store
        self._condition = condition
        self._metrics = metrics
        self._described = described
        self._weigher = weigher
        self._clock = clock
        self._observer = observer
        self.running: Measured | None = None

    async def run(self) -> None:
        while True:
            try:
                await self.measure()
            except Exception as error:  # noqa: BLE001 - gauges that stand still look like a sidecar that is well
                self._observer.trouble("gauges", error)
            await asyncio.sleep(EVERY)

    async def measure(self) -> None:
        """Set them once: files by their sizes, lanes from memory and one look-up in an index each."""
        running = self.running
        self._store.measure()
        self._condition.tell(up=not self._store.down, held=running is not None and running.keeper.held)
        if running is None:
            return
        self._metrics.set_lag(running.translator.lag_seconds())
        self._metrics.set_usage(await self._weigher.gauges())
        views = running.dispatcher.views()
        await tell_lanes(self._metrics, views, self._described(), self._store, self._clock.now())
        with contextlib.suppress(StoreUnavailable):
            self._metrics.inbox.set(await self._store.undismissed())
