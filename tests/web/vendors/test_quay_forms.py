"""What asks for one of Quay's notifications: which bodies are taken, how others are refused, and what comes of it.

The order of the checks and their texts are those of Quay's own source; those of the schema are compared with
jsonschema, which is what Quay judges bodies by.
"""

import json
from typing import Any, Literal

import jsonschema
import msgspec
import pytest

from sidecar.dialects.contract import Word
from sidecar.dialects.quay import DIALECT, Options
from sidecar.domain.errors import Problem
from sidecar.domain.event import EventType
from sidecar.domain.made import Api
from sidecar.web.vendors.quay_answers import Bare, InvalidRequest
from sidecar.web.vendors.quay_forms import draft_of, form_of, refusal_of
from sidecar.web.vendors.quay_targets import Targets

# NotificationCreateRequest of Quay 3.15, without its descriptions.
SCHEMA = {
    "type": "object",
    "required": ["event", "method", "config", "eventConfig"],
    "properties": {
        "event": {"type": "string"},
        "method": {"type": "string"},
        "config": {"type": "object"},
        "eventConfig": {"type": "object"},
        "title": {"type": "string"},
    },
}
WHOLE = {"event": "repo_push", "method": "webhook", "config": {"url": "https://ci.example.com/hook"}, "eventConfig": {}}


METHODS = "webhook, email, slack, hipchat, flowdock, quay_notification"


class Later(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Options of a dialect that has learnt more than today's."""

    method: Literal["webhook", "slack", "email", "hipchat", "flowdock", "quay_notification"] = "webhook"
    template: str = ""
    email: str = ""
    level: int | str | None = None
    days: int | None = None
    ref_regex: str = ""


LATER = msgspec.structs.replace(
    DIALECT,
    options=Later,
    vocabulary=lambda _options: tuple(
        Word(name=name, types=frozenset({EventType.PUSHED}))
        for name in ("repo_push", "build_failure", "vulnerability_found", "repo_image_expiry", "quota_error")
    ),
)


QUOTAS = ["quota_error", "quota_warning"]
SAID = sorted({word.name for word in DIALECT.vocabulary(Options())} - set(QUOTAS))


def form(**changes: Any):
    return form_of("application/json", json.dumps({**WHOLE, **changes}).encode())


def draft(dialect=DIALECT, repository="prj/app", **changes: Any):
    return draft_of(form(**changes), dialect, namespace="prj", repository=repository)


def refused(work) -> str:
    with pytest.raises(InvalidRequest) as caught:
        work()
    return caught.value.message


# --- the body ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        "text",
        5,
        True,
        {"event": "repo_push"},
        {"method": "webhook", "config": {}, "eventConfig": {}},
        {"event": "repo_push", "config": {}, "eventConfig": {}},
        {"event": "repo_push", "method": "webhook", "eventConfig": {}},
        {"event": "repo_push", "method": "webhook", "config": {}},
        {"event": "repo_push", "method": "webhook", "config": {}, "event_config": {}},
        {**WHOLE, "title": None},
        {**WHOLE, "title": 5},
        {**WHOLE, "event": None},
        {**WHOLE, "event": ["repo_push"]},
        {**WHOLE, "method": True},
        {**WHOLE, "config": "https://ci.example.com"},
        {**WHOLE, "config": []},
        {**WHOLE, "eventConfig": None},
        {**WHOLE, "eventConfig": "x", "title": 7},
    ],
)
def test_a_body_of_another_shape_is_refused_in_the_words_of_quays_validator(body):
    told = refused(lambda: form_of("application/json", json.dumps(body).encode()))
    errors = jsonschema.Draft4Validator(SCHEMA).iter_errors(body)
    worst = max(errors, key=lambda error: -len(error.path))  # jsonschema 3's choice: the first that lies least deep
    assert told == worst.message


def test_null_is_a_missing_body():
    assert refused(lambda: form_of("application/json", b"null")) == "Missing JSON body"


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b'{"a": NaN}', b"[" * 100_000, b'"\\ud800"', b'{"a": 1e999}'])
def test_what_is_not_json_is_refused_as_the_web_framework_does(body):
    with pytest.raises(Bare) as caught:
        form_of("application/json", body)
    assert (caught.value.status, caught.value.message) == (
        400,
        "The browser (or proxy) sent a request that this server could not understand.",
    )


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "text/x+json"])
def test_json_must_be_called_json(content_type):
    with pytest.raises(Bare) as caught:
        form_of(content_type, json.dumps(WHOLE).encode())
    assert (caught.value.status, caught.value.message) == (
        415,
        "Did not attempt to load JSON data because the request Content-Type was not 'application/json'.",
    )


