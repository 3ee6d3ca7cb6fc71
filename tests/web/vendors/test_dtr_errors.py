"""DTR's error bodies, read as its clients read them."""

import json

import msgspec
import pytest

from sidecar.web.vendors.dtr_errors import Code, refused

# The API reference of DTR 2.3 to 2.7 declares these, as "CODE: message".
_TEXT = """
400 INVALID_JSON: Unable to parse JSON
400 INVALID_PARAMETERS: Unable to parse query parameters
401 NOT_AUTHENTICATED: The client is not authenticated.
403 NOT_AUTHORIZED: The client is not authorized.
404 NO_SUCH_WEBHOOK: A webhook subscription with the given name does not exist for the given repository.
404 NO_SUCH_REPOSITORY: A repository with the given name does not exist.
404 NO_SUCH_ACCOUNT: An account with the given name does not exist.
405 NOT_ALLOWED: Method Not Allowed
406 NOT_ACCEPTABLE: Not Acceptable
415 UNSUPPORTED_MEDIA_TYPE: Unsupported Media Type
500 INTERNAL_ERROR: An internal server error occurred. Contact a system administrator for more information.
"""
DECLARED = _TEXT.strip().splitlines()


class StackRoxError(msgspec.Struct):
    """One error as StackRox' scanner for DTR decodes it: three strings."""

    code: str
    message: str
    detail: str


class StackRoxErrors(msgspec.Struct):
    errors: list[StackRoxError]


@pytest.mark.parametrize("declared", DECLARED)
def test_codes_and_messages_are_the_published_ones(declared):
    status, _, rest = declared.partition(" ")
    name, _, message = rest.partition(": ")
    response = refused(Code[name], "why")
    assert (response.status, response.content_type) == (int(status), "application/json")
    assert json.loads(response.body) == {"errors": [{"code": name, "message": message, "detail": "why"}]}


@pytest.mark.parametrize("code", Code)
def test_stackrox_decodes_every_error(code):
    """Its decoder fails where `detail` is no string, and so loses the message."""
    (error,) = msgspec.json.decode(refused(code).body, type=StackRoxErrors).errors
    assert (error.code, error.message, error.detail) == (code.name, code.message, "")


@pytest.mark.parametrize("code", Code)
def test_the_terraform_provider_finds_a_message_in_every_error(code):
    """Mirantis' provider shows errors[0].message, and takes an empty list for an error of its own."""
    assert json.loads(refused(code).body)["errors"][0]["message"]


def test_only_a_missing_name_is_asked_for():
    """RFC 9110: a 401 says by which scheme to come again; curl then asks for a password, a browser too."""
    assert refused(Code.NOT_AUTHENTICATED).headers["WWW-Authenticate"].startswith("Basic ")
    assert "WWW-Authenticate" not in refused(Code.NOT_AUTHORIZED).headers
