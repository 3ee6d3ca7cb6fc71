"""Docker Trusted Registry 2.2 to 2.9 and Mirantis Secure Registry 3: one wrapper with one event per message.

Keys stand in the order of real messages: type, createdAt, contents, location. TAG_PUSH, TAG_DELETE, MANIFEST_PUSH,
MANIFEST_DELETE and REPO_EVENT follow the published bodies (and what receivers of them read); no body of TAG_PULL and
MANIFEST_PULL was ever published, so theirs are the push bodies with `pulledAt`. Times are RFC 3339 in UTC with up to
nine fractional digits: `createdAt` is when we accepted the record, the others are when it happened.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from sidecar.dialects.contract import Audience, Dialect, Word, compact
from sidecar.domain import instant
from sidecar.domain.enrichment import Fact
from sidecar.domain.event import Event, EventType, Repository, stable_uuid
from sidecar.domain.message import Message


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tag_in_manifest_events` adds `tag` to MANIFEST_* where it is known: DTR has none, its Jenkins receiver wants it.

    `image_name_port: false` drops the port from `imageName`: that same receiver cuts the name at the first colon.
    """

    tag_in_manifest_events: bool = False
    image_name_port: bool = True


_PLATFORM = frozenset({Fact.PLATFORM})

_WORDS = (
    Word(name="TAG_PUSH", types=frozenset({EventType.PUSHED}), fits=lambda event: bool(event.tags), reads=_PLATFORM),
    Word(name="TAG_PULL", types=frozenset({EventType.PULLED}), fits=lambda event: bool(event.tags), reads=_PLATFORM),
    Word(name="TAG_DELETE", types=frozenset({EventType.TAG_DELETED}), reads=_PLATFORM),
    # DTR tells of a manifest beside its tag, to those who asked for manifests by name.
    Word(
        name="MANIFEST_PUSH",
        types=frozenset({EventType.PUSHED}),
        fits=lambda event: not event.tags,
        fits_named=lambda _event: True,
        waives_untagged=True,
        reads=_PLATFORM,
    ),
    Word(
        name="MANIFEST_PULL",
        types=frozenset({EventType.PULLED}),
        fits=lambda event: not event.tags,
        fits_named=lambda _event: True,
        reads=_PLATFORM,
    ),
    Word(name="MANIFEST_DELETE", types=frozenset({EventType.DELETED}), waives_untagged=True, reads=_PLATFORM),
    Word(name="REPO_EVENT", types=frozenset({EventType.REPOSITORY_CREATED, EventType.REPOSITORY_DELETED})),
    Word(name="REPO_CREATED", types=frozenset({EventType.REPOSITORY_CREATED}), by_type=False),
    Word(name="REPO_DELETED", types=frozenset({EventType.REPOSITORY_DELETED}), by_type=False),
)

_WHEN = {
    EventType.PUSHED: "pushedAt",
    EventType.PULLED: "pulledAt",
    EventType.DELETED: "deletedAt",
    EventType.TAG_DELETED: "deletedAt",
}
_REPOSITORY_EVENT = {
    EventType.REPOSITORY_CREATED: "REPO_CREATED",
    EventType.REPOSITORY_DELETED: "REPO_DELETED",
}


# Told by DTR's promotion, mirroring and scanning, and by changes of a repository's description.
_WAITING = frozenset(
    {
        "PROMOTION",
        "PUSH_MIRRORING",
        "POLL_MIRRORING",
        "REPO_UPDATED",
        "SCAN_COMPLETED",
        "SCAN_FAILED",
        "SCANNER_UPDATE_COMPLETED",
    }
)


def _check_words(names: frozenset[str]) -> str:
    single = sorted(names & set(_REPOSITORY_EVENT.values()))
    if single and "REPO_EVENT" in names:
        return f"REPO_EVENT already tells of {' and '.join(single)}: name either REPO_EVENT or the single ones"
    return ""


def _render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    if event.type in _REPOSITORY_EVENT:
        return (_wrap(event, word, _repository_contents(event), ""),)
    if word.startswith("TAG_"):
        return tuple(
            _wrap(event, word, _tag_contents(event, tag, options), f"/tags/{tag}") for tag in event.tags
        )  # an untagged event has no TAG_ message
    return (_wrap(event, word, _manifest_contents(event, options), f"/manifests/{event.artifact.digest}"),)


def _wrap(event: Event, word: str, contents: dict[str, Any], leaf: str) -> Message:
    place = event.repository
    body = {
        "type": word,
        "createdAt": instant.rfc3339(event.accepted),
        "contents": contents,
        "location": f"/repositories/{place.namespace}/{place.name}{leaf}",  # a path of DTR's web interface
    }
    return Message(word=word, content_type="application/json", body=compact(body))


def _tag_contents(event: Event, tag: str, options: Options) -> dict[str, Any]:
    place, artifact = event.repository, event.artifact
    image = f"{_host(event, options)}/{place.path}:{tag}"
    contents = {"namespace": place.namespace, "repository": place.name, "tag": tag, "digest": artifact.digest}
    if event.type is EventType.TAG_DELETED:  # the one captured deletion has the name after the platform
        contents |= {"os": artifact.os, "architecture": artifact.architecture, "imageName": image}
    else:
        contents |= {"imageName": image, "os": artifact.os, "architecture": artifact.architecture}
    return contents | {"author": event.actor, _WHEN[event.type]: instant.rfc3339(event.time)}


def _manifest_contents(event: Event, options: Options) -> dict[str, Any]:
    place, artifact = event.repository, event.artifact
    contents = {"namespace": place.namespace, "repository": place.name}
    if options.tag_in_manifest_events and event.tags:
        contents["tag"] = event.tag
    return contents | {
        "digest": artifact.digest,
        "imageName": f"{_host(event, options)}/{place.path}@{artifact.digest}",
        "os": artifact.os,
        "architecture": artifact.architecture,
        "author": event.actor,
        _WHEN[event.type]: instant.rfc3339(event.time),
    }


def _repository_contents(event: Event) -> dict[str, Any]:
    place = event.repository
    created = event.type is EventType.REPOSITORY_CREATED
    return {
        "namespace": place.namespace,
        "repository": place.name,
        "event": _REPOSITORY_EVENT[event.type],
        "author": event.actor,
        "data": _repository(event.registry.name, place) if created else {},
    }


def _repository(registry: str, place: Repository) -> dict[str, Any]:
    """The repository as DTR 2.6's API shows one: what a plain registry does not have stands at its zero."""
    return {
        "id": stable_uuid(registry, place.path),
        "namespace": place.namespace,
        "namespaceType": "organization",
        "name": place.name,
        "shortDescription": "",
        "visibility": "public" if place.public else "private",
        "scanOnPush": False,
        "immutableTags": False,
        "enableManifestLists": True,
        "pulls": 0,
        "pushes": 0,
        "tagLimit": 0,
    }


def _host(event: Event, options: Options) -> str:
    host = event.registry.hostname
    if options.image_name_port:
        return host
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


DIALECT = Dialect(
    name="dtr",
    title="Docker Trusted Registry 2.x, Mirantis Secure Registry 2.x and 3.x",
    options=Options,
    example=Options(),
    vocabulary=lambda _options: _WORDS,
    render=_render,
    check_words=_check_words,
    waiting=_WAITING,
)
