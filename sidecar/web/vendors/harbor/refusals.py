"""Harbor's errors: `{"errors": [{"code", "message"}]}` a status for each code (`src/lib/http/error.go`)."""

import http

import msgspec
from aiohttp import web

from sidecar.domain.errors import SidecarError

CONTENT_TYPE = "application/json; charset=utf-8"
_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    409: "CONFLICT",
    412: "PRECONDITION",
    422: "UNPROCESSABLE_ENTITY",
    500: "UNKNOWN",
}


class Refused(SidecarError):
    """A request that is answered with an error: its status, and the text of its message."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def invalid(problem: str) -> Refused:
    """What does not fit the API's description, in the words of the framework that checks it there."""
    return Refused(422, f"validation failure list:\n{problem}")


def refusal(status: int, message: str) -> web.Response:
    """The answer; a status without a code of Harbor's own is named as its HTTP phrase."""
    code = _CODES.get(status) or http.HTTPStatus(status).phrase.upper().replace(" ", "_")
    body = msgspec.json.encode({"errors": [{"code": code, "message": message}]}) + b"\n"
    return web.Response(status=status, body=body, headers={"Content-Type": CONTENT_TYPE})