def test_json_of_another_name_will_do():
    assert form_of("application/vnd.quay+json", json.dumps(WHOLE).encode()).event == "repo_push"


def test_quays_own_pages_and_ansible_send_event_config_twice():
    assert form(event_config={"level": "1"}, eventConfig={"days": 7}).event_config == {"days": 7}


# --- what it comes to -------------------------------------------------------------------------------------------------


def test_a_webhook_comes_to_a_subscription_of_the_configuration():
    made = draft(title="CI", config={"url": "https://ci.example.com/hook?secret=x", "template": ""})
    assert made.targets == (
        {
            "format": "quay",
            "options": {"method": "webhook"},
            "events": ["repo_push"],
            "delivery": {"give_up_on": []},
            "url": "https://ci.example.com/hook?secret=x",
        },
    )
    assert (made.api, made.namespace, made.repository, made.name) == (Api.QUAY, "prj", "prj/app", "CI")
    assert made.document == {
        "event": "repo_push",
        "method": "webhook",
        "config": {"url": "https://ci.example.com/hook?secret=x", "template": ""},
        "eventConfig": {},
        "title": "CI",
    }


def test_without_a_title_there_is_none():
    assert draft().document["title"] is None
    assert draft(title="").document["title"] == ""


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({}, "Missing webhook URL"),
        ({"url": ""}, "Missing webhook URL"),
        ({"url": None}, "Missing webhook URL"),
        ({"url": "ftp://ci.example.com"}, "Invalid webhook URL"),
        ({"url": "ci.example.com/hook"}, "Invalid webhook URL"),
        ({"url": "http:///hook"}, "Invalid webhook URL"),  # Quay falls over it
        ({"url": "http://[::1"}, "Invalid webhook URL"),
        ({"url": 5}, "Invalid webhook URL"),
        (
            {"url": "https://a.example", "template": {"text": "x"}},
            "Could not parse template: template must be a string that holds JSON",
        ),
        ({"url": "https://a.example", "template": '{"a": "${}"}'}, "Empty expression found"),
        (
            {"url": "https://a.example", "template": "{"},
            "Could not parse template: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)",
        ),
    ],
)
def test_a_webhook_needs_an_address(config, sentence):
    assert refused(lambda: draft(config=config)) == sentence


@pytest.mark.parametrize("method", ["teams", "pigeon", ""])
def test_a_method_that_the_dialect_lacks_is_refused(method):
    told = refused(lambda: draft(method=method, event="nonsense"))  # the method is judged before the event
    assert told == f"Unknown notification method '{method}'. Must be one of: {METHODS}"


@pytest.mark.parametrize("event", [*SAID, *QUOTAS])
def test_whatever_the_dialect_says_can_be_asked_for_where_it_happens(event):
    """Quota events happen to namespaces, all others to repositories."""
    (tree,) = draft(event=event, repository="" if event in QUOTAS else "prj/app").targets
    assert tree["events"] == [event]


@pytest.mark.parametrize("event", ["repo_pull", "artifact.pushed", "x", "", *QUOTAS])
def test_an_event_that_repositories_do_not_have_is_refused(event):
    assert refused(lambda: draft(event=event)) == f"Invalid event '{event}'. Must be one of: {', '.join(SAID)}"


@pytest.mark.parametrize("event", ["repo_pull", "", *SAID])
def test_a_namespace_hears_of_its_quota_only(event):
    """Here the event is judged before the method."""
    told = refused(lambda: draft(repository="", event=event, method="pigeon"))
    assert told == f"Invalid event '{event}'. Must be one of: quota_error, quota_warning"


def test_a_namespaces_notification_needs_a_method_as_well():
    told = refused(lambda: draft(repository="", event="quota_error", method="pigeon"))
    assert told == f"Unknown notification method 'pigeon'. Must be one of: {METHODS}"


# --- which vulnerabilities -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({}, None),
        ({"level": None, "vulnerability": None}, None),
        ({"level": "", "vulnerability": {}}, None),
        ({"level": "0"}, "0"),  # as Ansible writes it
        ({"level": 5}, 5),  # as Quay's pages do
        ({"level": 0}, 0),
        ({"vulnerability": {"priority": "Medium"}}, "Medium"),
        ({"vulnerability": {"priority": ""}, "level": 2}, 2),
        ({"vulnerability": {"priority": None, "other": 1}, "level": 2}, 2),
        # Both refuse by themselves, so the stricter one counts; of equal ones either.
        ({"vulnerability": {"priority": "Medium"}, "level": "0"}, "0"),
        ({"vulnerability": {"priority": "Medium"}, "level": "3"}, "Medium"),
        ({"vulnerability": {"priority": "Critical"}, "level": 5}, "Critical"),
        ({"vulnerability": {"priority": "Medium"}, "level": "2"}, "2"),
        # What is no level stays to be refused.
        ({"vulnerability": {"priority": "Medium"}, "level": "mild"}, "mild"),
    ],
)
def test_the_mildest_severity_has_two_places(given, level):
    """`level` is an index, 0 the worst; `vulnerability.priority` is a name, as Quay's Clair worker reads it."""
    made = draft(event="vulnerability_found", eventConfig=given)
    assert made.targets[0]["options"] == {"method": "webhook"} | ({} if level is None else {"level": level})
    assert made.document["eventConfig"] == given


