"""What a template knows of an event: plain values under stable names, and what each of them is.

Every name is always there. What is not known is "" as a text, null as a number or a flag, [] as a list and {} as a
mapping; a mapping of free keys gives "" for a key that it has not. What only some events tell (`scan`, `build`, ...) is
null for all others, and whole for those: nothing within it is missing. Details stand under the names that they have in
`domain.details`, which the intake and our CloudEvents write in camelCase.
"""

import enum
import functools
import json
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

import msgspec

from sidecar.dialects import cloudevents
from sidecar.dialects.repository_page import filled
from sidecar.domain import instant
from sidecar.domain.details import (
    Build,
    Expiry,
    Mirror,
    Promotion,
    Quota,
    RepositoryUpdate,
    Retention,
    Scan,
    Scanner,
    Severity,
)
from sidecar.domain.event import OF_ARTIFACTS, Descriptor, Event
from sidecar.domain.statement import DETAILS

# A family of details: which variable, of which shape, and what it is.
FAMILIES: Final[Mapping[str, tuple[type[msgspec.Struct], str]]] = types.MappingProxyType(
    {
        "scan": (Scan, "of `scan.*`: what was found in the artifact"),
        "scanner": (Scanner, "of `scanner.updated`: the scanner and its database"),
        "quota": (Quota, "of `quota.*`: what a namespace holds and may hold, bytes"),
        "expiry": (Expiry, "of `artifact.expiring`: the tags that end"),
        "build": (Build, "of `build.*`"),
        "mirror": (Mirror, "of `mirror.*`: a copy from or to another registry"),
        "promotion": (Promotion, "of `promotion.completed`: a copy within the registry"),
        "retention": (Retention, "of `retention.finished`"),
        "settings": (RepositoryUpdate, "of `repository.updated`: what the repository's settings are now"),
    }
)
_FAMILY_OF: Final = {
    kind: next(name for name, (shape, _) in FAMILIES.items() if shape is DETAILS[kind]) for kind in DETAILS
}


class Shape(msgspec.Struct, frozen=True, kw_only=True):
    """What a value is. `any` may be anything, a `record` has these fields and no others, a `map` any keys.

    `item` is what a list or map holds. `free` texts may hold any character: somebody wrote them.
    """

    what: Literal["text", "number", "flag", "list", "map", "record", "any"]
    note: str = ""
    item: "Shape | None" = None
    fields: Mapping[str, "Shape"] = types.MappingProxyType({})
    free: bool = False
    null: bool = False  # a record that events of other types have not


class FreeKeys(dict[str, Any]):
    """A mapping of free keys; `missing` is what it gives for a key that it has not."""

    __slots__ = ("missing",)

    def __init__(self, given: Mapping[str, Any] | None, missing: Any = "") -> None:
        super().__init__(given or {})
        self.missing = missing


def _text(note: str, *, free: bool = False) -> Shape:
    return Shape(what="text", note=note, free=free)


def _record(note: str, /, **fields: Shape) -> Shape:
    return Shape(what="record", note=note, fields=types.MappingProxyType(fields))


_TEXTS: Final = Shape(what="list", item=Shape(what="text"))
_FREE_TEXTS: Final = Shape(what="map", item=_text("", free=True))
_REFERENCE: Final = _record(
    "",
    media_type=_text("its media type"),
    digest=_text("its digest"),
    size=Shape(what="number", note="bytes"),
    artifact_type=_text("its artifact type"),
    annotations=_FREE_TEXTS,
)

