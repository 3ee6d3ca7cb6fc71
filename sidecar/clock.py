"""The machine's clocks, made fit for what is stored: time that never goes back, whatever is done to the clock.

While the clock shows what lies before the last time given out (it was set back, or it ran ahead when the store was
written), time goes on a little slower than the clock, until the clock has caught up. So waits end, nothing becomes due
at once because of it, and the difference goes away by itself: an hour in eight.
"""

import time
from collections.abc import Callable

SLOWER = 8  # one part in so many is left out while the clock is behind


class SystemClock:
    """ports.Clock. `wall` and `monotonic` are what the machine says, in nanoseconds."""

    def __init__(
        self, wall: Callable[[], int] = time.time_ns, monotonic: Callable[[], int] = time.monotonic_ns
    ) -> None:
        self.wall = wall
        self.monotonic = monotonic
        self._last = 0
        self._behind_at = 0  # where the clock stood when it was last set back ...
        self._behind_from = 0  # ... and what had been given out by then

    def not_before(self, instant: int) -> None:
        """Give out nothing before an instant: the newest that the store holds."""
        self._last = max(self._last, instant)

    def now(self) -> int:
        wall = self.wall()
        if wall >= self._last:
            self._last = wall
            return wall
        return self._slowly(wall)

    def _slowly(self, wall: int) -> int:
        elapsed = wall - self._behind_at
        now = self._behind_from + elapsed - elapsed // SLOWER
        if now < self._last:  # it was set back just now; what is remembered is of another time
            self._behind_at, self._behind_from = wall, self._last
            return self._last
        self._last = now
        return now
