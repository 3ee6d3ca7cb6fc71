"""What this program is and can say: `version` and `dialects`."""

import enum
from collections.abc import Iterator
from typing import Any

import msgspec

from sidecar import __version__
from sidecar.cli.output import show_json, show_table
from sidecar.cli.parameters import AsJson


def version() -> None:
    """Print the version."""
    print(__version__)


def dialects(
    as_json: AsJson = False,
) -> None:
    """List the formats with their words and options."""
    from sidecar.dialects import load

    listed = [_describe(one) for one in load().values()]
    if as_json:
        show_json({"dialects": listed})
        return
    words = [(one["name"], word["name"], word["events"], _needs(word)) for one in listed for word in one["words"]]
    show_table(("FORMAT", "WORD", "EVENTS", "NEEDS"), words, nothing="no formats")
    print()
    options = [
        (one["name"], option["name"], option["values"], msgspec.json.encode(option["default"]).decode())
        for one in listed
        for option in one["options"]
    ]
    show_table(("FORMAT", "OPTION", "VALUES", "DEFAULT"), options, nothing="no options")
    print()
    print("An event is asked for by its own name, which brings every word that fits, or by one of these words.")


def _needs(word: dict[str, Any]) -> str:
    return ", ".join(one for one in (word["needs"], "" if word["byEvent"] else "to be asked for by name") if one)


def _describe(dialect: Any) -> dict[str, Any]:
    words: list[dict[str, Any]] = []
    said: dict[str, set[str]] = {}
    for options, needs in _settings(dialect):
        for word in dialect.vocabulary(options):
            more = {kind.value for kind in word.types} - said.setdefault(word.name, set())
            if more:
                said[word.name] |= more
                words.append({"name": word.name, "events": sorted(more), "byEvent": word.by_type, "needs": needs})
    fields = msgspec.structs.fields(dialect.options)
    return {
        "name": dialect.name,
        "title": dialect.title,
        "words": words,
        "aliases": dict(dialect.aliases(dialect.example)),
        "options": [
            {
                "name": field.encode_name,
                "values": _values(field.type),
                "required": field.required,
                "default": _default(field),
            }
            for field in fields
        ],
    }


def _settings(dialect: Any) -> Iterator[tuple[Any, str]]:
    """The example options, and each one that differs from them in a single choice, with how to say so."""
    yield dialect.example, ""
    for field in msgspec.structs.fields(dialect.options):
        usual = getattr(dialect.example, field.name)
        for value in _choices(field.type):
            options = msgspec.structs.replace(dialect.example, **{field.name: value})
            if value != usual and not dialect.check(options):
                yield options, f"{field.encode_name}={msgspec.to_builtins(value)}".replace("=True", "=true")


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default is not msgspec.NODEFAULT:
        return msgspec.to_builtins(field.default)
    return None if field.default_factory is msgspec.NODEFAULT else msgspec.to_builtins(field.default_factory())


def _choices(kind: Any) -> tuple[Any, ...]:
    if kind is bool:
        return (False, True)
    described = msgspec.inspect.type_info(kind)
    if isinstance(described, msgspec.inspect.LiteralType):
        return tuple(described.values)
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return tuple(kind)
    return ()


def _values(kind: Any) -> list[Any]:
    choices = [msgspec.to_builtins(one) for one in _choices(kind)]
    if kind is bool:
        return ["false", "true"]
    return choices or [{str: "text", int: "whole number", float: "number"}.get(kind, "see the documentation")]