_SHAPES: Final[dict[str, Shape]] = {
    "event": _record(
        "what happened",
        id=_text("a UUID, the same for every subscription and every attempt"),
        type=_text("the event's name, which is also the word"),
        time=_text("when it happened, RFC 3339 in UTC"),
        epoch=Shape(what="number", note="the same in whole seconds since 1970"),
        accepted=_text("when the sidecar took it, RFC 3339 in UTC"),
        recovered=Shape(what="flag", note="whether it was found by looking at the registry, not told by it"),
        changed=Shape(what="flag", note="whether a push changed what the tag holds; null where that is not known"),
        previous_digest=_text('what the tag held before a push, "" when it is new; null where that is not known'),
    ),
    "registry": _record(
        "where it happened",
        name=_text("its name in the configuration"),
        host=_text("its host with its port, as users pull from it"),
        scheme=_text("`https` or `http`"),
        url=_text("scheme and host"),
    ),
    "repository": _record(
        'of events about a whole namespace only `namespace`, of those about the whole registry all is ""',
        path=_text("the whole name without host"),
        namespace=_text("its first segment, or the default namespace"),
        name=_text("the rest"),
        page=_text("its page, by the registry's `homepage`; else where the registry is, with the path"),
        public=Shape(what="flag", note="whether anybody may pull"),
        created=_text('when it was first pushed to, RFC 3339; "" where that was not seen'),
    ),
    "artifact": _record(
        "what it happened to; with `annotations`, `artifact_type`, `subject`, `os`, `architecture`, `labels`, "
        "`references` and what follows from them only where the registry tells them or can be asked",
        digest=_text("of the manifest"),
        media_type=_text("of the manifest"),
        size=Shape(what="number", note="bytes of the manifest"),
        kind=_text("`image`, `index`, `chart`, `artifact`, `signature`, `attestation`, `sbom` or `unknown`"),
        artifact_type=_text("of the manifest", free=True),
        subject=_text("digest of the manifest that this one refers to"),
        config_digest=_text("of the image's config"),
        config_media_type=_text("of the image's config"),
        image_size=Shape(what="number", note="bytes of config and layers as they are stored"),
        os=_text("as `linux`", free=True),
        architecture=_text("as `amd64`", free=True),
        annotations=Shape(what="map", note="of the manifest", item=_text("", free=True)),
        labels=Shape(what="map", note="of the image's config", item=_text("", free=True)),
        references=Shape(what="list", note="config and layers, or the manifests of an index", item=_REFERENCE),
    ),
    "tag": _text('the tag; with several the first, or with `per_tag` the one that this message is for; "" without'),
    "tags": Shape(what="list", note="all of them, newest push first", item=Shape(what="text")),
    "reference": _text('what to pull: `host/repository:tag` or `host/repository@digest`; "" where there is no such'),
    "actor": _text('the user\'s name, "" when anonymous', free=True),
    "request": _record(
        "the client's request to the registry",
        id=_text("as the registry calls it", free=True),
        client=_text("the client's address", free=True),
        address=_text("the same with its port", free=True),
        host=_text("the name that the client called the registry by", free=True),
        method=_text("as `PUT`", free=True),
        user_agent=_text("as `docker/27.3.1`", free=True),
    ),
    "origin": _record(
        "the registry's record, or what others told",
        id=_text("of the record", free=True),
        action=_text("as the registry calls it; of what others told the event's name", free=True),
        url=_text("of the manifest", free=True),
        node=_text("the registry's own name for its node; of what others told their `source`", free=True),
        instance=_text("of the registry", free=True),
        from_repository=_text("where the blobs of a push were mounted from", free=True),
    ),
}


# --- the families, read off their structs -----------------------------------------------------------------------------


class _Told(msgspec.Struct, frozen=True):
    """How values of one type are told: as what, and by which function, which also tells what nobody told (None)."""

    shape: Shape
    tell: Callable[[Any], Any]


def _told(hint: Any) -> _Told:
    kinds = [one for one in typing.get_args(hint) if one is not types.NoneType] if _is_union(hint) else [hint]
    if len(kinds) > 1:
        return _Told(Shape(what="any", free=True), lambda given: "" if given is None else given)
    kind, parts = kinds[0], typing.get_args(kinds[0])
    origin = typing.get_origin(kind)
    if origin is tuple:
        inner = _told(parts[0])
        shape = Shape(what="list", item=inner.shape)
        if inner.shape.what == "record":
            return _Told(shape, lambda given: [inner.tell(one) for one in given or ()])
        return _Told(shape, lambda given: given or ())
    if origin is dict:
        return _counted() if parts[0] is Severity else _mapped(parts[1])
    if issubclass(kind, msgspec.Struct):
        return _struct(kind)
    if issubclass(kind, enum.Enum):
        return _Told(Shape(what="text"), lambda given: "" if given is None else given.value)
    if issubclass(kind, str):
        return _Told(_text("", free=True), lambda given: given or "")
    return _Told(Shape(what="flag" if kind is bool else "number"), lambda given: given)


def _is_union(hint: Any) -> bool:
    return typing.get_origin(hint) in {typing.Union, types.UnionType}


def _counted() -> _Told:
    """How many of each severity, 0 where none was told."""
    counts = _record("", **{one.value: Shape(what="number") for one in Severity})
    return _Told(counts, lambda given: {one.value: (given or {}).get(one, 0) for one in Severity})


def _mapped(held: Any) -> _Told:
    if held is Any:
        return _Told(Shape(what="map", item=Shape(what="any")), FreeKeys)
    inner = _told(held)
    missing = inner.tell(None)
    return _Told(
        Shape(what="map", item=inner.shape),
        lambda given: FreeKeys({key: inner.tell(one) for key, one in (given or {}).items()}, missing),
    )


@functools.cache
def _struct(kind: type[msgspec.Struct]) -> _Told:
    fields = {name: _told(hint) for name, hint in typing.get_type_hints(kind).items() if name in kind.__struct_fields__}

    def tell(given: Any) -> Any:
        return {name: one.tell(None if given is None else getattr(given, name)) for name, one in fields.items()}

    return _Told(_record("", **{name: one.shape for name, one in fields.items()}), tell)


def _family(name: str) -> Callable[[Event], Any]:
    told = _struct(FAMILIES[name][0])
    return lambda event: told.tell(event.details) if _FAMILY_OF.get(event.type) == name else None


