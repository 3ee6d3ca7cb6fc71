"""The recipes of docs/templates.md, as they stand there: each is taken, and says what its receiver asks for."""

import hashlib
import json
import re
import urllib.parse
from pathlib import Path

import msgspec
import pytest
import yaml

from sidecar.config.loading import load
from sidecar.dialects.contract import Audience, sample, samples
from sidecar.domain.event import EventType

TEXT = Path(__file__).parents[2].joinpath("docs/templates.md").read_text(encoding="utf-8")
RECIPES = {
    yaml.safe_load(block)["name"]: block
    for block in re.findall(r"```yaml\n(name: .*?)```", TEXT[TEXT.index("\n## Recipes") :], re.DOTALL)
}
ENVIRON = {
    "NTFY_TOKEN": "tk-1", "GOTIFY_TOKEN": "tk-2", "PAGERDUTY_ROUTING_KEY": "R0UT1NGKEY", "OPSGENIE_KEY": "tk-3",
    "GITHUB_TOKEN": "tk-4", "GITLAB_TRIGGER_TOKEN": "glptt-5", "JENKINS_TOKEN": "tk-6", "WATCHTOWER_TOKEN": "tk-7",
    "PORTAINER_WEBHOOK": "4cc29ff2-3a01",
}  # fmt: skip
DIGEST = sample().artifact.digest
IMAGE = "registry.example.com/prj/web/app:1.4.2"


@pytest.fixture
def said(tmp_path):
    """Reads a recipe, in a file of its own or with the one that the page begins with, and says a sample by it."""

    def say(name, kind=EventType.PUSHED):
        block = RECIPES[name]
        indented = "".join(f"    {line}\n" for line in block.splitlines())
        registry = "registries: [{name: main, hostname: registry.example.com, tokens: [tk]}]\n"
        path = tmp_path / "config.yml"
        path.write_text(f"{registry}subscriptions:\n  -\n{indented}", encoding="utf-8")
        (bound,) = load(path, ENVIRON).subscriptions
        audience = Audience(name, url=bound.subscription.url)
        for one in bound.voice.types:
            for event in samples([one]):
                for word in bound.voice.words(event, untagged=bound.subscription.match.untagged):
                    assert bound.voice.render(event, word, audience)
        (message,) = bound.voice.render(sample(kind), kind, audience)
        message = msgspec.structs.replace(message, headers=(*bound.voice.headers, *message.headers))  # as it is sent
        return message, bound.subscription

    return say


EXPECTED = {
    # Keel, pkg/http/native_webhook_trigger.go: `name` and `tag` are needed.
    ("keel", EventType.PUSHED): {
        "host": "registry.example.com", "name": "prj/web/app", "tag": "1.4.2", "digest": DIGEST,
    },
    # ntfy, "Publish as JSON": `topic` is needed, `priority` is 1 to 5.
    ("ntfy", EventType.PUSHED): {
        "topic": "registry",
        "title": "artifact.pushed prj/web/app",
        "click": "https://registry.example.com/prj/web/app",
        "message": f"{IMAGE} by maria",
    },
    ("ntfy", EventType.SCAN_COMPLETED): {
        "topic": "registry",
        "title": "scan.completed prj/web/app",
        "priority": 5,
        "click": "https://registry.example.com/prj/web/app",
        "message": f"{IMAGE} by maria",
    },
    # Gotify, POST /message: `message` is needed, `priority` is a number.
    ("gotify", EventType.DELETED): {
        "title": "Registry: prj/web/app", "message": "artifact.deleted: 1.4.2", "priority": 5,
    },
    # PagerDuty, Events API v2: `summary`, `source` and `severity` are needed; a dedup_key has at most 255 characters.
    ("pagerduty", EventType.SCAN_FAILED): {
        "routing_key": "R0UT1NGKEY",
        "event_action": "trigger",
        "dedup_key": hashlib.sha256(b"main/prj/web/app/scan.failed").hexdigest(),
        "payload": {
            "summary": "scan.failed of prj/web/app: the layers could not be unpacked: no space left on device",
            "source": "registry.example.com",
            "severity": "error",
            "timestamp": "2026-11-21T00:00:00.123456789Z",
            "component": "prj/web/app",
            "class": "scan.failed",
        },
    },
    # Opsgenie, Alert API: `message` has at most 130 characters, `details` are texts, at most 20 tags.
    ("opsgenie", EventType.SCAN_COMPLETED): {
        "message": f"Vulnerabilities in {IMAGE}",
        "alias": DIGEST,
        "description": "CVE-2026-11111, CVE-2026-22222, CVE-2026-33333",
        "tags": ["1.4.2"],
        "details": {"critical": "1", "high": "1", "fixable": "1"},
        "source": "registry.example.com",
        "priority": "P1",
    },
    # GitHub, "Create a repository dispatch event": `event_type` is needed, `client_payload` has at most ten properties.
    ("github-dispatch", EventType.PUSHED): {
        "event_type": "artifact.pushed",
        "client_payload": {"image": IMAGE, "repository": "prj/web/app", "tag": "1.4.2", "digest": DIGEST},
    },
    ("jenkins", EventType.PUSHED): {
        "event": "artifact.pushed", "image": IMAGE, "repository": "prj/web/app", "tag": "1.4.2",
    },
    ("watchtower", EventType.PUSHED): {},
    ("portainer", EventType.PUSHED): {},
}  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), EXPECTED, ids=str)
def test_each_recipe_says_what_its_receiver_reads(said, name, kind):
    message, _ = said(name, kind)
    assert message.content_type == "application/json"
    assert json.loads(message.body) == EXPECTED[name, kind]


def test_gitlab_s_trigger_is_a_form(said):
    """GitLab, "Trigger pipelines by using the API": `token`, `ref` and `variables[NAME]` as form fields."""
    message, _ = said("gitlab-trigger")
    assert message.content_type == "application/x-www-form-urlencoded"
    assert dict(urllib.parse.parse_qsl(message.body.decode(), strict_parsing=True)) == {
        "token": "glptt-5", "ref": "main", "variables[IMAGE]": IMAGE, "variables[DIGEST]": DIGEST,
    }  # fmt: skip


def test_github_gets_the_headers_that_it_asks_for(said):
    message, subscription = said("github-dispatch")
    assert message.headers == (("Accept", "application/vnd.github+json"), ("X-GitHub-Api-Version", "2022-11-28"))
    assert [(name, secret.reveal()) for name, secret in subscription.headers] == [("Authorization", "Bearer tk-4")]


def test_watchtower_and_portainer_are_told_by_the_url(said):
    message, _ = said("watchtower")
    image = "registry.example.com%2Fprj%2Fweb%2Fapp"
    assert message.url == f"http://watchtower.example.com:8080/v1/update?image={image}"
    message, _ = said("portainer")
    assert message.url == "https://portainer.example.com/api/webhooks/4cc29ff2-3a01?tag=1.4.2"


def test_everything_is_the_data_of_our_cloud_events(said):
    message, _ = said("everything")
    told = json.loads(message.body)
    assert (told["event"], told["reference"], told["digest"]) == ("artifact.pushed", IMAGE, DIGEST)


def test_every_recipe_is_tried():
    tried = {name for name, _ in EXPECTED} | {"gitlab-trigger", "everything"}
    assert set(RECIPES) == tried
