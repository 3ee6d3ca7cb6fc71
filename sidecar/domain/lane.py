"""A lane: one subscription's own queue, as one value. A pure table of how it paces itself.

what happened            limit                            pause                        breaker
---------------------    -----------------------------    -------------------------    ----------------------------
delivered                +1, up to the ceiling            -                            the row ends, it closes
429, 503, timed out      halved, never below 1            until now + Retry-After      as BREAKER says
any other failure        -                                until now + Retry-After      as BREAKER says
410 that is final        -                                for good, until resumed      the row ends, it closes
the tenth of a row       1                                -                            it opens: one probe per back-off

A pause is only ever moved to later, and at most an hour away. While the breaker is open exactly one attempt may be
under way, and only when its back-off is over; after it closes the limit climbs from 1.

Besides, a lane with a rate has a bucket: it holds one second's worth of attempts, at least one, and each start takes
one out.
"""

import enum

import msgspec

from sidecar.domain import instant
from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.retry import back_off
from sidecar.domain.subscription import Rate, Retry

MAX_PAUSE = instant.HOUR  # the longest Retry-After that is believed
OPENS_AFTER = 10  # failures in a row


class Bearing(enum.Enum):
    """What an outcome says about the destination."""

    FAILED = "failed"  # it is not there, or not itself
    ANSWERED = "answered"  # it is there, whatever it thinks of the message
    SILENT = "silent"  # nothing: it was not asked


# Statuses below 500 count as answers under every reason: 429 has a pause of its own, and 4xx is about one message or
# about credentials. They would open the breaker of a destination that is well, and their deliveries have their own
# back-off. 503 is what load balancers say when nobody is behind them.
BREAKER = {
    Reason.OK: Bearing.ANSWERED,
    Reason.UNREACHABLE: Bearing.FAILED,
    Reason.TIMED_OUT: Bearing.FAILED,
    Reason.TLS_FAILED: Bearing.FAILED,
    Reason.DISCONNECTED: Bearing.FAILED,
    Reason.PROTOCOL_ERROR: Bearing.FAILED,
    Reason.SERVER_ERROR: Bearing.FAILED,
    Reason.THROTTLED: Bearing.FAILED,  # 503; 429 is below 500
    Reason.REDIRECTED: Bearing.ANSWERED,
    Reason.UNAUTHORIZED: Bearing.ANSWERED,
    Reason.CLIENT_ERROR: Bearing.ANSWERED,
    Reason.GONE: Bearing.ANSWERED,
    Reason.UNEXPECTED_STATUS: Bearing.ANSWERED,
    Reason.REFUSED_BY_GUARD: Bearing.SILENT,
    Reason.BAD_DESTINATION: Bearing.SILENT,
    Reason.RENDER_FAILED: Bearing.SILENT,
    Reason.BACKLOG_FULL: Bearing.SILENT,
    Reason.EXPIRED: Bearing.SILENT,
    Reason.CANCELLED: Bearing.SILENT,
}


def bearing(outcome: Outcome) -> Bearing:
    """What an outcome says about the destination."""
    if 0 < outcome.status < 500:
        return Bearing.ANSWERED
    return BREAKER[outcome.reason]


