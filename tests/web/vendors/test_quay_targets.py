"""Where each of Quay's methods sends, and what it says when that cannot be: its texts, from its own source."""

import pytest

from sidecar.domain.account import Account, Accounts
from sidecar.domain.person import Person
from sidecar.web.vendors.quay_answers import InvalidRequest
from sidecar.web.vendors.quay_targets import Targets, url_of

NOT_AUTHORIZED = "The specified e-mail address is not authorized to receive notifications for this repository"
KNOWN = Targets(
    namespace="prj",
    accounts=Accounts(
        needed=True,
        accounts=(Account(person=Person(name="maria")),),
        teams={"prj": {"release": ("maria",)}, "other": {"core": ("maria",)}},
    ),
)


def target(kind, name="x", **more):
    return {"target": {"kind": kind, "name": name, **more}}


@pytest.mark.parametrize(
    ("method", "config", "sentence"),
    [
        ("webhook", {}, "Missing webhook URL"),
        ("webhook", {"url": "ftp://a.example"}, "Invalid webhook URL"),
        ("slack", {}, "Missing Slack Callback URL"),
        ("slack", {"url": ""}, "Missing Slack Callback URL"),
        ("slack", {"url": ["https://a.example"]}, "Missing Slack Callback URL"),
        ("slack", {"url": "hooks.slack.com/services/x"}, "Invalid Slack Callback URL"),  # Quay fails when it sends
        ("email", {}, "Missing e-mail address"),
        ("email", {"email": None}, "Missing e-mail address"),
        ("email", {"email": "a@example.com"}, NOT_AUTHORIZED),
        ("hipchat", {}, "Missing Hipchat Room Notification Token"),
        ("hipchat", {"room_id": 7}, "Missing Hipchat Room Notification Token"),
        ("hipchat", {"notification_token": "x"}, "Missing Hipchat Room ID"),
        ("hipchat", {"notification_token": "x", "room_id": True}, "Missing Hipchat Room ID"),
        ("flowdock", {}, "Missing Flowdock API Token"),
        ("quay_notification", {}, "Missing target"),
        ("quay_notification", {"target": "maria"}, "Missing target"),
        ("quay_notification", {"target": {"name": "maria"}}, "Missing target"),
        ("quay_notification", {"target": {"kind": "user"}}, "Missing target"),
        ("quay_notification", target("user", "nobody"), "Unknown user nobody"),
        ("quay_notification", target("user", "prj"), "Unknown user prj"),
        ("quay_notification", target("team", "core"), "Unknown team core"),  # of another namespace
        ("quay_notification", target("org", "prj"), "Unknown organization prj"),
        # Quay falls over these.
        ("quay_notification", target(["user"]), "Unknown target kind ['user']. Must be one of: user, org, team"),
        ("quay_notification", target({"a": 1}), "Unknown target kind {'a': 1}. Must be one of: user, org, team"),
        ("quay_notification", target("robot"), "Unknown target kind 'robot'. Must be one of: user, org, team"),
    ],
)
def test_what_is_missing_is_told_in_quays_words(method, config, sentence):
    with pytest.raises(InvalidRequest) as caught:
        url_of(method, config, KNOWN)
    assert caught.value.message == sentence


def test_an_organization_hears_of_its_own_repositories_alone():
    known = Targets(namespace="prj", organization=True)
    assert url_of("quay_notification", target("org", "prj"), known) == "inbox:org/prj"
    with pytest.raises(InvalidRequest, match="Organization name must match repository namespace"):
        url_of("quay_notification", target("org", "other"), known)


@pytest.mark.parametrize(
    ("method", "config", "url"),
    [
        ("webhook", {"url": "https://ci.example.com/x?k=1", "more": 1}, "https://ci.example.com/x?k=1"),
        ("slack", {"url": "https://hooks.slack.com/services/T/B/x"}, "https://hooks.slack.com/services/T/B/x"),
        (
            "hipchat",
            {"notification_token": "tok", "room_id": "42"},
            "https://api.hipchat.com/v2/room/42/notification?auth_token=tok",
        ),
        (
            "hipchat",
            {"notification_token": "a&b", "room_id": 42},
            "https://api.hipchat.com/v2/room/42/notification?auth_token=a%26b",
        ),
        ("flowdock", {"flow_api_token": "tok"}, "https://api.flowdock.com/v1/messages/team_inbox/tok"),
        ("flowdock", {"flow_api_token": "../x"}, "https://api.flowdock.com/v1/messages/team_inbox/..%2Fx"),
        ("quay_notification", target("user", "maria", avatar={}), "inbox:user/maria"),
        ("quay_notification", target("team", "release"), "inbox:team/prj/release"),
    ],
)
def test_each_method_comes_to_a_url(method, config, url):
    assert url_of(method, config, KNOWN) == url


def test_a_confirmed_address_is_written_to():
    known = Targets(namespace="prj", verified=True)
    assert url_of("email", {"email": "ops+ci@example.com"}, known) == "mailto:ops+ci@example.com"
    assert url_of("email", {"email": "50%#x@example.com"}, known) == "mailto:50%25%23x@example.com"


def test_the_dead_services_can_be_called_elsewhere():
    known = Targets(namespace="prj", hipchat_url="https://chat.corp.example/", flowdock_url="http://flow.corp.example")
    hipchat = url_of("hipchat", {"notification_token": "t", "room_id": "1"}, known)
    assert hipchat == "https://chat.corp.example/v2/room/1/notification?auth_token=t"
    assert url_of("flowdock", {"flow_api_token": "t"}, known) == "http://flow.corp.example/v1/messages/team_inbox/t"
