"""Values in templates: plain data, how it is spelled and calculated with, and a sentence for what cannot be."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

import jinja2
from jinja2.runtime import Context

from sidecar.dialects.templating.limits import NUMBER, Meter, TemplateTrouble

METER: Final = "the meter"  # where a rendering keeps its meter: no name of a template has a space
LOOP: Final = frozenset({"index", "index0", "revindex", "revindex0", "first", "last", "length"})


class Missing(jinja2.StrictUndefined):
    """What is not there."""

    __slots__ = ()

    @property
    def sentence(self) -> str:
        """What is to be said of it."""
        return self._undefined_message


def meter_of(context: Context) -> Meter:
    """What counts the steps of this rendering."""
    found: Meter = context.parent[METER]
    return found


def spelled(value: Any) -> str:
    """A value as text: null is nothing, flags are those of JSON. Lists and mappings have none."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, dict | list | tuple):
        what = "a mapping" if isinstance(value, dict) else "a list"
        raise TemplateTrouble(f"shows {what} as text: add `| tojson`" + ("" if what == "a mapping" else " or `| join`"))
    raise undefined_trouble(value)


def number(value: Any) -> int | float:
    """A number as it is; raises for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TemplateTrouble(f"calculates with {kind_of(value)}: that takes numbers")
    return value


def bounded(value: Any) -> int | float:
    """A result that is a number of usual size."""
    if not isinstance(value, int | float) or not math.isfinite(value) or not -NUMBER < value < NUMBER:
        raise TemplateTrouble("calculates a number that is too large")
    return value


def kind_of(value: Any) -> str:
    if isinstance(value, jinja2.Undefined):
        raise undefined_trouble(value)
    if value is None:
        return "null"
    for kind, name in ((bool, "true or false"), (str, "a text"), (dict, "a mapping"), (list | tuple, "a list")):
        if isinstance(value, kind):
            return name
    return "a number"


def undefined_trouble(value: Any) -> TemplateTrouble:
    if isinstance(value, Missing):
        return TemplateTrouble(value.sentence)
    return TemplateTrouble("uses `loop` as a value: use `loop.index`, `loop.first` or `loop.last`")


def text_of(value: Any, meter: Meter) -> str:
    return meter.copy(spelled(value))


def items_of(value: Any, meter: Meter) -> list[Any]:
    """What can be gone through: a list, or the keys of a mapping."""
    if isinstance(value, list | tuple | dict):
        meter.spend(len(value))
        return list(value)
    raise TemplateTrouble(f"goes through {kind_of(value)}: that takes a list or a mapping")


def scalar_of(value: Any, meter: Meter) -> Any:
    if isinstance(value, str):
        meter.copy(value)
    elif value is not None and not isinstance(value, bool | int | float):
        raise TemplateTrouble(f"compares {kind_of(value)}: that takes texts or numbers")
    return value


def whole_of(value: Any, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise TemplateTrouble(f"needs a whole number from {least} to {most}")
    return value


def attribute_of(value: Any, name: Any) -> Any:
    if not isinstance(name, str):
        raise TemplateTrouble("needs the name of an attribute")
    if not isinstance(value, dict) or (name not in value and not hasattr(value, "missing")):
        raise TemplateTrouble(f"asks for `{name[:60]}` of {kind_of(value)} that has none")
    return value.get(name, getattr(value, "missing", ""))


def calculate(context: Context, operator: str, left: Any, right: Any) -> Any:
    """`a + b` and the like."""
    if operator == "+" and isinstance(left, str) and isinstance(right, str):
        return meter_of(context).copy(left + right)  # neither is longer than a text may be
    if operator == "+" and (isinstance(left, str) or isinstance(right, str)):
        raise TemplateTrouble(f"adds {kind_of(left)} and {kind_of(right)}: join texts with `~`")
    made = _OPERATIONS[operator]
    try:
        return bounded(made(number(left), number(right)))
    except ZeroDivisionError:
        raise TemplateTrouble("divides by zero") from None
    except OverflowError:
        raise TemplateTrouble("calculates a number that is too large") from None


_OPERATIONS: Final[Mapping[str, Callable[[Any, Any], Any]]] = {
    "+": lambda left, right: left + right,
    "-": lambda left, right: left - right,
    "*": lambda left, right: left * right,
    "/": lambda left, right: left / right,
    "//": lambda left, right: left // right,
    "%": lambda left, right: left % right,
}
