"""Webhook policies: what Harbor refuses, what a policy comes to, and what is given back.

Sentences and order of the checks are those of Harbor v2.15.2 (`validateEventTypes`, `validateTargets`).
"""

import msgspec
import pytest

from sidecar.dialects.harbor import DIALECT, Options
from sidecar.domain import instant
from sidecar.domain.made import Api, LastTrigger, Made, Target
from sidecar.web.vendors.harbor import policies
from sidecar.web.vendors.harbor.policies import PolicyBody
from sidecar.web.vendors.harbor.refusals import Refused

HTTP = {"type": "http", "address": "https://hooks.example.com/harbor?type=harbor"}
SLACK = {"type": "slack", "address": "https://hooks.slack.com/services/T0/B0/x"}
CREATED = instant.parse_rfc3339("2026-11-21T10:00:00.123456789Z")
UPDATED = instant.parse_rfc3339("2026-11-22T11:30:00Z")


def body(**changes):
    given = {"name": "ci", "enabled": True, "event_types": ["PUSH_ARTIFACT"], "targets": [HTTP], **changes}
    return msgspec.convert(given, PolicyBody)


def draft(**changes):
    checked = body(**changes)
    policies.check(checked)
    return policies.draft(checked, 12, "acme", "maria")


def made(**changes):
    asked = draft(**changes)
    return Made(
        id=3,
        api=asked.api,
        uuid="6c1f",
        key=asked.key,
        policy=7,
        namespace=asked.namespace,
        name=asked.name,
        creator="maria",
        created=CREATED,
        updated=UPDATED,
        enabled=asked.enabled,
        document=asked.document,
        targets=tuple(Target(at, f"lane{at}", tree) for at, tree in enumerate(asked.targets)),
    )


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"event_types": []}, "empty event type"),
        ({"event_types": None}, "empty event type"),
        ({"event_types": ["PUSH_ARTIFACT", "CREATE_TAG"]}, "unsupported event type CREATE_TAG"),
        ({"event_types": ["testEndpoint"]}, "unsupported event type testEndpoint"),
        ({"event_types": ["x"], "targets": []}, "unsupported event type x"),
        ({"targets": []}, "empty notification target with policy ci"),
        ({"targets": None, "name": None}, "empty notification target with policy "),
        ({"targets": [{"type": "http", "address": " / "}]}, "empty URL"),
        ({"targets": [{"type": "http"}]}, "empty URL"),
        ({"targets": [HTTP, {"type": "http", "address": "ftp://a/b"}]}, "invalid scheme: ftp"),
        ({"targets": [{**HTTP, "type": "teams"}]}, "unsupported target type teams with policy ci"),
        ({"targets": [{"address": "https://a/b"}]}, "unsupported target type  with policy ci"),
        ({"targets": [{**SLACK, "payload_format": "Default"}]}, "set payload format is not allowed for slack"),
        ({"targets": [{**HTTP, "payload_format": "Custom"}]}, "unsupported payload format type: Custom"),
    ],
)
def test_what_harbor_refuses_is_refused_in_its_words(changes, message):
    with pytest.raises(Refused) as refused:
        policies.check(body(**changes))
    assert (refused.value.status, str(refused.value)) == (400, message)


# --- what a policy comes to ------------------------------------------------------------------------------------------


def test_an_http_target_is_a_subscription_that_retries_everything():
    asked = draft(
        name="ci",
        description="for the builds",
        event_types=["PUSH_ARTIFACT", "DELETE_ARTIFACT"],
        targets=[{**HTTP, "auth_header": "Bearer abc", "skip_cert_verify": True}],
    )
    assert (asked.api, asked.key, asked.namespace, asked.name, asked.enabled) == (
        Api.HARBOR,
        "12/ci",
        "acme",
        "ci",
        True,
    )
    assert asked.targets == (
        {
            "format": "harbor",
            "options": {},
            "url": "https://hooks.example.com/harbor?type=harbor",
            "events": ["PUSH_ARTIFACT", "DELETE_ARTIFACT"],
            "headers": {"Authorization": "Bearer abc"},
            "tls": {"verify": False},
            "delivery": {"give_up_on": []},
        },
    )


def test_each_target_has_its_own_form():
    """Slack targets never show the Authorization header, though Harbor keeps it for them."""
    asked = draft(
        targets=[HTTP, {**HTTP, "payload_format": "CloudEvents"}, {**SLACK, "auth_header": "s3cret"}],
        event_types=["pushImage", "UPLOAD_CHART"],
    )
    assert [one["options"] for one in asked.targets] == [
        {"chart_events": True},
        {"flavour": "cloudevents"},
        {"flavour": "slack", "chart_events": True},
    ]
    assert [one["events"] for one in asked.targets] == [
        ["PUSH_ARTIFACT", "UPLOAD_CHART"],
        ["PUSH_ARTIFACT"],  # charts never had CloudEvents
        ["PUSH_ARTIFACT", "UPLOAD_CHART"],
    ]
    assert "headers" not in asked.targets[2]


def test_charts_as_cloudevents_are_kept_and_nothing_is_heard():
    """Harbor dropped its chart events in the release that brought CloudEvents; the policy's other targets hear them."""
    asked = draft(
        event_types=["UPLOAD_CHART", "DELETE_CHART"], targets=[{**HTTP, "payload_format": "CloudEvents"}, HTTP]
    )
    cloud, plain = asked.targets
    assert cloud["enabled"] is False
    assert "enabled" not in plain
    assert plain["events"] == asked.document["event_types"] == ["UPLOAD_CHART", "DELETE_CHART"]


