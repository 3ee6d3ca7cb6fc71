"""Harbor's query language: `q`, `sort`, `page` and `page_size`, and the headers that tell of other pages. Pure.

Read in `src/lib/q/builder.go`, `src/lib/orm/query.go` and `src/lib/link.go` (v2.15.2):

    q=k=v          exactly v                   q=k={a b}   one of these
    q=k=~v         v is in it, in any case     q=k=(a b)   all of these: left to each list there, done by none of ours
    q=k=[a~b]      from a to b, or one of them
    sort=k,-k      in this order, - downwards

Pairs are joined by commas. Keys are the fields' names as the database or the program there has them (`event_type`,
`EventType`); one that a list does not know is silently ignored, in `q` and in `sort`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import quote, unquote_plus

import msgspec

from sidecar.web.vendors.harbor.refusals import Refused, invalid

PAGE_SIZE, LARGEST_PAGE = 10, 100
LARGEST_NUMBER = 2**63 - 1

Value = str | int | bool | datetime  # what a field of a row may be; times in UTC
Fields = Mapping[str, Value]  # by name in snake_case
Row = TypeVar("Row")


class Exact(msgspec.Struct, frozen=True):
    text: str


class Fuzzy(msgspec.Struct, frozen=True):
    text: str


class Range(msgspec.Struct, frozen=True):
    least: Value | None
    most: Value | None


class OneOf(msgspec.Struct, frozen=True):
    values: tuple[Value, ...]


class AllOf(msgspec.Struct, frozen=True):
    values: tuple[Value, ...]


Pattern = Exact | Fuzzy | Range | OneOf | AllOf


class Query(msgspec.Struct, frozen=True):
    """What a request for a list asks. `size` 0 = everything on one page."""

    patterns: Mapping[str, Pattern] = {}
    sorts: tuple[tuple[str, bool], ...] = ()  # field, downwards
    page: int = 1
    size: int = PAGE_SIZE

    def chosen(self, rows: Sequence[Row], fields: Callable[[Row], Fields], usual: str) -> list[Row]:
        """The rows that match, sorted as asked, or by the `usual` sort when nothing usable is asked."""
        known = [({_key(name): value for name, value in fields(one).items()}, one) for one in rows]
        found = [pair for pair in known if all(_holds(pair[0], key, pattern) for key, pattern in self.patterns.items())]
        names = known[0][0].keys() if known else ()
        sorts = [one for one in self.sorts if one[0] in names] or sorts_of(usual)
        for name, downwards in reversed(sorts):
            found.sort(key=lambda pair: pair[0][name], reverse=downwards)
        return [one for _, one in found]

    def page_of(self, rows: Sequence[Row]) -> Sequence[Row]:
        if not self.size:
            return rows
        begin = (self.page - 1) * self.size
        return rows[begin : begin + self.size]


def read(parameters: Mapping[str, str]) -> Query:
    """The query of a request. Raises Refused with 400 for a `q` and with 422 for a page that cannot be read."""
    return Query(
        patterns=patterns_of(parameters.get("q", "")),
        sorts=tuple(sorts_of(parameters.get("sort", ""))),
        page=max(number("page", parameters.get("page", "1")), 1),
        size=_size(parameters.get("page_size", str(PAGE_SIZE))),
    )


def number(name: str, text: str, where: str = "query") -> int:
    """A whole number of 64 bits. Raises Refused."""
    digits = text[1:] if text[:1] in {"-", "+"} else text
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20 and abs(int(text)) <= LARGEST_NUMBER):
        raise invalid(f'{name} in {where} must be of type int64: "{text[:100]}"')
    return int(text)


def _size(text: str) -> int:
    size = number("page_size", text)
    if size > LARGEST_PAGE:
        raise invalid(f"page_size in query should be less than or equal to {LARGEST_PAGE}")
    return max(size, 0)


# --- reading ---------------------------------------------------------------------------------------------------------


def patterns_of(text: str) -> dict[str, Pattern]:
    """The patterns of a `q`, which may be percent-encoded once more. Raises Refused."""
    patterns: dict[str, Pattern] = {}
    for pair in unquote_plus(text).split(",") if text else ():
        name, _, value = pair.partition("=")
        if not (name and value):
            raise Refused(400, 'the query string must contain "=" and the key/value cannot be empty')
        try:
            patterns[_key(name)] = _pattern(value)
        except ValueError as error:
            raise Refused(400, f"invalid query string value: {value}: {error}") from None
    return patterns


def sorts_of(text: str) -> list[tuple[str, bool]]:
    return [(_key(one.removeprefix("-")), one.startswith("-")) for one in text.split(",") if one]


def _key(name: str) -> str:
    return name.replace("_", "").lower()


def _pattern(text: str) -> Pattern:
    begin, end = text[0], text[-1]
    if begin == "~":
        if len(text) < 2:
            raise ValueError('fuzzy match value must start with "~" and contain at least 1 other characters')
        return Fuzzy(text[1:])
    if begin == "[":
        if end != "]" or text.count("~") != 1:
            raise ValueError('range must start with "[", end with "]" and contains only one "~"')
        least, most = (part.strip() for part in text[1:-1].split("~"))
        if not least and not most:
            raise ValueError("min and max at least one should be set in range")
        return Range(_value(least) if least else None, _value(most) if most else None)
    if begin == "{":
        if end != "}":
            raise ValueError('or list must start with "{" and end with "}"')
        return OneOf(_values(text[1:-1]))
    if begin == "(":
        if end != ")":
            raise ValueError('and list must start with "(" and end with ")"')
        return AllOf(_values(text[1:-1]))
    return Exact(text.removeprefix("\\"))


def _values(text: str) -> tuple[Value, ...]:
    return tuple(value for value in map(_value, text.split(" ")) if value != "")


def _value(text: str) -> Value:
    """A time, a number, or a text that may stand in quotes."""
    text = text.strip()
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        pass
    digits = text[1:] if text[:1] in {"-", "+"} else text
    if digits.isascii() and digits.isdigit() and len(digits) < 20:
        return int(text)
    return text.strip("\"'")


# --- matching --------------------------------------------------------------------------------------------------------


def _holds(fields: Fields, key: str, pattern: Pattern) -> bool:
    """Whether a row's field is as the pattern says; one that the row does not have is."""
    if key not in fields:
        return True
    value = fields[key]
    match pattern:
        case Exact(text):
            return _same(value, text)
        case Fuzzy(text):
            return text.lower() in _text(value).lower()
        case Range(least, most):
            return (least is None or _in_order(least, value)) and (most is None or _in_order(value, most))
        case OneOf(values):
            return not values or any(_same(value, _text(one)) for one in values)
        case AllOf():
            return True


