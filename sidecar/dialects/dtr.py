"""Docker Trusted Registry 2.2 to 2.9 and Mirantis Secure Registry 3: one wrapper with one event per message.

Keys stand in the order of real messages: type, createdAt, contents, location. TAG_PUSH, TAG_DELETE, MANIFEST_PUSH,
MANIFEST_DELETE and REPO_EVENT follow the published bodies (and what receivers of them read); no body of TAG_PULL and
MANIFEST_PULL was ever published, so theirs are the push bodies with `pulledAt`. Times are RFC 3339 in UTC with up to
nine fractional digits: `createdAt` is when we accepted the record, the others are when it happened.
"""

from collections.abc import Sequence
from typing import Any

import msgspec

from sidecar.dialects import dtr_jobs, dtr_scans
from sidecar.dialects.contract import Audience, Dialect, Word, compact
from sidecar.domain import instant
from sidecar.domain.details import RepositoryUpdate
from sidecar.domain.enrichment import Fact
from sidecar.domain.event import Event, EventType, Repository, stable_uuid
from sidecar.domain.message import Message


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`tag_in_manifest_events` adds `tag` to MANIFEST_* where it is known: DTR has none, its Jenkins receiver wants it.

    `image_name_port: false` drops the port from `imageName`: that same receiver cuts the name at the first colon.
    """

    tag_in_manifest_events: bool = False
    image_name_port: bool = True


_REPOSITORY_EVENT = {
    EventType.REPOSITORY_CREATED: "REPO_CREATED",
    EventType.REPOSITORY_UPDATED: "REPO_UPDATED",
    EventType.REPOSITORY_DELETED: "REPO_DELETED",
}

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
    Word(name="REPO_EVENT", types=frozenset(_REPOSITORY_EVENT)),
    Word(name="REPO_CREATED", types=frozenset({EventType.REPOSITORY_CREATED}), by_type=False),
    Word(name="REPO_UPDATED", types=frozenset({EventType.REPOSITORY_UPDATED}), by_type=False),
    Word(name="REPO_DELETED", types=frozenset({EventType.REPOSITORY_DELETED}), by_type=False),
    *(Word(name=name, types=types, fits=fits) for name, types, fits in (*dtr_jobs.WORDS, *dtr_scans.WORDS)),
)

_WHEN = {
    EventType.PUSHED: "pushedAt",
    EventType.PULLED: "pulledAt",
    EventType.DELETED: "deletedAt",
    EventType.TAG_DELETED: "deletedAt",
}


def _check_words(names: frozenset[str]) -> str:
    single = sorted(names & set(_REPOSITORY_EVENT.values()))
    if single and "REPO_EVENT" in names:
        return f"REPO_EVENT already tells of {' and '.join(single)}: name either REPO_EVENT or the single ones"
    return ""


def _render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    if event.type in _REPOSITORY_EVENT:
        return (_wrap(event, word, _repository_contents(event), _location(event)),)
    if word in dtr_jobs.CONTENTS:
        contents, location = dtr_jobs.CONTENTS[word](event)
        return (_wrap(event, word, contents, location),)
    if word in dtr_scans.NAMES:
        host = _host(event, options)
        return tuple(
            _wrap(event, word, dtr_scans.contents(event, tag, host), _location(event, f"/tags/{tag}"))
            for tag in event.tags
        )
    if word.startswith("TAG_"):
        return tuple(
            _wrap(event, word, _tag_contents(event, tag, options), _location(event, f"/tags/{tag}"))
            for tag in event.tags
        )  # an untagged event has no TAG_ message
    location = _location(event, f"/manifests/{event.artifact.digest}")
    return (_wrap(event, word, _manifest_contents(event, options), location),)


def _location(event: Event, leaf: str = "") -> str:
    """A path of DTR's web interface."""
    return f"/repositories/{event.repository.namespace}/{event.repository.name}{leaf}"


def _wrap(event: Event, word: str, contents: dict[str, Any], location: str) -> Message:
    body = {
        "type": word,
        "createdAt": instant.rfc3339(event.accepted),
        "contents": contents,
        "location": location,
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
    gone = event.type is EventType.REPOSITORY_DELETED
    update = event.details if isinstance(event.details, RepositoryUpdate) else RepositoryUpdate()
    return {
        "namespace": place.namespace,
        "repository": place.name,
        "event": _REPOSITORY_EVENT[event.type],
        "author": event.actor,
        "data": {} if gone else _repository(event.registry.name, place, update),
    }


def _repository(registry: str, place: Repository, update: RepositoryUpdate) -> dict[str, Any]:
    """The repository as DTR 2.6's API shows one: what a plain registry does not have stands at its zero, unless an
    update told it.
    """
    long = {} if update.long_description is None else {"longDescription": update.long_description}
    return {
        "id": stable_uuid(registry, place.path),
        "namespace": place.namespace,
        "namespaceType": "organization",
        "name": place.name,
        "shortDescription": update.short_description or "",
        **long,
        "visibility": update.visibility or ("public" if place.public else "private"),
        "scanOnPush": bool(update.scan_on_push),
        "immutableTags": bool(update.immutable_tags),
        "enableManifestLists": True,
        "pulls": 0,
        "pushes": 0,
        "tagLimit": update.tag_limit or 0,
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
)
