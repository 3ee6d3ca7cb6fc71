"""Sonatype Nexus Repository 3 webhooks of a repository: a component, or an asset, was created, updated or deleted.

Bodies and headers are those of Sonatype's examples. A Docker component is a repository's name and a tag; it is created
by the first push of the tag, updated by later ones, deleted with the tag. Its asset is the manifest under that tag.
What Nexus calls a repository is a whole registry here, so `repositoryName` is the registry's name in the configuration.
"""

import base64
import hashlib
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from sidecar.dialects.contract import Audience, Dialect, Word, compact
from sidecar.domain import instant
from sidecar.domain.event import Event, EventType, stable_uuid
from sidecar.domain.message import Message


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`webhook` is what is told of. `group` gives a component its namespace as group and the rest as name.

    Nexus has no groups in Docker repositories, and Spinnaker then names an artifact `null:<name>`.
    """

    webhook: Literal["component", "asset"] = "component"
    group: bool = False


class _Component(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    component_id: str
    format: str = "docker"
    name: str
    group: str | UnsetType
    version: str


class _Asset(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str
    asset_id: str
    format: str = "docker"
    name: str


class _Payload(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    timestamp: str
    node_id: str
    initiator: str
    repository_name: str
    action: str
    component: _Component | UnsetType = UNSET
    asset: _Asset | UnsetType = UNSET


def _is_new(event: Event) -> bool:
    return bool(event.tags) and not event.previous_digest


def _is_known(event: Event) -> bool:
    return bool(event.tags) and bool(event.previous_digest)


_WORDS = (
    Word(name="CREATED", types=frozenset({EventType.PUSHED}), fits=_is_new),
    Word(name="UPDATED", types=frozenset({EventType.PUSHED}), fits=_is_known),
    Word(name="DELETED", types=frozenset({EventType.TAG_DELETED})),
)


def render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    """One message for each tag."""
    return tuple(_said(event, word, tag, options) for tag in event.tags)


def _said(event: Event, word: str, tag: str, options: Options) -> Message:
    place, holder = event.repository, event.registry.name
    name = f"v2/{place.path}/manifests/{tag}" if options.webhook == "asset" else place.path
    key = _hex(holder, options.webhook, name, tag)[:32]
    whole = base64.b64encode(f"{holder}:{key}".encode()).decode()
    node = _hex(holder).upper()
    client = f"/{event.request.client}" if event.request.client else ""
    payload = _Payload(
        timestamp=_timestamp(event.time),
        node_id="-".join(node[at : at + 8] for at in range(0, 40, 8)),
        initiator=f"{event.actor or 'anonymous'}{client}",
        repository_name=holder,
        action=word,
    )
    if options.webhook == "asset":
        payload = msgspec.structs.replace(payload, asset=_Asset(id=key, asset_id=whole, name=name))
    else:
        component = _Component(
            id=key,
            component_id=whole,
            name=place.name if options.group else name,
            group=place.namespace if options.group else UNSET,
            version=tag,
        )
        payload = msgspec.structs.replace(payload, component=component)
    return Message(
        word=word,
        content_type="application/json",
        body=compact(payload),
        headers=(("X-Nexus-Webhook-Delivery", stable_uuid(event.id, word, tag)),),
    )


def _timestamp(at: int) -> str:
    """ISO 8601 with milliseconds, as `2016-11-10T23:57:49.664+0000`."""
    whole = instant.rfc3339_seconds(at).removesuffix("Z")
    return f"{whole}.{at % instant.SECOND // instant.MILLISECOND:03d}+0000"


def _hex(*parts: str) -> str:
    """40 digits that are always the same for the same parts."""
    return hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).hexdigest()


DIALECT = Dialect(
    name="nexus",
    title="Sonatype Nexus Repository 3 webhooks",
    options=Options,
    example=Options(),
    vocabulary=lambda _options: _WORDS,
    render=render,
    headers=lambda options: (("X-Nexus-Webhook-Id", f"rm:repository:{options.webhook}"),),
)
