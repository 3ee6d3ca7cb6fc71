"""The JSON Schema (2020-12) of the configuration file, for editors and `registry-sidecar schema`; of what APIs take.

Generated from the tables that the loader reads by and from the dialects' options. It cannot say everything that the
loader checks (names that must be known, ranges of text), but it refuses nothing that the loader takes.
"""

from typing import Any

import msgspec

from sidecar import dialects
from sidecar.config import keys
from sidecar.config.binding import table
from sidecar.config.shapes import REFERENCES, or_reference
from sidecar.config.texts import NAME

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema, plain values only."""
    document = keys.root().schema()
    subscription = document["properties"]["subscriptions"]["items"]
    formats = document["properties"]["defaults"]["properties"]["formats"]["properties"]
    definitions: dict[str, Any] = {}
    for name, where in _by_format(subscription, definitions, "#/$defs/").items():
        formats[name]["properties"]["options"] = where
    return {"$schema": _DIALECT, "title": "registry-sidecar configuration", **document, "$defs": definitions}


def of_made(prefix: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of a subscription as APIs take it, and those that it refers to; `prefix` leads to these.

    Nothing is expanded in what APIs take, so there are no references to variables and files in it.
    """
    described = table().schema()
    ours: dict[str, Any] = {
        "name": {**NAME.schema(), "description": "its identity in this API"},
        "namespace": {"type": "string", "description": "the only one that it hears of; for administrators also none"},
        "repository": {"type": "string", "description": "the only one that it hears of, by its whole name"},
    }
    described["properties"] = {**ours, **described["properties"]}
    described["required"] = ["name", *described["required"]]
    definitions: dict[str, Any] = {}
    _by_format(described, definitions, prefix)
    return _unexpandable(described), _unexpandable(definitions)


def _by_format(subscription: dict[str, Any], definitions: dict[str, Any], prefix: str) -> dict[str, Any]:
    """Have the schema of a subscription tell its options by its format; returns those of each format."""
    found = {name: _options(name, definitions, prefix) for name in dialects.load()}
    choice: dict[str, Any] = {}
    for name, where in reversed(found.items()):  # one in another: side by side they would be as many as their subsets
        told = {
            "if": {"properties": {"format": {"const": name}}, "required": ["format"]},
            "then": {"properties": {"options": where}},
        }
        choice = {**told, "else": choice} if choice else told
    subscription["allOf"] = [choice]
    return found


def _unexpandable(described: Any) -> Any:
    """The same schema without references: the opposite of `or_reference`."""
    if isinstance(described, list):
        return [_unexpandable(one) for one in described]
    if not isinstance(described, dict):
        return described
    changed = {key: _unexpandable(value) for key, value in described.items()}
    either = changed.get("anyOf")
    if isinstance(either, list) and len(either) > 1 and either[-1] == REFERENCES:
        del changed["anyOf"]
        return {**either[0], **changed}
    return changed


def _options(name: str, definitions: dict[str, Any], prefix: str) -> dict[str, Any]:
    """A reference to the schema of one dialect's options, which is added to the definitions."""
    (top,), parts = msgspec.json.schema_components(
        [dialects.load()[name].options], ref_template=f"{prefix}{name}.{{name}}"
    )
    for part, described in parts.items():
        definitions[f"{name}.{part}"] = _expandable(described)
    own = definitions[top["$ref"].rpartition("/")[2]]
    own.pop("required", None)  # what is needed may also stand under `defaults`
    own["additionalProperties"] = False
    own["title"] = f"options of format {name}"
    return {"anyOf": [top, {"type": "null"}]}


def _expandable(described: Any) -> Any:
    """The same schema, where a text that is bound to words or a pattern may also be a reference."""
    if isinstance(described, list):
        return [_expandable(one) for one in described]
    if not isinstance(described, dict):
        return described
    changed = {key: value if key in {"enum", "default"} else _expandable(value) for key, value in described.items()}
    words = changed.get("enum")
    if (words and all(isinstance(word, str) for word in words)) or "pattern" in changed:
        return or_reference(changed)
    return changed
