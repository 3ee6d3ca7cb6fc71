"""What a received webhook is, told by the shape of its body alone. Pure.

what it holds                                             format            word
------------------------------------------------------    --------------    ---------------------------
`event_data`, `occur_at`                                  harbor            `type`
`event_type`, `events` with `repo_name`                   harbor legacy     `event_type`
`blocks` that begin with `*Harbor webhook events*`        harbor slack      the text behind `*event_type:*`
`specversion`, a `type` that begins with `harbor.`        harbor cloudevents  `type`
`specversion`, anything else                              cloudevents       `type`
`contents`, `location`                                    dtr               `type`
`docker_url`, and a key that only one word has            quay              the word; its beginning where several
                                                                            have the same body
`threshold_percent`, `usage_bytes`                        quay              quota_error at 100, else quota_warning
`events` with `action` and `target`                       distribution      `action` of the first
what chats are sent                                       (see recognise_chats)
"""

import html
import json
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sidecar.cli.recognise_chats import recognise_chat


class Recognised(msgspec.Struct, frozen=True, kw_only=True):
    """What could be read of a webhook; `format` is `unknown` where nothing could."""

    format: str = "unknown"
    word: str = ""
    repository: str = ""
    tags: tuple[str, ...] = ()
    digest: str = ""


UNKNOWN = Recognised()
_QUAY = {  # by a key of the body, which does not say more of builds and mirrors
    "is_manual": "build_queued",
    "build_id": "build",
    "updated_tags": "repo_push",
    "vulnerability": "vulnerability_found",
    "expiring_in": "repo_image_expiry",
    "message": "repo_mirror_sync",
}


def recognise(body: bytes) -> Recognised:
    """Never raises, whatever the body holds."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return UNKNOWN
    if not isinstance(value, dict):
        return UNKNOWN
    if "specversion" in value:
        return _cloud_event(value)
    if "event_data" in value and "occur_at" in value:
        return _harbor("harbor", value, _mapping(value, "event_data"))
    if "contents" in value and "location" in value:
        return _dtr(value)
    blocks = [_text(_mapping(one, "text"), "text") for one in _list(value.get("blocks")) if isinstance(one, Mapping)]
    if len(blocks) == 6 and blocks[0] == "*Harbor webhook events*":
        return _slack(blocks)
    chat = recognise_chat(value)
    if chat is not None:
        return Recognised(format=chat[0], word=chat[1], repository=chat[2])
    quay = next((word for key, word in _QUAY.items() if key in value), "") if "docker_url" in value else ""
    if quay:
        return Recognised(
            format="quay",
            word=quay,
            repository=_text(value, "repository"),
            tags=_texts(value.get("updated_tags", value.get("tags"))),
        )
    if "threshold_percent" in value and "usage_bytes" in value:  # of a namespace: it names no repository
        return Recognised(format="quay", word="quota_error" if value["threshold_percent"] == 100 else "quota_warning")
    listed = [one for one in _list(value.get("events")) if isinstance(one, Mapping)]
    if listed and "event_type" in value:
        return Recognised(
            format="harbor legacy",
            word=_text(value, "event_type"),
            repository=_text(listed[0], "full_name"),
            tags=tuple(_text(one, "tag") for one in listed),
            digest=_text(listed[0], "image_id"),
        )
    if listed and "action" in listed[0] and "target" in listed[0]:
        target = _mapping(listed[0], "target")
        tag = _text(target, "tag")
        return Recognised(
            format="distribution",
            word=_text(listed[0], "action"),
            repository=_text(target, "repository"),
            tags=(tag,) if tag else (),
            digest=_text(target, "digest"),
        )
    return UNKNOWN


def _cloud_event(value: Mapping[str, Any]) -> Recognised:
    data = _mapping(value, "data")
    if _text(value, "type").startswith("harbor."):
        return _harbor("harbor cloudevents", value, data)
    return Recognised(
        format="cloudevents",
        word=_text(value, "type"),
        repository=_text(data, "repository"),
        tags=_texts(data.get("tags")),
        digest=_text(data, "digest"),
    )


def _harbor(name: str, value: Mapping[str, Any], data: Mapping[str, Any]) -> Recognised:
    resources = [one for one in _list(data.get("resources")) if isinstance(one, Mapping)]
    digests = [_text(one, "digest") for one in resources]
    tags = [_text(one, "tag") for one in resources]
    return Recognised(
        format=name,
        word=_text(value, "type"),
        repository=_text(_mapping(data, "repository"), "repo_full_name"),
        tags=tuple(tag for tag in tags if tag and tag not in digests),  # without a tag, Harbor's may hold the digest
        digest=next(iter(digests), ""),
    )


def _slack(texts: Sequence[str]) -> Recognised:
    word = texts[1].removeprefix("*event_type:* ")
    try:
        data = json.loads(html.unescape(texts[5].strip("`")))
    except (ValueError, RecursionError):  # it was cut to Slack's length
        data = {}
    return _harbor("harbor slack", {"type": word}, data if isinstance(data, dict) else {})


def _dtr(value: Mapping[str, Any]) -> Recognised:
    contents = _mapping(value, "contents")
    # Some contents name no place; the location does: /repositories/<namespace>/<repository>/tags/<tag>
    place, _, of_place = _text(value, "location").removeprefix("/repositories/").partition("/tags/")
    named = "/".join(part for part in (_text(contents, "namespace"), _text(contents, "repository")) if part)
    tag = _text(contents, "tag") or of_place
    return Recognised(
        format="dtr",
        word=_text(value, "type"),
        repository=named or place,
        tags=(tag,) if tag else (),
        digest=_text(contents, "digest"),
    )


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""


def _list(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> tuple[str, ...]:
    return tuple(one for one in _list(value) if isinstance(one, str))
