"""A dialect's own options: from the tree to its options type, strictly."""

import enum
import re
import typing
from collections.abc import Iterator
from typing import Any

import msgspec

from sidecar.config.problems import Problems
from sidecar.config.shapes import BAD, either, number, truth
from sidecar.config.tables import unknown_key
from sidecar.config.tree import Mapping, Node, Scalar, Sequence, join
from sidecar.dialects.contract import Dialect

_WORDS = {"str": "text", "bool": "true or false", "int": "a whole number", "float": "a number", "object": "a mapping"}
_WORDS |= {"array": "a list", "null": "nothing"}
_TYPES = {str: "str", bool: "bool", int: "int", float: "float", dict: "object", list: "array", type(None): "null"}
_MESSAGE = re.compile(r"(?P<what>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)
_EXPECTED = re.compile(r"Expected `([^`]+)`, got `([^`]+)`")
_BOUND = re.compile(r"Expected `\w+` (?P<length>of length )?(?P<sign><=|>=) (?P<number>[0-9]+)")
_FIELD = re.compile(r"Object (missing required|contains unknown) field `([^`]*)`")
_SUBJECT = re.compile(r"`?([a-z_]+)(?:\.([A-Za-z0-9_-]+))?")  # as `body, line 2: ...` or `headers.X-Tag: ...`
_STEP = re.compile(r"\.([^.\[\]]+)|\[(\d+|\.\.\.)\]")  # `[...]` is some value of a mapping with free keys
_QUOTED = re.compile(r"`([^`]*)`|'([^']*)'|\"([^\"]*)\"")


def read(dialect: Dialect[Any], node: Mapping, problems: Problems) -> Any:
    """The options, or BAD after mistakes were reported."""
    known = {field.encode_name: field for field in msgspec.structs.fields(dialect.options)}
    unknown = [entry for key, entry in node.entries.items() if key not in known]
    for key, entry in node.entries.items():
        if key in known:
            continue
        if known:
            problems.add(entry.line, unknown_key(entry.path, key, known))
        else:
            problems.add(entry.line, f"{entry.path} is unknown: format {dialect.name} has no options, remove it")
    if unknown or any(one.kind == "broken" for one in scalars(node)):
        return BAD
    try:
        return msgspec.convert(plain(node), type=dialect.options, strict=True)
    except msgspec.ValidationError as error:
        where, sentence = _explain(str(error), node, dialect.options)
        problems.add(where.line, redact(sentence, node))
        return BAD


def check_defaults(dialect: Dialect[Any], node: Mapping, problems: Problems) -> None:
    """Reports mistakes in options that only lie under those of subscriptions, and so may be incomplete."""
    needed = {field.encode_name for field in msgspec.structs.fields(dialect.options) if field.required}
    if needed <= node.entries.keys():
        read(dialect, node, problems)


def plain(node: Node) -> Any:
    """The node as plain values, each of the type that YAML takes it for."""
    if isinstance(node, Mapping):
        return {key: plain(entry.value) for key, entry in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    if node.kind == "null":
        return None
    if node.kind == "bool":
        return truth(node.text)
    if node.kind in {"int", "float"}:
        value = number(node)
        return node.text if value is None else value
    return node.text


def line(node: Mapping, sentence: str) -> int:
    """Where the option stands that a dialect's sentence begins with, or else the options do."""
    found = _SUBJECT.match(sentence)
    entry = node.entries.get(found[1]) if found is not None else None
    if found is None or entry is None:
        return node.line
    below = entry.value.entries.get(found[2] or "") if isinstance(entry.value, Mapping) else None
    return entry.line if below is None else below.line


def scalars(node: Node) -> Iterator[Scalar]:
    """Every scalar of a tree."""
    if isinstance(node, Scalar):
        yield node
        return
    children = node.items if isinstance(node, Sequence) else [entry.value for entry in node.entries.values()]
    for child in children:
        yield from scalars(child)


def redact(sentence: str, node: Node) -> str:
    """The sentence without any text that came from the environment or a file, and without quoted parts of one."""
    for text in {one.text for one in scalars(node) if one.hidden and one.text}:
        for form in (repr(text), text, repr(text)[1:-1]):
            sentence = sentence.replace(form, "<secret>")
    inserted = [text for one in scalars(node) for text in one.inserted if text]

    def shown(found: re.Match[str]) -> str:
        quoted = next((one for one in found.groups() if one), "")
        hidden = quoted and any(quoted in text or text in quoted for text in inserted)
        return "<secret>" if hidden else found[0]

    return _QUOTED.sub(shown, sentence) if inserted else sentence


def _explain(message: str, root: Mapping, options: type[msgspec.Struct]) -> tuple[Node, str]:
    """The node that msgspec speaks of, and the sentence about it."""
    found = _MESSAGE.fullmatch(message)
    assert found is not None
    node: Node = root
    field = ""
    for key, index in _STEP.findall(found["path"] or ""):
        if key and isinstance(node, Mapping) and key in node.entries:
            field = field or key
            node = node.entries[key].value
        elif index == "..." and isinstance(node, Mapping):
            node = _misfit(node, found["what"])
        elif index.isdigit() and isinstance(node, Sequence) and int(index) < len(node.items):
            node = node.items[int(index)]
        else:
            break
    shown = f", not {node.shown}" if isinstance(node, Scalar) else ""
    words = _choices(options, field)
    if words:
        return node, f"{node.path} must be {either(words)}{shown}"
    types = _EXPECTED.fullmatch(found["what"])
    field_of = _FIELD.fullmatch(found["what"])
    if field_of is not None and field_of[1] == "missing required":
        return node, f"{node.path or 'options'} needs `{field_of[2]}`"
    if field_of is not None:
        return node, f"{join(node.path, field_of[2])} is unknown: remove it"
    bound = _BOUND.fullmatch(found["what"])
    if bound is not None:
        amount = f"{bound['number']} characters" if bound["length"] else bound["number"]
        must = "be" if not bound["length"] else "have"
        return node, f"{node.path} must {must} at {'most' if bound['sign'] == '<=' else 'least'} {amount}{shown}"
    if types is None:
        what = found["what"][:1].lower() + found["what"][1:]
        return node, f"{node.path} is not usable: {what}"
    wanted = " or ".join(_WORDS.get(one, one) for one in types[1].split(" | ") if one != "null")
    got = _WORDS.get(types[2], types[2])
    if "str" in types[1].split(" | ") and isinstance(node, Scalar) and node.kind != "null":
        return node, f'{node.path} must be {wanted}, not {got}: quote it as "{node.text}"'
    return node, f"{node.path} must be {wanted}, not {got}"


def _misfit(node: Mapping, what: str) -> Node:
    """The first value of a mapping that is of the type which msgspec names as wrong."""
    types = _EXPECTED.fullmatch(what)
    for entry in node.entries.values():
        if types is not None and _TYPES.get(type(plain(entry.value))) == types[2]:
            return entry.value
    return node


def _choices(options: type[msgspec.Struct], name: str) -> tuple[str, ...]:
    """The words of a field that takes only some, whether a Literal or an enumeration."""
    hints = typing.get_type_hints(options)
    for field in msgspec.structs.fields(options):
        if field.encode_name != name:
            continue
        for hint in (hints[field.name], *typing.get_args(hints[field.name])):
            if typing.get_origin(hint) is typing.Literal:
                return tuple(str(one) for one in typing.get_args(hint))
            if isinstance(hint, type) and issubclass(hint, enum.Enum):
                return tuple(str(one.value) for one in hint)
    return ()
