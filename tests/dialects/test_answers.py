"""What is concluded from chats' answers: by the vendors' own lists of errors, those included that come with a 200."""

import json

import pytest

from sidecar.dialects import answers, load
from sidecar.domain.delivery import Reason
from sidecar.domain.message import Response
from sidecar.domain.subscription import Policy

SECOND = 1_000_000_000
OK, RETRIED, DEAD = "ok", "retried", "dead"
CONNECTOR = (
    "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error {} with ContextId tcid=0"
)

# format, status, body, what becomes of the delivery, and why
TABLE = [
    # Slack: an incoming webhook says `ok`; its errors come by status, as listed in the change of 2016.
    ("slack", 200, "ok", OK, Reason.OK),
    ("slack", 200, "", OK, Reason.OK),
    ("slack", 200, '{"ok": true, "ts": "1"}', OK, Reason.OK),
    ("slack", 400, "invalid_payload", DEAD, Reason.CLIENT_ERROR),
    ("slack", 403, "action_prohibited", RETRIED, Reason.UNAUTHORIZED),
    ("slack", 404, "no_service", RETRIED, Reason.CLIENT_ERROR),
    ("slack", 404, "channel_not_found", RETRIED, Reason.CLIENT_ERROR),
    ("slack", 410, "channel_is_archived", DEAD, Reason.GONE),
    ("slack", 429, "rate_limited", RETRIED, Reason.THROTTLED),
    ("slack", 500, "rollup_error", RETRIED, Reason.SERVER_ERROR),
    # Slack: methods of the web API, which answer 200.
    ("slack", 200, '{"ok": false, "error": "ratelimited"}', RETRIED, Reason.THROTTLED),
    ("slack", 200, '{"ok": false, "error": "message_limit_exceeded"}', RETRIED, Reason.THROTTLED),
    ("slack", 200, '{"ok": false, "error": "internal_error"}', RETRIED, Reason.SERVER_ERROR),
    ("slack", 200, '{"ok": false, "error": "fatal_error"}', RETRIED, Reason.SERVER_ERROR),
    ("slack", 200, '{"ok": false, "error": "service_unavailable"}', RETRIED, Reason.SERVER_ERROR),
    ("slack", 200, '{"ok": false, "error": "request_timeout"}', RETRIED, Reason.SERVER_ERROR),
    ("slack", 200, '{"ok": false, "error": "channel_not_found"}', DEAD, Reason.CLIENT_ERROR),
    ("slack", 200, '{"ok": false, "error": "invalid_blocks"}', DEAD, Reason.CLIENT_ERROR),
    ("slack", 200, '{"ok": false, "error": "invalid_auth"}', DEAD, Reason.UNAUTHORIZED),
    ("slack", 200, '{"ok": false}', DEAD, Reason.CLIENT_ERROR),
    # Teams: a workflow says 202; a connector `1`, or a sentence with the status that it met.
    ("teams", 202, "", OK, Reason.OK),
    ("teams", 200, "1", OK, Reason.OK),
    ("teams", 200, CONNECTOR.format(429), RETRIED, Reason.THROTTLED),
    ("teams", 200, CONNECTOR.format(503), RETRIED, Reason.THROTTLED),
    ("teams", 200, CONNECTOR.format(500), RETRIED, Reason.SERVER_ERROR),
    ("teams", 200, CONNECTOR.format(413), DEAD, Reason.CLIENT_ERROR),
    ("teams", 200, CONNECTOR.format(400), DEAD, Reason.CLIENT_ERROR),
    ("teams", 200, CONNECTOR.format(410), DEAD, Reason.GONE),
    ("teams", 200, "Webhook message delivery failed with error: Unable to reach app", RETRIED, Reason.SERVER_ERROR),
    ("teams", 400, "Bad payload received by generic incoming webhook.", DEAD, Reason.CLIENT_ERROR),
    ("teams", 429, "", RETRIED, Reason.THROTTLED),
    # Discord: 204, or 200 with the message where `wait=true`; errors have a `code`.
    ("discord", 204, "", OK, Reason.OK),
    ("discord", 200, '{"id": "1", "type": 0, "embeds": [], "content": ""}', OK, Reason.OK),
    ("discord", 200, '{"message": "Invalid Form Body", "code": 50035}', DEAD, Reason.CLIENT_ERROR),
    (
        "discord",
        200,
        '{"message": "The write action has hit the rate limit", "code": 20028}',
        RETRIED,
        Reason.THROTTLED,
    ),
    ("discord", 200, '{"message": "API resource is overloaded", "code": 130000}', RETRIED, Reason.SERVER_ERROR),
    ("discord", 400, '{"message": "Cannot send an empty message", "code": 50006}', DEAD, Reason.CLIENT_ERROR),
    ("discord", 404, '{"message": "Unknown Webhook", "code": 10015}', DEAD, Reason.GONE),
    ("discord", 404, '{"message": "Unknown Channel", "code": 10003}', RETRIED, Reason.CLIENT_ERROR),
    ("discord", 429, '{"message": "You are being rate limited.", "retry_after": 64.57}', RETRIED, Reason.THROTTLED),
    # Mattermost: `ok`, or an error with its status in it.
    ("mattermost", 200, "ok", OK, Reason.OK),
    ("mattermost", 200, '{"id": "web.x.app_error", "message": "no", "status_code": 400}', DEAD, Reason.CLIENT_ERROR),
    ("mattermost", 200, '{"id": "x", "message": "later", "status_code": 429}', RETRIED, Reason.THROTTLED),
    ("mattermost", 200, '{"id": "x", "message": "oops", "status_code": 500}', RETRIED, Reason.SERVER_ERROR),
    ("mattermost", 200, '{"id": "x", "status_code": 200}', OK, Reason.OK),
    ("mattermost", 400, '{"id": "x", "status_code": 400}', DEAD, Reason.CLIENT_ERROR),
    # Google Chat: the message that was made, or an error with its code.
    ("googlechat", 200, '{"name": "spaces/A/messages/B"}', OK, Reason.OK),
    ("googlechat", 200, '{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED"}}', RETRIED, Reason.THROTTLED),
    ("googlechat", 200, '{"error": {"code": 400, "message": "Invalid JSON"}}', DEAD, Reason.CLIENT_ERROR),
    ("googlechat", 429, '{"error": {"code": 429}}', RETRIED, Reason.THROTTLED),
    ("googlechat", 404, '{"error": {"code": 404}}', RETRIED, Reason.CLIENT_ERROR),
]


