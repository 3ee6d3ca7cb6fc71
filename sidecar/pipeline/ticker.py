"""The only clock of the fold: ticks, journalled when something that waits in it is over."""

import asyncio
from collections.abc import Iterator, Sequence

from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.record import Entry, Record, RecordKind
from sidecar.ports import Clock, Journal, Observer

AGAIN = 5.0  # seconds until a tick that could not be journalled is tried again


class Ticker:
    """Has a tick journalled at the earliest deadline that it was told of since the last one. Until stopped."""

    def __init__(self, journal: Journal, clock: Clock, observer: Observer) -> None:
        self._journal = journal
        self._clock = clock
        self._observer = observer
        self._deadline: int | None = None
        self._last = 0
        self._alarm: asyncio.TimerHandle | None = None
        self._ticking: asyncio.Task[None] | None = None
        self._stopped = False

    def by(self, deadline: int | None) -> None:
        """Tick at this instant, unless an earlier one is set; None changes nothing."""
        if deadline is None or self._stopped or (self._deadline is not None and self._deadline <= deadline):
            return
        self._deadline = deadline
        self._ring_in(max(0, deadline - self._clock.now()) / 1e9)

    def forget(self) -> None:
        """Tick no more for what was told so far."""
        self._deadline = None
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None

    def stop(self) -> None:
        self._stopped = True
        self.forget()
        if self._ticking is not None:
            self._ticking.cancel()

    def _ring_in(self, seconds: float) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_later(seconds, self._ring)

    def _ring(self) -> None:
        self._alarm = None
        self._ticking = asyncio.create_task(self._tick())

    async def _tick(self) -> None:
        deadline, self._deadline = self._deadline or 0, None
        # Never the same instant twice: it is the tick's id, and what one tick leaves over waits for the next.
        now = self._last = max(self._clock.now(), deadline, self._last + 1)
        try:
            await self._journal.append([Entry(RecordKind.TICK, "", f"tick:{now}", now, b"")])
        except StoreUnavailable as error:
            self._observer.trouble("ticker", error)
            self._deadline = deadline  # or a later one would be waited for
            self._ring_in(AGAIN)


def apart(records: Sequence[Record], due: int | None) -> Iterator[Sequence[Record]]:
    """The records, in parts: a tick at or after `due` is translated alone, when all before it is committed."""
    begin = 0
    for at, record in enumerate(records):
        if due is None:
            break
        if record.kind is RecordKind.TICK and due <= record.accepted:
            if begin < at:
                yield records[begin:at]
            yield records[at : at + 1]
            begin = at + 1
    if begin < len(records):
        yield records[begin:]
