"""Answers of Quay's API as bytes: Python's JSON, and each shape of an error."""

import json

import pytest

from sidecar.web.vendors.quay_answers import (
    CROSS_ORIGIN,
    KINDS,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    Missing,
    answer,
    bare,
    description,
    nothing,
    refused,
    unavailable,
)

BASE = "https://quay.example.com"


def test_answers_are_written_as_pythons_json_writes_them():
    response = answer({"uuid": "x", "title": "Grüße", "config": {}}, 201)
    assert response.status == 201
    assert response.headers["Content-Type"] == "application/json"
    assert response.body == b'{"uuid": "x", "title": "Gr\\u00fc\\u00dfe", "config": {}}\n'


@pytest.mark.parametrize(
    ("refusal", "status", "kind", "message"),
    [
        (InvalidRequest("Missing webhook URL"), 400, "invalid_request", "Missing webhook URL"),
        (InvalidToken(), 401, "invalid_token", "Requires authentication"),
        (InsufficientScope(), 403, "insufficient_scope", "Unauthorized"),
        (Missing(), 404, "not_found", "Not Found"),
    ],
)
def test_an_error_of_a_kind(refusal, status, kind, message):
    response = refused(refusal, BASE)
    assert response.status == status
    assert response.headers["Content-Type"] == "application/json"
    assert list(json.loads(response.body).items()) == [  # in this order
        ("detail", message),
        ("error_message", message),
        ("error_type", kind),
        ("title", kind),
        ("type", f"https://quay.example.com/api/v1/error/{kind}"),
        ("status", status),
    ]


def test_an_error_that_is_a_message_alone():
    response = bare(405, "The method is not allowed for the requested URL.", {"Allow": "GET"})
    assert (response.status, response.headers["Allow"]) == (405, "GET")
    assert response.body == b'{"message": "The method is not allowed for the requested URL."}\n'


def test_an_error_while_nothing_can_be_changed():
    response = unavailable("The store is full.")
    assert (response.status, json.loads(response.body)) == (503, {"message": "The store is full.", "is_readonly": True})


def test_204_has_no_body():
    response = nothing()
    assert (response.status, response.body) == (204, None)


def test_every_kind_of_error_is_described():
    assert description("invalid_token", BASE) == {
        "type": "https://quay.example.com/api/v1/error/invalid_token",
        "title": "invalid_token",
        "description": "The access token provided was invalid.",
    }
    assert set(KINDS) == {
        "external_service_timeout",
        "invalid_request",
        "invalid_response",
        "invalid_token",
        "expired_token",
        "insufficient_scope",
        "fresh_login_required",
        "exceeds_license",
        "not_found",
        "downstream_issue",
    }
    with pytest.raises(Missing):
        description("nonsense", BASE)


def test_pages_of_other_sites_are_told_what_they_may_send():
    assert CROSS_ORIGIN["Access-Control-Allow-Origin"] == "*"
    assert CROSS_ORIGIN["Access-Control-Allow-Headers"] == "AUTHORIZATION, CONTENT-TYPE, X-REQUESTED-WITH"
