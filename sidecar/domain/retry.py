"""When to try again."""

from sidecar.domain import instant
from sidecar.domain.subscription import Retry

SLACK = instant.HOUR  # no due time lies further away than max_delay plus this


def next_due(retry: Retry, *, attempts: int, now: int, born: int, retry_after: int, jitter: float) -> int | None:
    """The instant of the next attempt, or None when the horizon ends before it.

    `attempts` have been made, `born` is when the horizon began (paused time already taken off), `retry_after` what the
    destination asked for (0 = nothing), `jitter` in [0, 1): full jitter.
    """
    try:
        ceiling = min(float(retry.max_delay), retry.initial * retry.factor ** (attempts - 1))
    except OverflowError:
        ceiling = float(retry.max_delay)
    wait = max(int(ceiling * jitter), min(retry_after, retry.max_delay + SLACK))
    due = now + wait
    if due > born + retry.horizon:
        return None
    return due
