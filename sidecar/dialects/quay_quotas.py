"""Quotas as Quay says them: the data of a namespace's notification."""

from typing import Any

from sidecar.domain.details import Quota
from sidecar.domain.event import Event, RegistryRef

WORDS = frozenset({"quota_warning", "quota_error"})


def fits(event: Event) -> bool:
    """Whether the event says what the quota is, and how much of it is used."""
    return isinstance(event.details, Quota)


def place(registry: RegistryRef, namespace: str) -> dict[str, Any]:
    """Where it happened: what every event of a namespace begins with."""
    return {
        "namespace": namespace,
        "homepage": f"{registry.scheme}://{registry.hostname}/organization/{namespace}",
    }


def told(event: Event) -> dict[str, Any]:
    """Quay's keys in its order. There is no repository in it."""
    quota = event.details
    assert isinstance(quota, Quota)
    return {
        **place(event.registry, event.repository.namespace),
        "threshold_percent": quota.threshold,
        "usage_bytes": quota.used,
        "limit_bytes": quota.limit,
        "usage_percent": quota.used * 100 // quota.limit,
        "usage_bytes_formatted": size(quota.used),
        "limit_bytes_formatted": size(quota.limit),
    }


def size(count: int) -> str:
    """`512 bytes`, `819.20 MB`, `1.00 TB`: two decimals in units of 1,024, of which TB is the largest."""
    if count < 1024:
        return f"{count} bytes"
    power = min((count.bit_length() - 1) // 10, 4)
    return f"{count / 1024**power:.2f} {'KMGT'[power - 1]}B"
