"""What operators and loops of templates come to: functions under names that no author can write."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import jinja2
from jinja2.runtime import Context

from sidecar.dialects.templating.limits import LARGEST, TemplateTrouble
from sidecar.dialects.templating.values import items_of, kind_of, meter_of, number, spelled, undefined_trouble


def concatenated(context: Context, *parts: Any) -> str:
    """`a ~ b`"""
    meter = meter_of(context)
    made: list[str] = []
    size = 0
    for one in parts:
        text = spelled(one)
        size += len(text)
        if size > LARGEST:
            raise TemplateTrouble(f"makes a text of more than {LARGEST // 1024} KiB")
        made.append(text)
    return meter.copy("".join(made))


def compared(context: Context, left: Any, operator: str, right: Any) -> bool:
    """`a == b` and the like."""
    meter = meter_of(context)
    for one in (left, right):
        if isinstance(one, jinja2.Undefined):
            raise undefined_trouble(one)
        meter.measure(one)
    if operator in {"eq", "ne"}:
        return bool(left == right) is (operator == "eq")
    if operator in {"in", "notin"}:
        return _within(left, right) is (operator == "in")
    if not (isinstance(left, str) and isinstance(right, str)):
        number(left), number(right)
    return bool({"lt": left < right, "lteq": left <= right, "gt": left > right, "gteq": left >= right}[operator])


def _within(value: Any, holder: Any) -> bool:
    if isinstance(holder, str):
        if not isinstance(value, str):
            raise TemplateTrouble(f"looks for {kind_of(value)} in a text: that takes a text")
        return value in holder
    if isinstance(holder, dict):
        return isinstance(value, str | int | float | bool) and value in holder
    if isinstance(holder, list | tuple):
        return value in holder
    raise TemplateTrouble(f"looks for something in {kind_of(holder)}: that takes a text, a list or a mapping")


def sliced(context: Context, value: Any, start: Any, stop: Any, step: Any) -> Any:
    """`a[1:3]`"""
    if not isinstance(value, str | list | tuple):
        raise TemplateTrouble(f"takes a part of {kind_of(value)}: that takes a text or a list")
    if step == 0 or not all(
        one is None or (isinstance(one, int) and not isinstance(one, bool)) for one in (start, stop, step)
    ):
        raise TemplateTrouble("takes a part of something: that needs whole numbers")
    made = value[start:stop:step]
    meter = meter_of(context)
    if isinstance(made, str):
        return meter.copy(made)
    meter.spend(len(made))
    return made


def looped(context: Context, value: Any, weight: int) -> list[Any]:
    """What a loop goes through, when all its rounds have been paid for."""
    meter = meter_of(context)
    made = items_of(value, meter)
    meter.spend(len(made) * weight)
    return made


def key(_context: Context, value: Any) -> str:
    """A key of a mapping that is written out."""
    if not isinstance(value, str):
        raise TemplateTrouble(f"makes a mapping with {kind_of(value)} as a key: that takes a text")
    return value


OPERATORS: Final[Mapping[str, Callable[..., Any]]] = {
    "a ~ b": concatenated,
    "a == b": compared,
    "a[b:c]": sliced,
    "for": looped,
    "{a: b}": key,
}
