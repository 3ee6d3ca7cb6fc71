"""Shapes of values: each reads a node of the tree, and says the same in JSON Schema.

`read` returns the value, or BAD after it has reported what is wrong. What a shape demands is written once here and in
the tables of keys, so the loader and the schema cannot drift apart.
"""

import re
from collections.abc import Callable
from typing import Any, Final, Protocol

import msgspec

from sidecar.config.expansion import REFERENCE
from sidecar.config.problems import Problems
from sidecar.config.tree import Mapping, Node, Scalar, Sequence
from sidecar.domain.secret import Secret

REFERENCES: Final[dict[str, Any]] = {"type": "string", "pattern": REFERENCE}
BAD: Final = object()  # what `read` returns once a mistake has been reported

_INTEGER: Final = re.compile(r"[-+]?(?:0|[1-9][0-9_]{0,17})", re.ASCII)
_DECIMAL: Final = re.compile(r"[-+]?\d{1,18}(?:\.\d{0,18})?(?:[eE][-+]?\d{1,2})?", re.ASCII)


class Shape(Protocol):
    """What a key may hold."""

    def read(self, node: Node, problems: Problems) -> Any: ...

    def schema(self) -> dict[str, Any]: ...


def kind_of(node: Node) -> str:
    """What a node is, for people."""
    if isinstance(node, Mapping):
        return "a mapping"
    if isinstance(node, Sequence):
        return "a list"
    words = {"null": "nothing", "bool": "true or false", "int": "a number", "float": "a number", "timestamp": "a date"}
    return words.get(node.kind, "text")


def refuse(node: Node, problems: Problems, must: str) -> object:
    """Report that a node is not what it must be, with what it is."""
    if isinstance(node, Scalar) and node.kind == "broken":
        return BAD
    if isinstance(node, Scalar) and node.kind == "null":
        problems.add(node.line, f"{node.path} has no value: give it one, or remove the key")
    elif isinstance(node, Scalar):
        problems.add(node.line, f"{node.path} {must}, not {node.shown}")
    else:
        problems.add(node.line, f"{node.path} {must}, not {kind_of(node)}")
    return BAD


def _unquoted(node: Node) -> str:
    return " without quotes" if isinstance(node, Scalar) and node.kind == "str" else ""


def or_reference(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of a text of which references are expanded before it is judged."""
    return {"anyOf": [schema, REFERENCES]}


def not_empty(text: str) -> str:
    if not text:
        raise ValueError("must not be empty")
    return text


class Text(msgspec.Struct, frozen=True, kw_only=True):
    """Text that `parse` turns into a value, raising ValueError with the rest of a sentence.

    `pattern`, or else the `least` length, says what it can of the same in the schema; `number` is what to say of a
    number without quotes.
    """

    parse: Callable[[str], Any] = not_empty
    pattern: str = ""
    least: int = 1
    number: str = ""
    secret: bool = False

    def read(self, node: Node, problems: Problems) -> Any:
        if not isinstance(node, Scalar) or node.kind in {"broken", "null"}:
            return refuse(node, problems, "must be text")
        if node.kind != "str":
            if self.number and node.kind in {"int", "float"}:
                problems.add(node.line, f"{node.path} {self.number}")
            elif self.secret:
                problems.add(node.line, f"{node.path} must be text, not {kind_of(node)}: put it in quotes")
            else:
                problems.add(node.line, f'{node.path} must be text, not {kind_of(node)}: quote it as "{node.text}"')
            return BAD
        try:
            value = self.parse(node.text)
        except ValueError as error:
            shown = "" if self.secret or not node.text else f", not {node.shown}"
            problems.add(node.line, f"{node.path} {error}{shown}")
            return BAD
        return Secret(value) if self.secret else value

    def schema(self) -> dict[str, Any]:
        if not self.pattern:
            return {"type": "string", "minLength": self.least}
        return or_reference({"type": "string", "pattern": f"^(?:{self.pattern})$"})


class Choice(msgspec.Struct, frozen=True, kw_only=True):
    """One of a few words."""

    words: tuple[str, ...]

    def read(self, node: Node, problems: Problems) -> Any:
        if not isinstance(node, Scalar) or node.kind in {"broken", "null"}:
            return refuse(node, problems, f"must be {either(self.words)}")
        if node.text in self.words:
            return node.text
        return refuse(node, problems, f"must be {either(self.words)}")

    def schema(self) -> dict[str, Any]:
        return or_reference({"enum": list(self.words)})


class Flag(msgspec.Struct, frozen=True):
    """true or false."""

    def read(self, node: Node, problems: Problems) -> Any:
        if isinstance(node, Scalar) and node.kind == "bool":
            return truth(node.text)
        return refuse(node, problems, f"must be true or false{_unquoted(node)}")

    def schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


class Off(msgspec.Struct, frozen=True):
    """false: what can be switched off, and is described otherwise when it is on."""

    def read(self, node: Node, problems: Problems) -> Any:
        if isinstance(node, Scalar) and node.kind == "bool" and not truth(node.text):
            return False
        return refuse(node, problems, "must be text, or false")

    def schema(self) -> dict[str, Any]:
        return {"const": False}


class Number(msgspec.Struct, frozen=True, kw_only=True):
    """A number within bounds; `whole` numbers come as int, others as float."""

    low: int
    high: int
    whole: bool = True

    def read(self, node: Node, problems: Problems) -> Any:
        must = f"must be a {'whole ' if self.whole else ''}number from {self.low} to {self.high}"
        value = number(node) if isinstance(node, Scalar) and node.kind in {"int", "float"} else None
        if value is None or (self.whole and isinstance(value, float)) or not self.low <= value <= self.high:
            return refuse(node, problems, must + _unquoted(node))
        return value if self.whole else float(value)

    def schema(self) -> dict[str, Any]:
        kind = "integer" if self.whole else "number"
        return {"type": kind, "minimum": self.low, "maximum": self.high}


class Or(msgspec.Struct, frozen=True, kw_only=True):
    """A plain scalar of one YAML kind is read by `this`, everything else by `that`."""

    kind: str
    this: Shape
    that: Shape

    def read(self, node: Node, problems: Problems) -> Any:
        first = isinstance(node, Scalar) and node.kind == self.kind
        return (self.this if first else self.that).read(node, problems)

    def schema(self) -> dict[str, Any]:
        return {"anyOf": [self.this.schema(), self.that.schema()]}


def either(words: tuple[str, ...]) -> str:
    """`a`, `a or b`, `a, b or c`."""
    return " or ".join(part for part in (", ".join(words[:-1]), words[-1]) if part)


def truth(text: str) -> bool:
    """What YAML 1.1 takes a bool for."""
    return text.lower() in {"true", "yes", "on"}


def number(node: Scalar) -> int | float | None:
    """The number of a scalar, None when it is not written in plain decimal."""
    if node.kind == "int" and _INTEGER.fullmatch(node.text):
        return int(node.text)
    if node.kind == "float" and _DECIMAL.fullmatch(node.text):
        return float(node.text)
    return None
