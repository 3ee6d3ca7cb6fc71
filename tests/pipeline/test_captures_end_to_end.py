"""Every captured envelope through the whole pipeline: posted bytes in, the vendors' requests out."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
import yaml

import virtual_time
from doubles import House, RecordingSender, match, subscription
from sidecar.dialects import load as load_dialects
from sidecar.domain.event import HAPPENINGS, Kind

CAPTURES = sorted((Path(__file__).parent.parent / "fixtures" / "captures").glob("*.json"))
ALL = tuple(str(kind) for kind in HAPPENINGS)
DTR = load_dialects()["dtr"]

# What each vendor says of an event, as the table of words has it: (event type, tagged) -> word, absent = silence.
WORDS = {
    "harbor": {
        ("artifact.pushed", True): "PUSH_ARTIFACT",
        ("artifact.pulled", True): "PULL_ARTIFACT",
        ("artifact.pulled", False): "PULL_ARTIFACT",
        ("artifact.deleted", True): "DELETE_ARTIFACT",
    },
    "dtr": {
        ("artifact.pushed", True): "TAG_PUSH",
        ("artifact.pulled", True): "TAG_PULL",
        ("artifact.pulled", False): "MANIFEST_PULL",
        ("artifact.deleted", True): "MANIFEST_DELETE",
        ("tag.deleted", True): "TAG_DELETE",
        ("repository.created", False): "REPO_EVENT",
    },
    "quay": {("artifact.pushed", True): "repo_push"},
}
SUBSCRIPTIONS = [
    subscription("everything", format="cloudevents", events=ALL, match=match(untagged=True, kinds=frozenset(Kind))),
    subscription("harbor", format="harbor", events=("artifact.pushed", "artifact.pulled", "artifact.deleted")),
    subscription("dtr", format="dtr", events=tuple(kind for kind in ALL if DTR.says(kind, DTR.example))),
    subscription("quay", format="quay", events=("artifact.pushed",)),
]


def load(capture):
    return json.loads(capture.read_text()), yaml.safe_load(capture.with_suffix(".expected.yml").read_text())


def heard(sender, name):
    """The bodies that a subscription received, each id once."""
    bodies = {}
    for request in sender.requests:
        if request.url.endswith(f"/{name}"):
            bodies.setdefault(dict(request.headers)["webhook-id"], msgspec.json.decode(request.body))
    return list(bodies.values())


def spoken(name, body):
    return body["type"] if name != "quay" else "repo_push"


def run(tmp_path, steps, *, kill_between):
    async def scenario():
        clock, sender = virtual_time.VirtualClock(), RecordingSender()
        house = House(tmp_path / "store.db", clock, sender, SUBSCRIPTIONS)
        await house.start()
        for step in steps:
            for request in step["requests"]:
                body = json.dumps(request["body"], indent=3).encode()
                assert await house.intake.accept("main", body) == "accepted"
                assert await house.intake.accept("main", body) == "duplicate"
            if kill_between:
                await house.kill()
                house = House(tmp_path / "store.db", clock, sender, SUBSCRIPTIONS)
                await house.start()
        await house.quiet()
        await asyncio.sleep(60)  # until every pull window has ended
        await house.quiet()
        assert house.observer.set_aside == []
        await house.stop()
        return sender

    return virtual_time.run(scenario())


@pytest.mark.parametrize("kill_between", [False, True], ids=["in one go", "killed after every step"])
@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_subscribers_hear_what_the_expectations_argue_for(tmp_path, capture, kill_between):
    steps, expectations = load(capture)
    sender = run(tmp_path, steps, kill_between=kill_between)
    events = [one for expectation in expectations for one in expectation["events"]]
    events += [one for expectation in expectations for one in expectation.get("checked_after_window", ())]

    told = heard(sender, "everything")
    assert sorted((body["type"], body["data"]["repository"], body["data"].get("tag", "")) for body in told) == sorted(
        (f"io.registry-sidecar.{one['type']}", one["repository"], (one.get("tags") or [""])[0]) for one in events
    )
    for name, words in WORDS.items():
        owed = [words[key] for one in events if (key := (one["type"], bool(one.get("tags")))) in words]
        assert sorted(spoken(name, body) for body in heard(sender, name)) == sorted(owed), name
