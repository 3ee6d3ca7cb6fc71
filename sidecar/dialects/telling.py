"""One event, told to people: which words say it, its headline, its sentence, its facts and its links.

The sentence says what happened where and by whom, in the passive, since often nobody is known to have done it. Who
acted is named where the registry or whoever told of it named somebody; what a registry tells without a name was done
anonymously. What a walk found (`recovered`) nobody is said to have done.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec

from sidecar.dialects import telling_jobs, telling_scans
from sidecar.dialects.contract import Word
from sidecar.dialects.story import (
    REFERENCE,
    REPOSITORY,
    Fact,
    Link,
    Span,
    Story,
    Teller,
    Text,
    Told,
    Tone,
    amount,
    by,
    code,
    codes,
    count,
    found,
    homepage,
    name,
    place,
    plain,
    short,
)
from sidecar.domain.details import RepositoryUpdate
from sidecar.domain.enrichment import FOR_ENDS, NOTHING
from sidecar.domain.enrichment import Fact as Asked
from sidecar.domain.event import HAPPENINGS, OF_ARTIFACTS, OF_NAMESPACES, Artifact, Event, EventType, Kind

PULL: Final = "Pull"  # the label of what to pull

HEADLINES: Final[Mapping[EventType, str]] = MappingProxyType(
    {
        EventType.PUSHED: "Artifact pushed",
        EventType.PULLED: "Artifact pulled",
        EventType.CHECKED: "Artifact checked",
        EventType.DELETED: "Artifact deleted",
        EventType.TAG_DELETED: "Tag deleted",
        EventType.REPOSITORY_CREATED: "Repository created",
        EventType.REPOSITORY_UPDATED: "Repository updated",
        EventType.REPOSITORY_DELETED: "Repository deleted",
        EventType.SCAN_COMPLETED: "Scan completed",
        EventType.SCAN_FAILED: "Scan failed",
        EventType.SCAN_STOPPED: "Scan stopped",
        EventType.SCANNER_UPDATED: "Scanner updated",
        EventType.QUOTA_EXCEEDED: "Quota exceeded",
        EventType.QUOTA_WARNING: "Quota warning",
        EventType.EXPIRING: "Tags expiring",
        EventType.BUILD_QUEUED: "Build queued",
        EventType.BUILD_STARTED: "Build started",
        EventType.BUILD_SUCCEEDED: "Build succeeded",
        EventType.BUILD_FAILED: "Build failed",
        EventType.BUILD_CANCELLED: "Build cancelled",
        EventType.MIRROR_STARTED: "Mirroring started",
        EventType.MIRROR_SUCCEEDED: "Mirroring succeeded",
        EventType.MIRROR_FAILED: "Mirroring failed",
        EventType.PROMOTED: "Artifact promoted",
        EventType.RETENTION_FINISHED: "Retention finished",
    }
)

_SHOWN = frozenset({Asked.KIND, Asked.REFERENCES, Asked.PLATFORM})  # what the line about the artifact is made of
_PULLABLE = frozenset(
    {
        EventType.PUSHED,
        EventType.PULLED,
        EventType.CHECKED,
        EventType.SCAN_COMPLETED,
        EventType.SCAN_FAILED,
        EventType.SCAN_STOPPED,
        EventType.PROMOTED,
    }
)
_READING = frozenset({EventType.PUSHED, EventType.PULLED, EventType.CHECKED})

WORDS: Final = tuple(
    Word(
        name=kind.value,
        types=frozenset({kind}),
        reads=FOR_ENDS if kind is EventType.EXPIRING else _SHOWN if kind in _READING else NOTHING,
    )
    for kind in HAPPENINGS
)


def vocabulary(_options: object) -> Sequence[Word]:
    """Every canonical type is a word."""
    return WORDS


def tell(event: Event) -> Story:
    """The story of one event."""
    sentence, facts, links, tone = _TELLERS[event.type](event)
    page = homepage(event)
    around: list[Fact] = []
    if event.repository.path:
        around.append(Fact(REPOSITORY, (code(event.repository.path),)))
    if event.type in OF_NAMESPACES and event.repository.namespace:
        around.append(Fact("Namespace", (code(event.repository.namespace),)))
    return Story(
        headline=HEADLINES[event.type],
        sentence=sentence,
        facts=(*around, *_of_artifact(event), *facts),
        links=(*((Link("Repository", page),) if page else ()), *links),
        tone=tone,
        registry=event.registry.hostname,
        place=event.repository.path or event.repository.namespace,
        since=event.time,
        time=event.time,
    )


def glance(event: Event) -> tuple[Text, Tone]:
    """The sentence of one event and how it is meant to be taken, without a look at its artifact."""
    sentence, _, _, tone = _TELLERS[event.type](event)
    return sentence, tone


def _of_artifact(event: Event) -> list[Fact]:
    """What there is of the artifact: its other tags, how to pull it, its digest, and what it is."""
    artifact = event.artifact
    facts: list[Fact] = []
    if len(event.tags) > 1 and event.type in OF_ARTIFACTS and event.type is not EventType.EXPIRING:
        facts.append(Fact("Tags", codes(event.tags)))
    if event.type in _PULLABLE and event.repository.path and (event.tags or artifact.digest):
        leaf = f":{event.tag}" if event.tags else f"@{artifact.digest}"
        facts.append(Fact(PULL, (code(f"{event.registry.hostname}/{event.repository.path}{leaf}", REFERENCE),)))
    if artifact.digest:
        facts.append(Fact("Digest", (code(short(artifact.digest)),)))
    about = what_it_is(artifact)
    if about:
        facts.append(Fact("Artifact", (name(about),)))
    return facts


def what_it_is(artifact: Artifact) -> str:
    """`image, linux/amd64, 24.5 MiB`, `index, linux/amd64, linux/arm64`; "" where nothing is known."""
    parts = [] if artifact.kind is Kind.UNKNOWN else [artifact.kind.value]
    if artifact.kind is Kind.INDEX:
        parts += dict.fromkeys(filter(None, map(_platform, (one.platform for one in artifact.references))))
    elif artifact.os:
        parts.append("/".join(filter(None, (artifact.os, artifact.architecture))))
    if artifact.image_size:
        parts.append(amount(artifact.image_size))
    return ", ".join(parts)


def _platform(given: dict[str, msgspec.Raw] | None) -> str:
    """The platform of an index's child, "" for attestations, whose platform is `unknown`."""
    parts = []
    for key in ("os", "architecture", "variant"):
        try:
            said = msgspec.json.decode(given[key]) if given and key in given else ""
        except msgspec.DecodeError:
            said = ""
        parts.append(said if isinstance(said, str) else "")
    return "" if parts[0] in {"", "unknown"} else "/".join(filter(None, parts))


