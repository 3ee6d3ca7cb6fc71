"""Quay's word for tags that end: repo_image_expiry, all tags of a repository in one message.

The keys are those that Quay 3 adds (util/notification.py), in its order. The days are those that the subscription asked
for, not what is left, and always in the plural.
"""

from typing import Any, Final

from sidecar.dialects.contract import Audience, Word
from sidecar.domain.details import Expiry
from sidecar.domain.enrichment import FOR_ENDS
from sidecar.domain.event import Event, EventType, stable_uuid

WORD: Final = "repo_image_expiry"
WORDS: Final = (
    Word(
        name=WORD,
        types=frozenset({EventType.EXPIRING}),
        fits=lambda event: bool(event.tags and event.repository.path),
        reads=FOR_ENDS,
    ),
)


def told(event: Event, days: int, audience: Audience) -> dict[str, Any]:
    """What it says beyond where it is; `days` where whoever told of it named none."""
    asked = event.details.days if isinstance(event.details, Expiry) and event.details.days else days
    return {
        "notification_uuid": audience.uuid or stable_uuid("notification", audience.subscription),
        "tags": list(event.tags),
        "expiring_in": f"{asked} days",
    }