@pytest.mark.parametrize("vulnerability", [{"priority": "high"}, {"priority": 1}, {"priority": ["High"]}, "High", True])
def test_a_priority_that_is_none_is_refused(vulnerability):
    told = refused(lambda: draft(event="vulnerability_found", eventConfig={"vulnerability": vulnerability}))
    assert told == (
        "eventConfig: `vulnerability.priority` must be one of Critical, High, Medium, Low, Negligible, Unknown"
    )


# --- what the dialect learns can be asked for -------------------------------------------------------------------------


def test_other_methods_send_elsewhere_and_their_settings_are_no_options():
    """A template that lies under every webhook is kept from those that have texts of their own."""
    known = Targets(namespace="prj", verified=True)
    asked = form(method="email", config={"email": "a@example.com", "hipchat_url": "https://evil.example"})
    (tree,) = draft_of(asked, DIALECT, namespace="prj", repository="prj/app", targets=known).targets
    assert tree["options"] == {"method": "email", "template": ""}
    assert tree["url"] == "mailto:a@example.com"


def test_a_template_becomes_an_option_of_the_webhook():
    (tree,) = draft(config={"url": "https://a.example", "template": '{"t": "${repository}"}'}).targets
    assert tree["options"] == {"method": "webhook", "template": '{"t": "${repository}"}'}


def test_the_method_is_judged_before_the_event():
    assert refused(lambda: draft(method="slack", config={}, event="nonsense")) == "Missing Slack Callback URL"


@pytest.mark.parametrize(
    ("event", "given", "options"),
    [
        ("vulnerability_found", {"level": "1"}, {"level": "1"}),
        ("vulnerability_found", {"level": 0, "days": 7}, {"level": 0}),
        ("repo_image_expiry", {"days": 10}, {"days": 10}),
        ("build_failure", {"ref-regex": "refs/heads/main"}, {"ref_regex": "refs/heads/main"}),
        ("build_failure", {"ref-regex": ""}, {}),
        ("repo_push", {"level": "1", "days": 7, "ref-regex": "x", "else": 1}, {}),
    ],
)
def test_event_config_becomes_options_where_it_means_something(event, given, options):
    made = draft(LATER, event=event, eventConfig=given)
    assert made.targets[0]["options"] == {**options, "method": "webhook"}
    assert made.document["eventConfig"] == given


def test_of_a_push_event_config_changes_nothing():
    made = draft(eventConfig={"level": "1"})
    assert made.targets[0]["options"] == {"method": "webhook"}
    assert made.document["eventConfig"] == {"level": "1"}


@pytest.mark.parametrize(
    ("method", "told"),
    [("webhook", "Invalid webhook URL"), ("slack", "Invalid Slack Callback URL"), ("email", "Invalid e-mail address")],
)
def test_a_url_is_called_what_the_method_calls_it(method, told):
    assert refusal_of([Problem("url", "url is long")], method).message == f"{told}: url is long"


def test_the_first_thing_that_the_configuration_has_against_it_is_told():
    refusal = refusal_of([Problem("url", "url is too long: shorten it"), Problem("events", "events is empty")])
    assert refusal.message == "Invalid webhook URL: url is too long: shorten it"
    assert refusal_of([Problem("events", "events is empty")]).message == "events is empty"


@pytest.mark.parametrize(
    ("path", "sentence", "told"),
    [
        ("options", "options: `level` must be High", "eventConfig: `level` must be High"),
        ("options.days", "options.days must be from 1", "eventConfig.days must be from 1"),
        ("options.ref_regex", "options.ref_regex must be text", "eventConfig.ref-regex must be text"),
        ("options", "something else", "something else"),
        ("headers", "headers is long", "headers is long"),
    ],
)
def test_what_is_wrong_is_told_by_the_names_of_the_body(path, sentence, told):
    assert refusal_of([Problem(path, sentence)]).message == told
