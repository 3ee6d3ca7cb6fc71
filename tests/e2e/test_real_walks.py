"""What a real registry loses when it ends is found by looking at it, and told once."""

import pytest
from peers import eventually
from real_registry import PASSWORD, USER
from real_sidecar import subscription

pytestmark = pytest.mark.e2e

TAGS = 300


@pytest.fixture
def walked(registry, sidecar, receiver):
    """Has the sidecar configured so that it may ask the registry; returns what subscribers heard, as CloudEvents."""
    events = ["artifact.pushed", "artifact.deleted", "tag.deleted", "repository.created", "repository.deleted"]
    sidecar.configure(
        subscription("all", "cloudevents", receiver.url("all"), events=events),
        api={"url": f"http://{registry.address}", "username": USER, "password": PASSWORD},
        reconcile={"rate": "1000/s"},
    )

    def heard():
        sidecar.wait_delivered()
        found = [one.json for one in receiver.at("all")]
        return [(one["type"].removeprefix("io.registry-sidecar."), one["subject"], one["data"]) for one in found]

    return heard


def walk(sidecar, verb="reconcile"):
    code, found = sidecar.cli(verb, "main", "--wait")
    assert code == 0, found
    (one,) = found["walks"]
    return one["last"]


def test_what_is_lost_at_the_registry_s_end_is_told_once(registry, sidecar, walked, skopeo, image):
    """The sidecar is stopped, images are pushed and deleted, the registry is killed with all that in its queue."""
    sidecar.start()
    skopeo.push(image, "prj/app:kept")
    skopeo.push(image, "prj/gone:v1")
    assert walk(sidecar)["silent"]
    before = walked()
    sidecar.terminate()
    sidecar.process.wait()
    registry.put_manifest("prj/app", "lost", image)
    assert registry.delete("prj/gone", image.digest) == 202
    registry.process.kill()
    registry.start()
    sidecar.start()
    found = walk(sidecar)
    assert (found["changes"], found["deletions"]) == (3, 1)
    eventually(lambda: len(walked()) == len(before) + 3, "what was lost is told")
    assert walk(sidecar)["changes"] == 0
    told = walked()[len(before) :]
    assert sorted((kind, subject) for kind, subject, _ in told) == [
        ("artifact.deleted", "prj/gone:v1"),
        ("artifact.pushed", "prj/app:lost"),
        ("tag.deleted", "prj/gone:v1"),
    ]
    for _, _, data in told:
        assert data["recovered"] is True
        assert data["digest"] == image.digest
    (push,) = [data for kind, _, data in told if kind == "artifact.pushed"]
    assert push["kind"] == "image"


def test_a_tag_that_went_unheard_is_told_alone_where_a_registry_removes_tags_alone(
    registry, sidecar, walked, skopeo, image
):
    """Version 3 does, and keeps the manifest; 2.8 refuses, so nothing is missing."""
    sidecar.start()
    skopeo.push(image, "prj/app:kept")
    skopeo.push(image, "prj/app:gone")
    walk(sidecar)
    before = walked()
    sidecar.terminate()
    sidecar.process.wait()
    lost = {"2.8": [], "3.1": [("tag.deleted", "prj/app:gone", image.digest)]}[registry.version]
    assert registry.delete("prj/app", "gone") == (202 if lost else 400)
    registry.process.kill()
    registry.start()
    sidecar.start()
    assert walk(sidecar)["changes"] == len(lost)
    eventually(lambda: len(walked()) == len(before) + len(lost), "what was lost is told")
    told = walked()[len(before) :]
    assert [(kind, subject, data["digest"]) for kind, subject, data in told] == lost


def test_looking_at_what_is_as_it_was_makes_no_events(registry, sidecar, walked, skopeo, image):
    """Some hundreds of tags: learned by a backfill, looked at again by a walk that finds nothing."""
    sidecar.start()
    skopeo.push(image, "prj/app:first")
    for number in range(TAGS):
        registry.put_manifest("prj/app", f"v{number:03}", image)
    eventually(lambda: registry.notifications()["Pending"] == 0, "the registry told everything")
    learned = walk(sidecar, "backfill")
    assert (learned["seen"], learned["changes"]) == (TAGS + 1, 0)
    told = len(walked())
    events = registry.notifications()["Events"]
    looked = walk(sidecar)
    assert (looked["seen"], looked["changes"]) == (TAGS + 1, 0)
    assert registry.notifications()["Events"] == events  # nothing that is as it was raises a notification
    assert len(walked()) == told


def test_a_registry_that_seems_empty_is_held_and_told_when_accepted(registry, sidecar, walked, skopeo, image):
    sidecar.start()
    skopeo.push(image, "prj/app:v0")
    for number in range(1, 12):
        registry.put_manifest("prj/app", f"v{number}", image)
    eventually(lambda: len(sidecar.api("events?limit=100&type=artifact.pushed")["events"]) == 12, "all was told")
    walk(sidecar)
    sidecar.terminate()
    sidecar.process.wait()
    assert registry.delete("prj/app", image.digest) == 202
    registry.process.kill()
    registry.start()
    sidecar.start()
    code, found = sidecar.cli("reconcile", "main", "--wait")
    assert code == 1
    assert found["walks"][0]["held"]["why"] == "12 of 12 known tags are gone, more than 10 %"
    assert sidecar.metric("walk_held", registry="main") == 1
    assert sidecar.readyz().status == 200
    before = len(walked())
    assert sidecar.cli("reconcile", "--accept")[0] == 0
    eventually(lambda: len(walked()) == before + 13, "one manifest with twelve tags is told")
    assert sidecar.metric("walk_held", registry="main") == 0