# --- the others -------------------------------------------------------------------------------------------------------


def _time(at: int | None) -> str:
    return "" if at is None else instant.rfc3339(at)


def _event(event: Event) -> Any:
    return {
        "id": event.id,
        "type": event.type.value,
        "time": _time(event.time),
        "epoch": event.time // instant.SECOND,
        "accepted": _time(event.accepted),
        "recovered": event.recovered,
        "changed": event.changed,
        "previous_digest": event.previous_digest,
    }


def _registry(event: Event) -> Any:
    ref = event.registry
    return {"name": ref.name, "host": ref.hostname, "scheme": ref.scheme, "url": f"{ref.scheme}://{ref.hostname}"}


def _repository(event: Event) -> Any:
    ref, place = event.registry, event.repository
    page = ref.homepage or f"{ref.scheme}://{ref.hostname}/{{repository}}"
    return {
        "path": place.path,
        "namespace": place.namespace,
        "name": place.name,
        "page": filled(page, place) if place.path else "",
        "public": place.public,
        "created": _time(place.created),
    }


def _artifact(event: Event) -> Any:
    one = event.artifact
    return {
        "digest": one.digest,
        "media_type": one.media_type,
        "size": one.size or None,
        "kind": one.kind.value,
        "artifact_type": one.artifact_type,
        "subject": one.subject,
        "config_digest": one.config_digest,
        "config_media_type": "" if one.config is None else one.config.media_type,
        "image_size": one.image_size or None,
        "os": one.os,
        "architecture": one.architecture,
        "annotations": FreeKeys(one.annotations),
        "labels": FreeKeys(one.labels),
        "references": [_reference(each) for each in one.references],
    }


def _reference(one: Descriptor) -> Any:
    return {
        "media_type": one.media_type,
        "digest": one.digest,
        "size": one.size,
        "artifact_type": one.artifact_type,
        "annotations": FreeKeys(one.annotations),
    }


def _request(event: Event) -> Any:
    one = event.request
    return {
        "id": one.id,
        "client": one.client,
        "address": one.addr,
        "host": one.host,
        "method": one.method,
        "user_agent": one.user_agent,
    }


def _origin(event: Event) -> Any:
    one = event.origin
    return {
        "id": one.record,
        "action": one.action,
        "url": one.url,
        "node": one.addr,
        "instance": one.instance,
        "from_repository": one.from_repository,
    }


# What is told of an event, whichever of its tags a message is for.
_TELLERS: Final[Mapping[str, Callable[[Event], Any]]] = types.MappingProxyType(
    {
        "event": _event,
        "registry": _registry,
        "repository": _repository,
        "artifact": _artifact,
        "tags": lambda event: event.tags,
        "actor": lambda event: event.actor,
        "request": _request,
        "origin": _origin,
        **{name: _family(name) for name in FAMILIES},
        "data": lambda event: json.loads(cloudevents.data(event), object_hook=FreeKeys),
    }
)

SHAPES: Final[Mapping[str, Shape]] = types.MappingProxyType(
    {
        **_SHAPES,
        **{
            name: msgspec.structs.replace(_struct(kind).shape, note=note, null=True)
            for name, (kind, note) in FAMILIES.items()
        },
        "data": Shape(
            what="any", note="the `data` of our CloudEvents, as it stands there: what is not known is left out"
        ),
    }
)


def values(event: Event, names: Iterable[str]) -> dict[str, Any]:
    """These variables of an event; `tag` and `reference` are those of its first tag."""
    return {name: _TELLERS[name](event) for name in names if name in _TELLERS} | place(event, event.tag)


def burden(event: Event, names: Iterable[str]) -> int:
    """About how many steps it takes to make the values, for those that others may make as large as they like."""
    used = set(names)
    told = event.details.vulnerabilities if isinstance(event.details, Scan) else ()
    steps = len(event.artifact.references) * (6 * ("artifact" in used) + 6 * ("data" in used))
    return steps + len(told) * (5 * ("scan" in used) + 10 * ("data" in used))


def place(event: Event, tag: str) -> dict[str, str]:
    """The variables that depend on which tag a message is for."""
    reference = ""
    if event.type in OF_ARTIFACTS or tag or event.artifact.digest:
        mark = f":{tag}" if tag else f"@{event.artifact.digest}" if event.artifact.digest else ""
        reference = f"{event.registry.hostname}/{event.repository.path}{mark}"
    return {"tag": tag, "reference": reference}


def awkward(value: Any, shape: Shape) -> Any:
    """The same value where every text that somebody wrote freely holds what JSON has to escape."""
    if isinstance(value, str):
        return f'{value}"\\\n' if shape.free else value
    if isinstance(value, FreeKeys):
        return FreeKeys({key: awkward(one, shape.item or shape) for key, one in value.items()}, value.missing)
    if isinstance(value, dict):
        return {key: awkward(one, shape.fields.get(key, shape)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [awkward(one, shape.item or shape) for one in value]
    return value