def judged(name, status, body, policy=None):
    dialect = load()[name]
    voice = dialect.bind(dialect.example, ["artifact.pushed"])
    return voice.judge(Response(status=status, body=body.encode()), policy or Policy())


@pytest.mark.parametrize(("name", "status", "body", "fate", "reason"), TABLE)
def test_an_answer_is_taken_for_what_it_is(name, status, body, fate, reason):
    outcome = judged(name, status, body)
    assert (outcome.delivered, outcome.retryable) == (fate == OK, fate == RETRIED)
    assert (outcome.reason, outcome.status) == (reason, status)
    assert bool(outcome.detail) is (fate != OK)


@pytest.mark.parametrize("name", ["slack", "teams", "discord", "mattermost", "googlechat"])
@pytest.mark.parametrize(
    "body",
    [
        "",
        "ok",
        "<html>",
        "[]",
        "null",
        "{",
        '{"ok": "false"}',
        '{"code": "1"}',
        '{"error": "x"}',
        '{"error": {"code": []}}',
        '{"status_code": "500"}',
        '{"status_code": true}',
        '{"a": ' * 3000,
        "\udcff",
    ],
)
def test_a_success_that_says_nothing_of_failure_is_one(name, body):
    dialect = load()[name]
    voice = dialect.bind(dialect.example, ["artifact.pushed"])
    assert voice.judge(Response(status=200, body=body.encode("utf-8", "surrogateescape")), Policy()).delivered


def test_what_a_body_said_is_told_on_one_line():
    outcome = judged("mattermost", 200, json.dumps({"status_code": 400, "message": "a\nb" + "x" * 500}))
    assert outcome.detail.startswith("answered 200, but its body says: a bx")
    assert len(outcome.detail) < 300
    assert outcome.answer.startswith(b'{"status_code": 400')


def test_what_is_given_up_on_is_given_up_on_in_a_body_too():
    """`give_up_on` names statuses, also those that only a body tells."""
    assert not judged("teams", 200, CONNECTOR.format(429), Policy(give_up_on=frozenset({429}))).retryable
    assert judged("mattermost", 200, '{"status_code": 400}', Policy(give_up_on=frozenset())).retryable


@pytest.mark.parametrize(
    ("said", "nanoseconds"),
    [
        (64.57, 64_570_000_000),
        (1, SECOND),
        (0, 0),
        (-3, 0),
        (1e99, 3600 * SECOND),
        pytest.param(10**400, 3600 * SECOND, id="more than any float"),
        pytest.param(-(10**400), 0, id="less than any float"),
        ("7", 0),
        (True, 0),
        (None, 0),
    ],
)
def test_discord_says_in_its_body_how_long_to_wait(said, nanoseconds):
    body = json.dumps({"message": "You are being rate limited.", "retry_after": said, "global": False})
    outcome = judged("discord", 429, body)
    assert (outcome.reason, outcome.retryable, outcome.retry_after) == (Reason.THROTTLED, True, nanoseconds)


@pytest.mark.parametrize("text", ["NaN", "Infinity"])
def test_a_wait_that_is_no_number_is_none(text):
    assert judged("discord", 429, f'{{"retry_after": {text}}}').retry_after == 0


def test_a_deleted_webhook_of_discord_is_told_by_name():
    assert judged("discord", 404, '{"code": 10015}').detail == "answered 404: the webhook was deleted"


def test_statuses_are_read_from_numbers_alone():
    assert [answers.status_in(one) for one in (429, 399, 600, True, "429", 429.0, None)] == [429, 0, 0, 0, 0, 0, 0]
