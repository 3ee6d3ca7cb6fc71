"""When to try again."""

import email.utils
from datetime import UTC

from sidecar.domain import instant
from sidecar.domain.subscription import Retry

SLACK = instant.HOUR  # no due time lies further away than max_delay plus this


def back_off(retry: Retry, *, attempts: int, jitter: float) -> int:
    """Nanoseconds to wait after so many failures: exponential up to `max_delay`, full jitter (`jitter` in [0, 1))."""
    try:
        ceiling = min(float(retry.max_delay), retry.initial * retry.factor ** (attempts - 1))
    except OverflowError:
        ceiling = float(retry.max_delay)
    return int(ceiling * jitter)


def next_due(retry: Retry, *, attempts: int, now: int, born: int, retry_after: int, jitter: float) -> int | None:
    """The instant of the next attempt, or None when the horizon ends before it.

    `attempts` have been made, `born` is when the horizon began (paused time already taken off), `retry_after` what the
    destination asked for (0 = nothing), `jitter` in [0, 1): full jitter.
    """
    wait = max(back_off(retry, attempts=attempts, jitter=jitter), min(retry_after, retry.max_delay + SLACK))
    due = now + wait
    if due > born + retry.horizon:
        return None
    return due


def parse_retry_after(text: str, *, now: int) -> int:
    """Nanoseconds that a Retry-After header asks for: whole seconds or an HTTP date; 0 when it says nothing usable.

    All three forms of a date are read (RFC 9110, 5.6.7); the one of C's asctime names no zone and means UTC.
    """
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(int(text.lstrip("0")[:10] or 0), 10**9) * instant.SECOND
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return 0
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0, int(when.timestamp()) * instant.SECOND - now)
