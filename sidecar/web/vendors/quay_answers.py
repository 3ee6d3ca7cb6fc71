"""Answers of Quay's API: JSON as Quay writes it, errors in each of its shapes, and headers for other sites' pages.

Texts and shapes are those of Quay 3.15. Most errors are an object that names a kind of error; what its web framework
refuses, and what its data model raises unforeseen, is `{"message": ...}` alone.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from aiohttp import hdrs, web

# Each kind of error, and what GET /api/v1/error/{kind} says of it. Clients may look up all that Quay knows.
KINDS: Final = {
    "external_service_timeout": "An external service timed out. Retrying the request may resolve the issue.",
    "invalid_request": "The request was invalid. It may have contained invalid values or was improperly formatted.",
    "invalid_response": "The response was invalid.",
    "invalid_token": "The access token provided was invalid.",
    "expired_token": "The access token provided has expired.",
    "insufficient_scope": "The access token did not have sufficient scope to access the requested resource.",
    "fresh_login_required": "The action requires a fresh login to succeed.",
    "exceeds_license": "The action was refused because the current license does not allow it.",
    "not_found": "The resource was not found.",
    "downstream_issue": "An error occurred in a downstream service.",
}

MALFORMED: Final = "The browser (or proxy) sent a request that this server could not understand."
NOT_JSON: Final = "Did not attempt to load JSON data because the request Content-Type was not 'application/json'."
NOT_ALLOWED: Final = "The method is not allowed for the requested URL."

# Every answer carries them, an error's too: a page of any site may ask, but has to know a token to learn anything.
CROSS_ORIGIN: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Methods": "DELETE, GET, HEAD, OPTIONS, POST, PUT",
    "Access-Control-Max-Age": "21600",
    "Access-Control-Allow-Headers": "AUTHORIZATION, CONTENT-TYPE, X-REQUESTED-WITH",
}


class Refusal(Exception):
    """A request that is answered with an error of a kind; `message` is what Quay calls its detail."""

    status = 400
    kind = "invalid_request"

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class InvalidRequest(Refusal):
    """What was asked for cannot be done."""


class TooMany(Refusal):
    """It was asked for too often."""

    status = 429


class InvalidToken(Refusal):
    """Nobody was recognised. Quay tells that only to those who read; here every verb does."""

    status = 401
    kind = "invalid_token"

    def __init__(self) -> None:
        super().__init__("Requires authentication")


class InsufficientScope(Refusal):
    """The person may not."""

    status = 403
    kind = "insufficient_scope"

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class Missing(Refusal):
    """There is no such thing."""

    status = 404
    kind = "not_found"

    def __init__(self) -> None:
        super().__init__("Not Found")


class Bare(Exception):
    """A request that is answered with `{"message": ...}` alone, as Quay does where it did not foresee the error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def answer(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """JSON as Python's own module writes it, with a line end behind it."""
    return web.Response(
        status=status, body=json.dumps(value).encode("ascii") + b"\n", content_type="application/json", headers=headers
    )


def nothing() -> web.Response:
    """204, without a body."""
    return web.Response(status=204, headers={hdrs.CONTENT_TYPE: "application/json"})


def refused(refusal: Refusal, base: str) -> web.Response:
    """An error of a kind; `base` is scheme and host of this API."""
    body = {
        "detail": refusal.message,
        "error_message": refusal.message,
        "error_type": refusal.kind,
        "title": refusal.kind,
        "type": address(refusal.kind, base),
        "status": refusal.status,
    }
    return answer(body, refusal.status)


def bare(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """`{"message": ...}`."""
    return answer({"message": message}, status, headers)


def unavailable(message: str) -> web.Response:
    """What Quay answers while nothing can be changed; ours says why."""
    return answer({"message": message, "is_readonly": True}, 503)


def address(kind: str, base: str) -> str:
    """Where an error's kind is described."""
    return f"{base}/api/v1/error/{kind}"


def description(kind: str, base: str) -> dict[str, str]:
    """GET /api/v1/error/{kind}. Raises Missing."""
    if kind not in KINDS:
        raise Missing
    return {"type": address(kind, base), "title": kind, "description": KINDS[kind]}
