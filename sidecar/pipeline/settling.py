"""Outcomes on their way to the store: written in batches, kept while it is away, without their words if it must be."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec

from sidecar.domain.delivery import Settlement
from sidecar.domain.errors import StoreUnavailable
from sidecar.ports import Observer, Queue

STORE_RETRY = 1.0  # seconds between attempts to write outcomes while the store is away


class Settling:
    """Writes settlements and tells `written` of those that are. Lives on one event loop."""

    def __init__(
        self,
        queue: Queue,
        observer: Observer,
        *,
        written: Callable[[Sequence[Settlement]], None],
        refused: Callable[[Settlement, BaseException], None],
    ) -> None:
        self._queue = queue
        self._observer = observer
        self._written = written
        self._refused = refused
        self._heard = self._hear  # bound once: every settlement names it
        self._kept: list[Settlement] = []
        self._timer: asyncio.TimerHandle | None = None
        self._stopped = False
        self.away = False  # the store took no outcome lately

    def write(self, settlement: Settlement) -> None:
        """Have a settlement written, now or when the store is back."""
        try:
            self._queue.settle(settlement, self._heard)
        except StoreUnavailable as error:
            self._keep((settlement,), error)

    def stop(self) -> None:
        """Try once more what could not be written; the store has the rest of the time until it is closed."""
        self._stopped = True
        if self._timer is not None:
            self._timer.cancel()
        self._again()

    def _hear(self, settlements: Sequence[Settlement], error: BaseException | None) -> None:
        if error is None:
            if not self._kept:
                self.away = False
            self._written(settlements)
        elif isinstance(error, StoreUnavailable):
            self._keep(settlements, error)
        else:
            if self.away and not self._kept:
                self.away = False  # it is there, whatever it thinks of these
                self._written(())
            for one in settlements:
                self._refused(one, error)
                if one.detail or one.answer:  # what the destination said may be what cannot be written
                    self.write(msgspec.structs.replace(one, detail="", answer=b""))

    def _keep(self, settlements: Sequence[Settlement], error: StoreUnavailable) -> None:
        """Keep outcomes until the store is back."""
        self.away = True
        self._kept.extend(settlements)
        if self._timer is None and not self._stopped:
            self._observer.trouble("dispatcher", error)
            self._timer = asyncio.get_running_loop().call_later(STORE_RETRY, self._again)

    def _again(self) -> None:
        self._timer = None
        kept, self._kept = self._kept, []
        for settlement in kept:
            self.write(settlement)
