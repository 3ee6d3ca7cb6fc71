"""The filters of templates: all that there are, each bounded in what it makes and paid for by what it reads.

Their names and meanings are Jinja's where Jinja has one of that name, apart from `urlencode`, which leaves nothing but
letters, digits and `-._~` as it is, `first` and `last`, which give "" of an empty list, and `map`, which takes an
attribute alone. The first line of each docstring is its line in docs/templates.md.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

import jinja2
import msgspec
from jinja2.runtime import Context

from sidecar.dialects.templating.limits import LARGEST, NUMBER, PER_STEP, Meter, TemplateTrouble
from sidecar.dialects.templating.values import (
    attribute_of,
    bounded,
    items_of,
    kind_of,
    meter_of,
    number,
    scalar_of,
    spelled,
    text_of,
    undefined_trouble,
    whole_of,
)


def default(_context: Context, value: Any, default_value: Any = "", boolean: bool = False) -> Any:
    """The default where the value is not there, or, with `true`, where it is empty."""
    return default_value if isinstance(value, jinja2.Undefined) or (boolean and not value) else value


def tojson(context: Context, value: Any, indent: Any = None) -> str:
    """As JSON: texts with quotes."""
    if isinstance(value, jinja2.Undefined):
        raise undefined_trouble(value)
    meter = meter_of(context)
    spaces = 0 if indent is None else whole_of(indent, 0, 8)
    # What is long is refused before it is made: lists may hold the same long text many times, or lie deep.
    if meter.measure(value, spaces=spaces) > LARGEST:
        raise TemplateTrouble(f"makes a text of more than {LARGEST // 1024} KiB")
    try:
        made = msgspec.json.encode(value)
        if indent is not None:
            made = msgspec.json.format(made, indent=spaces)
        return meter.copy(meter.copy(made.decode()))
    except (TypeError, UnicodeError, msgspec.MsgspecError) as error:
        raise TemplateTrouble(f"makes JSON of what JSON cannot say ({type(error).__name__})") from None


def urlencode(context: Context, value: Any) -> str:
    """Percent-encoded for a URL; a mapping as `a=1&b=2`."""
    meter = meter_of(context)
    if isinstance(value, dict):
        meter.spend(len(value))
        return meter.copy("&".join(f"{_quoted(one, meter)}={_quoted(held, meter)}" for one, held in value.items()))
    return meter.copy(_quoted(value, meter))


def _quoted(value: Any, meter: Meter) -> str:
    text = spelled(value)
    meter.spend(len(text) // 2)
    return quote(text.encode("utf-8", "replace"), safe="")


def upper(context: Context, value: Any) -> str:
    """In capitals."""
    return meter_of(context).copy(text_of(value, meter_of(context)).upper())


def lower(context: Context, value: Any) -> str:
    """In small letters."""
    return meter_of(context).copy(text_of(value, meter_of(context)).lower())


def trim(context: Context, value: Any, chars: Any = None) -> str:
    """Without spaces, or without these characters, at both ends."""
    meter = meter_of(context)
    text, unwanted = text_of(value, meter), None if chars is None else text_of(chars, meter)[:100]
    meter.spend(len(text) * len(unwanted or "") // PER_STEP)  # each character is looked for among those
    return text.strip(unwanted)


def replace(context: Context, value: Any, old: Any, new: Any) -> str:
    """With another text in all places of one."""
    meter = meter_of(context)
    text, old, new = text_of(value, meter), text_of(old, meter), text_of(new, meter)
    if len(text) + text.count(old) * (len(new) - len(old)) > LARGEST:
        raise TemplateTrouble(f"makes a text of more than {LARGEST // 1024} KiB")
    return meter.copy(text.replace(old, new))


def truncate(context: Context, value: Any, length: Any = 255, end: Any = "...") -> str:
    """At most so many characters, of which the last are `end` where something had to go."""
    meter = meter_of(context)
    text, end, room = text_of(value, meter), text_of(end, meter), whole_of(length, 0, LARGEST)
    return text if len(text) <= room else text[: max(0, room - len(end))] + end[:room]


def split(context: Context, value: Any, separator: Any) -> list[str]:
    """The parts between separators, as a list."""
    meter = meter_of(context)
    text, mark = text_of(value, meter), text_of(separator, meter)
    if not mark:
        raise TemplateTrouble("splits a text at nothing: give `split` a separator")
    meter.spend(text.count(mark))
    return text.split(mark)


def removeprefix(context: Context, value: Any, prefix: Any) -> str:
    """Without this beginning."""
    meter = meter_of(context)
    return text_of(value, meter).removeprefix(text_of(prefix, meter))


def removesuffix(context: Context, value: Any, suffix: Any) -> str:
    """Without this end."""
    meter = meter_of(context)
    return text_of(value, meter).removesuffix(text_of(suffix, meter))


def join(context: Context, value: Any, separator: Any = "") -> str:
    """A list as one text, with the separator between its parts."""
    meter = meter_of(context)
    mark = text_of(separator, meter)
    parts = [spelled(one) for one in items_of(value, meter)]
    if sum(map(len, parts)) + len(mark) * max(0, len(parts) - 1) > LARGEST:
        raise TemplateTrouble(f"makes a text of more than {LARGEST // 1024} KiB")
    return meter.copy(mark.join(parts))


def first(context: Context, value: Any) -> Any:
    """The first of a list; "" of an empty one."""
    return _end(context, value, 0)


def last(context: Context, value: Any) -> Any:
    """The last of a list; "" of an empty one."""
    return _end(context, value, -1)


def _end(context: Context, value: Any, at: int) -> Any:
    if isinstance(value, str):
        raise TemplateTrouble("takes the first or last of a text: that takes a list")
    items = items_of(value, meter_of(context))
    return items[at] if items else ""


def length(_context: Context, value: Any) -> int:
    """How many characters a text has, or things a list or mapping."""
    if not isinstance(value, str | list | tuple | dict):
        raise TemplateTrouble(f"counts {kind_of(value)}: that takes a text, a list or a mapping")
    return len(value)


def items(context: Context, value: Any) -> list[Any]:
    """A mapping as a list of keys with their values."""
    if not isinstance(value, dict):
        raise TemplateTrouble(f"takes the items of {kind_of(value)}: that takes a mapping")
    meter_of(context).spend(len(value))
    return list(value.items())


def listed(context: Context, value: Any) -> list[Any]:
    """A list of the same, or of a mapping's keys."""
    return items_of(value, meter_of(context))


