"""Errors of Docker Trusted Registry's API: a code and message from its published list, and a detail of ours.

The body is `{"errors": [{"code", "message", "detail"}]}`. Clients decode exactly this: Mirantis' Terraform provider
shows `errors[0].message`, StackRox reads all three and needs `detail` to be a string.
"""

import enum

import msgspec
from aiohttp import hdrs, web

from sidecar.web.door import REALM


class Code(enum.Enum):
    """What can go wrong: status and message, the latter word for word as in the API reference of DTR 2.3 to 2.7."""

    INVALID_JSON = 400, "Unable to parse JSON"
    INVALID_PARAMETERS = 400, "Unable to parse query parameters"
    WEBHOOK_TEST_FAILED = 400, "The endpoint did not accept the test payload."  # ours: DTR's answer was never published
    NOT_AUTHENTICATED = 401, "The client is not authenticated."
    NOT_AUTHORIZED = 403, "The client is not authorized."
    NO_SUCH_WEBHOOK = 404, "A webhook subscription with the given name does not exist for the given repository."
    NO_SUCH_REPOSITORY = 404, "A repository with the given name does not exist."
    NO_SUCH_ACCOUNT = 404, "An account with the given name does not exist."
    NOT_FOUND = 404, "Not Found"  # ours, for addresses that are no part of what is served here
    NOT_ALLOWED = 405, "Method Not Allowed"
    NOT_ACCEPTABLE = 406, "Not Acceptable"
    TOO_LARGE = 413, "Request Entity Too Large"  # ours
    UNSUPPORTED_MEDIA_TYPE = 415, "Unsupported Media Type"
    INTERNAL_ERROR = (
        500,
        "An internal server error occurred. Contact a system administrator for more information.",
    )
    UNAVAILABLE = 503, "Service Unavailable"  # ours: the store cannot be used just now

    @property
    def status(self) -> int:
        return self.value[0]

    @property
    def message(self) -> str:
        return self.value[1]


class Refusal(Exception):
    """A request that is answered with an error; `detail` is one sentence, or "" where the message says it all."""

    def __init__(self, code: Code, detail: str = "") -> None:
        super().__init__(detail or code.message)
        self.code = code
        self.detail = detail


def refused(code: Code, detail: str = "") -> web.Response:
    """The answer to a request that is refused."""
    body = {"errors": [{"code": code.name, "message": code.message, "detail": detail}]}
    response = web.Response(status=code.status, body=msgspec.json.encode(body), content_type="application/json")
    if code is Code.NOT_AUTHENTICATED:
        response.headers[hdrs.WWW_AUTHENTICATE] = REALM
    return response
