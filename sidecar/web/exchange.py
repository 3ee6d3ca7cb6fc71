"""What the API's handlers share: reading a request's query and body, and answering in JSON."""

import re
from collections.abc import Collection
from typing import Any, Final, TypeVar

import msgspec
from aiohttp import hdrs, web

from sidecar.domain import instant
from sidecar.domain.delivery import State
from sidecar.domain.errors import SidecarError
from sidecar.domain.person import ANONYMOUS, Person

PAGE, LARGEST_PAGE = 50, 500
LAST = 2**63 - 1  # the last instant that the store's 64 bits hold
JSON: Final = "application/json"

_FIELD: Final = re.compile(r"field `(?P<name>[^`]*)`")
_AT: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")

PERSON: web.RequestKey[Person] = web.RequestKey("person", Person)  # set at the door
B = TypeVar("B", bound=msgspec.Struct)


class BadArgument(SidecarError):
    """A query or body that cannot be used; the text says what to write instead, `path` which part of it is wrong."""

    def __init__(self, text: str, path: str = "") -> None:
        super().__init__(text)
        self.path = path


def answer(value: Any) -> web.Response:
    """JSON of a value that msgspec knows."""
    return web.Response(body=msgspec.json.encode(value), content_type=JSON)


def person_of(request: web.Request) -> Person:
    """Who asks, as the door found it."""
    person: Person = request.get(PERSON, ANONYMOUS)
    return person


def who(request: web.Request) -> str:
    """The name of whoever asks; for the log."""
    return person_of(request).name


def check_query(request: web.Request, known: Collection[str]) -> None:
    """Raises BadArgument for a query that says what nobody would read."""
    given = [name for name, _ in request.query.items()]  # keys alone come once each
    for name in given:
        if name not in known:
            shown = _text(name)
            read = f"known: {', '.join(sorted(known))}" if known else "none is read here"
            raise BadArgument(f"unknown query parameter {shown!r}; {read}", shown)
        if given.count(name) > 1:
            raise BadArgument(f"query parameter {name!r} is given {given.count(name)} times: give it once", name)


def checked_query(request: web.Request) -> dict[str, str]:
    """The query of a call, which was looked at before its handler was asked."""
    return {name: _text(value) for name, value in request.query.items()}


def query_of(request: web.Request, known: set[str]) -> dict[str, str]:
    """The query, of which nothing may be unknown; `limit` and `before` always are."""
    check_query(request, known | {"limit", "before"})
    return checked_query(request)


def named(request: web.Request, key: str) -> str:
    """A part of the path."""
    return _text(request.match_info[key])


def _text(value: str) -> str:
    """What was sent as text that can be stored and answered: what is no UTF-8 is replaced."""
    return value.encode("utf-8", "replace").decode()


def limit_of(query: dict[str, str]) -> int:
    text = query.get("limit", str(PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= LARGEST_PAGE):
        raise BadArgument(f"limit must be a number from 1 to {LARGEST_PAGE}", "limit")
    return int(text)


def before_of(query: dict[str, str]) -> int:
    text = query.get("before", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadArgument("before must be the `next` of an earlier page", "before")
    return int(text)


def number_of(request: web.Request) -> int:
    """The `id` in the path."""
    text = request.match_info["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadArgument(f"{_text(text[:50])!r} is not a number", "id")
    return int(text)


def instant_of(text: str, name: str = "since") -> int:
    """Nanoseconds of an RFC 3339 time, 0 for none."""
    if not text:
        return 0
    try:
        return max(-LAST, min(instant.parse_rfc3339(text), LAST))
    except ValueError as error:
        raise BadArgument(f"{name} must be an RFC 3339 time such as 2026-11-22T08:00:00Z", name) from error


def states_of(text: str) -> tuple[State, ...]:
    """The states of a list with commas."""
    return states_named(text.split(",") if text else (), "state")


def states_named(wanted: Collection[str], name: str) -> tuple[State, ...]:
    """The states of these names. `name` is where they stand."""
    names = {one.name.lower(): one for one in State}
    unknown = [one for one in wanted if one not in names]
    if unknown:
        raise BadArgument(f"unknown state {unknown[0][:50]!r}; known: {', '.join(names)}", name)
    return tuple(names[one] for one in wanted)


async def raw_body(request: web.Request) -> bytes:
    """The body, which is JSON if it says what it is. Raises what is answered 415 and 413."""
    raw = await request.read()
    if raw and hdrs.CONTENT_TYPE in request.headers and request.content_type != JSON:
        raise web.HTTPUnsupportedMediaType(
            headers={hdrs.ACCEPT: JSON}, text=f"The body must be JSON: send it with Content-Type: {JSON}."
        )
    return raw


async def body_of(request: web.Request, shape: type[B]) -> B:
    """A JSON body of this shape; nothing at all is an empty object."""
    value = json_of(await raw_body(request) or b"{}")
    try:
        return msgspec.convert(value, shape)
    except msgspec.ValidationError as error:
        raise BadArgument(f"the body does not fit: {error}", _path_of(str(error))) from error


def json_of(raw: bytes) -> Any:
    """A body's value. Raises BadArgument."""
    try:
        return _whole(msgspec.json.decode(raw))
    except msgspec.DecodeError as error:
        raise BadArgument(f"the body is not JSON: {error}") from error
    except RecursionError as error:
        raise BadArgument("the body is nested too deep: flatten it") from error


def _whole(value: Any) -> Any:
    """The same with whole numbers as such, also where they are written as 200.0: JSON has one kind of numbers."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, dict):
        return {key: _whole(one) for key, one in value.items()}
    return [_whole(one) for one in value] if isinstance(value, list) else value


def _path_of(text: str) -> str:
    """The part of a body that msgspec means, such as `states[0]`, "" for the whole."""
    at = _AT.search(text)
    field = _FIELD.search(text)
    return ".".join(one for one in (at["path"] if at else "", field["name"] if field else "") if one)


def next_of(found: Any, limit: int, field: str) -> str | None:
    """What `before` has to be for the page after this one."""
    return str(getattr(found[-1], field)) if len(found) == limit else None
