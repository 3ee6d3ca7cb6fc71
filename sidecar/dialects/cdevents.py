"""CDEvents 0.4.1: artifacts that are published, downloaded or deleted, and builds, as CloudEvents.

In binary mode, which Flux reads, the body is the CDEvent and the CloudEvent's attributes are headers; in structured
mode the CDEvent is the CloudEvent's `data`. `subject.id` of an artifact is a package URL of the type `oci`: the last
segment of the repository's name, the digest, and where it is as qualifiers.

`customData` holds what a package URL would have to be taken apart for, and the outcome of a build, which CDEvents 0.4
has no place for.
There are no words for a tag that goes, for scans (a test suite's run is not one) or for repositories of images.
"""

from collections.abc import Mapping, Sequence
from typing import Literal
from urllib.parse import quote

import msgspec
from msgspec import UNSET, UnsetType

from sidecar.dialects.contract import Audience, Dialect, Word, compact
from sidecar.domain import instant
from sidecar.domain.details import Build
from sidecar.domain.event import Event, EventType, stable_uuid
from sidecar.domain.message import Message

SPECIFICATION = "0.4.1"
JSON = "application/json"
CLOUDEVENTS_JSON = "application/cloudevents+json"

PUBLISHED = "dev.cdevents.artifact.published.0.2.0"
DOWNLOADED = "dev.cdevents.artifact.downloaded.0.1.0"
DELETED = "dev.cdevents.artifact.deleted.0.1.0"
QUEUED = "dev.cdevents.build.queued.0.2.0"
STARTED = "dev.cdevents.build.started.0.2.0"
FINISHED = "dev.cdevents.build.finished.0.2.0"

_OUTCOMES = {
    EventType.BUILD_SUCCEEDED: "success",
    EventType.BUILD_FAILED: "failure",
    EventType.BUILD_CANCELLED: "cancel",
}
_TYPES = {
    PUBLISHED: frozenset({EventType.PUSHED}),
    DOWNLOADED: frozenset({EventType.PULLED}),
    DELETED: frozenset({EventType.DELETED}),
    QUEUED: frozenset({EventType.BUILD_QUEUED}),
    STARTED: frozenset({EventType.BUILD_STARTED}),
    FINISHED: frozenset(_OUTCOMES),
}
_ARTIFACTS = frozenset({PUBLISHED, DOWNLOADED, DELETED})
_WORDS = tuple(Word(name=name, types=types) for name, types in _TYPES.items())
_ALIASES = {name.rsplit(".", 3)[0]: name for name in _TYPES}  # without the version


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`mode` is CloudEvents' way of putting an event into a request."""

    mode: Literal["binary", "structured"] = "binary"


class _Context(msgspec.Struct, frozen=True, kw_only=True):
    version: str = SPECIFICATION
    id: str
    source: str
    type: str
    timestamp: str


