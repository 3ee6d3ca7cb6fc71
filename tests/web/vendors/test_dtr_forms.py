"""What DTR's bodies come to, and back: defaults, what is left out, what an update keeps."""

import json

import msgspec
import pytest

from sidecar.domain import instant
from sidecar.domain.made import Api, Made, Target
from sidecar.web.vendors import dtr_forms
from sidecar.web.vendors.dtr_errors import Code, Refusal
from sidecar.web.vendors.dtr_forms import CreateForm, TrialForm, UpdateForm

ENDPOINT = "https://webhook.site/441b1584-949d-4608-a7f3-f240bdd31019"
MANUAL = {"endpoint": ENDPOINT, "key": "maria-testorg/lab-words", "skipTLSVerification": True, "type": "TAG_PULL"}


def asked(form, shape=CreateForm):
    return dtr_forms.draft_of(*dtr_forms.document_of(dtr_forms.form_of(json.dumps(form).encode(), shape)))


def target(**form):
    (one,) = asked({"type": "TAG_PUSH", "key": "foo/bar", "endpoint": "https://example.com", **form}).targets
    return one


def made(form=MANUAL, **more):
    """What is kept once somebody asked for it."""
    draft = asked(form)
    return Made(
        id=7,
        api=Api.DTR,
        uuid="u",
        key=draft.key,
        namespace=draft.namespace,
        repository=draft.repository,
        creator="maria",
        created=instant.parse_rfc3339("2019-05-22T01:55:20.471286995Z"),
        document=draft.document,
        targets=tuple(Target(4, "api:dtr/7", one) for one in draft.targets),
        **more,
    )


def test_the_manuals_request_comes_to_a_subscription():
    draft = asked(MANUAL)
    assert (draft.api, draft.namespace, draft.repository) == (Api.DTR, "maria-testorg", "maria-testorg/lab-words")
    assert draft.key == "b7bf702c31601efb4796da59900ddc1b7c72eb8ca80fdfb1b9fecdbad5418155"
    assert draft.enabled
    assert draft.targets == ({"format": "dtr", "events": ["TAG_PULL"], "url": ENDPOINT, "tls": {"verify": False}},)


def test_a_namespace_and_everything():
    """Without a repository it is the whole namespace, without a key everything."""
    namespace = asked({"type": "REPO_EVENT", "key": "foo", "endpoint": "http://h"})
    assert (namespace.namespace, namespace.repository) == ("foo", "")
    whole = asked({"type": "TAG_PUSH", "key": None, "endpoint": "http://h"})
    assert (whole.namespace, whole.repository) == ("", "")


@pytest.mark.parametrize(
    ("form", "tls"),
    [
        ({}, None),
        ({"tlsCert": "", "skipTLSVerification": False}, None),
        ({"tlsCert": None, "skipTLSVerification": None}, None),
        ({"tlsCert": "PEM"}, {"ca": "PEM", "verify": True}),
        ({"tlsCert": "PEM", "skipTLSVerification": True}, {"verify": False}),
        ({"skipTLSVerification": True, "endpoint": "HTTPS://example.com"}, {"verify": False}),
        # DTR takes these fields for any endpoint, its manual even asks for one of them when it is http.
        ({"tlsCert": "PEM", "skipTLSVerification": True, "endpoint": "http://example.com"}, None),
    ],
)
def test_what_is_said_of_tls(form, tls):
    assert target(**form).get("tls") == tls


def test_the_answer_is_the_manuals_response():
    """Key by key, in its order; only the author's id is another, for it was an account of that DTR."""
    said = msgspec.json.encode(dtr_forms.webhook(made(), 0)).decode()
    published = {
        "id": "b7bf702c31601efb4796da59900ddc1b7c72eb8ca80fdfb1b9fecdbad5418155",
        "type": "TAG_PULL",
        "key": "maria-testorg/lab-words",
        "endpoint": ENDPOINT,
        "authorID": json.loads(said)["authorID"],
        "createdAt": "2019-05-22T01:55:20.471286995Z",
        "lastSuccessfulAt": "0001-01-01T00:00:00Z",
        "inactive": False,
        "tlsCert": "",
        "skipTLSVerification": True,
    }
    assert said == json.dumps(published, separators=(",", ":"))


