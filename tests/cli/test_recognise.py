"""`listen` tells formats by their shape: on bodies written by hand from the vendors' formats, and captured ones."""

import json
from pathlib import Path

import pytest

from sidecar.cli.recognise import UNKNOWN, Recognised, recognise
from sidecar.dialects import load
from sidecar.dialects.contract import Audience, sample
from sidecar.domain.event import EventType

GOLDEN = Path(__file__).parents[1] / "dialects" / "golden"
CAPTURES = Path(__file__).parents[1] / "fixtures" / "captures"
CASES = sorted(one for one in GOLDEN.glob("*/*.json") if "body" in json.loads(one.read_text()))


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_golden_body_is_recognised_with_its_word_and_repository(path):
    case = json.loads(path.read_text())
    body = case["body"]
    found = recognise(json.dumps(body).encode())
    flavour = case.get("options", {}).get("flavour", "default")
    assert found.format == path.parent.name + ("" if flavour == "default" else f" {flavour}")
    own_word = {"harbor legacy": "event_type", "harbor cloudevents": "type", "cloudevents": "type"}.get(found.format)
    said = body[own_word] if own_word else case["word"]
    assert found.word == said or (found.word in {"build", "repo_mirror_sync"} and said.startswith(f"{found.word}_"))
    name = case["event"].get("repository", {}).get("path", "prj/web/app")
    # DTR always writes a namespace, which a single segment does not have; Harbor's replications name no repository.
    assert found.repository in ({name, f"library/{name}"} if name in json.dumps(body) else {""})


@pytest.mark.parametrize("path", sorted(CAPTURES.glob("*.json")), ids=lambda path: path.stem)
def test_captured_notifications_are_the_registrys_own_format(path):
    for step in json.loads(path.read_text()):
        for request in step["requests"]:
            (event,) = request["body"]["events"]
            found = recognise(json.dumps(request["body"]).encode())
            assert (found.format, found.word) == ("distribution", event["action"])
            assert found.repository == event["target"]["repository"]
            assert found.tags == ((event["target"]["tag"],) if event["target"].get("tag") else ())
            assert found.digest == event["target"].get("digest", "")


def test_tags_and_digests_are_read():
    harbor = {
        "type": "DELETE_ARTIFACT",
        "occur_at": 1,
        "event_data": {
            "resources": [{"digest": "sha256:a", "tag": "1"}, {"digest": "sha256:a", "tag": "2"}],
            "repository": {"repo_full_name": "prj/app"},
        },
    }
    found = recognise(json.dumps(harbor).encode())
    assert (found.tags, found.digest) == (("1", "2"), "sha256:a")
    harbor["event_data"]["resources"] = [{"digest": "sha256:a", "tag": "sha256:a"}]
    assert recognise(json.dumps(harbor).encode()).tags == ()


@pytest.mark.parametrize("name", ["slack", "teams", "discord", "mattermost", "googlechat"])
def test_a_message_of_several_events_is_a_group(name):
    dialect = load()[name]
    said = [(sample(kind), str(kind)) for kind in (EventType.PUSHED, EventType.DELETED)]
    (mixed,) = dialect.join(said, dialect.example, Audience())
    assert recognise(mixed.body) == Recognised(format=name, word="group", repository="prj/web/app")
    (alike,) = dialect.join(said[:1] * 2, dialect.example, Audience())
    assert recognise(alike.body).word == "artifact.pushed"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff",
        b"[]",
        b"7",
        b"{}",
        b'{"events": []}',
        b'{"events": [1]}',
        b'{"events": {"a": 1}}',
        b"[" * 100_000,
    ],
)
def test_anything_else_is_unknown(body):
    assert recognise(body) == UNKNOWN


@pytest.mark.parametrize(
    "body",
    [
        {"specversion": 1, "type": 7, "data": [1]},
        {"event_data": [], "occur_at": None, "type": {}},
        {"contents": "x", "location": 1},
        {"docker_url": 1, "updated_tags": {"a": 1}},
        {"events": [{"action": 1, "target": []}]},
        {"event_type": None, "events": [{"tag": 1}]},
        {"blocks": [{"text": {"text": "*Harbor webhook events*"}}, *[{"text": 7}] * 5]},
        {"blocks": [{"text": {"text": "*Harbor webhook events*"}}, {}, {}, {}, {}, {"text": {"text": "```[1]```"}}]},
        {"text": 1, "blocks": [7, {"text": []}, {"text": {"text": 7}}]},
        {
            "attachments": [
                {"contentType": "application/vnd.microsoft.card.adaptive", "content": {"body": [{"inlines": 1}]}}
            ]
        },
        {"attachments": [{"fallback": 1, "title": [], "fields": {"title": 1}}]},
        {"embeds": 7},
        {"embeds": [{"title": 1, "fields": [[]]}]},
        {"cardsV2": [{"card": {"header": 1, "sections": [{"widgets": [{"decoratedText": 1}]}]}}]},
    ],
)
def test_known_shapes_with_wrong_types_never_raise(body):
    found = recognise(json.dumps(body).encode())
    assert found.format != "unknown"
    assert (found.word in {"", "repo_push"}, found.repository) == (True, "")
