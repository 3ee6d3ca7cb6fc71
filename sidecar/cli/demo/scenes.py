"""What the demonstration plays: notifications that a real registry (2.8.2) posted, and what must come of them."""

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import msgspec

from sidecar.domain import instant

VENDORS = ("harbor", "dtr", "quay")

# How many webhooks each vendor gets from a scene. The blobs, the HEADs and the index's children are no events; of a
# deletion DTR tells the manifest and each tag, Harbor one webhook with both tags, Quay nothing; Quay knows no pulls.
OWED: Mapping[str, Mapping[str, int]] = {
    "1-push": {"harbor": 1, "dtr": 1, "quay": 1},
    "2-multi-arch": {"harbor": 1, "dtr": 1, "quay": 1},
    "3-pull": {"harbor": 1, "dtr": 1},
    "4-two-tags": {"harbor": 2, "dtr": 2, "quay": 2},
    "5-chart": {"harbor": 1, "dtr": 1, "quay": 1},
    "6-delete": {"harbor": 1, "dtr": 3},
}


class Notification(msgspec.Struct, frozen=True):
    """One envelope as the registry posts it, and a line that says what it holds."""

    content_type: str
    body: bytes
    about: str


class Scene(msgspec.Struct, frozen=True):
    """Something that somebody did, with the notifications that came of it."""

    title: str
    notifications: tuple[Notification, ...]
    owed: Mapping[str, int]


def scenes(rounds: int) -> Iterator[Scene]:
    """Every scene, so many times. Again is never the same: a registry does not use an id twice, and time goes on."""
    folder = resources.files("sidecar.cli.demo")
    files = {name: json.loads(folder.joinpath(f"{name}.json").read_text(encoding="utf-8")) for name in OWED}
    for again in range(rounds):
        for name, owed in OWED.items():
            listed = [_notification(one, again) for one in files[name]["notifications"]]
            yield Scene(files[name]["title"], tuple(listed), owed)


def _notification(captured: dict[str, Any], again: int) -> Notification:
    body = captured["body"]
    if again:
        events = [
            {
                **one,
                "id": f"{one['id']}-{again}",
                "timestamp": instant.rfc3339(instant.parse_rfc3339(one["timestamp"]) + again * instant.HOUR),
                "request": {**one["request"], "id": f"{one['request']['id']}-{again}"},
            }
            for one in body["events"]
        ]
        body = {"events": events}
    # The registry indents with three spaces.
    return Notification(captured["contentType"], json.dumps(body, indent=3).encode(), _about(body["events"][0]))


def _about(event: dict[str, Any]) -> str:
    target = event["target"]
    what = "blob" if target.get("mediaType") == "application/octet-stream" else "manifest"
    if not target.get("digest"):
        what = "tag"
    where = target["repository"] + (f":{target['tag']}" if target.get("tag") else "")
    digest = f"  {target['digest'][:19]}" if target.get("digest") else ""
    return f"{event['action']:<6} {event['request']['method']:<6} {what:<8}  {where}{digest}"
