"""The JSON Schema (2020-12) of the configuration file, for editors and for `registry-sidecar schema`.

Generated from the tables that the loader reads by and from the dialects' options. It cannot say everything that the
loader checks (names that must be known, ranges of text), but it refuses nothing that the loader takes.
"""

from typing import Any

import msgspec

from sidecar import dialects
from sidecar.config import keys
from sidecar.config.shapes import or_reference

_DIALECT = "https://json-schema.org/draft/2020-12/schema"


def schema() -> dict[str, Any]:
    """The schema, plain values only."""
    document = keys.root().schema()
    definitions: dict[str, Any] = {}
    subscription = document["properties"]["subscriptions"]["items"]
    formats = document["properties"]["defaults"]["properties"]["formats"]["properties"]
    subscription["allOf"] = []
    for name in dialects.load():
        where = _options(name, definitions)
        subscription["allOf"].append(
            {
                "if": {"properties": {"format": {"const": name}}, "required": ["format"]},
                "then": {"properties": {"options": where}},
            }
        )
        formats[name]["properties"]["options"] = where
    return {"$schema": _DIALECT, "title": "registry-sidecar configuration", **document, "$defs": definitions}


def _options(name: str, definitions: dict[str, Any]) -> dict[str, Any]:
    """A reference to the schema of one dialect's options, which is added to the definitions."""
    (top,), parts = msgspec.json.schema_components(
        [dialects.load()[name].options], ref_template=f"#/$defs/{name}.{{name}}"
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
