"""What subscribers hear when real clients push to, pull from and delete in real registries."""

import datetime as dt

import pytest
from oci_images import write_index
from real_registry import USER
from real_sidecar import HOSTNAME, subscription

pytestmark = pytest.mark.e2e

ALL = ("harbor", "dtr", "quay")


@pytest.fixture
def started(sidecar, receiver):
    """Start the sidecar with one subscription per vendor, each delivering one by one: in order, while none fails."""

    def start(*vendors, **more):
        ordered = {"delivery": {"concurrency": 1}, **more}
        sidecar.configure(*(subscription(one, one, receiver.url(one), **ordered) for one in vendors))
        sidecar.start()

    return start


@pytest.fixture
def heard(receiver, registry, skopeo, image, sidecar):
    """Everything that a vendor's receiver was told by now, verified, without the fence that makes sure of "everything".

    The fence is a push of its own: registry and sidecar keep the order, so nothing before it is still under way.
    """
    fences = []

    def hear(path):
        fence = f"fence-{len(fences)}"
        fences.append(fence)
        skopeo.push(image, f"fence/fence:{fence}")
        receiver.wait_for(path, where=lambda one: fence in one.body.decode())
        sidecar.wait_delivered()
        return [one.verified() for one in receiver.at(path) if b"fence/fence" not in one.body]

    return hear


def seconds(text):
    """The whole seconds of an RFC 3339 time in UTC."""
    assert text.endswith("Z")
    return int(dt.datetime.fromisoformat(text).timestamp())


def harbor_body(word, digest, *tags, at, created, operator=USER):
    """Harbor's body for prj/app, or for its digest when there are no tags."""
    places = [(one, f":{one}") for one in tags] or [(digest, f"@{digest}")]
    return {
        "type": word,
        "occur_at": at,
        "operator": operator,
        "event_data": {
            "resources": [
                {"digest": digest, "tag": tag, "resource_url": f"{HOSTNAME}/prj/app{suffix}"} for tag, suffix in places
            ],
            "repository": {
                "date_created": created,
                "name": "app",
                "namespace": "prj",
                "repo_full_name": "prj/app",
                "repo_type": "private",
            },
        },
    }


def dtr_contents(digest, tag, **when):
    """The contents of DTR's events for prj/app; when the tag is "", those of a manifest's event."""
    name = f"{HOSTNAME}/prj/app:{tag}" if tag else f"{HOSTNAME}/prj/app@{digest}"
    contents = {
        "namespace": "prj",
        "repository": "app",
        "digest": digest,
        "imageName": name,
        "os": "",
        "architecture": "",
        "author": USER,
        **when,
    }
    return {**contents, "tag": tag} if tag else contents


def test_a_push_arrives_in_the_words_of_each_vendor(started, registry, skopeo, receiver, image):
    """One `skopeo copy` is one signed webhook per vendor, with the digest that `skopeo inspect` tells."""
    started(*ALL)
    skopeo.push(image, "prj/app:1.0")
    assert skopeo.digest("prj/app:1.0") == image.digest
    said = {vendor: receiver.wait_for(vendor)[0] for vendor in ALL}
    assert {one.headers["content-type"] for one in said.values()} == {"application/json"}
    assert len({one.id for one in said.values()}) == 3

    dtr = said["dtr"].verified()
    pushed = dtr["contents"]["pushedAt"]
    assert abs(seconds(pushed) - said["dtr"].at) < 60
    assert seconds(dtr["createdAt"]) >= seconds(pushed)
    assert dtr == {
        "type": "TAG_PUSH",
        "createdAt": dtr["createdAt"],
        "contents": dtr_contents(image.digest, "1.0", pushedAt=pushed),
        "location": "/repositories/prj/app/tags/1.0",
    }

    at = seconds(pushed)
    assert said["harbor"].verified() == harbor_body("PUSH_ARTIFACT", image.digest, "1.0", at=at, created=at)

    assert said["quay"].verified() == {
        "repository": "prj/app",
        "namespace": "prj",
        "name": "app",
        "docker_url": f"{HOSTNAME}/prj/app",
        "homepage": f"https://{HOSTNAME}/repository/prj/app",
        "updated_tags": ["1.0"],
    }


