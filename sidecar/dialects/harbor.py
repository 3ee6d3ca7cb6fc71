"""Harbor's webhooks: Default format and Slack message of 2.x, CloudEvents of 2.8 and later, the body of its 1.x manual.

The bodies are those of Harbor v2.15.2, with two stated differences. A deletion lists one resource for every tag it
took, where Harbor lists only the first (ours come after that one). And with `chart_events` the chart words of Harbor
2.0 to 2.7 are said of Helm charts kept as OCI artifacts, whose `tag` is the chart's version.

The Slack message has Harbor's six sections and texts, with what Slack refuses mended: it is strict JSON, event data of
more than 3,000 characters is cut and says so, and nobody's name can be read as mark-up.

JSON is written as Go's encoder writes it: compact, keys in the order of Harbor's structs, empty optional fields left
out, `<`, `>`, `&` and the two Unicode line separators escaped.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from sidecar.dialects import harbor_jobs, harbor_quotas, harbor_scans
from sidecar.dialects.blocks import Blocks, fenced, section
from sidecar.dialects.contract import Audience, Dialect, Word
from sidecar.domain import instant
from sidecar.domain.enrichment import NOTHING, Fact
from sidecar.domain.event import Event, EventType, Kind, stable_uuid
from sidecar.domain.message import Message


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`flavour` is the body's form.

    `chart_events` says charts with the chart words only. `tag_deleted` says a lost tag as a deletion, which Harbor
    itself never announces.
    """

    flavour: Literal["default", "cloudevents", "slack", "legacy"] = "default"
    chart_events: bool = False
    tag_deleted: bool = False


PUSH = "PUSH_ARTIFACT"
PULL = "PULL_ARTIFACT"
DELETE = "DELETE_ARTIFACT"
CHART_PUSH = "UPLOAD_CHART"
CHART_PULL = "DOWNLOAD_CHART"
CHART_DELETE = "DELETE_CHART"

QUOTA_EXCEED = "QUOTA_EXCEED"
QUOTA_WARNING = "QUOTA_WARNING"

_QUOTA_WORDS = frozenset({QUOTA_EXCEED, QUOTA_WARNING})
_CHART_WORDS = frozenset({CHART_PUSH, CHART_PULL, CHART_DELETE})

# The names of Harbor 1.9 and 1.10; in the legacy flavour they are the body's event_type.
_LEGACY_TYPES = {
    PUSH: "pushImage",
    PULL: "pullImage",
    DELETE: "deleteImage",
    CHART_PUSH: "uploadChart",
    CHART_PULL: "downloadChart",
    CHART_DELETE: "deleteChart",
    **harbor_scans.LEGACY_TYPES,
    QUOTA_EXCEED: "projectQuota",
}
_CLOUD_TYPES = {
    PUSH: "harbor.artifact.pushed",
    PULL: "harbor.artifact.pulled",
    DELETE: "harbor.artifact.deleted",
    **harbor_jobs.CLOUD_TYPES,
    **harbor_scans.CLOUD_TYPES,
    QUOTA_EXCEED: "harbor.quota.exceeded",
    QUOTA_WARNING: "harbor.quota.warned",
}
_ALIASES = {
    **{name: word for word, name in _LEGACY_TYPES.items()},
    # As the 1.x manual prints them.
    "IMAGE PUSH": PUSH,
    "IMAGE PULL": PULL,
    "IMAGE DELETE": DELETE,
    "CHART PUSH": CHART_PUSH,
    "CHART PULL": CHART_PULL,
    "CHART DELETE": CHART_DELETE,
    "IMAGE SCAN COMPLETED": harbor_scans.COMPLETED,
    "IMAGE SCAN FAILED": harbor_scans.FAILED,
    "PROJECT QUOTA EXCEED": QUOTA_EXCEED,
}

JSON = "application/json"
CLOUDEVENTS_JSON = "application/cloudevents+json"


# --- the bodies; fields stand in the order of the wire ----------------------------------------------------------------


class _Resource(msgspec.Struct, frozen=True, kw_only=True):
    digest: str | UnsetType
    tag: str | UnsetType
    resource_url: str | UnsetType


class _Repository(msgspec.Struct, frozen=True, kw_only=True):
    date_created: int | UnsetType  # Unix seconds
    name: str
    namespace: str
    repo_full_name: str
    repo_type: str


class _EventData(msgspec.Struct, frozen=True, kw_only=True):
    resources: list[_Resource] | UnsetType
    repository: _Repository
    custom_attributes: dict[str, str] | UnsetType = UNSET


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    occur_at: int  # Unix seconds
    operator: str
    event_data: msgspec.Struct


