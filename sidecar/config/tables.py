"""Lists, mappings and sections: shapes made of other shapes."""

from collections.abc import Callable
from collections.abc import Mapping as Lookup
from difflib import get_close_matches
from typing import Any

import msgspec

from sidecar.config.problems import Problems
from sidecar.config.shapes import BAD, Shape, refuse
from sidecar.config.tree import Mapping, Node, Scalar, Sequence


class ListOf(msgspec.Struct, frozen=True, kw_only=True):
    """A list. `empty` is what to say of a list without items, "" where that is fine; `lone` takes one item bare.

    `optional` lists (of sections) may be left without a value, as when all their items are commented out.
    """

    item: Shape
    empty: str = ""
    lone: bool = False
    optional: bool = False

    def read(self, node: Node, problems: Problems) -> Any:
        if self.optional and isinstance(node, Scalar) and node.kind == "null":
            return []
        if self.lone and not isinstance(node, Sequence):
            value = self.item.read(node, problems)
            return BAD if value is BAD else [value]
        if not isinstance(node, Sequence):
            return refuse(node, problems, "must be a list")
        if self.empty and not node.items:
            problems.add(node.line, f"{node.path} {self.empty}")
            return BAD
        values = [self.item.read(item, problems) for item in node.items]
        return BAD if any(value is BAD for value in values) else values

    def schema(self) -> dict[str, Any]:
        listed: dict[str, Any] = {"type": ["array", "null"] if self.optional else "array", "items": self.item.schema()}
        if self.empty:
            listed["minItems"] = 1
        return {"anyOf": [self.item.schema(), listed]} if self.lone else listed


class MapOf(msgspec.Struct, frozen=True, kw_only=True):
    """Free keys. `known` gives the shape of a key, or raises ValueError with the rest of a sentence about it."""

    known: Callable[[str], Shape]
    describe: Callable[[], dict[str, Any]]

    def read(self, node: Node, problems: Problems) -> Any:
        if isinstance(node, Scalar) and node.kind == "null":
            return {}
        if not isinstance(node, Mapping):
            return refuse(node, problems, "must be a mapping")
        values: dict[str, Any] = {}
        for key, entry in node.entries.items():
            try:
                shape = self.known(key)
            except ValueError as error:
                problems.add(entry.line, f"{entry.path} {error}")
                continue
            value = shape.read(entry.value, problems)
            if value is not BAD:
                values[key] = value
        return values

    def schema(self) -> dict[str, Any]:
        return self.describe()


class Raw(msgspec.Struct, frozen=True):
    """A mapping whose keys depend on something else; kept as it is."""

    def read(self, node: Node, problems: Problems) -> Any:
        if isinstance(node, Scalar) and node.kind == "null":
            return Mapping(path=node.path, line=node.line, entries={})
        return node if isinstance(node, Mapping) else refuse(node, problems, "must be a mapping")

    def schema(self) -> dict[str, Any]:
        return {"type": ["object", "null"]}


class Field(msgspec.Struct, frozen=True):
    """One key of a table. `note` says what it is; `default`, as it would be written, is for the schema.

    A `needed` key may be left out where the key `unless` stands.
    """

    shape: Shape
    note: str = ""
    default: Any = msgspec.UNSET
    needed: bool = False
    unless: str = ""


class Section(msgspec.Struct, frozen=True):
    """A mapping read by a table: `values` are the good ones, the node still knows what was written and where."""

    node: Mapping
    values: dict[str, Any]

    @property
    def path(self) -> str:
        return self.node.path

    def get(self, key: str, default: Any = None) -> Any:
        return self.values.get(key, default)

    def has(self, key: str) -> bool:
        """Whether the key was written, be its value good or bad."""
        return key in self.node.entries

    def line(self, key: str = "") -> int:
        """The line of a key's value, or of the section."""
        value = self.node.value(key)
        return self.node.line if value is None else value.line

    def shown(self, key: str, index: int = -1) -> str:
        """A scalar, or an item of a list, as an error message may show it."""
        value = self.node.value(key)
        if isinstance(value, Sequence) and index >= 0:
            value = value.items[index]
        return value.shown if isinstance(value, Scalar) else ""

    def item_line(self, key: str, index: int) -> int:
        """The line of an item of a list."""
        value = self.node.value(key)
        return value.items[index].line if isinstance(value, Sequence) else self.line(key)


class Table(msgspec.Struct, frozen=True):
    """A mapping with known keys. One without a needed key may be left without a value."""

    fields: Lookup[str, Field]

    @property
    def _optional(self) -> bool:
        return not any(field.needed for field in self.fields.values())

    def read(self, node: Node, problems: Problems) -> Any:
        if self._optional and isinstance(node, Scalar) and node.kind == "null":
            node = Mapping(path=node.path, line=node.line, entries={})
        if not isinstance(node, Mapping):
            return refuse(node, problems, "must be a mapping of keys and values")
        values: dict[str, Any] = {}
        misspelt: set[str] = set()
        for key, entry in node.entries.items():
            field = self.fields.get(key)
            if field is None:
                problems.add(entry.line, unknown_key(entry.path, key, self.fields))
                misspelt.update(nearest(key, self.fields))
                continue
            value = field.shape.read(entry.value, problems)
            if value is not BAD:
                values[key] = value
        for key, field in self.fields.items():
            if field.needed and not misspelt & {key, field.unless} and not node.entries.keys() & {key, field.unless}:
                problems.add(node.line, f"{node.path or 'the file'} needs `{key}`: {field.note}")
        return Section(node, values)

    def absent(self, path: str) -> Section:
        """The section that nobody wrote."""
        return Section(Mapping(path=path, line=1, entries={}), {})

    def schema(self) -> dict[str, Any]:
        properties: dict[str, Any] = {}
        for key, field in self.fields.items():
            described = dict(field.shape.schema())
            if field.note:
                described["description"] = field.note
            if field.default is not msgspec.UNSET:
                described["default"] = field.default
            properties[key] = described
        table: dict[str, Any] = {
            "type": ["object", "null"] if self._optional else "object",
            "properties": properties,
            "additionalProperties": False,
        }
        needed = [key for key, field in self.fields.items() if field.needed]
        if not needed:
            return table
        table["required"] = [key for key in needed if not self.fields[key].unless]
        for key in needed:
            if other := self.fields[key].unless:
                table["anyOf"] = [{"required": [one]} for one in (key, other)]
        return table


def nearest(key: str, known: Lookup[str, Any]) -> list[str]:
    """The known key that an unknown one was probably meant to be, if any."""
    return get_close_matches(key, known, n=1)


def unknown_key(path: str, key: str, known: Lookup[str, Any]) -> str:
    """The sentence for a key that a table does not know."""
    near = nearest(key, known)
    if near:
        return f"{path} is unknown: did you mean `{near[0]}`?"
    return f"{path} is unknown: the keys here are {', '.join(known)}"
