"""Notifications as a registry posts them, said briefly."""

import hashlib
import json
from typing import Any

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
BLOB = "application/octet-stream"
TIME = "2026-11-22T00:01:14.212777163Z"


def digest(what: object) -> str:
    """The digest of something that has this name."""
    return "sha256:" + hashlib.sha256(str(what).encode()).hexdigest()


def record(identity: str, action: str, target: dict[str, Any], **more: Any) -> dict[str, Any]:
    """One event of an envelope."""
    methods = {"push": "PUT", "pull": "GET", "delete": "DELETE"}
    return {
        "id": identity,
        "timestamp": more.get("time", TIME),
        "action": action,
        "target": target,
        "request": {
            "id": more.get("request", f"request-{identity}"),
            "addr": "192.0.2.10:41234",
            "host": "registry.example.com",
            "method": methods.get(action, "GET"),
            "useragent": more.get("agent", "docker/27.3.1"),
        },
        "actor": {"name": more.get("actor", "maria")},
        "source": {"addr": "registry-0:5000", "instanceID": "0f8fad5b-d9cb-469f-a165-70867728950e"},
    }


def push(
    identity: str, tag: str = "v1", *, repository: str = "prj/app", of: object = None, **more: Any
) -> dict[str, Any]:
    """A manifest's push; `of` names its content, by default the record's id."""
    given = digest(identity if of is None else of)
    target = {
        "mediaType": MANIFEST,
        "size": 517,
        "digest": given,
        "length": 517,
        "repository": repository,
        "url": f"http://registry.example.com/v2/{repository}/manifests/{given}",
    }
    return record(identity, "push", {**target, "tag": tag} if tag else target, **more)


def pull(identity: str, tag: str = "v1", **more: Any) -> dict[str, Any]:
    """A manifest's GET."""
    pushed = push(identity, tag, **more)
    return record(identity, "pull", pushed["target"], **more)


def blob(identity: str, *, repository: str = "prj/app", **more: Any) -> dict[str, Any]:
    """A layer's upload."""
    given = digest(identity)
    target = {
        "mediaType": BLOB,
        "size": 32654,
        "digest": given,
        "length": 32654,
        "repository": repository,
        "url": f"http://registry.example.com/v2/{repository}/blobs/{given}",
    }
    return record(identity, "push", target, **more)


def delete(identity: str, of: object, *, repository: str = "prj/app", **more: Any) -> dict[str, Any]:
    """The deletion of what `of` names."""
    return record(identity, "delete", {"digest": digest(of), "repository": repository}, **more)


def untag(identity: str, tag: str, *, repository: str = "prj/app", **more: Any) -> dict[str, Any]:
    """The deletion of a tag."""
    return record(identity, "delete", {"repository": repository, "tag": tag}, **more)


def envelope(*records: dict[str, Any]) -> bytes:
    return json.dumps({"events": list(records)}).encode()
