"""Where events come from: who can tell of each canonical type."""

import enum
from collections.abc import Mapping
from types import MappingProxyType

from sidecar.domain.event import EventType
from sidecar.domain.statement import DETAILS


class Source(enum.StrEnum):
    """Who tells, or how it is found out."""

    REGISTRY = "registry"  # its notifications, completed with the catalogue
    WALK = "walk"  # a look at what the registry holds
    CATALOGUE = "catalogue"  # what is known of the registry, as it comes to a bound or an end that was set
    INTAKE = "intake"  # others, who post it


_REGISTRY_TELLS: Mapping[EventType, frozenset[Source]] = {
    EventType.PUSHED: frozenset({Source.REGISTRY, Source.WALK}),
    EventType.PULLED: frozenset({Source.REGISTRY}),
    EventType.CHECKED: frozenset({Source.REGISTRY}),
    EventType.DELETED: frozenset({Source.REGISTRY, Source.WALK}),
    EventType.TAG_DELETED: frozenset({Source.REGISTRY, Source.WALK}),
    EventType.REPOSITORY_CREATED: frozenset({Source.REGISTRY}),
    EventType.REPOSITORY_DELETED: frozenset({Source.REGISTRY, Source.WALK}),
}

_CATALOGUE_TELLS = frozenset({EventType.QUOTA_EXCEEDED, EventType.QUOTA_WARNING, EventType.EXPIRING})

SOURCES: Mapping[EventType, frozenset[Source]] = MappingProxyType(
    {
        **_REGISTRY_TELLS,
        **{
            kind: frozenset({Source.INTAKE, Source.CATALOGUE} if kind in _CATALOGUE_TELLS else {Source.INTAKE})
            for kind in DETAILS
        },
    }
)
