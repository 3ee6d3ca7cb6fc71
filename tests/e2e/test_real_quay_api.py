"""A notification made as Quay's manual does it, with curl, hears of what skopeo pushes to a real registry."""

import json

import pytest
import yaml
from peers import eventually, run, write
from real_sidecar import HOSTNAME, QUICK, subscription

pytestmark = pytest.mark.e2e

TOKEN = "e2e-token-of-quayadmin"
HERE = "repository/sample_org/busybox/notification"


@pytest.fixture
def started(sidecar, receiver):
    """The sidecar with a user who manages `sample_org`, and a subscription of the file that hears everything."""
    sidecar.configure(subscription("everything", "quay", receiver.url("everything")))
    settings = yaml.safe_load(sidecar.config.read_text())
    settings["management"]["users"] = [{"name": "quayadmin", "tokens": [TOKEN], "namespaces": ["sample_org"]}]
    settings["guard"] = {"allow": ["127.0.0.0/8"]}
    settings["defaults"] = {"delivery": QUICK}
    write(sidecar.config, yaml.safe_dump(settings, sort_keys=False))
    sidecar.start()
    return sidecar


def curl(sidecar, path, *arguments):
    """What the manual's curl is answered, the status first."""
    headers = ("-H", f"Authorization: Bearer {TOKEN}", "-H", "Content-Type: application/json")
    said = run("curl", "-s", "-L", "-w", "\n%{http_code}", *arguments, *headers, f"{sidecar.management}/api/v1/{path}")
    body, _, status = said.rpartition("\n")
    return int(status), json.loads(body) if body.strip() else None


def heard(receiver, path, count, *, tag=""):
    """What was posted there so far, of one tag or of all, once there is so much of it."""

    def enough():
        found = [one for one in receiver.at(path) if f'"{tag}"'.encode() in one.body or not tag]
        return found if len(found) >= count else None

    return eventually(enough, f"{count} at {path}")


def test_a_notification_made_with_curl_hears_of_a_push(started, registry, skopeo, receiver, image):
    """Made, tested, told, kept over kill -9, and gone once it is deleted: each in Quay's words."""
    form = {"event": "repo_push", "method": "webhook", "config": {"url": receiver.url("quay")}, "eventConfig": {}}
    status, made = curl(started, f"{HERE}/", "-X", "POST", "--data", json.dumps(form))
    assert status == 201
    assert made == {
        "uuid": made["uuid"],
        "title": None,
        "event": "repo_push",
        "method": "webhook",
        "config": {"url": receiver.url("quay")},
        "event_config": {},
        "number_of_failures": 0,
    }

    assert curl(started, f"{HERE}/{made['uuid']}/test", "-X", "POST") == (200, {})
    (sample,) = heard(receiver, "quay", 1)
    assert (sample.json["updated_tags"], sample.json["pruned_image_count"]) == (["latest", "foo"], 3)

    skopeo.push(image, "sample_org/other:1.0")
    skopeo.push(image, "sample_org/busybox:1.0")
    _, told = heard(receiver, "quay", 2)
    assert list(told.json.items()) == [
        ("repository", "sample_org/busybox"),
        ("namespace", "sample_org"),
        ("name", "busybox"),
        ("docker_url", f"{HOSTNAME}/sample_org/busybox"),
        ("homepage", f"https://{HOSTNAME}/repository/sample_org/busybox"),
        ("updated_tags", ["1.0"]),
    ]
    assert told.headers["content-type"] == "application/json"

    started.kill()
    started.start()
    assert curl(started, HERE, "-X", "GET") == (200, {"notifications": [made]})
    receiver.answer("quay", 400)  # what is final elsewhere is tried again
    skopeo.push(image, "sample_org/busybox:2.0")
    first, again = heard(receiver, "quay", 2, tag="2.0")
    assert (first.id, first.body) == (again.id, again.body)

    assert curl(started, f"{HERE}/{made['uuid']}", "-X", "DELETE") == (204, None)
    assert curl(started, HERE, "-X", "GET") == (200, {"notifications": []})
    skopeo.push(image, "sample_org/busybox:3.0")
    receiver.wait_for("everything", where=lambda one: b'"3.0"' in one.body)  # by then it would have been heard
    assert not [one for one in receiver.at("quay") if b'"3.0"' in one.body]