# --- what happened to artifacts and repositories ----------------------------------------------------------------------


def _happened(event: Event, verb: str, after: Text = ()) -> Text:
    return (place(event), Span(f" was {verb}"), *by(event), *after, *found(event))


def _pushed(event: Event) -> Told:
    before = event.previous_digest
    if event.tags and event.changed is False:
        return _happened(event, "pushed again", plain(", unchanged")), (), (), Tone.NEWS
    if event.tags and event.changed and before:
        return _happened(event, "pushed", (Span(", replacing "), code(short(before)))), (), (), Tone.NEWS
    return _happened(event, "pushed"), (), (), Tone.NEWS


def _simply(verb: str) -> Teller:
    return lambda event: (_happened(event, verb), (), (), Tone.NEWS)


def _deleted(event: Event) -> Told:
    others = len(event.tags) - 1
    lost = plain(f" with {count(others, 'more tag')}") if others > 0 else ()
    return (place(event), Span(" was deleted"), *lost, *by(event), *found(event)), (), (), Tone.NEWS


def _tag_deleted(event: Event) -> Told:
    return (Span("The tag "), *_happened(event, "deleted")), (), (), Tone.NEWS


def _repository(verb: str) -> Teller:
    def told(event: Event) -> Told:
        whole = code(event.repository.path or event.repository.namespace)
        return (Span("The repository "), whole, Span(f" was {verb}"), *by(event), *found(event)), (), (), Tone.NEWS

    return told


def _updated(event: Event) -> Told:
    told = event.details if isinstance(event.details, RepositoryUpdate) else RepositoryUpdate()
    facts: list[Fact] = []
    if told.changed:
        facts.append(Fact("Changed", codes(told.changed)))
    if told.visibility is not None:
        facts.append(Fact("Visibility", plain(told.visibility.value)))
    if told.short_description:
        facts.append(Fact("Description", (name(told.short_description),)))
    for label, switch in (("Scan on push", told.scan_on_push), ("Immutable tags", told.immutable_tags)):
        if switch is not None:
            facts.append(Fact(label, plain("on" if switch else "off")))
    if told.tag_limit is not None:
        facts.append(Fact("Tag limit", plain(f"{told.tag_limit:,}")))
    sentence = (Span("The settings of "), code(event.repository.path), Span(" were changed"), *by(event))
    return sentence, facts, (), Tone.NEWS


_TELLERS: Final[Mapping[EventType, Teller]] = MappingProxyType(
    {
        EventType.PUSHED: _pushed,
        EventType.PULLED: _simply("pulled"),
        EventType.CHECKED: _simply("checked"),
        EventType.DELETED: _deleted,
        EventType.TAG_DELETED: _tag_deleted,
        EventType.REPOSITORY_CREATED: _repository("created"),
        EventType.REPOSITORY_UPDATED: _updated,
        EventType.REPOSITORY_DELETED: _repository("deleted"),
        **telling_scans.TELLERS,
        **telling_jobs.TELLERS,
    }
)
