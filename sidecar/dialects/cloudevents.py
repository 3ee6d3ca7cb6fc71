"""Our own CloudEvents 1.0: everything we know of an event, in structured JSON.

`type` is `type_prefix` and the canonical type, `source` the registry as `<scheme>://<host>`, `id` the event's own id,
`subject` `repository:tag`, `repository@digest` or, for events about a repository, `repository`; for those of a whole
namespace it is the namespace, and those of the whole registry have none. The host stays out of `subject` because
readers cut it at the first colon.

`data` is an object with camelCase keys. What is not known is left out, never null or "":

    event             the canonical type, whatever `type_prefix` is
    registryUrl       the registry's host with its port, as users pull from it
    registryName      the registry's name in the configuration
    repository        the whole name without host; `namespace` and `name` are its first segment and the rest. What
                      happened to a whole namespace has only `namespace`
    public            whether the repository is public
    repositoryCreated when it was first pushed to
    reference         what to pull: `host/repository:tag` or `host/repository@digest`
    tag, tags         the first tag and all of them; `tags` is [] for an untagged artifact
    digest, mediaType, size, kind, configDigest, configMediaType, os, architecture, references
                      the artifact; `size` is the bytes of its manifest, `references` are OCI descriptors
    imageSize         bytes of config and layers together, as they are stored
    artifactType, subjectDigest, annotations, labels
                      of the manifest, and of the image's config; only where the registry's API can be asked
    previousDigest    what the tag held before the push, "" when it is new; `changed` says whether the push changed it
    recovered         true when the event was found by looking at the registry, not told by it
    actor             the user's name, "" when anonymous
    acceptedTime      when the registry's record was accepted
    request           the client's request: id, client, address, host, method, userAgent
    origin            the registry's record: id, action, url, node, instance, fromRepository. Of what others told,
                      `action` is the type and `node` their `source`
    details           what scans, builds, mirrors, quotas and the like have to tell; `about` in it says which

Argo CD Image Updater (`type=cloudevents`) reads `repository`, `tag`, `digest` and `registryUrl`, and wants a type that
contains `container` or `image`: `type_prefix: container.image.` with `events: [artifact.pushed]`.
"""

from collections.abc import Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from sidecar.dialects.contract import Audience, Dialect, Word
from sidecar.domain import instant
from sidecar.domain.details import Details
from sidecar.domain.enrichment import FOR_ENDS, NOTHING, Fact
from sidecar.domain.event import HAPPENINGS, OF_ARTIFACTS, Descriptor, Event, EventType, Kind
from sidecar.domain.expiry import DAYS, Days
from sidecar.domain.message import Message
from sidecar.domain.statement import DETAILS

CONTENT_TYPE = "application/cloudevents+json"  # exactly: the JavaScript SDK knows hardly any other spelling