def _same(value: Value, text: str) -> bool:
    if isinstance(value, bool):
        return text.lower() in ({"true", "t", "1"} if value else {"false", "f", "0"})
    return _text(value) == text


def _text(value: Value) -> str:
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%dT%H:%M:%S")
    return str(value).lower() if isinstance(value, bool) else str(value)


def _in_order(low: Value, high: Value) -> bool:
    """Whether one is not above the other; two that cannot be compared are not in any order."""
    try:
        return bool(low <= high)  # type: ignore[operator]  # what is of two kinds raises
    except TypeError:
        return False


# --- other pages -----------------------------------------------------------------------------------------------------


def link(path: str, parameters: Mapping[str, str], query: Query, total: int) -> str:
    """The `Link` header of a page, "" when there is no other: relative, with the whole query of the request."""
    if not query.size:
        return ""
    links = []
    if query.page > 1 and (query.page - 1) * query.size < total:
        links.append(_link(path, parameters, query, query.page - 1, "prev"))
    if query.page * query.size < total:
        links.append(_link(path, parameters, query, query.page + 1, "next"))
    return " , ".join(links)


def _link(path: str, parameters: Mapping[str, str], query: Query, page: int, rel: str) -> str:
    every = {**parameters, "page": str(page), "page_size": str(query.size)}
    # Harbor writes the query without any escapes; what would break the address or the header keeps them here.
    text = "&".join(f"{quote(name)}={quote(every[name], safe='=~{}[](),:/*!|')}" for name in sorted(every))
    return f'<{path}?{text}>; rel="{rel}"'