def reverse(context: Context, value: Any) -> list[Any]:
    """The other way round."""
    return items_of(value, meter_of(context))[::-1]


def sort(context: Context, value: Any, reverse: bool = False, attribute: Any = None) -> list[Any]:
    """Sorted, by an attribute if need be: texts, or numbers."""
    meter = meter_of(context)
    found = items_of(value, meter)
    keys = [scalar_of(one if attribute is None else attribute_of(one, attribute), meter) for one in found]
    meter.spend(len(found) * len(found).bit_length())
    if not all(isinstance(one, str) for one in keys):
        for one in keys:
            number(one)
    order = sorted(range(len(found)), key=lambda at: keys[at], reverse=bool(reverse))
    return [found[at] for at in order]


def unique(context: Context, value: Any) -> list[Any]:
    """Each text or number once, where it comes first."""
    meter = meter_of(context)
    return list(dict.fromkeys(scalar_of(one, meter) for one in items_of(value, meter)))


def mapped(context: Context, value: Any, attribute: Any) -> list[Any]:
    """One attribute of each."""
    return [attribute_of(one, attribute) for one in items_of(value, meter_of(context))]


def total(context: Context, value: Any, attribute: Any = None) -> int | float:
    """The sum of numbers, or of a number that each has."""
    made: int | float = 0
    for one in items_of(value, meter_of(context)):
        made = bounded(made + number(one if attribute is None else attribute_of(one, attribute)))
    return made


def least(context: Context, value: Any) -> Any:
    """The smallest; "" of none."""
    return first(context, sort(context, value))


def greatest(context: Context, value: Any) -> Any:
    """The largest; "" of none."""
    return last(context, sort(context, value))


def whole(context: Context, value: Any, default: Any = 0) -> int:
    """As a whole number, rounded towards 0; the default for what is none."""
    made = real(context, value, None)
    return int(made) if made is not None else whole_of(default, -NUMBER, NUMBER)


def real(_context: Context, value: Any, default: Any = 0.0) -> Any:
    """As a number; the default for what is none."""
    if isinstance(value, jinja2.Undefined):
        raise undefined_trouble(value)
    if isinstance(value, str) and len(value) > 40:
        return default
    try:
        if isinstance(value, str):
            return bounded(int(value) if value.lstrip("+-").isdigit() else float(value))
        return bounded(value)
    except (TypeError, ValueError):
        return default


def rounded(_context: Context, value: Any, precision: Any = 0) -> int | float:
    """Rounded to so many places; to none it is a whole number."""
    places = whole_of(precision, 0, 12)
    return bounded(round(number(value), places) if places else round(number(value)))


def magnitude(_context: Context, value: Any) -> int | float:
    """Without its sign."""
    return abs(number(value))


def string(context: Context, value: Any) -> str:
    """As text: null is nothing, flags are `true` and `false`."""
    return text_of(value, meter_of(context))


def b64encode(context: Context, value: Any) -> str:
    """As Base64 of its UTF-8."""
    meter = meter_of(context)
    return meter.copy(base64.b64encode(text_of(value, meter).encode("utf-8", "replace")).decode())


def sha256(context: Context, value: Any) -> str:
    """The SHA-256 of its UTF-8, in lower-case hex: a short and stable key for anything."""
    return hashlib.sha256(text_of(value, meter_of(context)).encode("utf-8", "replace")).hexdigest()


def short(context: Context, value: Any) -> str:
    """A digest's first twelve digits, without its algorithm."""
    return text_of(value, meter_of(context)).rpartition(":")[2][:12]


def filesize(_context: Context, value: Any) -> str:
    """Bytes for people, as `1.0 GiB`."""
    left = float(number(value))
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if abs(left) < 1024 or unit == "TiB":
            break
        left /= 1024
    return f"{left:.0f} B" if unit == "B" else f"{left:.1f} {unit}"


FILTERS: Final[Mapping[str, Callable[..., Any]]] = {
    "abs": magnitude,
    "b64encode": b64encode,
    "count": length,
    "d": default,
    "default": default,
    "filesizeformat": filesize,
    "first": first,
    "float": real,
    "int": whole,
    "items": items,
    "join": join,
    "last": last,
    "length": length,
    "list": listed,
    "lower": lower,
    "map": mapped,
    "max": greatest,
    "min": least,
    "removeprefix": removeprefix,
    "removesuffix": removesuffix,
    "replace": replace,
    "reverse": reverse,
    "round": rounded,
    "sha256": sha256,
    "short": short,
    "sort": sort,
    "split": split,
    "string": string,
    "sum": total,
    "tojson": tojson,
    "trim": trim,
    "truncate": truncate,
    "unique": unique,
    "upper": upper,
    "urlencode": urlencode,
}
