"""What Keel (0.22.1), Argo CD (master of 2026-08-22) and Argo CD Image Updater (v1.3.0) make of a request."""

from urllib.parse import urlsplit

from judging import Answer, Heard, Refused, decode, hex_digest, json_of, split_reference

_REPOSITORY = {"date_created": int, "name": str, "namespace": str, "repo_full_name": str, "repo_type": str}
_HARBOR = {
    "type": str,
    "occur_at": int,
    "operator": str,
    "event_data": {"resources": [{"digest": str, "tag": str, "resource_url": str}], "repository": _REPOSITORY},
}

# --- Keel -------------------------------------------------------------------------------------------------------------

_KEEL_COUNTS = {
    "callback_url": str,
    "push_data": {"pushed_at": int, "pusher": str, "tag": str, "images": [object]},
    "repository": {
        "repo_name": str,
        "name": str,
        "namespace": str,
        "owner": str,
        "repo_url": str,
        "status": str,
        "is_private": bool,
        "is_official": bool,
        "is_trusted": bool,
        "star_count": int,
        "comment_count": int,
        "date_created": int,
        "description": str,
        "full_description": str,
        "dockerfile": str,
    },
}
_KEEL_RECORD = {
    "id": str,
    "timestamp": str,
    "action": str,
    "target": {
        "mediaType": str,
        "size": int,
        "digest": str,
        "length": int,
        "repository": str,
        "url": str,
        "tag": str,
    },
    "request": {"id": str, "addr": str, "host": str, "method": str, "useragent": str},
    "actor": {"name": str},
    "source": {"addr": str, "instanceID": str},
}


def keel(heard: Heard, account: str = "") -> Answer:
    """Every route by its path. `account`: the Authorization that is asked for, "" = webhooks are not authenticated."""
    route = heard.path.rpartition("/v1/webhooks/")[2]
    if account and route != "registry" and heard.header("authorization") != account:
        raise Refused(401, "webhooks are authenticated")
    return _KEEL[route](heard)


def keel_image(name: str, tag: str = "") -> str:
    """An image as Keel's parser names it: without a host that looks like one it is Docker Hub's."""
    name = name.removeprefix("https://").removeprefix("http://")
    bare, own, digest = split_reference(name)
    host = bare.partition("/")[0]
    if "/" not in bare or not ("." in host or ":" in host or host == "localhost"):
        bare = f"index.docker.io/{bare}"
    return f"{bare}:{tag or digest or own or 'latest'}"  # a digest stands in for the tag


def _keel_harbor(heard: Heard) -> Answer:
    body = decode(_HARBOR, json_of(heard))
    if body["type"] not in {"PUSH_ARTIFACT", "pushImage"}:
        return Answer(200)
    return Answer(200, tuple(keel_image(one["resource_url"]) for one in body["event_data"]["resources"]))


def _keel_quay(heard: Heard) -> Answer:
    shape = {"docker_url": str, "updated_tags": [str], "name": str, "repository": str, "namespace": str}
    body = decode({**shape, "homepage": str}, json_of(heard))
    if not body["docker_url"] or not body["updated_tags"]:
        raise Refused(400, "docker_url or updated_tags is missing")
    return Answer(200, tuple(f"{body['docker_url']}:{tag}" for tag in body["updated_tags"]))


def _keel_dockerhub(heard: Heard) -> Answer:
    body = decode(_KEEL_COUNTS, json_of(heard))
    name, tag = body["repository"]["repo_name"], body["push_data"]["tag"]
    if not name or not tag:
        raise Refused(400, "repo_name or tag is missing")
    return Answer(200, (keel_image(name, tag),))


def _keel_azure(heard: Heard) -> Answer:
    shape = {"target": {"repository": str, "tag": str, "digest": str}, "request": {"host": str}}
    body = decode(shape, json_of(heard))
    if not body["target"]["tag"]:
        raise Refused(400, "target.tag is missing")
    # `action` is not looked at
    return Answer(200, (f"{body['request']['host']}/{body['target']['repository']}:{body['target']['tag']}",))


