"""The tests of templates (`is defined` and the like): all that there are. Their docstrings are in docs/templates.md."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import jinja2
from jinja2.runtime import Context

from sidecar.dialects.templating.operators import compared
from sidecar.dialects.templating.values import meter_of, text_of


def defined(_context: Context, value: Any) -> bool:
    """Whether it is there."""
    return not isinstance(value, jinja2.Undefined)


def undefined(context: Context, value: Any) -> bool:
    """Whether it is not."""
    return not defined(context, value)


def none(_context: Context, value: Any) -> bool:
    """Whether it is null."""
    return value is None


def is_true(_context: Context, value: Any) -> bool:
    """Whether it is the flag `true`."""
    return value is True


def is_false(_context: Context, value: Any) -> bool:
    """Whether it is the flag `false`."""
    return value is False


def is_string(_context: Context, value: Any) -> bool:
    """Whether it is a text."""
    return isinstance(value, str)


def is_number(_context: Context, value: Any) -> bool:
    """Whether it is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def mapping(_context: Context, value: Any) -> bool:
    """Whether it is a mapping."""
    return isinstance(value, dict)


def sequence(_context: Context, value: Any) -> bool:
    """Whether it is a list."""
    return isinstance(value, list | tuple)


def within(context: Context, value: Any, holder: Any) -> bool:
    """Whether it is in a list, a mapping or a text."""
    return compared(context, value, "in", holder)


def equalto(context: Context, value: Any, other: Any) -> bool:
    """Whether it is the same."""
    return compared(context, value, "eq", other)


def startingwith(context: Context, value: Any, beginning: Any) -> bool:
    """Whether a text begins so."""
    meter = meter_of(context)
    return text_of(value, meter).startswith(text_of(beginning, meter))


def endingwith(context: Context, value: Any, end: Any) -> bool:
    """Whether a text ends so."""
    meter = meter_of(context)
    return text_of(value, meter).endswith(text_of(end, meter))


TESTS: Final[Mapping[str, Callable[..., Any]]] = {
    "defined": defined,
    "endingwith": endingwith,
    "eq": equalto,
    "equalto": equalto,
    "false": is_false,
    "in": within,
    "mapping": mapping,
    "none": none,
    "number": is_number,
    "sequence": sequence,
    "startingwith": startingwith,
    "string": is_string,
    "true": is_true,
    "undefined": undefined,
}
