"""Quotas in Harbor's and in Quay's words: sizes as each of them writes them, and the sentences and bodies made of them."""

import json

from sidecar.domain.details import Quota
from sidecar.domain.event import Event, EventType

QUAY = frozenset({"quota_warning", "quota_error"})


def fits(event: Event) -> bool:
    """Whether the event says of what the quota is, and how much of it is used."""
    return isinstance(event.details, Quota)


def harbor(event: Event) -> str:
    """Harbor's sentence: its `Details` of QUOTA_EXCEED and QUOTA_WARNING in v2.15.2.

    Harbor tells what it refused, so that its current usage is that from before; what went beyond is said as if it were
    still to be added.
    """
    quota = _quota(event)
    limit = _harbor_size(quota.limit)
    if event.type is EventType.QUOTA_WARNING:
        return f"quota usage reach {quota.threshold}%: resource storage used {_harbor_size(quota.used)} of {limit}"
    before = max(0, quota.used - quota.asked)
    return (
        f"adding {_harbor_size(quota.asked)} of storage resource, which when updated to current usage of "
        f"{_harbor_size(before)} will exceed the configured upper limit of {limit}."
    )


def quay(event: Event) -> bytes:
    """Quay's body of a namespace's notification: its keys in its order, as Python's json module writes them."""
    quota = _quota(event)
    registry, namespace = event.registry, event.repository.namespace
    body = {
        "namespace": namespace,
        "homepage": f"{registry.scheme}://{registry.hostname}/organization/{namespace}",
        "threshold_percent": quota.threshold,
        "usage_bytes": quota.used,
        "limit_bytes": quota.limit,
        "usage_percent": quota.used * 100 // quota.limit,
        "usage_bytes_formatted": _quay_size(quota.used),
        "limit_bytes_formatted": _quay_size(quota.limit),
    }
    return json.dumps(body).encode("ascii")


def _quota(event: Event) -> Quota:
    assert isinstance(event.details, Quota)
    return event.details


def _harbor_size(size: int) -> str:
    """`100 B`, `1.5 KiB`, `10.0 MiB`: one decimal in the largest unit that is not above it."""
    if size < 1024:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, 6)
    return f"{size / 1024**power:.1f} {'KMGTPE'[power - 1]}iB"


def _quay_size(size: int) -> str:
    """`512 bytes`, `819.20 MB`, `1.00 TB`: two decimals in units of 1,024, TB the largest."""
    if size < 1024:
        return f"{size} bytes"
    power = min((size.bit_length() - 1) // 10, 4)
    return f"{size / 1024**power:.2f} {'KMGT'[power - 1]}B"
