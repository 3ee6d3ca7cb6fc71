"""A lane: one subscription's own queue, as one value. A pure table of how it paces itself.

what happened            limit                            pause
---------------------    -----------------------------    ----------------------------------------
delivered                +1, up to the ceiling            -
429, 503, timed out      halved, never below 1            until now + Retry-After, only ever later
any other failure        -                                until now + Retry-After, only ever later
410                      -                                for good, until an operator resumes
"""

import msgspec

from sidecar.domain import instant
from sidecar.domain.delivery import Outcome, Reason

MAX_PAUSE = instant.HOUR  # the longest Retry-After that is believed


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """How much a lane may have in flight (`limit` of `ceiling`), until when it waits, and whether it is held."""

    ceiling: int
    limit: int
    paused_until: int = 0
    held: bool = False  # paused by an operator or by 410, or orphaned: nothing is sent until released

    def after(self, outcome: Outcome, *, now: int) -> "Lane":
        """The lane after one attempt ended at `now`."""
        if outcome.delivered:
            if self.limit >= self.ceiling:
                return self
            return msgspec.structs.replace(self, limit=self.limit + 1)
        limit = max(1, self.limit // 2) if outcome.slow else self.limit
        paused_until = self.paused_until
        if outcome.retry_after:
            paused_until = max(paused_until, now + min(outcome.retry_after, MAX_PAUSE))
        return msgspec.structs.replace(
            self, limit=limit, paused_until=paused_until, held=self.held or outcome.reason is Reason.GONE
        )

    def room(self, *, now: int, in_flight: int) -> int:
        """How many more attempts may start now."""
        if self.held or now < self.paused_until:
            return 0
        return max(0, self.limit - in_flight)