class _CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    specversion: str
    id: str
    source: str
    type: str
    datacontenttype: str
    time: str
    data: msgspec.Struct
    operator: str
    requestid: str


class _LegacyElement(msgspec.Struct, frozen=True, kw_only=True):
    project: str
    repo_name: str
    tag: str
    full_name: str
    trigger_time: int  # milliseconds
    image_id: str
    project_type: str


class _LegacyPayload(msgspec.Struct, frozen=True, kw_only=True):
    event_type: str
    events: list[_LegacyElement]


# --- the words --------------------------------------------------------------------------------------------------------


def vocabulary(options: Options) -> Sequence[Word]:
    """The words, and which events each is said of."""
    ends = {EventType.DELETED, EventType.TAG_DELETED} if options.tag_deleted else {EventType.DELETED}
    fits = _is_no_chart if options.chart_events else _is_anything
    reads: frozenset[Fact] = NOTHING
    if options.chart_events:
        reads |= {Fact.KIND}
    if options.flavour == "legacy":
        reads |= {Fact.REFERENCES}  # for image_id
    words = [
        Word(name=PUSH, types=frozenset({EventType.PUSHED}), fits=fits, reads=reads),
        Word(name=PULL, types=frozenset({EventType.PULLED}), fits=fits, reads=reads),
        Word(name=DELETE, types=frozenset(ends), fits=fits, reads=reads),
    ]
    words.append(Word(name=QUOTA_EXCEED, types=frozenset({EventType.QUOTA_EXCEEDED}), fits=harbor_quotas.fits))
    if options.flavour != "legacy":  # the manual of 1.x has one word, and the code of 1.10 no other
        words.append(Word(name=QUOTA_WARNING, types=frozenset({EventType.QUOTA_WARNING}), fits=harbor_quotas.fits))
    if options.chart_events:
        words += [
            Word(name=CHART_PUSH, types=frozenset({EventType.PUSHED}), fits=_is_chart_version, reads=reads),
            Word(name=CHART_PULL, types=frozenset({EventType.PULLED}), fits=_is_chart_version, reads=reads),
            Word(name=CHART_DELETE, types=frozenset(ends), fits=_is_chart_version, reads=reads),
        ]
    legacy = options.flavour == "legacy"
    scans = {word: types for word, types in harbor_scans.TYPES.items() if not legacy or word in _LEGACY_TYPES}
    seen = harbor_scans.is_of_images if legacy else _is_anything
    words += [Word(name=word, types=types, fits=seen) for word, types in scans.items()]
    if not legacy:
        words += [Word(name=word, types=types, fits=harbor_jobs.fits) for word, types in harbor_jobs.TYPES.items()]
    return words


def aliases(_options: Options) -> Mapping[str, str]:
    """The names of Harbor 1.9 and the spellings of its manual, in every flavour."""
    return _ALIASES


def check(options: Options) -> str:
    """Harbor dropped its chart events in the release that brought CloudEvents, so no type was ever given to them."""
    if options.chart_events and options.flavour == "cloudevents":
        return "Harbor has no CloudEvents for charts: remove `chart_events`, or use `flavour: default`"
    return ""


def scoped(options: Options, _word: str) -> bool:
    """Only a CloudEvent's `source` and `id` name the subscription."""
    return options.flavour == "cloudevents"


def _is_anything(_event: Event) -> bool:
    return True


def _is_no_chart(event: Event) -> bool:
    return event.artifact.kind is not Kind.CHART


def _is_chart_version(event: Event) -> bool:
    # A chart repository knew charts by version alone: a chart without a tag has no place in these words.
    return event.artifact.kind is Kind.CHART and bool(event.tags)


# --- saying them ------------------------------------------------------------------------------------------------------


def render(event: Event, word: str, options: Options, audience: Audience) -> Sequence[Message]:
    """One message."""
    if options.flavour == "default":
        payload = _Payload(
            type=word,
            occur_at=event.time // instant.SECOND,
            operator=event.actor,
            event_data=_event_data(event, word),
        )
        return (Message(word=word, content_type=JSON, body=_encode(payload)),)
    if options.flavour == "legacy":
        return (Message(word=word, content_type=JSON, body=_encode(_legacy(event, word))),)
    if options.flavour == "slack":
        return (Message(word=word, content_type=JSON, body=_encode(_slack(event, word))),)
    cloud_event = _CloudEvent(
        specversion="1.0",
        id=stable_uuid(event.id, audience.subscription),
        source=f"/projects/{event.repository.namespace_id}/webhook/policies/{audience.policy}",
        type=_CLOUD_TYPES[word],
        datacontenttype=JSON,
        time=instant.rfc3339_seconds(event.time),
        data=_event_data(event, word),
        operator=event.actor,
        requestid=event.request.id,
    )
    return (Message(word=word, content_type=CLOUDEVENTS_JSON, body=_encode(cloud_event)),)


