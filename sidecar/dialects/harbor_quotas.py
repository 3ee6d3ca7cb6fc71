"""Quotas as Harbor v2.15.2 says them: the sentence in `Details` of QUOTA_EXCEED and QUOTA_WARNING."""

from sidecar.domain.details import Quota
from sidecar.domain.event import Event, EventType


def fits(event: Event) -> bool:
    """Whether the event says what the quota is, and how much of it is used."""
    return isinstance(event.details, Quota)


def details(event: Event) -> str:
    """Harbor's sentence.

    Harbor tells what it refused, so that its current usage is that from before; what has already gone beyond is said
    as if it were still to be added.
    """
    quota = event.details
    assert isinstance(quota, Quota)
    limit = size(quota.limit)
    if event.type is EventType.QUOTA_WARNING:
        return f"quota usage reach {quota.threshold}%: resource storage used {size(quota.used)} of {limit}"
    return (
        f"adding {size(quota.asked)} of storage resource, which when updated to current usage of "
        f"{size(max(0, quota.used - quota.asked))} will exceed the configured upper limit of {limit}."
    )


def size(count: int) -> str:
    """`100 B`, `1.5 KiB`, `10.0 MiB`: one decimal in the largest unit that is not above it."""
    if count < 1024:
        return f"{count} B"
    power = (count.bit_length() - 1) // 10
    return f"{count / 1024**power:.1f} {'KMGTPE'[power - 1]}iB"
