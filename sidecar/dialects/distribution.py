"""The registry's own notification, said again as CNCF Distribution (registry) 2.8 says it, one event per message.

What 3.x writes as `""` or 0 is left out, so that receivers which look for the presence of `tag` or `digest` are right,
and the content type is plain `application/json`, which every receiver of this format reads. Only what was understood
as an event is said: no blobs, mounts or HEADs; a pull carries the tag that its client asked for.
"""

from collections.abc import Sequence

import msgspec

from sidecar.dialects.contract import Audience, Dialect, Word, compact
from sidecar.domain import instant
from sidecar.domain.event import Event, EventType
from sidecar.domain.message import Message


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`docker_media_type` says every manifest as one of Docker's: Spinnaker and Portus drop OCI's, and indexes."""

    docker_media_type: bool = False


class _Descriptor(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A reference as 2.8 writes it: without the platform that it knew."""

    media_type: str = ""
    size: int = 0
    digest: str = ""
    annotations: dict[str, str] | None = None


class _Target(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    media_type: str = ""
    size: int = 0
    digest: str = ""
    length: int = 0
    repository: str = ""
    url: str = ""
    tag: str = ""
    references: tuple[_Descriptor, ...] = ()


class _Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    id: str = ""
    addr: str = ""
    host: str = ""
    method: str = ""
    useragent: str = ""


class _Actor(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str = ""


class _Source(msgspec.Struct, frozen=True, kw_only=True, rename={"instance": "instanceID"}, omit_defaults=True):
    addr: str = ""
    instance: str = ""


class _Notification(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    timestamp: str
    action: str
    target: _Target
    request: _Request
    actor: _Actor
    source: _Source


class _Envelope(msgspec.Struct, frozen=True):
    events: tuple[_Notification]


_WORDS = (
    Word(name="push", types=frozenset({EventType.PUSHED})),
    Word(name="pull", types=frozenset({EventType.PULLED})),
    Word(name="delete", types=frozenset({EventType.DELETED, EventType.TAG_DELETED})),
)


_DOCKER = "application/vnd.docker.distribution.manifest.v2+json"


def _render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    request, origin = event.request, event.origin
    # The record's own id lets a receiver recognise what it also hears from the registry; an event that no record
    # told of, or that a walk found, has none to share.
    said_by_record = origin.record and not event.recovered
    notification = _Notification(
        id=origin.record if said_by_record else event.id,
        timestamp=instant.rfc3339(event.time),
        action=word,
        target=_target(event, options),
        request=_Request(
            id=request.id,
            addr=request.addr,
            host=request.host or event.registry.hostname,
            method=request.method,
            useragent=request.user_agent,
        ),
        actor=_Actor(event.actor),
        source=_Source(addr=origin.addr, instance=origin.instance),
    )
    return (Message(word=word, content_type="application/json", body=compact(_Envelope((notification,)))),)


def _target(event: Event, options: Options) -> _Target:
    artifact, path = event.artifact, event.repository.path
    if event.type is EventType.TAG_DELETED:
        return _Target(repository=path, tag=event.tag)
    if event.type is EventType.DELETED:
        return _Target(digest=artifact.digest, repository=path)
    return _Target(
        media_type=_DOCKER if options.docker_media_type else artifact.media_type,
        size=artifact.size,
        digest=artifact.digest,
        length=artifact.size,
        repository=path,
        url=_url(event),
        tag=event.tag,
        references=tuple(
            _Descriptor(media_type=one.media_type, size=one.size, digest=one.digest, annotations=one.annotations)
            for one in artifact.references
        ),
    )


def _url(event: Event) -> str:
    """The manifest's absolute URL by digest: the registry's own word for it where it gave one.

    Receivers take the host from here, and fail on a push without it; a registry with `http.relativeurls` sends a bare
    path. A pull may be announced with another digest than its last record named (the index, not the child).
    """
    digest, url = event.artifact.digest, event.origin.url
    if "://" in url and url.endswith(f"/{digest}"):
        return url
    registry = event.registry
    return f"{registry.scheme}://{registry.hostname}/v2/{event.repository.path}/manifests/{digest}"


DIALECT = Dialect(
    name="distribution",
    title="CNCF Distribution (registry) 2.8 notifications",
    options=Options,
    example=Options(),
    vocabulary=lambda _options: _WORDS,
    render=_render,
)
