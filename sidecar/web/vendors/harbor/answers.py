"""What all of Harbor's routes share: reading bodies, answering lists, errors in Harbor's form, ids of requests."""

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from sidecar.domain.errors import Conflict, Forbidden, NotFound, Stale, StoreUnavailable, Unauthenticated, Unusable
from sidecar.web.vendors.harbor import query
from sidecar.web.vendors.harbor.query import Query
from sidecar.web.vendors.harbor.refusals import Refused, invalid, refusal

REQUEST_ID = "X-Request-Id"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
B = TypeVar("B")
_LEGIBLE_ID = re.compile(r"[!-~]{1,200}")


def answering(handler: Handler, trouble: Callable[[str, BaseException], None]) -> Handler:
    """The handler with Harbor's errors for what it raises, and the request's id on whatever it answers.

    `trouble` hears of what is no answer to a request but a mistake of ours.
    """

    async def answered(request: web.Request) -> web.StreamResponse:
        try:
            response = await handler(request)
        except Refused as error:
            response = refusal(error.status, str(error))
        except Unauthenticated:
            response = refusal(401, "unauthorized")
        except Forbidden:
            response = refusal(403, "forbidden")
        except NotFound as error:
            response = refusal(404, str(error))
        except Unusable as error:
            response = refusal(400, str(error))
        except Conflict as error:
            response = refusal(409, str(error))
        except Stale as error:
            response = refusal(412, str(error))
        except StoreUnavailable as error:
            response = refusal(503, str(error))
        except web.HTTPException as error:
            response = refusal(error.status, error.reason)
        except Exception as error:  # noqa: BLE001 - clients read JSON whatever happens; what it was is told
            trouble("harbor-api", error)
            response = refusal(500, "internal server error")
        response.headers[REQUEST_ID] = _id_of(request)
        return response

    return answered


def _id_of(request: web.Request) -> str:
    given = request.headers.get(REQUEST_ID, "")
    return given if _LEGIBLE_ID.fullmatch(given) else str(uuid.uuid4())


def done() -> web.Response:
    """200 with nothing in it. No content type either: clients parse what says that it is JSON."""
    return _without_type(web.Response())


def made(location: str) -> web.Response:
    """201 with nothing in it but where to find what was made: a path, never a whole address."""
    return _without_type(web.Response(status=201, headers={"Location": location}))


def _without_type(response: web.Response) -> web.Response:
    response.headers.popall("Content-Type", None)
    response.body = None
    return response


def answer(value: Any, headers: Mapping[str, str] | None = None) -> web.Response:
    body = msgspec.json.encode(value) + b"\n"
    return web.Response(body=body, content_type="application/json", headers=headers)


def page(request: web.Request, asked: Query, total: int, shown: Sequence[Any]) -> web.Response:
    """A page of a list, with how long the list is and where the pages beside it are."""
    headers = {"X-Total-Count": str(total)}
    link = query.link(request.rel_url.raw_path, dict(request.query), asked, total)
    if link:
        headers["Link"] = link
    return answer(shown, headers)


async def body_of(request: web.Request, shape: type[B], name: str) -> B:
    """The body, of which unknown keys are ignored; `name` is what Harbor calls it. Raises Refused."""
    raw = await request.read()
    if not raw:
        raise invalid(f"{name} in body is required")
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.ValidationError as error:
        raise invalid(f"{name} in body: {error}") from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise invalid(f'parsing {name} body from "" failed, because {error}') from None


def number_of(request: web.Request, name: str) -> int:
    """A number in the path. Raises Refused."""
    return query.number(name, request.match_info[name], "path")
