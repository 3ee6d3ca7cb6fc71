"""What the registry is asked for reaches subscribers, and our own requests make no events: with real registries."""

import json

import pytest
from oci_images import CONFIG, write_index
from peers import eventually
from real_registry import PASSWORD, USER
from real_sidecar import subscription

pytestmark = pytest.mark.e2e

WORDS = ["artifact.pushed", "artifact.pulled", "artifact.deleted", "tag.deleted"]


class Asking:
    """A sidecar that may read in the registry, with a DTR subscriber who hears of everything, tagged or not."""

    def __init__(self, sidecar, registry, receiver):
        self.sidecar = sidecar
        self.registry = registry
        self.receiver = receiver

    def start(self, *more, **api):
        access = {"url": f"http://{self.registry.address}", "username": USER, "password": PASSWORD, **api}
        url = self.receiver.url("dtr")
        everything = subscription("dtr", "dtr", url, events=WORDS, match={"untagged": True})
        self.sidecar.configure(everything, *more, api=access)
        self.sidecar.start()

    def asked(self, **labels):
        """How many requests were made, by what they came to."""
        return self.sidecar.metric("registry_requests_total", registry="main", **labels)

    def records(self, outcome):
        return self.sidecar.metric("events_total", registry="main", outcome=outcome)

    def told(self):
        """Everything that DTR's subscriber heard, once the registry has nothing left to tell."""
        eventually(lambda: self.registry.notifications()["Pending"] == 0, "the registry has told everything")
        self.sidecar.wait_delivered()
        bodies = [json.loads(one.body) for one in self.receiver.at("dtr")]
        return [(one["type"], one["contents"]["os"], one["contents"]["architecture"]) for one in bodies]


@pytest.fixture
def asking(sidecar, registry, receiver):
    return Asking(sidecar, registry, receiver)


def test_a_push_arrives_with_os_and_architecture_and_is_asked_about_once(asking, registry, skopeo, receiver, image):
    """And so does the end of it, of which nobody could be asked any more."""
    asking.start()
    skopeo.push(image, "prj/app:1.0")
    pushed = receiver.wait_for("dtr")[0].verified()
    assert (pushed["type"], pushed["contents"]["tag"]) == ("TAG_PUSH", "1.0")
    assert (pushed["contents"]["os"], pushed["contents"]["architecture"]) == ("linux", "amd64")
    assert asking.asked(outcome="ok") == 1  # references told the config's digest, so only that was read

    registry.delete("prj/app", image.digest)
    receiver.wait_for("dtr", 3)
    push, *ends = asking.told()
    assert push == ("TAG_PUSH", "linux", "amd64")
    assert sorted(ends) == [("MANIFEST_DELETE", "linux", "amd64"), ("TAG_DELETE", "linux", "amd64")]
    assert asking.asked() == asking.asked(outcome="ok") == 1


def test_reading_a_manifest_is_told_by_the_registry_and_heard_by_nobody(asking, skopeo, receiver, image):
    """The registry notifies us of our own GET as of anybody's: as a pull, by our user agent."""
    ours = subscription("ours", "cloudevents", receiver.url("ours"), events=["artifact.pushed", "artifact.pulled"])
    asking.start(ours)
    skopeo.push(image, "prj/app:1.0")
    data = receiver.wait_for("ours")[0].verified()["data"]
    manifest = json.loads(image.manifest)
    assert (data["kind"], data["os"], data["architecture"]) == ("image", "linux", "amd64")
    assert (data["configMediaType"], data["configDigest"]) == (CONFIG, manifest["config"]["digest"])
    assert data["imageSize"] == manifest["config"]["size"] + manifest["layers"][0]["size"]
    eventually(lambda: asking.records("silent") == 1, "our own pull was told by the registry")
    assert asking.told() == [("TAG_PUSH", "linux", "amd64")]
    assert [one.verified()["type"] for one in receiver.at("ours")] == ["io.registry-sidecar.artifact.pushed"]

    skopeo.push(image, "prj/app:2.0")
    receiver.wait_for("ours", 2)
    assert asking.asked() == 2  # manifest and config, for the first push


def test_an_index_for_several_platforms_has_none_and_its_images_have_theirs(asking, skopeo, receiver, tmp_path):
    asking.start()
    skopeo.push(write_index(tmp_path / "index", "many"), "prj/app:multi")
    receiver.wait_for("dtr", 3)
    assert sorted(asking.told()) == [
        ("MANIFEST_PUSH", "linux", "amd64"),
        ("MANIFEST_PUSH", "linux", "arm64"),
        ("TAG_PUSH", "", ""),
    ]


def test_a_registry_that_does_not_let_us_in_spoils_nothing(asking, skopeo, receiver, image):
    asking.start(password="wrong")
    skopeo.push(image, "prj/app:1.0")
    receiver.wait_for("dtr")
    assert asking.told() == [("TAG_PUSH", "", "")]
    assert asking.asked() == asking.asked(outcome="unauthorized") == 1
