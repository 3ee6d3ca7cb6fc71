"""What the API's handlers share: reading a request's query and body, and answering in JSON."""

from typing import Any, TypeVar

import msgspec
from aiohttp import web

from sidecar.domain import instant
from sidecar.domain.delivery import State
from sidecar.domain.errors import SidecarError
from sidecar.domain.person import ANONYMOUS, Person

PAGE, LARGEST_PAGE = 50, 500
LAST = 2**63 - 1  # the last instant that the store's 64 bits hold

PERSON: web.RequestKey[Person] = web.RequestKey("person", Person)  # set at the door
B = TypeVar("B", bound=msgspec.Struct)


class BadArgument(SidecarError):
    """A query or body that cannot be used; the text says what to write instead."""


def answer(value: Any) -> web.Response:
    """JSON of a value that msgspec knows."""
    return web.Response(body=msgspec.json.encode(value), content_type="application/json")


def person_of(request: web.Request) -> Person:
    """Who asks, as the door found it."""
    person: Person = request.get(PERSON, ANONYMOUS)
    return person


def who(request: web.Request) -> str:
    """The name of whoever asks; for the log."""
    return person_of(request).name


def query_of(request: web.Request, known: set[str]) -> dict[str, str]:
    """The query, of which nothing may be unknown; `limit` and `before` always are."""
    query = {name: value.encode("utf-8", "replace").decode() for name, value in request.query.items()}
    unknown = sorted(query.keys() - known - {"limit", "before"})
    if unknown:
        raise BadArgument(
            f"unknown query parameter {unknown[0]!r}; known: {', '.join(sorted(known | {'before', 'limit'}))}"
        )
    return query


def limit_of(query: dict[str, str]) -> int:
    text = query.get("limit", str(PAGE))
    if not (text.isascii() and text.isdigit() and len(text) < 9 and 1 <= int(text) <= LARGEST_PAGE):
        raise BadArgument(f"limit must be a number from 1 to {LARGEST_PAGE}")
    return int(text)


def before_of(query: dict[str, str]) -> int:
    text = query.get("before", "0")
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadArgument("before must be the `next` of an earlier page")
    return int(text)


def number_of(request: web.Request) -> int:
    """The `id` in the path."""
    text = request.match_info["id"]
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise BadArgument(f"{text[:50]!r} is not a number")
    return int(text)


def instant_of(text: str, name: str = "since") -> int:
    """Nanoseconds of an RFC 3339 time, 0 for none."""
    if not text:
        return 0
    try:
        return max(-LAST, min(instant.parse_rfc3339(text), LAST))
    except ValueError as error:
        raise BadArgument(f"{name} must be an RFC 3339 time such as 2026-11-22T08:00:00Z") from error


def states_of(text: str) -> tuple[State, ...]:
    """The states of a list with commas."""
    names = {one.name.lower(): one for one in State}
    wanted = [name for name in text.split(",") if name]
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise BadArgument(f"unknown state {unknown[0][:50]!r}; known: {', '.join(names)}")
    return tuple(names[name] for name in wanted)


def body_of(raw: bytes, shape: type[B]) -> B:
    """A JSON body of this shape; nothing at all is an empty object."""
    try:
        return msgspec.json.decode(raw or b"{}", type=shape)
    except msgspec.ValidationError as error:
        raise BadArgument(f"the body does not fit: {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadArgument(f"the body is not JSON: {error}") from error


def next_of(found: Any, limit: int, field: str) -> str | None:
    """What `before` has to be for the page after this one."""
    return str(getattr(found[-1], field)) if len(found) == limit else None
