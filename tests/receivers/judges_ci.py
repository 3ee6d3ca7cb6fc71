"""What Spinnaker's echo, Jenkins' plugin (2.7.4), Kobold (v0.4.3) and Dokploy (v0.30.2) make of a request.

Also Docker Hub's readers in Brigade's gateway, and the counters of GitLab and Portus.
"""

import json
import re
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs

from judging import Answer, Heard, Refused, decode, json_of, split_reference

DOCKER_MANIFESTS = {
    "application/vnd.docker.distribution.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
}

# --- Spinnaker: the source, last in the path, chooses -----------------------------------------------------------------


def spinnaker(heard: Heard) -> Answer:
    """POST /webhooks/{type}/{source}: the artifacts that are extracted, each by its reference."""
    found = re.fullmatch(r".*/webhooks/([^/]+)/([^/]+)", heard.path)
    if found is None:
        raise Refused(404, "no such path")
    kind, source = found.groups()
    body = json_of(heard)
    if not isinstance(body, dict):
        raise Refused(400, "no object")
    if kind == "cdevents":
        return _spinnaker_cdevent(heard, body)
    if "artifacts" in body:
        return Answer(200)  # taken as they are, nothing is extracted
    return _SPINNAKER[source](body)


def _spinnaker_cdevent(heard: Heard, body: dict[str, Any]) -> Answer:
    """A CloudEvent in either mode, whose data is a CDEvent."""
    binary = "ce-specversion" in heard.headers
    if not binary and heard.media_type != "application/cloudevents+json":
        raise Refused(400, "no CloudEvent")
    attributes = heard.headers if binary else body
    if not all(attributes.get(f"{'ce-' if binary else ''}{name}") for name in ("id", "source", "type", "specversion")):
        raise Refused(400, "an attribute is missing")
    data = body if binary else body.get("data")
    if not isinstance(data, dict) or not {"customData", "context", "subject"} <= data.keys():
        raise Refused(400, "customData, context or subject is missing")
    return Answer(200, (str(data["subject"]["id"]),))


def _spinnaker_dockerhub(body: dict[str, Any]) -> Answer:
    tag = body["push_data"].get("tag")
    return Answer(200, (f"index.docker.io/{body['repository']['repo_name']}:{'null' if tag is None else tag}",))


def _spinnaker_quay(body: dict[str, Any]) -> Answer:
    if not body.get("repository"):
        return Answer(200)
    if not isinstance(body.get("updated_tags"), list):
        raise Refused(500, "updated_tags is missing or no list")
    return Answer(200, tuple(f"{body['docker_url']}:{tag}" for tag in body["updated_tags"]))


def _spinnaker_registry(body: dict[str, Any]) -> Answer:
    found = []
    for one in body.get("events", ()):
        target = one["target"]
        if one.get("action") is None or target.get("mediaType") is None:
            raise Refused(500, "action or mediaType is null")
        if one["action"] != "push" or target["mediaType"] not in DOCKER_MANIFESTS:
            continue
        place = f"{one['request']['host']}/{target['repository']}"
        found.append(f"{place}:{target['tag']}" if "tag" in target else f"{place}@{target['digest']}")
    return Answer(200, tuple(found))


def _spinnaker_nexus(body: dict[str, Any]) -> Answer:
    component = body.get("component")
    if component is None:
        return Answer(200)
    return Answer(200, (f"{component.get('group', 'null')}:{component['name']}:{component['version']}",))


_SPINNAKER = {
    "dockerhub": _spinnaker_dockerhub,
    "quay": _spinnaker_quay,
    "dockerregistry": _spinnaker_registry,
    "nexus": _spinnaker_nexus,
}

# --- Jenkins: whatever it cannot read is answered 200 -----------------------------------------------------------------


def jenkins(heard: Heard, token: str = "") -> Answer:
    """The images that jobs are looked for by. `token` is the one that the path must hold, "" = any."""
    found = re.fullmatch(r".*/(\w+)-webhook(?:/([^/]+))?/notify", heard.path)
    if found is None:
        raise Refused(404, "no such path")
    route, given = found.groups()
    if route != "dockertrustedregistry" and (not given or (token and given != token)):
        raise Refused(403, "no token, or another")
    raw = heard.body.decode()
    if heard.media_type == "application/x-www-form-urlencoded":
        raw = parse_qs(raw).get("payload", [""])[0]
    try:
        return _JENKINS[route](json.loads(raw))
    except (KeyError, ValueError, TypeError, IndexError, AttributeError):
        return Answer(200)  # logged, and nothing else


def _jenkins_dockerhub(body: dict[str, Any]) -> Answer:
    name, pushed = body["repository"]["repo_name"], body["push_data"]
    if not name:
        raise ValueError("repo_name")
    return Answer(302, (f"{name}:{pushed['tag']}",))


def _jenkins_registry(body: dict[str, Any]) -> Answer:
    found = []
    for one in body["events"]:
        if one["action"] != "push":
            continue
        target, parts = one["target"], one["target"]["url"].split("/")
        host = parts[2]
        _ = one["request"]["host"]  # must be there, and is not what is used
        datetime.fromisoformat(one["timestamp"])
        if parts[-2] == "manifests":
            found.append(f"{host}/{target['repository']}:{target['tag']}")
    return Answer(200, tuple(found))


def _jenkins_acr(body: dict[str, Any]) -> Answer:
    if body["action"] != "push":
        return Answer(200)
    datetime.fromisoformat(body["timestamp"])
    return Answer(200, (f"{body['request']['host']}/{body['target']['repository']}:{body['target']['tag']}",))