class Bucket(msgspec.Struct, frozen=True, kw_only=True):
    """A token bucket in whole numbers: a start costs `rate.per`, each nanosecond brings `rate.count`."""

    rate: Rate
    credit: int
    at: int  # when `credit` was counted

    @classmethod
    def full(cls, rate: Rate, *, now: int) -> "Bucket":
        return cls(rate=rate, credit=_capacity(rate), at=now)

    def tokens(self, now: int) -> int:
        """How many may start now."""
        return self._credit(now) // self.rate.per

    def after_start(self, now: int) -> "Bucket":
        """The bucket after one start."""
        return Bucket(rate=self.rate, credit=self._credit(now) - self.rate.per, at=now)

    def next_token(self, now: int) -> int:
        """The instant from which one may start."""
        missing = self.rate.per - self._credit(now)
        return now if missing <= 0 else now - (-missing // self.rate.count)

    def _credit(self, now: int) -> int:
        passed, capacity = now - self.at, _capacity(self.rate)
        if passed < 0:  # the clock was set back: a little is waited for, much counts as time enough to fill it
            return self.credit if -passed * self.rate.count < capacity else capacity
        return min(capacity, self.credit + passed * self.rate.count)


def _capacity(rate: Rate) -> int:
    return max(rate.per, rate.count * instant.SECOND)


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """How much a lane may have in flight (`limit` of `ceiling`), until when it waits, and whether it is held.

    `failures` are those of the row that may open the breaker, and of its probes after that. `probe_at` is 0 while the
    breaker is closed, else the instant of the next probe.
    """

    ceiling: int
    limit: int
    paused_until: int = 0
    held: bool = False  # paused by an operator or by 410, or orphaned: nothing is sent until released
    retry: Retry = Retry()  # how probes back off
    failures: int = 0
    probe_at: int = 0
    probing: bool = False  # what is in flight is a probe, and no remainder from before the breaker opened
    bucket: Bucket | None = None

    @property
    def open(self) -> bool:
        """Whether the breaker is open."""
        return self.probe_at > 0

    def configured(self, *, ceiling: int, rate: Rate | None, retry: Retry, now: int) -> "Lane":
        """The lane under another policy. A rate that stays keeps its bucket, so that no reload brings more."""
        bucket = self.bucket
        if rate is None:
            bucket = None
        elif bucket is None:
            bucket = Bucket.full(rate, now=now)
        elif bucket.rate != rate:
            bucket = Bucket(rate=rate, credit=0, at=now)
        return msgspec.structs.replace(
            self, ceiling=ceiling, limit=min(self.limit, ceiling), retry=retry, bucket=bucket
        )

    def closed(self) -> "Lane":
        """The lane with a closed breaker: what is known of its destination no longer counts."""
        if not self.failures:
            return self
        return msgspec.structs.replace(self, failures=0, probe_at=0, probing=False)

    def started(self, *, now: int) -> "Lane":
        """The lane after an attempt began for which there was room."""
        if self.bucket is None and not self.probe_at:
            return self
        bucket = self.bucket.after_start(now) if self.bucket is not None else None
        return msgspec.structs.replace(self, bucket=bucket, probing=self.open)

    def after(self, outcome: Outcome, *, now: int, jitter: float = 0.0) -> "Lane":
        """The lane after one attempt ended at `now`; `jitter` in [0, 1) is for the back-off of a probe."""
        if outcome.delivered:
            if not self.failures and self.limit >= self.ceiling:
                return self
            if self.probe_at:
                return self.closed()
            return msgspec.structs.replace(self, limit=min(self.ceiling, self.limit + 1), failures=0)
        lane = self._break(bearing(outcome), now, jitter)
        limit = max(1, lane.limit // 2) if outcome.slow else lane.limit
        paused_until = lane.paused_until
        if outcome.retry_after > 0:
            paused_until = max(paused_until, now + min(outcome.retry_after, MAX_PAUSE))
        held = lane.held or (outcome.reason is Reason.GONE and not outcome.retryable)
        return msgspec.structs.replace(lane, limit=limit, paused_until=paused_until, held=held)

    def _break(self, said: Bearing, now: int, jitter: float) -> "Lane":
        """What one failure does to the breaker."""
        if said is Bearing.ANSWERED:
            return self.closed()
        if self.probe_at and not self.probing:
            return self  # began before it opened: the back-off is for probes
        failures = self.failures + (said is Bearing.FAILED)
        if failures < OPENS_AFTER:
            return self if failures == self.failures else msgspec.structs.replace(self, failures=failures)
        wait = back_off(self.retry, attempts=failures - OPENS_AFTER + 1, jitter=jitter)
        return msgspec.structs.replace(self, limit=1, failures=failures, probe_at=now + wait, probing=False)

    def room(self, *, now: int, in_flight: int) -> int:
        """How many more attempts may start now."""
        if self.held or now < self.paused_until:
            return 0
        if self.probe_at:
            room = 1 if not in_flight and not self._backing_off(now) else 0
        else:
            room = max(0, self.limit - in_flight)
        return room if self.bucket is None or not room else min(room, self.bucket.tokens(now))

    def waits_until(self, now: int) -> int:
        """The instant until which nothing may start for reasons of time alone, 0 when there are none."""
        until = self.paused_until if now < self.paused_until else 0
        if self.probe_at and self._backing_off(now):
            until = max(until, self.probe_at)
        if self.bucket is not None and (token := self.bucket.next_token(now)) > now:
            until = max(until, token)
        return until

    def _backing_off(self, now: int) -> bool:
        """Whether the next probe is still to come. If it is further away than any back-off, the clock was set back."""
        return 0 < self.probe_at - now <= self.retry.max_delay
