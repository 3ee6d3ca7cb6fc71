"""The fixed payloads that DTR sends to try an endpoint: "the example payload sent is always the same".

TAG_PUSH is the one that the manual of 2.6 and 2.7 shows, whose imageName names no host. TAG_DELETE and SCAN_COMPLETED
are those of fixtures made from DTR 2.4, likewise without a host; MANIFEST_PUSH and MANIFEST_DELETE have the same values
in the published shape. The rest was never published: shaped as the manual has it where it does, else best effort.
"""

from collections.abc import Mapping
from typing import Any, Final

from sidecar.dialects.contract import compact
from sidecar.domain import instant

_DIGEST: Final = "sha256:b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
_WHEN: Final = "2015-01-02T15:04:05Z"
_PLACE: Final = {"namespace": "foo", "repository": "bar"}
_TAG: Final = {**_PLACE, "tag": "latest"}
_IMAGE: Final = "foo/bar:latest"
_PLATFORM: Final = {"os": "linux", "architecture": "amd64"}
_REPOSITORY: Final = {
    "id": "",
    "namespace": "foo",
    "namespaceType": "organization",
    "name": "bar",
    "shortDescription": "",
    "visibility": "public",
    "scanOnPush": False,
    "immutableTags": False,
    "enableManifestLists": False,
    "pulls": 0,
    "pushes": 0,
    "tagLimit": 0,
}


def _tag(when: str) -> dict[str, Any]:
    return {**_TAG, "digest": _DIGEST, "imageName": _IMAGE, **_PLATFORM, "author": "", when: _WHEN}


def _manifest(when: str) -> dict[str, Any]:
    return {
        **_PLACE,
        "digest": _DIGEST,
        "imageName": f"foo/bar@{_DIGEST}",
        **_PLATFORM,
        "author": "",
        when: _WHEN,
    }


def _repository(event: str) -> dict[str, Any]:
    return {**_PLACE, "event": event, "author": "", "data": {} if event == "REPO_DELETED" else _REPOSITORY}


_MIRRORED: Final = {
    "mirroringPolicyID": "",
    "digest": _DIGEST,
    "remoteRepository": "foo/bar",
    "remoteTag": "latest",
}

_AT_TAG, _AT_MANIFEST, _AT_REPOSITORY = (
    "/repositories/foo/bar/tags/latest",
    f"/repositories/foo/bar/manifests/{_DIGEST}",
    "/repositories/foo/bar",
)

_SAMPLES: Final[Mapping[str, tuple[dict[str, Any], str]]] = {
    "TAG_PUSH": (_tag("pushedAt"), _AT_TAG),
    "TAG_PULL": (_tag("pulledAt"), _AT_TAG),
    "TAG_DELETE": (
        {**_TAG, "digest": _DIGEST, **_PLATFORM, "imageName": _IMAGE, "author": "", "deletedAt": _WHEN},
        _AT_TAG,
    ),
    "MANIFEST_PUSH": (_manifest("pushedAt"), _AT_MANIFEST),
    "MANIFEST_PULL": (_manifest("pulledAt"), _AT_MANIFEST),
    "MANIFEST_DELETE": (_manifest("deletedAt"), _AT_MANIFEST),
    "SCAN_COMPLETED": (
        {
            **_TAG,
            "imageName": _IMAGE,
            "scanSummary": {
                "namespace": "foo",
                "reponame": "bar",
                "tag": "latest",
                "critical": 5,
                "major": 3,
                "minor": 0,
                "last_scan_status": 6,
                "check_completed_at": _WHEN,
                "should_rescan": False,
                "has_foreign_layers": False,
            },
        },
        _AT_TAG,
    ),
    "SCAN_FAILED": ({**_TAG, "imageName": _IMAGE, "error": "an example of an error"}, _AT_TAG),
    "PROMOTION": (
        {
            "promotionPolicyID": "",
            "digest": _DIGEST,
            "sourceRepository": "foo/bar",
            "sourceTag": "latest",
            "targetRepository": "foo/baz",
            "targetTag": "latest",
            "promotedAt": _WHEN,
        },
        _AT_TAG,
    ),
    "PUSH_MIRRORING": (_MIRRORED, _AT_TAG),
    "POLL_MIRRORING": (_MIRRORED, _AT_TAG),
    "REPO_EVENT": (_repository("REPO_CREATED"), _AT_REPOSITORY),
    "REPO_CREATED": (_repository("REPO_CREATED"), _AT_REPOSITORY),
    "REPO_UPDATED": (_repository("REPO_UPDATED"), _AT_REPOSITORY),
    "REPO_DELETED": (_repository("REPO_DELETED"), _AT_REPOSITORY),
    "SCANNER_UPDATE_COMPLETED": (
        {
            "scanner_version": "",
            "scanner_updated_at": _WHEN,
            "db_version": 0,
            "db_updated_at": _WHEN,
            "success": True,
            "replicas": {"replica_id": {"db_updated_at": _WHEN, "version": "", "replica_id": "replica_id"}},
        },
        "",
    ),
}

WORDS: Final = frozenset(_SAMPLES)


def payload(word: str, now: int) -> bytes:
    """The payload of a word: only `createdAt` is of the moment. Raises KeyError for what is no word of DTR's."""
    contents, location = _SAMPLES[word]
    return compact({"type": word, "createdAt": instant.rfc3339(now), "contents": contents, "location": location})
