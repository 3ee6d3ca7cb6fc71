"""What may be told in `data` of each type, and the JSON Schema that says so.

Five forms: of the whole registry, of a namespace, of a repository, of an artifact, and of a namespace or a repository.
Unknown keys are refused: a misspelt one would be lost in silence.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

import msgspec

from sidecar.domain.details import MOST_ITEMS, Digest, Text
from sidecar.domain.errors import Misstated
from sidecar.domain.event import OF_ARTIFACTS, EventType
from sidecar.domain.statement import DETAILS

PREFIX = "io.registry-sidecar."  # before the canonical type, as in the messages of our own format

# The grammars of OCI distribution specification 1.1; a namespace is one segment of a name. `$` alone would let the end
# of a line through.
_SEGMENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
Name = Annotated[str, msgspec.Meta(max_length=255, pattern=rf"^{_SEGMENT}(?:/{_SEGMENT})*(?!\n)$")]
Namespace = Annotated[str, msgspec.Meta(max_length=255, pattern=rf"^{_SEGMENT}(?!\n)$")]
Tag = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}(?!\n)$")]
Tags = Annotated[tuple[Tag, ...], msgspec.Meta(max_length=MOST_ITEMS)]

_ANYWHERE: tuple[tuple[str, Any, Any], ...] = (("registry", Text, ""), ("actor", Text, ""), ("request_id", Text, ""))
_ARTIFACT: tuple[tuple[str, Any, Any], ...] = (
    ("tag", Tag | None, None),
    ("tags", Tags, ()),
    ("digest", Digest, ""),
    ("media_type", Text, ""),
)
_OF_REGISTRY = frozenset({EventType.SCANNER_UPDATED})
_OF_NAMESPACE = frozenset({EventType.RETENTION_FINISHED})
_OF_EITHER = frozenset(
    {
        EventType.QUOTA_EXCEEDED,
        EventType.QUOTA_WARNING,
        EventType.MIRROR_STARTED,
        EventType.MIRROR_SUCCEEDED,
        EventType.MIRROR_FAILED,
    }
)
OF_TAGS = frozenset({EventType.EXPIRING, EventType.PROMOTED})


def _place(kind: EventType) -> tuple[Any, ...]:
    if kind in _OF_REGISTRY:
        return ()
    if kind in _OF_NAMESPACE:
        return (("namespace", Namespace),)
    if kind in _OF_EITHER:
        return (("namespace", Namespace | None, None), ("repository", Name | None, None), *_ARTIFACT)
    return (("repository", Name), *_ARTIFACT)


def _shape(kind: EventType) -> type[msgspec.Struct]:
    details: Any = DETAILS[kind]
    needed = any(field.required for field in msgspec.structs.fields(details))
    return msgspec.defstruct(
        f"{kind.name.title().replace('_', '')}Data",
        [*_place(kind), *_ANYWHERE, ("details", details) if needed else ("details", details, details())],
        kw_only=True,
        frozen=True,
        forbid_unknown_fields=True,
        rename="camel",
    )


SHAPES: Mapping[EventType, type[msgspec.Struct]] = MappingProxyType({kind: _shape(kind) for kind in DETAILS})


def check(kind: EventType, data: Any, at: str) -> None:
    """Raise Misstated where what is given does not name the place that such an event has; `at` points to the data."""
    if kind in _OF_EITHER and (data.namespace is None) is (data.repository is None):
        raise Misstated(f"At {at or 'the data'}: give `repository`, or `namespace` for all of one, and not both.", at)
    if kind in OF_TAGS and not (data.tag or data.tags):
        raise Misstated(f"At {at}/tag: {kind} needs the tag that it is about.", f"{at}/tag")
    if kind in OF_ARTIFACTS and not (data.tag or data.tags or data.digest):
        raise Misstated(
            f"At {at}/digest: {kind} needs the artifact that it is about: give `digest` or `tag`.", f"{at}/digest"
        )


def schema() -> dict[str, Any]:
    """The JSON Schema of an event, with the shape of `data` for each type under `$defs`."""
    made, components = msgspec.json.schema_components(SHAPES.values(), ref_template="#/$defs/{name}")
    for component in components.values():
        if "about" in component.get("properties", {}) and "required" in component:
            component["required"] = [one for one in component["required"] if one != "about"]  # the type says it
    data = {kind: components.pop(one["$ref"].rpartition("/")[2]) for kind, one in zip(SHAPES, made, strict=True)}
    text = {"type": "string", "minLength": 1}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What POST /intake/events takes: a CloudEvents 1.0 event, or the same without its attributes",
        "type": "object",
        "required": ["type"],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": text,
            "source": text,
            "type": {"enum": [name for kind in SHAPES for name in (f"{PREFIX}{kind}", str(kind))]},
            "time": {"type": "string", "format": "date-time"},
            "datacontenttype": text,
        },
        "dependentRequired": {"specversion": ["id", "source"]},
        "allOf": [
            {
                "if": {"properties": {"type": {"enum": [f"{PREFIX}{kind}", str(kind)]}}, "required": ["type"]},
                "then": {
                    "properties": {"data": {"$ref": f"#/$defs/{kind}"}},
                    **({"required": ["data"]} if data[kind].get("required") else {}),
                },
            }
            for kind in SHAPES
        ],
        "$defs": {**{str(kind): one for kind, one in data.items()}, **components},
    }
