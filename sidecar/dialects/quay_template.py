"""Quay's webhook templates: JSON whose texts and keys may hold `${...}`, a JSONPath into what is said without one.

A text that is one expression becomes the value it finds, whatever its type; in a longer text the value is written as
Python's str() does. What Quay 3 refuses is refused in its words (util/jsontemplate.py); where it would only fail when
the event comes, docs/quay.md says what is done instead. The library of JSONPath is loaded with the first template.
"""

import functools
import json
import re
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final

MOST_TEMPLATE: Final = 64 * 1024  # characters
MOST_EXPRESSIONS: Final = 64
MOST_EXPRESSION: Final = 256  # characters
MOST_DEPTH: Final = 50  # of a template
MOST_VALUES: Final = 1000  # texts, numbers, lists and the like: each becomes a function, much larger than itself
MOST_BODY: Final = 1024 * 1024  # characters of what a template makes
MOST_FOUND: Final = 10_000  # values that all expressions of a template find together
# Each of these may find everything that there is: several in one expression could find it many times over.
MOST_WIDE: Final = 4
_WIDE: Final = re.compile(r"\.\.|(?<![A-Za-z_@])where|\||,")
# What leads back up (`$` further on, `parent` in backticks): `a[*].$.a[*].$...` finds as many values as the list has,
# to the power of its steps.
_BACK: Final = re.compile(r"`|(?<!^)\$")

_ANYWHERE: Final = re.compile(r"\$\{([^}]*)\}")
_WHOLE: Final = re.compile(r"^\$\{[^}]*\}$")  # `$` admits a line end behind it, as in Quay, which then refuses it
_MISSING: Final = "(none)"


class _Given:
    """What a template is filled in with, and how many values may still be found in it."""

    __slots__ = ("data", "left")

    def __init__(self, data: Mapping[str, Any]) -> None:
        self.data = data
        self.left = MOST_FOUND


Find = Callable[[_Given], Any]


class Unparsable(ValueError):
    """A template that cannot be used; the text is the sentence."""


def refusal(template: str) -> str:
    """Why a template cannot be used, in Quay's words where it has some; "" when it can."""
    try:
        parsed(template)
    except Unparsable as error:
        return str(error)
    return ""


def apply(template: str, data: Mapping[str, Any]) -> str:
    """The JSON that the template makes of the data, as Python's json module writes it. Raises ValueError."""
    text = json.dumps(parsed(template)(_Given(data)))
    if len(text) > MOST_BODY:
        raise ValueError(f"the template made more than {MOST_BODY // 1024} KiB of the event")
    return text


@functools.lru_cache(maxsize=512)
def parsed(template: str) -> Find:
    """The template as a function of what it is given. Raises Unparsable."""
    if len(template) > MOST_TEMPLATE:
        raise Unparsable(f"Could not parse template: it may have {MOST_TEMPLATE // 1024} KiB, make it smaller")
    try:
        tree = json.loads(template, parse_constant=_constant)
    except (ValueError, RecursionError) as error:
        raise Unparsable(f"Could not parse template: {error}") from None
    return _Parser().value(tree, 0)


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


class _Parser:
    """Turns a tree of JSON into a function that fills it in."""

    def __init__(self) -> None:
        self._left = MOST_EXPRESSIONS
        self._values = MOST_VALUES
        self._wide = MOST_WIDE

    def value(self, node: Any, depth: int) -> Find:
        if depth > MOST_DEPTH:
            raise Unparsable(f"Could not parse template: it is nested more than {MOST_DEPTH} deep")
        self._values -= 1
        if self._values < 0:
            raise Unparsable(f"Could not parse template: it may have {MOST_VALUES:,} values")
        if isinstance(node, str):
            return self._text(node)
        if isinstance(node, list):
            items = [self.value(one, depth + 1) for one in node]
            return lambda given: [one(given) for one in items]
        if isinstance(node, dict):
            pairs = [(self._text(key), self.value(one, depth + 1)) for key, one in node.items()]
            return lambda given: {_key(key(given)): one(given) for key, one in pairs}
        return lambda _given: node

    def _text(self, text: str) -> Find:
        if _WHOLE.match(text):
            return self._expression(text[2:-1])
        parts = _ANYWHERE.split(text)  # texts at even places, expressions at odd ones
        if len(parts) == 1:
            return lambda _given: text
        finds = [self._expression(one) if at % 2 else None for at, one in enumerate(parts)]
        return lambda given: "".join(
            parts[at] if find is None else _within(find(given)) for at, find in enumerate(finds)
        )

    def _expression(self, expression: str) -> Find:
        if not expression:
            raise Unparsable("Empty expression found")
        self._left -= 1
        if self._left < 0:
            raise Unparsable(f"Could not parse template: it may have {MOST_EXPRESSIONS} expressions")
        if len(expression) > MOST_EXPRESSION:
            raise _unusable(expression, f"it may have {MOST_EXPRESSION} characters")
        wide = len(_WIDE.findall(expression))
        self._wide -= wide
        if wide > 1 or self._wide < 0:
            raise _unusable(
                expression, f"`..`, `|`, `,` and `where` may be used once, and {MOST_WIDE} times in all of a template"
            )
        if _BACK.search(expression.lstrip(" (")):
            raise _unusable(expression, "`$` may stand at its beginning alone, and backticks nowhere")
        from jsonpath_ng.parser import parse

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", DeprecationWarning)  # of `|`, which Quay has
                path = parse(expression)
            path.find({})  # Quay tries a template with nothing to fill in
        except Exception as error:  # noqa: BLE001 - whatever the library has against it, it is the template that is wrong
            raise _unusable(expression, str(error).strip() or "it cannot be used") from None

        def find(given: _Given) -> Any:
            try:
                found = [one.value for one in path.find(given.data)]
            except Exception as error:
                raise ValueError(f"for expression `{expression}`: {type(error).__name__}: {error}") from error
            given.left -= len(found)
            if given.left < 0:
                raise ValueError(f"the template finds more than {MOST_FOUND:,} values in the event")
            return None if not found else found[0] if len(found) == 1 else found

        return find


def _unusable(expression: str, why: str) -> Unparsable:
    return Unparsable(f"For expression `{expression[:MOST_EXPRESSION]}`: {why}")


def _within(value: Any) -> str:
    """A value within a longer text."""
    if value is None:
        return _MISSING
    if isinstance(value, list) and len(value) > 1:
        return ",".join(str(one) for one in value)
    return str(value)


def _key(value: Any) -> Any:
    """A value as a key of an object: what JSON has no key for is written as within a text."""
    return _within(value) if isinstance(value, list | dict) else value