def _jenkins_dtr(body: dict[str, Any]) -> Answer:
    if body["type"] != "TAG_PUSH":
        return Answer(200)  # the default of a job
    contents = body["contents"]
    return Answer(200, (f"{contents['imageName'].split(':')[0]}:{contents['tag']}",))


_JENKINS = {
    "dockerhub": _jenkins_dockerhub,
    "dockerregistry": _jenkins_registry,
    "acr": _jenkins_acr,
    "dockertrustedregistry": _jenkins_dtr,
}

# --- Kobold: answers before it decodes; what cannot be decoded is lost as a whole -------------------------------------


def kobold(heard: Heard, decoder: str) -> Answer:
    """A channel with one of the built-in decoders: the references that it passes on."""
    if re.fullmatch(r"/events/[^/]+", heard.path) is None:
        raise Refused(404, "no such path")
    try:
        return Answer(202, _KOBOLD[decoder](json.loads(heard.body)))
    except (KeyError, ValueError, TypeError):
        return Answer(202)


def _kobold_distribution(body: dict[str, Any]) -> tuple[str, ...]:
    elements = body.get("events", [body])
    return tuple(
        f"{one['request']['host']}/{one['target']['repository']}:{one['target']['tag']}"
        for one in elements
        if one["target"]["digest"] is not None
    )


_KOBOLD = {
    "harbor": lambda body: tuple(one["resource_url"] for one in body["event_data"]["resources"]),
    "dockerhub": lambda body: (f"docker.io/{body['repository']['repo_name']}:{body['push_data']['tag']}",),
    "distribution": _kobold_distribution,
}

# --- Dokploy ----------------------------------------------------------------------------------------------------------


def dokploy(heard: Heard, image: str) -> Answer:
    """The deployment of an application whose image is `image`; what does not fit is answered 301, without Location."""
    if re.fullmatch(r"/api/deploy/(?:compose/)?[^/]+", heard.path) is None:
        raise Refused(404, "no such path")
    name, tag, _ = split_reference(image)
    event = heard.header("x-github-event")
    if event == "ping":
        return Answer(200)
    if event == "registry_package":
        version = json_of(heard)["registry_package"]["package_version"]
        told = split_reference(version["package_url"])[0], version["container_metadata"]["tag"]["name"]
    elif "Go-http-client" in heard.header("user-agent"):
        body = json_of(heard)
        told = body["repository"]["repo_name"], body["push_data"]["tag"]
    else:
        return Answer(200, (image,))  # deployed whatever the body says
    return Answer(200, (image,)) if told == (name, tag) else Answer(301)


# --- Docker Hub's library in Go, behind Brigade's gateway -------------------------------------------------------------

_HUB = {
    "callback_url": str,
    "push_data": {"images": [str], "pushed_at": object, "pusher": str, "tag": str},
    "repository": {
        **dict.fromkeys(("name", "namespace", "owner", "repo_name", "repo_url", "status", "description"), str),
        **dict.fromkeys(("is_official", "is_private", "is_trusted"), bool),
        **dict.fromkeys(("comment_count", "star_count"), int),
        "date_created": object,
        "dockerfile": str,
        "full_description": str,
    },
}


def brigade(heard: Heard, token: str) -> Answer:
    """POST /events?access_token=..."""
    if heard.param("access_token") != token:
        raise Refused(403, "the token")
    if heard.path != "/events":
        raise Refused(404, "no such path")
    if heard.method != "POST" or not heard.body:
        raise Refused(400, "nothing posted")
    body = decode(_HUB, json_of(heard))
    return Answer(200, (f"{body['repository']['repo_name']}:{body['push_data']['tag']}",))


# --- GitLab and Portus ------------------------------------------------------------------------------------------------

_GITLAB_TYPES = {"application/json", "application/vnd.docker.distribution.events.v1+json"}


def gitlab(heard: Heard, secret: str) -> Answer:
    """POST /api/v4/container_registry_event/events: what is counted, as `action repository`."""
    if not heard.path.endswith("/api/v4/container_registry_event/events"):
        raise Refused(404, "no such path")
    if heard.header("authorization") != secret:
        raise Refused(401, "Authorization is not the secret")
    if heard.media_type not in _GITLAB_TYPES:
        raise Refused(406, "the content type")
    body = json_of(heard)
    if not body.get("events") or any(one.get("action") not in {"push", "delete", "pull"} for one in body["events"]):
        raise Refused(400, "an action that it does not know")
    return Answer(200, tuple(f"{one['action']} {one['target'].get('repository')}" for one in body["events"]))


def portus(heard: Heard, hosts: set[str]) -> Answer:
    """What is taken of registries with these hosts."""
    found = []
    for one in json_of(heard)["events"]:
        action, target = one["action"], one["target"]
        if action not in {"push", "delete", "pull"} or not isinstance(target, dict) or not one["id"]:
            continue
        if action == "delete" and not target.get("digest"):
            continue  # it looks for tags by the digest, and finds at most those that it knows none of
        if action != "delete" and "mediaType" not in target:
            raise Refused(500, "no mediaType")
        manifest = action == "delete" or target["mediaType"].startswith("application/vnd.docker.distribution.manifest")
        if manifest and one["request"]["host"] in hosts:
            found.append(f"{one['request']['host']}/{target['repository']}:{target.get('tag', '')}")
    return Answer(202, tuple(found))
