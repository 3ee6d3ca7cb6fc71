"""YAML text to a tree that still knows where everything was written.

Built from the parser's events, without recursion: what a hostile or broken file can cost is bounded here. Aliases are
followed and counted as often as they are used; tags, merge keys and second documents are refused.
"""

import re
from typing import Any, Final

import msgspec
import yaml
from yaml import events as ev
from yaml.resolver import Resolver

MAX_BYTES: Final = 4 * 1024 * 1024
MAX_NODES: Final = 100_000  # with every use of an alias counted as if it were written out
MAX_DEPTH: Final = 32

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_UNPRINTABLE: Final = re.compile(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_KINDS: Final = frozenset({"str", "int", "float", "bool", "null", "timestamp"})
_RESOLVER: Final[Any] = Resolver()


class Scalar(msgspec.Struct, frozen=True, kw_only=True):
    """One value as it was written.

    `kind` is what YAML takes it for: str, int, float, bool, null, timestamp, or `broken` when a reference in it could
    not be resolved (that was reported). `hidden` marks text that came from the environment or a file: never show it.
    `inserted` are the parts of it that did.
    """

    path: str
    line: int
    text: str
    kind: str
    hidden: bool = False
    inserted: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The value as an error message may show it."""
        if self.hidden:
            return "<secret>"
        return repr(self.text if len(self.text) <= 60 else self.text[:57] + "...")


class Sequence(msgspec.Struct, frozen=True, kw_only=True):
    """A list."""

    path: str
    line: int
    items: tuple["Node", ...]


class Entry(msgspec.Struct, frozen=True):
    """A key's full path and line, and its value (which an alias may have taken from elsewhere)."""

    path: str
    line: int
    value: "Node"


class Mapping(msgspec.Struct, frozen=True, kw_only=True):
    """Keys with their values, in the order written."""

    path: str
    line: int
    entries: dict[str, Entry]

    def value(self, key: str) -> "Node | None":
        entry = self.entries.get(key)
        return None if entry is None else entry.value


Node = Scalar | Sequence | Mapping


class Broken(Exception):
    """The text is not one YAML document of a size that we read. `line` counts from 1."""

    def __init__(self, line: int, sentence: str) -> None:
        super().__init__(sentence)
        self.line = line
        self.sentence = sentence


class _Frame:
    """A list or mapping that is still being read."""

    __slots__ = ("anchor", "before", "entries", "height", "items", "key", "line", "path")

    def __init__(self, path: str, line: int, anchor: str | None, before: int, *, mapping: bool) -> None:
        self.path = path
        self.line = line
        self.anchor = anchor
        self.before = before  # nodes counted when it was opened
        self.height = 1
        self.items: list[Node] = []
        self.entries: dict[str, Entry] | None = {} if mapping else None
        self.key: tuple[str, int] | None = None  # a key that waits for its value, and its line

    def child_path(self) -> str:
        if self.entries is None:
            return f"{self.path}[{len(self.items)}]"
        assert self.key is not None
        return join(self.path, self.key[0])

    def wants_key(self) -> bool:
        return self.entries is not None and self.key is None

    def take(self, node: Node) -> None:
        if self.entries is None:
            self.items.append(node)
            return
        assert self.key is not None
        key, line = self.key
        self.entries[key] = Entry(join(self.path, key), line, node)
        self.key = None

    def close(self) -> Node:
        if self.entries is None:
            return Sequence(path=self.path, line=self.line, items=tuple(self.items))
        return Mapping(path=self.path, line=self.line, entries=self.entries)


class _Builder:
    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[_Frame] = []
        self._anchors: dict[str, tuple[Node, int, int] | None] = {}  # node, weight, height; None while open
        self._nodes = 0
        self._documents = 0

    def feed(self, event: ev.Event) -> None:
        assert event.start_mark is not None
        line = event.start_mark.line + 1
        if isinstance(event, ev.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                raise Broken(line, "a second document starts here: write one document per file")
        elif isinstance(event, ev.AliasEvent):
            self._alias(event.anchor or "", line)
        elif isinstance(event, ev.ScalarEvent):
            self._scalar(event, line)
        elif isinstance(event, ev.CollectionStartEvent):
            self._start(event, line)
        elif isinstance(event, ev.CollectionEndEvent):
            self._end()

    def _alias(self, anchor: str, line: int) -> None:
        if anchor not in self._anchors:
            raise Broken(line, f"*{anchor} refers to nothing: write &{anchor} at the value first")
        target = self._anchors[anchor]
        if target is None:
            raise Broken(line, f"*{anchor} stands inside &{anchor} itself: write the value out")
        node, weight, height = target
        if self._open and self._open[-1].wants_key():
            raise Broken(line, f"*{anchor} stands where a key is due: write the key out")
        self._count(line, weight)
        self._raise(line, height)
        self._place(node)

    def _scalar(self, event: ev.ScalarEvent, line: int) -> None:
        _refuse_tag(event.tag, line)
        if self._open and self._open[-1].wants_key():
            self._key(event.value, line)
            return
        kind = "str"
        if event.implicit[0]:
            tag = _RESOLVER.resolve(yaml.ScalarNode, event.value, (True, False))
            kind = tag.rpartition(":")[2]
        path = self._open[-1].child_path() if self._open else ""
        kind = kind if kind in _KINDS else "str"
        node = Scalar(path=path, line=line if event.value else self._line(line), text=event.value, kind=kind)
        self._count(line, 1)
        if event.anchor:
            self._anchors[event.anchor] = (node, 1, 0)
        self._place(node)

    def _key(self, key: str, line: int) -> None:
        frame = self._open[-1]
        assert frame.entries is not None
        if key == "<<":
            raise Broken(line, "merge keys (<<) are not read: use `defaults`, or an alias for a whole value")
        if key in frame.entries:
            first = frame.entries[key].line
            raise Broken(line, f"{join(frame.path, key)} is written twice (first in line {first}): remove one of them")
        frame.key = (key, line)

    def _start(self, event: ev.CollectionStartEvent, line: int) -> None:
        _refuse_tag(event.tag, line)
        if self._open and self._open[-1].wants_key():
            raise Broken(line, "a list or mapping stands where a key is due: quote the key")
        path = self._open[-1].child_path() if self._open else ""
        self._count(line, 1)
        if event.anchor:
            self._anchors[event.anchor] = None
        mapping = isinstance(event, ev.MappingStartEvent)
        self._open.append(_Frame(path, self._line(line), event.anchor, self._nodes - 1, mapping=mapping))
        self._raise(line, 0)

    def _end(self) -> None:
        frame = self._open.pop()
        node = frame.close()
        if frame.anchor:
            self._anchors[frame.anchor] = (node, self._nodes - frame.before, frame.height)
        self._place(node)

    def _line(self, line: int) -> int:
        """A section, list or missing value is looked for where its key stands, not where its first item does."""
        waiting = self._open[-1].key if self._open else None
        return line if waiting is None else waiting[1]

    def _place(self, node: Node) -> None:
        if self._open:
            self._open[-1].take(node)
        else:
            self.root = node

    def _count(self, line: int, weight: int) -> None:
        self._nodes += weight
        if self._nodes > MAX_NODES:
            raise Broken(line, f"the file holds more than {MAX_NODES} values, aliases written out: make it smaller")

    def _raise(self, line: int, height: int) -> None:
        """Notes the height of what was put into every open frame, and refuses what is too deep."""
        if len(self._open) + height > MAX_DEPTH:
            raise Broken(line, f"lists and mappings are nested more than {MAX_DEPTH} deep: flatten them")
        for distance, frame in enumerate(reversed(self._open), start=1):
            frame.height = max(frame.height, height + distance)


def join(path: str, key: str) -> str:
    """The path of a key in a mapping, as error messages show it."""
    if not key or not key.isprintable() or len(key) > 60:
        key = repr(key[:60])
    return f"{path}.{key}" if path else key


def scalar_of(value: Any) -> tuple[str, str]:
    """A plain value as text, and what YAML takes it for."""
    if value is None:
        return "", "null"
    if isinstance(value, bool):
        return ("true" if value else "false"), "bool"
    if isinstance(value, int | float):
        return str(value), type(value).__name__
    return str(value), "str"


def _refuse_tag(tag: str | None, line: int) -> None:
    if tag is not None and tag != "!":
        raise Broken(line, f"the tag {tag!r} is not read: write the plain value, in quotes if it is text")


def read_tree(raw: bytes) -> Node | None:
    """The tree of one UTF-8 YAML document, None when there is nothing in it. Raises Broken."""
    if len(raw) > MAX_BYTES:
        raise Broken(1, f"the file is larger than {MAX_BYTES // 1024**2} MiB: make it smaller")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Broken(line, "this line is not UTF-8 text: save the file as UTF-8") from None
    odd = _UNPRINTABLE.search(text)
    if odd is not None:
        line = text.count("\n", 0, odd.start()) + 1
        raise Broken(line, f"this line holds the control character U+{ord(odd[0]):04X}: remove it")
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            builder.feed(event)
    except yaml.MarkedYAMLError as error:
        raise _syntax(error, text) from None
    except yaml.YAMLError:
        raise Broken(1, "this is not YAML: check the file") from None
    return builder.root


def _syntax(error: yaml.MarkedYAMLError, text: str) -> Broken:
    """What the parser stumbled over, in one sentence."""
    lines = text.splitlines()
    mark = error.problem_mark or error.context_mark
    line = min(mark.line + 1 if mark else 1, max(len(lines), 1))
    written = lines[line - 1] if lines else ""
    if "\t" in written[: len(written) - len(written.lstrip())]:
        return Broken(line, "this line is indented with a tab: use spaces")
    problem = error.problem or error.context or "it cannot be read"
    return Broken(line, f"this is not valid YAML ({problem}): check indentation, quotes and brackets")