def _event_data(event: Event, word: str) -> msgspec.Struct:
    if word in harbor_jobs.TYPES:
        return harbor_jobs.event_data(event, word)
    if word in harbor_scans.TYPES:
        return harbor_scans.event_data(event)
    repository = event.repository
    charts, quota = word in _CHART_WORDS, word in _QUOTA_WORDS
    created = None if charts or quota else repository.created
    return _EventData(
        resources=_charts(event) if charts else _causes(event) if quota else _artifacts(event),
        repository=_Repository(
            date_created=UNSET if created is None else created // instant.SECOND,
            name=repository.name,
            namespace=repository.namespace,
            repo_full_name=repository.path,
            repo_type="public" if repository.public else "private",
        ),
        custom_attributes={"Details": harbor_quotas.details(event)} if quota else UNSET,
    )


def _artifacts(event: Event) -> list[_Resource]:
    place = f"{event.registry.hostname}/{event.repository.path}"
    digest = event.artifact.digest
    if not event.tags:
        # Harbor never leaves `tag` empty: without one it holds the digest.
        return [_Resource(digest=digest, tag=digest, resource_url=f"{place}@{digest}")]
    return [_Resource(digest=digest or UNSET, tag=tag, resource_url=f"{place}:{tag}") for tag in event.tags]


def _causes(event: Event) -> list[_Resource] | UnsetType:
    """What was pushed when a quota was passed. Harbor leaves the list out where that was no manifest."""
    if not event.artifact.digest:
        return UNSET
    return [_Resource(digest=event.artifact.digest, tag=event.tag or UNSET, resource_url=UNSET)]


def _charts(event: Event) -> list[_Resource]:
    registry = event.registry
    repository = event.repository
    place = f"{registry.scheme}://{registry.hostname}/chartrepo/{repository.namespace}/charts/{repository.name}"
    return [_Resource(digest=UNSET, tag=tag, resource_url=f"{place}-{tag}.tgz") for tag in event.tags]


def _legacy(event: Event, word: str) -> _LegacyPayload:
    repository = event.repository
    artifact = event.artifact
    return _LegacyPayload(
        event_type=_LEGACY_TYPES[word],
        events=[
            _LegacyElement(
                project=repository.namespace,
                repo_name=repository.name,
                tag=tag,
                full_name=repository.path,
                trigger_time=event.time // instant.MILLISECOND,
                image_id=(artifact.config_digest or artifact.digest).removeprefix("sha256:"),
                project_type="Public" if repository.public else "Private",
            )
            for tag in event.tags or (artifact.digest,)
        ],
    )


def _slack(event: Event, word: str) -> Blocks:
    data = json.loads(_encoder.encode(_event_data(event, word)))
    at = event.time // instant.SECOND
    return Blocks(
        (
            section("*Harbor webhook events*"),
            section("*event_type:* ", word),
            section(f"*occur_at:* <!date^{at}^{{date}} at {{time}}|{instant.rfc3339_seconds(event.time)}>"),
            section("*operator:* ", event.actor),
            section("*event_data:*"),
            fenced(json.dumps(data, indent="\t", ensure_ascii=False)),
        )
    )


_encoder = msgspec.json.Encoder()
_ESCAPES = (
    (b"&", b"\\u0026"),
    (b"<", b"\\u003c"),
    (b">", b"\\u003e"),
    (b"\xe2\x80\xa8", b"\\u2028"),
    (b"\xe2\x80\xa9", b"\\u2029"),
)


def _encode(value: msgspec.Struct) -> bytes:
    body = _encoder.encode(value)
    for raw, escaped in _ESCAPES:  # none of these can stand outside a JSON string
        if raw in body:
            body = body.replace(raw, escaped)
    return body


DIALECT = Dialect(
    name="harbor",
    title="Harbor webhooks",
    options=Options,
    example=Options(),
    vocabulary=vocabulary,
    render=render,
    aliases=aliases,
    check=check,
    scoped=scoped,
)
