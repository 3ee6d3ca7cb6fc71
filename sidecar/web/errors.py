"""What an error is over HTTP: each of ours a status and its sentence, and what no route answers."""

from collections.abc import Awaitable, Callable
from typing import Final

from aiohttp import hdrs, web
from aiohttp.log import server_logger

from sidecar.domain.errors import (
    BackupRefused,
    Conflict,
    Forbidden,
    NotFound,
    Stale,
    StoreUnavailable,
    Unauthenticated,
    Unusable,
)
from sidecar.web.door import VENDORS, unauthorized
from sidecar.web.exchange import BadArgument
from sidecar.web.problems import problem, sentence

BODY_LIMIT: Final = 64 * 1024
RETRY_AFTER: Final = "5"  # seconds until the store may be back

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@web.middleware
async def as_problems(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer what was raised as problem+json."""
    try:
        return await handler(request)
    except NotFound as error:
        return problem(404, sentence(error))
    except Unusable as error:
        return problem(
            422, sentence(error), errors=[{"path": one.path, "detail": one.sentence} for one in error.problems]
        )
    except Stale as error:
        return problem(412, sentence(error))
    except (BackupRefused, Conflict) as error:
        return problem(409, sentence(error))
    except BadArgument as error:
        return problem(400, sentence(error), errors=[{"path": error.path, "detail": sentence(error)}])
    except Unauthenticated as error:
        return unauthorized(sentence(error))
    except Forbidden as error:
        return problem(403, sentence(error))
    except StoreUnavailable as error:
        response = problem(503, sentence(error))
        response.headers[hdrs.RETRY_AFTER] = RETRY_AFTER
        return response
    except web.HTTPException as error:
        return _of_the_server(request, error)
    except Exception:
        if request.writer.output_size:
            raise  # the answer has begun: it can only be broken off
        server_logger.exception("Error handling request from %s", request.remote)
        return problem(500, "Something went wrong that should not: the log says what.")


def _of_the_server(request: web.Request, error: web.HTTPException) -> web.StreamResponse:
    """What aiohttp answers by itself, and what handlers raise of it."""
    if error.status < 400:
        raise error
    allow = error.headers.get(hdrs.ALLOW)
    if allow is not None and not request.path.startswith(VENDORS):
        allow = ", ".join(sorted({*allow.split(","), hdrs.METH_OPTIONS}))
        if request.method == hdrs.METH_OPTIONS:
            return web.Response(status=204, headers={hdrs.ALLOW: allow})
    detail = error.text or error.reason
    if error.status in {404, 405}:
        detail = f"{request.method} {request.path} is not part of this API."
    elif error.status == 413:
        detail = f"The body is larger than {BODY_LIMIT // 1024} KiB."
    response = problem(error.status, detail)
    if allow is not None:
        response.headers[hdrs.ALLOW] = allow
    if hdrs.ACCEPT in error.headers:
        response.headers[hdrs.ACCEPT] = error.headers[hdrs.ACCEPT]
    return response
