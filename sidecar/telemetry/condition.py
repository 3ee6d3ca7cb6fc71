"""How the store's file does: gauges, and a log line when something about it changes."""

from collections.abc import Sequence
from typing import Any, Protocol

from sidecar.domain.errors import StoreDamaged, StoreUnavailable
from sidecar.ports import Observer
from sidecar.telemetry.lines import get
from sidecar.telemetry.metrics import Metrics

LOG_WARNING = 64 * 1024 * 1024  # bytes of the write-ahead log that something must be keeping


class Sizes(Protocol):
    """Bytes of the file, of its log, free on its disk, and of the pages in use."""

    @property
    def store(self) -> int: ...
    @property
    def wal(self) -> int: ...
    @property
    def free(self) -> int: ...
    @property
    def used(self) -> int: ...


class Care(Protocol):
    """What is asked of the store."""

    @property
    def sizes(self) -> Sizes: ...
    @property
    def full(self) -> bool: ...
    @property
    def damaged(self) -> str: ...
    async def examine(self) -> Any: ...


class Condition:
    """Tells how one store's file does."""

    def __init__(self, care: Care, metrics: Metrics, observer: Observer) -> None:
        self._care = care
        self._metrics = metrics
        self._observer = observer
        self._log = get()
        self._full = False
        self._long = False

    def opened(self, notes: Sequence[str]) -> None:
        """The store was opened; `notes` are sentences about that."""
        for note in notes:
            self._log.warning("store opened", detail=note)

    async def examine(self) -> None:
        """Have the file looked at after an end that was not orderly, and tell what was found."""
        try:
            found = await self._care.examine()
        except StoreUnavailable as error:
            self._observer.trouble("examination", error)
            return
        if found.problems:
            self._observer.trouble("examination", StoreDamaged(self._care.damaged))
            return
        self._log.info(
            "store examined", tables=found.tables, unfinished=found.unfinished, seconds=round(found.seconds, 3)
        )

    def tell(self, *, up: bool, held: bool) -> None:
        """Set the gauges, every few seconds. `held`: retention does not believe the clock."""
        sizes, full = self._care.sizes, self._care.full
        self._metrics.set_store(up=up, size=sizes.store, wal=sizes.wal, disk_free=sizes.free)
        self._metrics.set_condition(used=sizes.used, full=full, damaged=bool(self._care.damaged))
        self._metrics.set_retention(held=held)
        if full and not self._full:
            self._log.warning("store over its size", bytes=sizes.used, detail="all that is left must be kept")
        elif self._full and not full:
            self._log.info("store within its size", bytes=sizes.used)
        self._full = full
        long = sizes.wal > LOG_WARNING
        if long and not self._long:
            self._log.warning("store log is long", bytes=sizes.wal, detail="something reads the file for long")
        self._long = long
