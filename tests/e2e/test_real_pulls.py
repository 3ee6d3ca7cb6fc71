"""One pull is one pull, whatever requests a real client makes for it."""

import pytest
from oci_images import write_index
from peers import eventually
from real_sidecar import subscription

pytestmark = pytest.mark.e2e

EVENTS = ["artifact.pulled", "artifact.checked", "artifact.pushed"]


@pytest.fixture
def index(tmp_path):
    return write_index(tmp_path / "index", "many")


@pytest.fixture
def started(sidecar, receiver, skopeo, image, index):
    """Start the sidecar with a subscription that hears everything about pulls; then push prj/app, 1.0 and multi."""

    def start(**registry):
        everything = {"events": EVENTS, "match": {"untagged": True}, "delivery": {"concurrency": 1}}
        sidecar.configure(subscription("all", "cloudevents", receiver.url("all"), **everything), **registry)
        sidecar.start()
        skopeo.push(image, "prj/app:1.0")
        skopeo.push(index, "prj/app:multi")
        return sidecar

    return start


@pytest.fixture
def heard(receiver, skopeo, image, sidecar):
    """What was said of pulls and checks by now: (word, tag, digest). A push of its own makes sure of "by now"."""
    fences = []

    def hear():
        fence = f"fence-{len(fences)}"
        fences.append(fence)
        skopeo.push(image, f"fence/fence:{fence}")
        receiver.wait_for("all", where=lambda one: fence in one.body.decode())
        sidecar.wait_delivered()
        said = [one.verified() for one in receiver.at("all") if b"fence/fence" not in one.body]
        told = [(one["data"]["event"], one["data"].get("tag", ""), one["data"]["digest"]) for one in said]
        return [one for one in told if one[0] != "artifact.pushed"]

    return hear


def test_containerd_fetches_every_platform_in_one_pull(started, heard, containerd, index):
    sidecar = started()
    containerd.fetch("prj/app:multi", "--all-platforms")
    assert heard() == [("artifact.pulled", "multi", index.digest)]
    (listed,) = sidecar.api("pulls?repository=prj/app")["pulls"]
    assert (listed["digest"], listed["kind"], listed["pulls"]) == (index.digest, "index", 1)
    assert [(one["tag"], one["pulls"]) for one in listed["byTag"]] == [("multi", 1)]


def test_a_fetch_of_containerd_that_finds_everything_there_is_a_check(started, heard, containerd, image, receiver):
    started(pull_window="2s")
    containerd.fetch("prj/app:1.0")
    containerd.fetch("prj/app:1.0")
    assert heard() == [("artifact.pulled", "1.0", image.digest)]
    receiver.wait_for("all", where=lambda one: b"artifact.checked" in one.body)
    assert heard()[1:] == [("artifact.checked", "1.0", image.digest)]


def test_skopeo_copies_all_platforms_in_one_pull_and_an_inspection_is_one(started, heard, skopeo, index):
    started()
    skopeo.pull("prj/app:multi", "--all")
    assert heard() == [("artifact.pulled", "multi", index.digest)]
    assert skopeo.digest("prj/app:multi") == index.digest
    assert heard() == [("artifact.pulled", "multi", index.digest)] * 2


def test_a_copy_within_the_registry_is_one_pull(started, heard, skopeo, index):
    """The pushes to the destination go on between the GETs of the source."""
    started()
    skopeo.copy("prj/app:multi", "prj/mirror:multi", "--all")
    assert heard() == [("artifact.pulled", "multi", index.digest)]


def test_a_restart_in_the_middle_of_a_pull_keeps_its_tag(started, heard, registry, image):
    """The HEAD is heard by one process, the GET by the next."""
    sidecar = started()
    assert registry.ask_manifest("HEAD", "prj/app", "1.0").status == 200
    eventually(lambda: sidecar.metric("events_total", outcome="checked") == 1, "the HEAD is translated")
    sidecar.kill()
    sidecar.start()
    assert registry.ask_manifest("GET", "prj/app", image.digest).status == 200
    assert heard() == [("artifact.pulled", "1.0", image.digest)]