def test_whatever_harbor_tells_of_is_heard():
    """Its ten event types, in the body of each kind of target."""
    targets = [HTTP, {**HTTP, "payload_format": "CloudEvents"}, SLACK]
    for target in draft(event_types=policies.EVENT_TYPES, targets=targets).targets:
        assert target["events"] == list(policies.EVENT_TYPES)
        assert "enabled" not in target


@pytest.mark.parametrize(
    "word",
    [
        "IMAGE PUSH",
        "IMAGE PULL",
        "IMAGE DELETE",
        "CHART PUSH",
        "CHART PULL",
        "CHART DELETE",
        "IMAGE SCAN COMPLETED",
        "IMAGE SCAN FAILED",
        "PROJECT QUOTA EXCEED",
    ],
)
def test_the_manuals_spellings_of_1_10_are_taken_and_given_back(word):
    assert policies.shown(made(event_types=[word]), 12)["event_types"] == [word]


def test_a_word_given_twice_is_said_once():
    asked = draft(event_types=["PUSH_ARTIFACT", "PUSH_ARTIFACT", "pushImage"])
    assert asked.targets[0]["events"] == ["PUSH_ARTIFACT"]
    assert asked.document["event_types"] == ["PUSH_ARTIFACT", "PUSH_ARTIFACT", "pushImage"]


def test_what_is_left_out_is_off_and_empty():
    asked = draft(enabled=None, name=None)
    assert (asked.enabled, asked.key, asked.name) == (False, "12/", "")
    assert asked.document["creator"] == "maria"
    assert draft(creator="somebody else").document["creator"] == "somebody else"


# --- what is given back ----------------------------------------------------------------------------------------------


def test_a_policy_is_shown_as_harbor_shows_it():
    """In the order of the model's keys, times with milliseconds and a zone, the header in clear, a format for http."""
    shown = policies.shown(
        made(description="for the builds", targets=[{**HTTP, "auth_header": "Bearer abc", "skip_cert_verify": True}]),
        12,
    )
    assert list(shown.items()) == [
        ("creation_time", "2026-11-21T10:00:00.123Z"),
        ("creator", "maria"),
        ("description", "for the builds"),
        ("enabled", True),
        ("event_types", ["PUSH_ARTIFACT"]),
        ("id", 7),
        ("name", "ci"),
        ("project_id", 12),
        (
            "targets",
            [
                {
                    "address": "https://hooks.example.com/harbor?type=harbor",
                    "auth_header": "Bearer abc",
                    "payload_format": "Default",
                    "skip_cert_verify": True,
                    "type": "http",
                }
            ],
        ),
        ("update_time", "2026-11-22T11:30:00.000Z"),
    ]


def test_empty_texts_and_false_are_left_out_as_go_leaves_them_out():
    shown = policies.shown(made(name="", targets=[SLACK, {**HTTP, "skip_cert_verify": False}]), 12)
    assert not {"name", "description"} & set(shown)
    assert shown["targets"] == [SLACK, {**HTTP, "payload_format": "Default"}]
    assert policies.shown(made(enabled=False), 12)["enabled"] is False


def test_the_last_triggers_have_a_row_for_each_event_type():
    """Of several targets the latest counts; what never came has Go's zero time."""
    told = [
        LastTrigger(0, "PUSH_ARTIFACT", instant.parse_rfc3339("2026-11-22T08:00:00Z")),
        LastTrigger(1, "PUSH_ARTIFACT", instant.parse_rfc3339("2026-11-22T09:00:00.5Z")),
    ]
    rows = policies.last_triggers(made(event_types=["pushImage", "PULL_ARTIFACT"], targets=[HTTP, SLACK]), told)
    assert [(one["event_type"], one["last_trigger_time"]) for one in rows] == [
        ("pushImage", "2026-11-22T09:00:00.500Z"),
        ("PULL_ARTIFACT", "0001-01-01T00:00:00.000Z"),
    ]
    assert {key: rows[0][key] for key in ("creation_time", "enabled", "policy_name")} == {
        "creation_time": "2026-11-21T10:00:00.123Z",
        "enabled": True,
        "policy_name": "ci",
    }
    assert "enabled" not in policies.last_triggers(made(enabled=False), [])[0]


def test_what_can_be_subscribed_to_is_told_in_harbors_order():
    """As 2.8 to 2.15 list them, and each of them can be said."""
    said = policies.supported()
    assert said["event_type"] == [
        "PUSH_ARTIFACT",
        "PULL_ARTIFACT",
        "DELETE_ARTIFACT",
        "QUOTA_EXCEED",
        "QUOTA_WARNING",
        "SCANNING_FAILED",
        "SCANNING_STOPPED",
        "SCANNING_COMPLETED",
        "REPLICATION",
        "TAG_RETENTION",
    ]
    assert all(DIALECT.says(word, Options()) for word in said["event_type"])
    assert said["notify_type"] == ["http", "slack"]
    assert said["payload_formats"] == [{"notify_type": "http", "formats": ["Default", "CloudEvents"]}]
