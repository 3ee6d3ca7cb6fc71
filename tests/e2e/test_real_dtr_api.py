"""A webhook made as DTR's manual does it, with curl, hears of what skopeo pushes to a real registry."""

import hashlib
import json

import pytest
import yaml
from peers import eventually, run, write
from real_sidecar import QUICK, subscription

pytestmark = pytest.mark.e2e

TOKEN = "e2e-token-of-test-user"


@pytest.fixture
def started(sidecar, receiver):
    """The sidecar with a user who manages `maria-testorg`, and a subscription of the file that hears everything."""
    sidecar.configure(subscription("everything", "dtr", receiver.url("everything")))
    settings = yaml.safe_load(sidecar.config.read_text())
    settings["management"]["users"] = [
        {"name": "test-user", "tokens": [TOKEN], "namespaces": ["maria-testorg"]},
        {"name": "admin", "tokens": ["e2e-token-of-admin"], "admin": True},
    ]
    settings["guard"] = {"allow": ["127.0.0.0/8"]}
    settings["defaults"] = {"delivery": QUICK}
    write(sidecar.config, yaml.safe_dump(settings, sort_keys=False))
    sidecar.start()
    return sidecar


def curl(sidecar, path, *arguments):
    """What the manual's curl prints, the status behind it."""
    headers = ("-H", "accept: application/json", "-H", "content-type: application/json")
    said = run(
        "curl", "-s", "-w", "\n%{http_code}", "-u", f"test-user:{TOKEN}", *arguments, *headers,
        f"{sidecar.management}/api/v0/{path}",
    )  # fmt: skip
    body, _, status = said.rpartition("\n")
    return int(status), json.loads(body) if body else None


def last_success(sidecar):
    """When the one webhook was delivered last, None before that."""
    (shown,) = curl(sidecar, "webhooks")[1]
    return shown["lastSuccessfulAt"] if shown["lastSuccessfulAt"] > "2020" else None


def heard(receiver, path, count):
    return eventually(lambda: receiver.at(path) if len(receiver.at(path)) >= count else None, f"{count} at {path}")


def test_a_webhook_made_with_curl_hears_of_a_push(started, registry, skopeo, receiver, image):
    """Tried, made, told, kept over kill -9, and gone once it is deleted: each in DTR's words."""
    endpoint = receiver.url("dtr")
    tried = json.dumps({"type": "TAG_PUSH", "endpoint": endpoint})
    assert curl(started, "webhooks/test", "-X", "POST", "-d", tried) == (200, None)
    (sample,) = heard(receiver, "dtr", 1)
    assert sample.json["contents"]["imageName"] == "foo/bar:latest"

    form = {"type": "TAG_PUSH", "key": "maria-testorg/lab-words", "endpoint": endpoint}
    status, made = curl(started, "webhooks", "-X", "POST", "-d", json.dumps(form))
    assert status == 201
    assert made["id"] == hashlib.sha256(f"TAG_PUSH:maria-testorg/lab-words:{endpoint}".encode()).hexdigest()
    assert made["lastSuccessfulAt"] == "0001-01-01T00:00:00Z"

    skopeo.push(image, "maria-testorg/other:1.0")
    skopeo.push(image, "maria-testorg/lab-words:1.0")
    _, told = heard(receiver, "dtr", 2)
    assert told.json["type"] == "TAG_PUSH"
    assert told.json["location"] == "/repositories/maria-testorg/lab-words/tags/1.0"
    assert told.json["contents"]["digest"] == image.digest

    used = eventually(lambda: last_success(started), "its success is written down")
    started.kill()
    started.start()
    assert curl(started, "webhooks") == (200, [{**made, "lastSuccessfulAt": used}])
    skopeo.push(image, "maria-testorg/lab-words:2.0")
    assert heard(receiver, "dtr", 3)[-1].json["contents"]["tag"] == "2.0"

    assert curl(started, f"webhooks/{made['id']}", "-X", "DELETE") == (204, None)
    assert curl(started, "webhooks") == (200, [])
    skopeo.push(image, "maria-testorg/lab-words:3.0")
    receiver.wait_for("everything", where=lambda one: b'"3.0"' in one.body)  # by then it would have been heard
    assert len(receiver.at("dtr")) == 3