def _keel_github(heard: Heard) -> Answer:
    if heard.header("x-github-event") == "package":
        version = {"container_metadata": {"tag": {"name": str}}}
        shape = {"package": {"ecosystem": str, "name": str, "namespace": str, "package_version": version}}
        package = decode(shape, json_of(heard))["package"]
        if package["ecosystem"] != "CONTAINER":
            raise Refused(400, "no container")
        tag = package["package_version"]["container_metadata"]["tag"]["name"]
        return Answer(200, (f"ghcr.io/{package['namespace']}/{package['name']}:{tag}",))
    if heard.header("x-github-event") == "registry_package":
        package = {"package_type": str, "name": str, "package_version": {"version": str}}
        body = decode({"registry_package": package, "repository": {"full_name": str}}, json_of(heard))
        told = body["registry_package"]
        if told["package_type"] != "CONTAINER":
            raise Refused(400, "no container")
        return Answer(
            200, (f"ghcr.io/{body['repository']['full_name']}/{told['name']}:{told['package_version']['version']}",)
        )
    raise Refused(400, "X-GitHub-Event")


def _keel_native(heard: Heard) -> Answer:
    body = decode({"host": str, "name": str, "tag": str, "digest": str}, json_of(heard))
    if not body["name"] or not body["tag"]:
        raise Refused(400, "name or tag is missing")
    return Answer(200, (keel_image(f"{body['host']}/{body['name']}" if body["host"] else body["name"], body["tag"]),))


def _keel_jfrog(heard: Heard, private: str = "registry.example.com") -> Answer:
    """`private` is the environment variable PRIVATE_REGISTRY: the body brings no host."""
    body = decode({"data": {"image_name": str, "tag": str, "size": int}}, json_of(heard))["data"]
    if not body["image_name"] or not body["tag"]:
        raise Refused(400, "image_name or tag is missing")
    if not -(2**31) <= body["size"] < 2**31:
        raise Refused(400, "size is no int32")
    return Answer(200, (f"{private}/{body['image_name']}:{body['tag']}",))


def _keel_registry(heard: Heard) -> Answer:
    body = decode({"events": [_KEEL_RECORD]}, json_of(heard))
    if any(not one["timestamp"] for one in body["events"]):
        raise Refused(400, "a timestamp is no RFC 3339")
    return Answer(
        200,
        tuple(
            f"{one['request']['host']}/{one['target']['repository']}:{one['target']['tag']}"
            for one in body["events"]
            if one["action"] == "push" and one["target"]["tag"]
        ),
    )


_KEEL = {
    "harbor": _keel_harbor,
    "quay": _keel_quay,
    "dockerhub": _keel_dockerhub,
    "azure": _keel_azure,
    "github": _keel_github,
    "native": _keel_native,
    "jfrog": _keel_jfrog,
    "registry": _keel_registry,
}

# --- Argo CD ----------------------------------------------------------------------------------------------------------

_CLAIMED = ("x-vss-activityid", "x-gogs-event", "x-gitlab-event", "x-hook-uuid", "x-event-key")


def _host_of(url: str) -> str:
    rest = url.partition("://")[2] or url
    return rest.partition("/")[0] if "/" in rest else ""


def _repository_of(repository: dict[str, str]) -> str:
    full, name = repository["repo_full_name"], repository["name"]
    return full or (f"{repository['namespace']}/{name}" if repository["namespace"] and name else "")


