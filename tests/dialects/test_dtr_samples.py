"""DTR's test payloads, beside those that were published or captured."""

import json
from typing import Any

import pytest

from sidecar.dialects import dtr_samples
from sidecar.domain import instant

DIGEST = "sha256:b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"


def wrapped(word: str, created: str, contents: dict[str, Any], location: str) -> dict[str, Any]:
    return {"type": word, "createdAt": created, "contents": contents, "location": location}


def tagged(when: str) -> dict[str, Any]:
    """The contents of the test payload that the manual of DTR 2.6 shows."""
    return {
        "namespace": "foo",
        "repository": "bar",
        "tag": "latest",
        "digest": DIGEST,
        "imageName": "foo/bar:latest",
        "os": "linux",
        "architecture": "amd64",
        "author": "",
        when: "2015-01-02T15:04:05Z",
    }


# The manual of DTR 2.6 and 2.7, and payloads captured from DTR 2.4 (whose image names began with dtr.unit.test.com/).
PUBLISHED = [
    wrapped("TAG_PUSH", "2019-05-15T19:39:40.607337713Z", tagged("pushedAt"), "/repositories/foo/bar/tags/latest"),
    wrapped("TAG_DELETE", "2017-12-19T03:39:44.554754917Z", tagged("deletedAt"), "/repositories/foo/bar/tags/latest"),
    wrapped(
        "SCAN_COMPLETED",
        "2017-12-19T03:47:17.912418368Z",
        {
            "namespace": "foo",
            "repository": "bar",
            "tag": "latest",
            "imageName": "foo/bar:latest",
            "scanSummary": {
                "namespace": "foo",
                "reponame": "bar",
                "tag": "latest",
                "critical": 5,
                "major": 3,
                "minor": 0,
                "last_scan_status": 6,
                "check_completed_at": "2015-01-02T15:04:05Z",
                "should_rescan": False,
                "has_foreign_layers": False,
            },
        },
        "/repositories/foo/bar/tags/latest",
    ),
]


@pytest.mark.parametrize("published", PUBLISHED, ids=[one["type"] for one in PUBLISHED])
def test_a_payload_is_the_published_one(published: dict[str, Any]) -> None:
    """Word for word; only `createdAt` is of the moment, and has all of its nine digits."""
    body = dtr_samples.payload(published["type"], instant.parse_rfc3339(published["createdAt"]))
    assert json.loads(body) == published


def test_keys_stand_in_the_order_of_real_messages() -> None:
    """The wrapper as in every sample; a deletion's image name after the platform, as in the one captured."""
    assert list(json.loads(dtr_samples.payload("TAG_PUSH", 0))) == ["type", "createdAt", "contents", "location"]
    contents = json.loads(dtr_samples.payload("TAG_DELETE", 0))["contents"]
    assert list(contents)[3:7] == ["digest", "os", "architecture", "imageName"]


SHAPES = {
    "MANIFEST_PUSH": "namespace repository digest imageName os architecture author pushedAt",
    "MANIFEST_DELETE": "namespace repository digest imageName os architecture author deletedAt",
    "SCAN_FAILED": "namespace repository tag imageName error",
    "PROMOTION": "promotionPolicyID digest sourceRepository sourceTag targetRepository targetTag promotedAt",
    "REPO_EVENT": "namespace repository event author data",
    "SCANNER_UPDATE_COMPLETED": "scanner_version scanner_updated_at db_version db_updated_at success replicas",
}


@pytest.mark.parametrize("word", SHAPES)
def test_the_others_have_the_shape_of_the_manual(word: str) -> None:
    """And that of what receivers are known to read of them: slack-dtr fails without any of these keys."""
    body = json.loads(dtr_samples.payload(word, 0))
    assert set(body["contents"]) == set(SHAPES[word].split())
    assert (body["type"], body["createdAt"]) == (word, "1970-01-01T00:00:00Z")


def test_a_manifest_is_found_by_its_digest() -> None:
    body = json.loads(dtr_samples.payload("MANIFEST_PUSH", 0))
    assert body["location"] == f"/repositories/foo/bar/manifests/{DIGEST}"
    assert body["contents"]["imageName"] == f"foo/bar@{DIGEST}"


def test_the_scanner_concerns_no_place() -> None:
    body = json.loads(dtr_samples.payload("SCANNER_UPDATE_COMPLETED", 0))
    assert body["location"] == ""
    assert set(body["contents"]["replicas"]["replica_id"]) == {"db_updated_at", "version", "replica_id"}


@pytest.mark.parametrize("word", ["REPO_CREATED", "REPO_UPDATED", "REPO_DELETED"])
def test_a_repository_event_says_which_it_is(word: str) -> None:
    """Whatever type was subscribed to, `event` has one of the three, and a deletion carries no repository."""
    contents = json.loads(dtr_samples.payload(word, 0))["contents"]
    assert contents["event"] == word
    assert bool(contents["data"]) == (word != "REPO_DELETED")
