"""`${env:NAME}`, `${env:NAME:-default}` and `${file:/path}` in string values; any other `${...}` stays as written.

As in a shell, the default also stands in for a variable that is set but empty. One trailing newline of a file is
dropped. What was put in is not looked at again, and is never shown in a message.
"""

import re
from collections.abc import Mapping as Environment
from pathlib import Path
from typing import Final

import msgspec

from sidecar.config.problems import Problems
from sidecar.config.tree import Entry, Node, Scalar, Sequence
from sidecar.config.watch import Sources

REFERENCE: Final = r"\$\{(?:env:[^}:]+(?::-[^}]*)?|file:[^}]+)\}"  # the JSON Schema uses it too
_REFERENCE: Final = re.compile(r"\$\{(?:env:(?P<name>[^}:]+)(?::-(?P<default>[^}]*))?|file:(?P<file>[^}]+))\}")
_MAX_BYTES: Final = 1024 * 1024


class _Missing(Exception):
    """A reference leads nowhere; the text is the rest of a sentence about the key."""


class Expansion:
    """Puts references' values in place, over a whole tree."""

    def __init__(self, environ: Environment[str, str], sources: Sources, problems: Problems) -> None:
        self._environ = environ
        self._sources = sources
        self._problems = problems

    def tree(self, node: Node) -> Node:
        """The same tree with every string value expanded."""
        if isinstance(node, Scalar):
            return self._scalar(node)
        if isinstance(node, Sequence):
            return msgspec.structs.replace(node, items=tuple(self.tree(item) for item in node.items))
        entries = {key: Entry(one.path, one.line, self.tree(one.value)) for key, one in node.entries.items()}
        return msgspec.structs.replace(node, entries=entries)

    def _scalar(self, node: Scalar) -> Scalar:
        if node.kind != "str" or _REFERENCE.search(node.text) is None:
            return node
        inserted: list[str] = []

        def value(found: re.Match[str]) -> str:
            inserted.append(self._value(found))
            return inserted[-1]

        try:
            text = _REFERENCE.sub(value, node.text)
        except _Missing as error:
            self._problems.add(node.line, f"{node.path} {error}")
            return msgspec.structs.replace(node, kind="broken", hidden=True)
        return msgspec.structs.replace(node, text=text, hidden=True, inserted=tuple(inserted))

    def _value(self, found: re.Match[str]) -> str:
        if found["file"] is not None:
            return self._file(found["file"])
        name, default = found["name"], found["default"]
        value = self._environ.get(name)
        if default is not None and not value:
            return default
        if value is None:
            raise _Missing(f"names the environment variable {name}, which is not set: set it, or write a default")
        return value

    def _file(self, name: str) -> str:
        try:
            raw = self._sources.read(Path(name))
        except (OSError, ValueError) as error:
            why = getattr(error, "strerror", None) or "not a usable path"
            raise _Missing(
                f"names the file {name}, which cannot be read ({why}): create it, or correct the path"
            ) from None
        if len(raw) > _MAX_BYTES:
            raise _Missing(f"names the file {name}, which is larger than 1 MiB: name the right one")
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            raise _Missing(f"names the file {name}, which is not UTF-8 text: name the right one") from None
        return text.removesuffix("\n").removesuffix("\r")
