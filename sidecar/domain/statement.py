"""Statements: what others than the registry tell of it, as it stands in the journal.

A scanner, a build, a person: whoever may post to the intake. What they say of a place and an artifact is completed
with what the catalogue knows when the record is folded.
"""

import hashlib
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from sidecar.domain.details import (
    Build,
    Details,
    Expiry,
    Mirror,
    Promotion,
    Quota,
    RepositoryUpdate,
    Retention,
    Scan,
    Scanner,
)
from sidecar.domain.event import EventType

# What can be told by others, and in which words.
DETAILS: Mapping[EventType, type[Details]] = MappingProxyType(
    {
        EventType.REPOSITORY_UPDATED: RepositoryUpdate,
        EventType.SCAN_COMPLETED: Scan,
        EventType.SCAN_FAILED: Scan,
        EventType.SCAN_STOPPED: Scan,
        EventType.SCANNER_UPDATED: Scanner,
        EventType.QUOTA_EXCEEDED: Quota,
        EventType.QUOTA_WARNING: Quota,
        EventType.EXPIRING: Expiry,
        EventType.BUILD_QUEUED: Build,
        EventType.BUILD_STARTED: Build,
        EventType.BUILD_SUCCEEDED: Build,
        EventType.BUILD_FAILED: Build,
        EventType.BUILD_CANCELLED: Build,
        EventType.MIRROR_STARTED: Mirror,
        EventType.MIRROR_SUCCEEDED: Mirror,
        EventType.MIRROR_FAILED: Mirror,
        EventType.PROMOTED: Promotion,
        EventType.RETENTION_FINISHED: Retention,
    }
)


class Statement(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was told.

    `time` in nanoseconds, 0 = when it was accepted. With a `namespace` and no `repository` it is about the whole
    namespace, with neither about the whole registry. `tags` and `digest` may each be left for the catalogue to fill in.
    `source` and `id` are the sender's own.
    """

    type: EventType
    time: int = 0
    namespace: str = ""
    repository: str = ""
    tags: tuple[str, ...] = ()
    digest: str = ""
    media_type: str = ""
    actor: str = ""
    request: str = ""
    source: str = ""
    id: str = ""
    details: Details | None = None


class Told(msgspec.Struct, frozen=True, kw_only=True):
    """A statement on its way to the journal. `registry` "" = the sender named none; `place` is where it would."""

    statement: Statement
    registry: str = ""
    place: str = ""


encode = msgspec.json.Encoder(order="deterministic").encode  # what is said alike is the same bytes
decode = msgspec.json.Decoder(Statement).decode


def record_id(statement: Statement, key: str, at: int) -> str:
    """What a repeat is known by in the journal: the sender's own source and id, else the key that the request was sent
    with (and the place in it), else what was said.
    """
    if statement.source and statement.id:
        basis: tuple[object, ...] = ("event", statement.source, statement.id)
    elif key:
        basis = ("key", key, at)
    else:
        basis = ("said", encode(statement).decode())
    return f"intake:{hashlib.sha256(msgspec.json.encode(basis)).hexdigest()[:32]}"