_OF_ARTIFACTS = frozenset(OF_ARTIFACTS)
_NOT_ASKED = frozenset(DETAILS)  # what others tell is said as it was told


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`type_prefix` stands before the canonical type; `days` is how long before its end a tag is told of."""

    type_prefix: str = "io.registry-sidecar."
    days: Days = DAYS


# --- the body; fields stand in the order of the wire ------------------------------------------------------------------


class _Request(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str | UnsetType
    client: str | UnsetType
    address: str | UnsetType
    host: str | UnsetType
    method: str | UnsetType
    user_agent: str | UnsetType


class _Origin(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    id: str | UnsetType
    action: str | UnsetType
    url: str | UnsetType
    node: str | UnsetType
    instance: str | UnsetType
    from_repository: str | UnsetType


class _Data(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    event: str
    registry_url: str
    registry_name: str
    repository: str | UnsetType
    namespace: str | UnsetType
    name: str | UnsetType
    public: bool | UnsetType
    repository_created: str | UnsetType
    reference: str | UnsetType = UNSET
    tag: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    digest: str | UnsetType = UNSET
    media_type: str | UnsetType = UNSET
    size: int | UnsetType = UNSET
    kind: str | UnsetType = UNSET
    config_digest: str | UnsetType = UNSET
    config_media_type: str | UnsetType = UNSET
    os: str | UnsetType = UNSET
    architecture: str | UnsetType = UNSET
    references: tuple[Descriptor, ...] | UnsetType = UNSET
    image_size: int | UnsetType = UNSET
    artifact_type: str | UnsetType = UNSET
    subject_digest: str | UnsetType = UNSET
    annotations: dict[str, str] | UnsetType = UNSET
    labels: dict[str, str] | UnsetType = UNSET
    previous_digest: str | UnsetType = UNSET
    changed: bool | UnsetType = UNSET
    recovered: bool
    actor: str
    accepted_time: str
    request: _Request
    origin: _Origin
    details: Details | UnsetType = UNSET


class _CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    specversion: str
    id: str
    source: str
    type: str
    subject: str | UnsetType
    time: str
    datacontenttype: str
    data: _Data


# --- the words --------------------------------------------------------------------------------------------------------

_WORDS = tuple(
    Word(
        name=kind.value,
        types=frozenset({kind}),
        reads=FOR_ENDS
        if kind is EventType.EXPIRING
        else frozenset(Fact)
        if kind in _OF_ARTIFACTS and kind not in _NOT_ASKED
        else NOTHING,
    )
    for kind in HAPPENINGS
)


def vocabulary(_options: Options) -> Sequence[Word]:
    """Every canonical type is a word."""
    return _WORDS


def aliases(options: Options) -> Mapping[str, str]:
    """The full types, as they stand in the messages."""
    return {f"{options.type_prefix}{kind.value}": kind.value for kind in HAPPENINGS}


def check(options: Options) -> str:
    """The prefix must leave the type a plain printable string."""
    prefix = options.type_prefix
    if not (prefix.isascii() and prefix.isprintable()) or " " in prefix:
        return "`type_prefix` must be printable ASCII without spaces, such as `io.registry-sidecar.`"
    return ""


# --- saying them ------------------------------------------------------------------------------------------------------


def render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    """One message."""
    registry = event.registry
    subject = _subject(event)
    cloud_event = _CloudEvent(
        specversion="1.0",
        id=event.id,
        source=f"{registry.scheme}://{registry.hostname}",
        type=f"{options.type_prefix}{event.type.value}",
        subject=subject or UNSET,
        time=instant.rfc3339(event.time),
        datacontenttype="application/json",
        data=_data(event, subject),
    )
    return (Message(word=word, content_type=CONTENT_TYPE, body=_encoder.encode(cloud_event)),)


def data(event: Event) -> bytes:
    """The `data` of the event."""
    return _encoder.encode(_data(event, _subject(event)))


def _subject(event: Event) -> str:
    place = event.repository.path
    if event.tags:
        return f"{place}:{event.tags[0]}"
    if event.artifact.digest:
        return f"{place}@{event.artifact.digest}"
    return place or event.repository.namespace


def _data(event: Event, subject: str) -> _Data:
    registry, repository, artifact = event.registry, event.repository, event.artifact
    created = repository.created
    told = event.type in OF_ARTIFACTS
    pullable = told or event.tags or artifact.digest
    return _Data(
        event=event.type.value,
        registry_url=registry.hostname,
        registry_name=registry.name,
        repository=repository.path or UNSET,
        namespace=repository.namespace or UNSET,
        name=repository.name or UNSET,
        public=repository.public if repository.namespace else UNSET,
        repository_created=UNSET if created is None else instant.rfc3339(created),
        reference=f"{registry.hostname}/{subject}" if pullable else UNSET,
        tag=event.tag or UNSET,
        tags=event.tags if pullable else UNSET,
        digest=artifact.digest or UNSET,
        media_type=artifact.media_type or UNSET,
        size=artifact.size or UNSET,
        kind=UNSET if artifact.kind is Kind.UNKNOWN else artifact.kind.value,
        config_digest=artifact.config_digest or UNSET,
        config_media_type=UNSET if artifact.config is None else artifact.config.media_type or UNSET,
        os=artifact.os or UNSET,
        architecture=artifact.architecture or UNSET,
        references=artifact.references or UNSET,
        image_size=artifact.image_size or UNSET,
        artifact_type=artifact.artifact_type or UNSET,
        subject_digest=artifact.subject or UNSET,
        annotations=artifact.annotations or UNSET,
        labels=artifact.labels or UNSET,
        previous_digest=UNSET if event.previous_digest is None else event.previous_digest,
        changed=UNSET if event.changed is None else event.changed,
        recovered=event.recovered,
        actor=event.actor,
        accepted_time=instant.rfc3339(event.accepted),
        request=_request(event),
        origin=_origin(event),
        details=UNSET if event.details is None else event.details,
    )


def _request(event: Event) -> _Request:
    request = event.request
    return _Request(
        id=request.id or UNSET,
        client=request.client or UNSET,
        address=request.addr or UNSET,
        host=request.host or UNSET,
        method=request.method or UNSET,
        user_agent=request.user_agent or UNSET,
    )


def _origin(event: Event) -> _Origin:
    origin = event.origin
    return _Origin(
        id=origin.record or UNSET,
        action=origin.action or UNSET,
        url=origin.url or UNSET,
        node=origin.addr or UNSET,
        instance=origin.instance or UNSET,
        from_repository=origin.from_repository or UNSET,
    )


_encoder = msgspec.json.Encoder()

DIALECT = Dialect(
    name="cloudevents",
    title="CloudEvents 1.0",
    options=Options,
    example=Options(),
    vocabulary=vocabulary,
    render=render,
    aliases=aliases,
    check=check,
    days=lambda options: options.days,
)
