"""The machine's clocks, so that a wall clock that is set back cannot hold up what is due."""

import time
from collections.abc import Callable


class SystemClock:
    """ports.Clock. Its time never goes back, not even over a restart: see `not_before`.

    Where the wall clock was set back, what is due would be due hours later, and retries would stand still. So time goes
    on from where it stood, at half its pace, until the wall clock has caught up: waits take at most twice as long.
    """

    def __init__(self, wall: Callable[[], int] | None = None, monotonic: Callable[[], int] | None = None) -> None:
        self.wall = wall or time.time_ns
        self.monotonic = monotonic or time.monotonic_ns
        self._told = 0
        self._since = self.monotonic()

    def not_before(self, instant: int) -> None:
        """Let time stand at this instant at least: the newest that the store holds."""
        self._told = max(self._told, instant)

    def now(self) -> int:
        monotonic = self.monotonic()
        passed = monotonic - self._since
        self._told = max(self.wall(), self._told + passed // 2)
        self._since = monotonic - passed % 2  # who looks every nanosecond must not make it stand still
        return self._told
