"""A breaker: what fails again and again is left alone for a while, then tried once. Pure; times in seconds."""

from typing import Final

import msgspec

THRESHOLD: Final = 5  # failures in a row that open it
FIRST, MOST = 2.0, 60.0  # seconds between two probes: doubled from the first to the most


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """While it is open nothing is asked before `until`, then one probe. `pause` is what the other side asked for.

    Failures of what was under way when it opened are not counted: only a probe's lengthens the wait.
    """

    failures: int = 0
    delay: float = 0.0  # 0 = closed
    until: float = 0.0
    pause: float = 0.0
    probing: bool = False

    @property
    def open(self) -> bool:
        return self.delay > 0

    def wait(self, now: float) -> float:
        """For how many seconds nothing may be asked; 0 when something may."""
        return max(0.0, self.until - now, self.pause - now)

    def asked(self, now: float) -> "Breaker":
        """Something is asked now: while open that is the probe, and no other is admitted until its time is over."""
        if not self.open:
            return self
        return msgspec.structs.replace(self, until=now + self.delay, probing=True)

    def failed(self, now: float) -> "Breaker":
        """What was asked failed."""
        failures = self.failures + 1
        if not self.open and failures < THRESHOLD:
            return Breaker(failures=failures, pause=self.pause)
        if self.open and not self.probing:
            return self
        delay = min(self.delay * 2, MOST) if self.open else FIRST
        return Breaker(failures=failures, delay=delay, until=now + delay, pause=self.pause)

    def succeeded(self) -> "Breaker":
        """What was asked was answered: closed again."""
        return Breaker(pause=self.pause)

    def paused(self, until: float) -> "Breaker":
        """Ask nothing before then; only ever later."""
        return msgspec.structs.replace(self, pause=max(self.pause, until))
