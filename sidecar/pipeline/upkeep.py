"""Housekeeping, paced so that nobody notices: a slice, a breath, a slice; then a long rest."""

import asyncio

from sidecar.domain import instant
from sidecar.domain.errors import SidecarError
from sidecar.ports import Clock, Observer, Upkeep

REST = 30.0  # seconds between rounds
BREATH = 0.02  # seconds between slices of one round, which take an eighth of it
STEP = instant.HOUR  # a clock that leaps this much ahead of monotonic time is not believed ...
DOUBT = instant.HOUR  # ... until it has kept its new time for so long


class Keeper:
    """Runs the store's upkeep until stopped."""

    def __init__(self, upkeep: Upkeep, clock: Clock, observer: Observer) -> None:
        self._upkeep = upkeep
        self._clock = clock
        self._observer = observer
        self._stopped = asyncio.Event()
        self._wall = clock.wall()
        self._monotonic = clock.monotonic()
        self._doubted = 0  # how far ahead it leapt; 0 = it is believed
        self._since = 0  # monotonic

    @property
    def held(self) -> bool:
        """Whether retention goes by an earlier time just now, because the clock is not believed."""
        return self._doubted > 0

    def stop(self) -> None:
        self._stopped.set()

    async def run(self) -> None:
        """One round, then a rest, until stopped."""
        while not self._stopped.is_set():
            more = False
            try:
                more = await self._upkeep.step(self._time())
            except SidecarError as error:
                self._observer.trouble("upkeep", error)
            try:
                async with asyncio.timeout(BREATH if more else REST):
                    await self._stopped.wait()
            except TimeoutError:
                continue

    def _time(self) -> int:
        """What ages are told by: the clock as it is, without a leap that is not believed yet.

        With the leap, retention would throw away what is still young. After the clock was set back, what is stored may
        lie ahead of it, and is then kept for longer.
        """
        wall, monotonic = self._clock.wall(), self._clock.monotonic()
        ahead = (wall - self._wall) - (monotonic - self._monotonic)
        self._wall, self._monotonic = wall, monotonic
        if ahead > STEP:
            self._doubted += ahead
            self._since = monotonic
            self._observer.trouble(
                "upkeep",
                SidecarError(
                    f"the clock leapt {ahead // instant.SECOND} s ahead; retention goes by the time before for "
                    f"{DOUBT // instant.MINUTE} minutes, or until the clock is set back"
                ),
            )
        elif self._doubted and (ahead + self._doubted < STEP or monotonic - self._since >= DOUBT):
            self._doubted = 0
        return wall - self._doubted
