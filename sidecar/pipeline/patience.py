"""Waiting for others: for a store that is away, though not beyond a stop; for a loop that has requests to answer."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from sidecar.domain.errors import StoreUnavailable
from sidecar.ports import Clock

RETRY_FIRST, RETRY_MOST = 0.1, 5.0  # seconds between attempts while the store is unavailable
COURTESY = 100  # turns that the loop gets at once while it is busy
BUSY = 50_000  # nanoseconds; a turn of the loop that takes longer had other work in it
T = TypeVar("T")


class Patience:
    """Tries again and again until stopped; `trouble` hears of each failure."""

    def __init__(self, stopped: asyncio.Event, trouble: Callable[[StoreUnavailable], None]) -> None:
        self._stopped = stopped
        self._trouble = trouble

    async def until(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until the store is available; a stop ends the wait with the store's own error."""
        delay = RETRY_FIRST
        while True:
            try:
                return await attempt()
            except StoreUnavailable as error:
                self._trouble(error)
                if self._stopped.is_set():
                    raise
                await self.pause(delay)
                delay = min(delay * 2, RETRY_MOST)

    async def pause(self, seconds: float) -> None:
        """Wait, but not beyond a stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopped.wait()


async def give_way(clock: Clock) -> None:
    """Let the loop answer requests. While it has its hands full let it go on, within bounds: answers come first."""
    for _ in range(COURTESY):
        before = clock.monotonic()
        await asyncio.sleep(0)
        if clock.monotonic() - before < BUSY:
            return