def test_a_success_is_told_to_the_nanosecond():
    shown = dtr_forms.webhook(made(enabled=False), instant.parse_rfc3339("2026-11-22T08:00:00.5Z"))
    assert (shown.last_successful_at, shown.inactive) == ("2026-11-22T08:00:00.5Z", True)


# --- updates ---------------------------------------------------------------------------------------------------------

WITH_CERT = {**MANUAL, "skipTLSVerification": False, "tlsCert": "PEM"}


def updated(before, **form):
    return dtr_forms.changed(made(before), dtr_forms.form_of(json.dumps(form).encode(), UpdateForm))


def test_a_client_from_before_tls_wipes_nothing():
    """DTR 2.3 to 2.5 know id and inactive alone."""
    draft = updated(WITH_CERT, id="x", inactive=True)
    assert not draft.enabled
    assert draft.document == asked(WITH_CERT).document
    assert draft.targets == asked(WITH_CERT).targets


@pytest.mark.parametrize(
    ("form", "tls"),
    [
        ({"tlsCert": "OTHER"}, {"ca": "OTHER", "verify": True}),
        ({"tlsCert": ""}, None),
        ({"tlsCert": None}, {"ca": "PEM", "verify": True}),
        ({"skipTLSVerification": True}, {"verify": False}),
    ],
)
def test_what_an_update_names_is_changed(form, tls):
    draft = updated(WITH_CERT, id="x", inactive=False, **form)
    assert draft.targets[0].get("tls") == tls
    assert draft.enabled


def test_what_a_webhook_is_cannot_be_changed():
    """Its id says type, key and endpoint; what a body says of them is passed over."""
    draft = updated(MANUAL, id="x", inactive=False, type="TAG_PUSH", key="other", endpoint="https://elsewhere")
    assert draft == asked(MANUAL)


@pytest.mark.parametrize("key", ["", "foo", "foo/bar", "foo/bar/baz"])
def test_an_update_keeps_the_scope(key):
    before = {"type": "TAG_PUSH", "key": key, "endpoint": "https://example.com"}
    assert updated(before, id="x", inactive=False) == asked(before)


# --- refusals --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "detail"),
    [
        (b"", "Input data was truncated"),
        (b"{", "Input data was truncated"),
        (b"[]", "Expected `object`, got `array`"),
        (b'"TAG_PUSH"', "Expected `object`, got `str`"),
        (b'{"type": 5}', r"Expected `str \| null`, got `int` - at `\$\.type`"),
        (b'{"skipTLSVerification": "yes"}', r"Expected `bool \| null`, got `str` - at `\$\.skipTLSVerification`"),
        (b"\xff", "JSON is malformed"),
        (b"{}", "type is missing"),
        (b'{"type": "TAG_PUSH"}', "endpoint is missing"),
        (b'{"type": "TAG_PUSH", "endpoint": ""}', "endpoint is missing"),
        (b'{"type": "tag_push", "endpoint": "http://h"}', "type 'tag_push' is none of"),
        (b'{"type": "CHART_PUSHED", "endpoint": "http://h"}', "type 'CHART_PUSHED' is none of"),
    ],
)
@pytest.mark.parametrize("shape", [CreateForm, TrialForm])
def test_a_body_that_cannot_be_used_is_answered_with_why(raw, detail, shape):
    with pytest.raises(Refusal, match=detail) as caught:
        dtr_forms.document_of(dtr_forms.form_of(raw, shape))
    assert caught.value.code is Code.INVALID_JSON


def test_an_update_has_to_say_whether_it_is_active():
    with pytest.raises(Refusal, match="inactive is missing") as caught:
        updated(MANUAL, id="x")
    assert caught.value.code is Code.INVALID_JSON


def test_a_trial_has_no_key():
    """POST /webhooks/test: what a body says of one is passed over, so it does not matter who may do what there."""
    draft = asked({"type": "TAG_PUSH", "key": "Not a key", "endpoint": "http://h"}, TrialForm)
    assert (draft.namespace, draft.repository) == ("", "")


def test_a_body_that_is_nested_too_deep_is_no_json_of_ours():
    with pytest.raises(Refusal) as told:
        dtr_forms.form_of(b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}", CreateForm)
    assert told.value.code is Code.INVALID_JSON
