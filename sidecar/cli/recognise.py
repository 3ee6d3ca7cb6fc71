"""What a received webhook is, told by the shape of its body alone. Pure.

what it holds                                             format            word
------------------------------------------------------    --------------    ---------------------------
`event_data`, `occur_at`                                  harbor            `type`
`event_type`, `events` with `repo_name`                   harbor legacy     `event_type`
`blocks` that begin with `*Harbor webhook events*`        harbor slack      the text behind `*event_type:*`
`specversion`, a `type` that begins with `harbor.`        harbor cloudevents  `type`
`specversion`, a `type` of CDEvents                       cdevents          `type`
`context` with a `type` of CDEvents, `subject`            cdevents          the context's `type`
`specversion`, anything else                              cloudevents       `type`
`contents`, `location`                                    dtr               `type`
`docker_url`, and a key that only one word has            quay              the word; its beginning where several
                                                                            have the same body
`threshold_percent`, `usage_bytes`                        quay              quota_error at 100, else quota_warning
`events` with `action` and `target`                       distribution      `action` of the first
`push_data`, `repository`                                 dockerhub         push
`action` with `target`, or `ping` with two keys more      acr               `action`
`package` or `registry_package`, with a `package_version`  ghcr             `action`
`domain` that is `docker`, `event_type`, `data`           jfrog             `event_type`
`repositoryName`, with `component` or `asset`             nexus             `action`
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
    if "context" in value and "subject" in value:
        return _cdevent(value)
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
    return _of_registries(value)


def _of_registries(value: Mapping[str, Any]) -> Recognised:
    """The words of Docker Hub, ACR, GitHub, Artifactory and Nexus."""
    if "push_data" in value and "repository" in value:
        place, push = _mapping(value, "repository"), _mapping(value, "push_data")
        host, _, rest = _text(place, "repo_name").partition("/")
        name = rest if "." in host or ":" in host or host == "localhost" else _text(place, "repo_name")
        return _one("dockerhub", "push", name, tag=_text(push, "tag"))
    data, action = _mapping(value, "data"), _text(value, "action")
    if value.get("domain") == "docker" and "event_type" in value and data:
        digest = _text(data, "sha256")
        return _one(
            "jfrog",
            _text(value, "event_type"),
            # key and path, whatever `image_name` says: less the tag and the name of the manifest
            "/".join([_text(data, "repo_key"), *_text(data, "path").split("/")[:-2]]),
            tag=_text(data, "tag"),
            digest=f"sha256:{digest}" if digest else "",
        )
    for kind in ("component", "asset"):
        if "repositoryName" in value and kind in value:
            told = _mapping(value, kind)
            name, tag = "/".join(filter(None, (_text(told, "group"), _text(told, "name")))), _text(told, "version")
            if kind == "asset" and "/manifests/" in name:
                name, _, tag = name.removeprefix("v2/").rpartition("/manifests/")
            return _one("nexus", action, name, tag=tag)
    for kind in ("package", "registry_package"):
        version = _mapping(_mapping(value, kind), "package_version")
        if version:
            labelled = _mapping(_mapping(version, "container_metadata"), "tag")
            tag = _text(labelled, "name")
            name = _text(version, "package_url").removesuffix(f":{tag}").partition("/")[2]
            return _one("ghcr", action, name, tag=tag, digest=_text(labelled, "digest"))
    if action and (target := _mapping(value, "target")):
        return _one(
            "acr", action, _text(target, "repository"), tag=_text(target, "tag"), digest=_text(target, "digest")
        )
    if value.keys() == {"id", "timestamp", "action"} and action == "ping":
        return Recognised(format="acr", word=action)
    return UNKNOWN


def _one(name: str, word: str, repository: str, *, tag: str = "", digest: str = "") -> Recognised:
    return Recognised(format=name, word=word, repository=repository, tags=(tag,) if tag else (), digest=digest)


def _cdevent(value: Mapping[str, Any]) -> Recognised:
    custom, word = _mapping(value, "customData"), _text(_mapping(value, "context"), "type")
    if not word.startswith("dev.cdevents."):
        return UNKNOWN
    tag = _text(custom, "tag")
    return Recognised(
        format="cdevents",
        word=word,
        repository=_text(custom, "repository"),
        tags=(tag,) if tag else _texts(custom.get("tags")),
        digest=_text(custom, "digest"),
    )


def _cloud_event(value: Mapping[str, Any]) -> Recognised:
    data = _mapping(value, "data")
    if _text(value, "type").startswith("harbor."):
        return _harbor("harbor cloudevents", value, data)
    if _text(value, "type").startswith("dev.cdevents.") and data:
        return _cdevent(data)
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