class _Content(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    user: str | UnsetType = UNSET
    artifact_id: str | UnsetType = UNSET


class _Subject(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    source: str
    type: str
    content: _Content


class _Custom(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    registry: str
    repository: str
    tag: str | UnsetType = UNSET
    tags: tuple[str, ...] | UnsetType = UNSET
    digest: str | UnsetType = UNSET
    reference: str | UnsetType = UNSET
    media_type: str | UnsetType = UNSET
    outcome: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    error: str | UnsetType = UNSET


class _CDEvent(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    context: _Context
    subject: _Subject
    custom_data: _Custom
    custom_data_content_type: str = JSON


class _CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str
    time: str
    datacontenttype: str = JSON
    data: _CDEvent


def aliases(_options: Options) -> Mapping[str, str]:
    """The types without the version of their schema."""
    return _ALIASES


def render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    """One message; one for each tag of what was published."""
    # What is deleted takes all its tags along; what is pulled by digest has none.
    tags = event.tags if word == PUBLISHED else event.tags[:1] if word == DOWNLOADED else ()
    return tuple(_message(event, word, tag, options) for tag in tags or ("",))


def _message(event: Event, word: str, tag: str, options: Options) -> Message:
    if word in _ARTIFACTS:
        subject, custom = _artifact(event, tag), _of_artifact(event, tag)
    else:
        subject, custom = _build(event), _of_build(event)
    context = _Context(
        id=stable_uuid(event.id, word, tag),
        source=subject.source,
        type=word,
        timestamp=instant.rfc3339(event.time),
    )
    told = _CDEvent(context=context, subject=subject, custom_data=custom)
    if options.mode == "structured":
        cloud_event = _CloudEvent(
            id=context.id,
            source=context.source,
            type=word,
            subject=subject.id,
            time=context.timestamp,
            data=told,
        )
        return Message(word=word, content_type=CLOUDEVENTS_JSON, body=compact(cloud_event))
    headers = (
        ("Ce-Specversion", "1.0"),
        ("Ce-Id", context.id),
        ("Ce-Source", _header(context.source)),
        ("Ce-Type", word),
        ("Ce-Subject", _header(subject.id)),
        ("Ce-Time", context.timestamp),
    )
    return Message(word=word, content_type=JSON, body=compact(told), headers=headers)


def _artifact(event: Event, tag: str) -> _Subject:
    return _Subject(
        id=_purl(event, event.artifact.digest, tag),
        source=_source(event),
        type="artifact",
        content=_Content(user=event.actor or UNSET),
    )


def _of_artifact(event: Event, tag: str) -> _Custom:
    place, artifact = f"{event.registry.hostname}/{event.repository.path}", event.artifact
    return _Custom(
        registry=event.registry.hostname,
        repository=event.repository.path,
        tag=tag or UNSET,
        tags=event.tags if event.type is EventType.DELETED else UNSET,
        digest=artifact.digest,
        reference=f"{place}:{tag}" if tag else f"{place}@{artifact.digest}",
        media_type=artifact.media_type or UNSET,
    )


def _build(event: Event) -> _Subject:
    build = event.details if isinstance(event.details, Build) else Build()
    made = (build.manifest_digests or ("",))[0].rpartition("@")[2]
    tag = "" if made else (build.tags or ("",))[0]
    # The Go SDK, and so Flux, refuses a finished build without an artifact. One that failed made none.
    succeeded = event.type is EventType.BUILD_SUCCEEDED
    return _Subject(
        id=build.id or build.name or event.id,
        source=_source(event),
        type="build",
        content=_Content(artifact_id=_purl(event, made, tag) if succeeded else UNSET),
    )


def _of_build(event: Event) -> _Custom:
    build = event.details if isinstance(event.details, Build) else Build()
    return _Custom(
        registry=event.registry.hostname,
        repository=event.repository.path,
        tags=UNSET if build.tags is None else build.tags,
        outcome=_OUTCOMES.get(event.type, UNSET),
        url=build.url or UNSET,
        error=build.error or UNSET,
    )


def _source(event: Event) -> str:
    return f"{event.registry.scheme}://{event.registry.hostname}"


def _purl(event: Event, digest: str, tag: str) -> str:
    """A package URL of the type `oci`, with its qualifiers in the order of their names."""
    path = event.repository.path
    name = quote(path.rpartition("/")[2].lower(), safe="")
    where = quote(f"{event.registry.hostname}/{path}", safe="/")
    version = f"@{quote(digest, safe='')}" if digest else ""
    return f"pkg:oci/{name}{version}?repository_url={where}" + (f"&tag={quote(tag, safe='')}" if tag else "")


def _header(value: str) -> str:
    """As CloudEvents' HTTP binding puts a value into a header: percent-encoded unless it is plain printable ASCII."""
    return "".join(
        one if "!" <= one <= "~" and one not in '"%' else "".join(f"%{byte:02X}" for byte in one.encode())
        for one in value
    )


DIALECT = Dialect(
    name="cdevents",
    title="CDEvents 0.4",
    options=Options,
    example=Options(),
    vocabulary=lambda _options: _WORDS,
    render=render,
    aliases=aliases,
)