def argocd(heard: Heard, secret: str) -> Answer:
    """POST /api/webhook of the API server; Harbor's parser is the last that is asked."""
    if not heard.path.endswith("/api/webhook"):
        raise Refused(404, "no such path")
    if any(name in heard.headers for name in _CLAIMED):
        raise Refused(400, "another parser claims it")
    if "x-github-event" in heard.headers:
        if heard.header("x-github-event") != "package":
            raise Refused(400, "GitHub's parser claims it")
        return _argocd_ghcr(heard, secret)
    if heard.header("authorization") != secret:
        raise Refused(400, "Unknown webhook event")
    body = decode(_HARBOR, json_of(heard))
    if body["type"] != "PUSH_ARTIFACT":
        return Answer(200)
    first = next((one for one in body["event_data"]["resources"] if one["tag"] and one["resource_url"]), None)
    if first is None:
        return Answer(200)
    repository = _repository_of(body["event_data"]["repository"])
    if not repository:
        raise Refused(400, "no repository")
    return Answer(200, (f"{_host_of(first['resource_url'])}/{repository}".lower() + f":{first['tag']}",))


_GHCR = {
    "action": str,
    "package": {
        "name": str,
        "package_type": str,
        "owner": {"login": str},
        "package_version": {"container_metadata": {"tag": {"name": str}}, "name": str, "version": str},
    },
}


def _argocd_ghcr(heard: Heard, secret: str) -> Answer:
    if heard.header("x-hub-signature-256") != "sha256=" + hex_digest("sha256", secret, heard.body):
        raise Refused(400, "X-Hub-Signature-256 is missing or wrong")
    body = decode(_GHCR, json_of(heard))
    package = body["package"]
    if body["action"] != "published" or package["package_type"].lower() != "container":
        return Answer(200)
    tag = package["package_version"]["container_metadata"]["tag"]["name"]
    return Answer(200, (f"ghcr.io/{package['owner']['login']}/{package['name']}:{tag}",))


# --- Argo CD Image Updater --------------------------------------------------------------------------------------------

_ACR = {
    "action": str,
    "target": {"repository": str, "tag": str, "digest": str, "size": int, "length": int},
    "request": {"host": str},
}
UPDATER_MOST = 1024 * 1024


def image_updater(heard: Heard, secret: str) -> Answer:
    """POST /webhook, the handler by `?type=` or `X-Registry-Type`."""
    if not heard.path.endswith("/webhook"):
        raise Refused(404, "no such path")
    if len(heard.body) > UPDATER_MOST:
        raise Refused(413, "more than 1 MiB")
    handler = _UPDATER.get(heard.param("type") or heard.header("x-registry-type"))
    if handler is None:
        raise Refused(400, "an unknown type")
    return handler(heard, secret)


def _json_typed(heard: Heard, *types: str) -> None:
    if not any(one in heard.header("content-type") for one in types):
        raise Refused(400, "the content type")


def _query_secret(heard: Heard, secret: str) -> None:
    if heard.param("secret") != secret:
        raise Refused(400, "secret is missing or wrong")


def _updater_harbor(heard: Heard, secret: str) -> Answer:
    _json_typed(heard, "application/json")
    if heard.header("authorization") != secret:
        raise Refused(400, "Authorization is not the secret")
    event_data = {**_HARBOR["event_data"], "custom_attributes": {}}
    body = decode({**_HARBOR, "event_data": event_data}, json_of(heard))
    if body["type"] != "PUSH_ARTIFACT":
        raise Refused(400, "not handled")
    if not body["event_data"]["resources"]:
        raise Refused(400, "no resources")
    first = body["event_data"]["resources"][0]
    if not first["tag"]:
        raise Refused(400, "no tag")
    host = _host_of(first["resource_url"]) or "harbor"
    return Answer(200, (f"{host}/{_repository_of(body['event_data']['repository'])}:{first['tag']}",))


def _updater_quay(heard: Heard, secret: str) -> Answer:
    _query_secret(heard, secret)
    body = decode({"repository": str, "docker_url": str, "updated_tags": [str]}, json_of(heard))
    if not body["updated_tags"]:
        raise Refused(400, "no tags")
    host = body["docker_url"].partition("/")[0] or "quay.io"
    return Answer(200, (f"{host}/{body['repository']}:{body['updated_tags'][0]}",))