def test_an_index_is_one_push_and_its_children_are_none(started, heard, skopeo, tmp_path):
    """`skopeo copy --all` pushes three manifests under one tag: subscribers hear of the tag only."""
    started(*ALL)
    index = write_index(tmp_path / "index", "many")
    skopeo.push(index, "prj/app:multi")
    skopeo.push(index, "prj/app:latest")
    for vendor in ALL:
        told = heard(vendor)
        assert len(told) == 2, told
        assert not any(child in str(told) for child in index.children)
    tags = [(one["type"], one["contents"]["tag"], one["contents"]["digest"]) for one in heard("dtr")]
    assert tags == [("TAG_PUSH", "multi", index.digest), ("TAG_PUSH", "latest", index.digest)]


def test_a_pull_is_said_with_its_tag_whether_the_client_gets_by_tag_or_by_digest(
    started, heard, skopeo, containerd, image
):
    """skopeo GETs by tag. containerd asks HEAD by tag and then GETs by digest: the HEAD lends its tag."""
    started("harbor", "dtr", events=["artifact.pulled", "artifact.pushed"])
    skopeo.push(image, "prj/app:1.0")
    skopeo.pull("prj/app:1.0")
    containerd.fetch("prj/app:1.0")
    pushed, *pulls = heard("harbor")
    created = pushed["occur_at"]
    assert pulls == [
        harbor_body("PULL_ARTIFACT", image.digest, "1.0", at=one["occur_at"], created=created) for one in pulls
    ]
    assert len(pulls) == 2
    _, *told = heard("dtr")
    assert [one["type"] for one in told] == ["TAG_PULL", "TAG_PULL"]
    for one in told:
        assert one["contents"] == dtr_contents(image.digest, "1.0", pulledAt=one["contents"]["pulledAt"])


def test_skopeo_delete_takes_the_manifest_and_all_its_tags(started, heard, registry, skopeo, image):
    """The registry names no tag with the digest and no digest with the tags; subscribers are told both."""
    started(*ALL)
    skopeo.push(image, "prj/app:1.0")
    skopeo.push(image, "prj/app:stable")
    skopeo.delete("prj/app:1.0")

    first, _, deleted = heard("harbor")
    created = first["occur_at"]
    at = deleted["occur_at"]
    assert deleted == harbor_body("DELETE_ARTIFACT", image.digest, "stable", "1.0", at=at, created=created)

    manifest, *tags = heard("dtr")[2:]
    when = manifest["contents"]["deletedAt"]
    assert seconds(when) == at
    assert manifest["type"] == "MANIFEST_DELETE"
    assert manifest["contents"] == dtr_contents(image.digest, "", deletedAt=when)
    tags.sort(key=lambda one: one["contents"]["tag"])  # registry 3 sends them in any order
    assert [one["type"] for one in tags] == ["TAG_DELETE", "TAG_DELETE"]
    for one, tag in zip(tags, ("1.0", "stable"), strict=True):
        assert one["contents"] == dtr_contents(image.digest, tag, deletedAt=one["contents"]["deletedAt"])
        assert one["location"] == f"/repositories/prj/app/tags/{tag}"

    assert [one["updated_tags"] for one in heard("quay")] == [["1.0"], ["stable"]]


@pytest.mark.parametrize("registry", ["3.1"], indirect=True)
def test_registry_3_deletes_a_tag_alone(started, heard, registry, skopeo, image):
    """DELETE by tag leaves the manifest: a TAG_DELETE, with the digest from what was pushed, and no other word."""
    started(*ALL)
    skopeo.push(image, "prj/app:1.0")
    skopeo.push(image, "prj/app:stable")
    assert registry.delete("prj/app", "1.0") == 202
    assert [one["type"] for one in heard("harbor")] == ["PUSH_ARTIFACT", "PUSH_ARTIFACT"]
    *_, deleted = told = heard("dtr")
    assert [one["type"] for one in told] == ["TAG_PUSH", "TAG_PUSH", "TAG_DELETE"]
    when = deleted["contents"]["deletedAt"]
    assert deleted["contents"] == dtr_contents(image.digest, "1.0", deletedAt=when)
    assert len(heard("quay")) == 2


@pytest.mark.parametrize("registry", ["2.8"], indirect=True)
def test_registry_2_refuses_to_delete_a_tag_and_nobody_hears_of_it(started, heard, registry, skopeo, image):
    """Registry 2 answers 400 to DELETE by tag and says nothing."""
    started("dtr")
    skopeo.push(image, "prj/app:1.0")
    assert registry.delete("prj/app", "1.0") == 400
    assert [one["type"] for one in heard("dtr")] == ["TAG_PUSH"]
