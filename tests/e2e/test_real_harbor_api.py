"""Harbor's management API in front of a real registry: a webhook made through it hears of what real clients do."""

import json

import pytest
from peers import eventually
from real_registry import ask
from real_sidecar import HOSTNAME

pytestmark = pytest.mark.e2e

LOOPBACK = {"allow": ["127.0.0.0/8"]}  # addresses that subscriptions made through APIs are not sent to unasked


class Harbor:
    """Harbor's API as the operator asks it from the sidecar's own machine."""

    def __init__(self, sidecar):
        self._base = f"{sidecar.management}/api/v2.0"

    def ask(self, method, path, body=None):
        """The answer, which must not be an error."""
        raw = json.dumps(body).encode() if body is not None else None
        answer = ask(f"{self._base}{path}", method=method, body=raw, headers={"Content-Type": "application/json"})
        assert answer.status < 300, answer
        return answer

    def get(self, path):
        return json.loads(self.ask("GET", path).text)

    def webhook(self, url, **changes):
        """A policy of the project prj; returns its path."""
        body = {
            "name": "deploy",
            "enabled": True,
            "event_types": ["PUSH_ARTIFACT", "DELETE_ARTIFACT"],
            "targets": [{"type": "http", "address": url, "auth_header": "Bearer e2e"}],
            **changes,
        }
        location = self.ask("POST", "/projects/prj/webhook/policies", body).headers["Location"]
        return location.removeprefix("/api/v2.0")


@pytest.fixture
def harbor(sidecar, registry):
    sidecar.configure(guard=LOOPBACK)
    sidecar.start()
    one = Harbor(sidecar)
    one.ask("POST", "/projects", {"project_name": "prj"})
    return one


def test_a_webhook_made_through_the_api_hears_of_pushes_and_deletions(harbor, sidecar, skopeo, receiver, image):
    """In Harbor's words, over a restart, with the attempts to be read; after its deletion it hears nothing."""
    webhook = harbor.webhook(receiver.url("harbor"))
    skopeo.push(image, "prj/app:1.0")
    skopeo.push(image, "other/app:1.0")
    (pushed,) = receiver.wait_for("harbor", signed=False)
    assert pushed.headers["authorization"] == "Bearer e2e"
    said = pushed.json
    assert said["type"] == "PUSH_ARTIFACT"
    assert said["event_data"]["resources"] == [
        {"digest": image.digest, "tag": "1.0", "resource_url": f"{HOSTNAME}/prj/app:1.0"}
    ]
    assert said["event_data"]["repository"]["repo_full_name"] == "prj/app"

    sidecar.kill()
    sidecar.start()
    skopeo.delete("prj/app:1.0")
    receiver.wait_for("harbor", where=lambda one: one.json["type"] == "DELETE_ARTIFACT", signed=False)

    def told():
        return [(one["status"], one["extra_attrs"]["event_type"]) for one in harbor.get(f"{webhook}/executions")]

    eventually(
        lambda: told() == [("Success", "DELETE_ARTIFACT"), ("Success", "PUSH_ARTIFACT")], "both are told as delivered"
    )
    harbor.ask("DELETE", webhook)
    skopeo.push(image, "prj/app:2.0")
    eventually(lambda: not sidecar.api("undelivered")["deliveries"], "nothing is owed")
    assert len(receiver.at("harbor")) == 2


def test_slack_and_cloudevents_side_by_side(harbor, skopeo, receiver, image):
    """Two targets of one policy, each in its form."""
    targets = [
        {"type": "slack", "address": receiver.url("slack")},
        {"type": "http", "address": receiver.url("cloud"), "payload_format": "CloudEvents"},
    ]
    webhook = harbor.webhook(receiver.url("unused"), targets=targets)
    skopeo.push(image, "prj/app:1.0")
    (slack,) = receiver.wait_for("slack", signed=False)
    assert slack.json["blocks"][1]["text"]["text"] == "*event_type:* PUSH_ARTIFACT"
    assert image.digest in slack.json["blocks"][5]["text"]["text"]
    (cloud,) = receiver.wait_for("cloud", signed=False)
    assert cloud.headers["content-type"] == "application/cloudevents+json"
    policy = harbor.get(webhook)
    assert cloud.json["source"] == f"/projects/{policy['project_id']}/webhook/policies/{policy['id']}"
    assert cloud.json["data"]["resources"][0]["digest"] == image.digest