def _updater_dockerhub(heard: Heard, secret: str) -> Answer:
    _query_secret(heard, secret)
    repository = {"repo_name": str, "name": str, "namespace": str}
    body = decode({"repository": repository, "push_data": {"tag": str}}, json_of(heard))
    name = body["repository"]["repo_name"] or f"{body['repository']['namespace']}/{body['repository']['name']}"
    return Answer(200, (f"docker.io/{name}:{body['push_data']['tag']}",))


_ALIYUN = {
    "push_data": dict.fromkeys(("digest", "pushed_at", "tag"), str),
    "repository": dict.fromkeys(
        (
            "date_created",
            "name",
            "namespace",
            "region",
            "repo_authentication_type",
            "repo_full_name",
            "repo_origin_type",
            "repo_type",
        ),
        str,
    ),
}


def _updater_aliyun(heard: Heard, secret: str) -> Answer:
    """The host is a parameter of the URL, or that of Alibaba's region."""
    _query_secret(heard, secret)
    body = decode(_ALIYUN, json_of(heard))
    place, tag = body["repository"], body["push_data"]["tag"]
    name = _repository_of(place) or place["name"]
    if not name or not tag:
        raise Refused(400, "no repository or no tag")
    host = heard.param("registry_url") or (f"registry.{place['region']}.aliyuncs.com" if place["region"] else "")
    return Answer(200, (f"{host}/{name}:{tag}",))


def _updater_acr(heard: Heard, secret: str) -> Answer:
    _json_typed(heard, "application/json")
    if heard.header("authorization") != secret:
        raise Refused(400, "Authorization is not the secret")
    body = decode(_ACR, json_of(heard))
    if body["action"] != "push":
        raise Refused(400, "not handled")
    return Answer(200, (f"{body['request']['host']}/{body['target']['repository']}:{body['target']['tag']}",))


def _updater_ghcr(heard: Heard, secret: str) -> Answer:
    if heard.header("x-github-event") != "package":
        raise Refused(400, "X-GitHub-Event")
    if heard.header("x-hub-signature-256") != "sha256=" + hex_digest("sha256", secret, heard.body):
        raise Refused(400, "X-Hub-Signature-256 is missing or wrong")
    body = decode(_GHCR, json_of(heard))
    package, version = body["package"], body["package"]["package_version"]
    if body["action"] != "published" or package["package_type"].lower() != "container":
        raise Refused(400, "not handled")
    tag = version["container_metadata"]["tag"]["name"] or version["name"] or version["version"]
    return Answer(200, (f"ghcr.io/{package['owner']['login']}/{package['name']}".lower() + f":{tag}",))


def _updater_cloudevents(heard: Heard, secret: str) -> Answer:
    _json_typed(heard, "application/json", "application/cloudevents+json")
    if secret not in (heard.param("secret"), heard.header("x-webhook-secret")):
        raise Refused(400, "the secret is missing or wrong")
    names = ("repository", "repositoryName", "tag", "imageTag", "digest", "imageDigest", "registryUrl", "registry")
    shape = {"specversion": str, "type": str, "source": str, "subject": str, "data": dict.fromkeys(names, str)}
    body = decode(shape, json_of(heard))
    if not body["specversion"]:
        raise Refused(400, "missing CloudEvents specversion")
    kind = body["type"]
    if not (kind.startswith("com.amazon.ecr.") or "container" in kind or "image" in kind):
        raise Refused(400, "a type that it does not handle")
    data = body["data"]
    repository, _, tag = body["subject"].partition(":")
    repository = data["repository"] or data["repositoryName"] or repository
    tag = data["tag"] or data["imageTag"] or tag
    host = data["registryUrl"] or data["registry"] or urlsplit(body["source"]).netloc
    return Answer(200, (f"{host}/{repository}:{tag}",))


_UPDATER = {
    "harbor": _updater_harbor,
    "quay.io": _updater_quay,
    "aliyun-acr": _updater_aliyun,
    "docker.io": _updater_dockerhub,
    "acr": _updater_acr,
    "ghcr.io": _updater_ghcr,
    "cloudevents": _updater_cloudevents,
}
