"""What Flux's notification-controller (v1.9.3) and Kargo's webhook server (v1.11.2) make of a request."""

import hashlib
import hmac
import re

import msgspec
from judging import Answer, Heard, Refused, decode, hex_digest, json_of, split_reference

# --- Flux -------------------------------------------------------------------------------------------------------------

FLUX_MOST = 3 * 1024 * 1024
_FLUX_SHAPES = {
    "dockerhub": {"push_data": {"tag": str}, "repository": {"repo_url": str}},
    "quay": {"docker_url": str, "updated_tags": [str]},
    "acr": {"action": str, "target": {"repository": str, "tag": str}},
    "nexus": {"action": str, "repositoryName": str},
}


class Reconciled(msgspec.Struct, frozen=True):
    """What a Receiver that took a request shows to its filters: the body, None where its type hides it."""

    status: int
    seen: object = None


def flux_path(secret: str, name: str = "registry", namespace: str = "flux-system") -> str:
    """Where a Receiver listens."""
    return "/hook/" + hashlib.sha256((secret + name + namespace).encode()).hexdigest()


def flux(heard: Heard, kind: str, secret: str, *, path: str = "", events: tuple[str, ...] = ()) -> Reconciled:
    """A Receiver of type `kind`. `path` is where it listens: compared with the request's whole target."""
    if path and heard.target != path:
        raise Refused(404, "no Receiver has this path and query")
    if len(heard.body) > FLUX_MOST:
        raise Refused(413, "more than 3 MiB")
    if kind == "generic-hmac":
        _flux_hmac(heard, secret)
    elif kind == "harbor":
        if heard.header("authorization") != secret:
            raise Refused(400, "Authorization is not the token")
    elif kind == "nexus":
        if heard.header("x-nexus-webhook-signature") != hex_digest("sha1", secret, heard.body):
            raise Refused(400, "X-Nexus-Webhook-Signature is missing or wrong")
    elif kind == "cdevents":
        _flux_cdevent(heard, events)
    elif kind == "github":
        _flux_github(heard, secret, events)
    if kind in _FLUX_SHAPES:
        decode(_FLUX_SHAPES[kind], json_of(heard))
    return Reconciled(200, json_of(heard) if heard.media_type == "application/json" else None)


def _flux_hmac(heard: Heard, secret: str) -> None:
    algorithm, equals, digits = heard.header("x-signature").partition("=")
    if not equals or algorithm not in {"sha1", "sha256", "sha512"}:
        raise Refused(400, "X-Signature names no algorithm")
    if digits.lower() != hex_digest(algorithm, secret, heard.body):
        raise Refused(400, "X-Signature does not fit")


def _flux_github(heard: Heard, secret: str, events: tuple[str, ...]) -> None:
    algorithm, _, digits = heard.header("x-hub-signature-256").partition("=")
    if algorithm != "sha256" or digits != hex_digest("sha256", secret, heard.body):
        raise Refused(400, "X-Hub-Signature-256 is missing or wrong")
    if heard.media_type not in {"application/json", "application/x-www-form-urlencoded"}:
        raise Refused(400, "the content type")
    if events and heard.header("x-github-event") not in events:
        raise Refused(400, "X-GitHub-Event is not in spec.events")


def _flux_cdevent(heard: Heard, events: tuple[str, ...]) -> None:
    """The body itself is a CDEvent of the SDK for v0.4 of the specification; `Ce-Type` is what is filtered by."""
    text = {"version": str, "id": str, "source": str, "type": str, "timestamp": str}
    event = decode({"context": text, "subject": {"id": str, "type": str, "content": object}}, json_of(heard))
    context, subject = event["context"], event["subject"]
    if not all(context.values()) or not subject["id"] or not isinstance(subject["content"], dict):
        raise Refused(400, "no CDEvent")
    parts = re.fullmatch(r"dev\.cdevents\.(\w+)\.(\w+)\.(\d+\.\d+\.\d+)", context["type"])
    if parts is None or not context["version"].startswith("0.4."):
        raise Refused(400, "a type or version that the SDK does not know")
    if parts[1] != "artifact" or parts[2] not in {"packaged", "signed", "published", "downloaded", "deleted"}:
        raise Refused(400, "a type that the SDK does not know")
    if not subject["id"].startswith("pkg:"):
        raise Refused(400, "the id of an artifact is a package URL")
    if events and heard.header("ce-type").lower() not in {one.lower() for one in events}:
        raise Refused(400, "Ce-Type is not in spec.events")


# --- Kargo ------------------------------------------------------------------------------------------------------------

KARGO_MOST = 2 * 1024 * 1024
_KARGO_RESOURCE = {"tag": str, "resource_url": str}
_KARGO_GITHUB_TYPES = {"CONTAINER", "docker"}


def kargo_path(kind: str, secret: str, project: str = "shop", receiver: str = "registry") -> str:
    """Where a receiver listens."""
    return f"/{kind}/" + hashlib.sha256((project + receiver + secret).encode()).hexdigest()


def kargo(heard: Heard, kind: str, secret: str, *, path: str = "") -> Answer:
    """A receiver of type `kind`: which images of which tags it refreshes the Warehouses of; no tag = all of them."""
    if path and heard.path != path:  # a query string is harmless
        raise Refused(404, "no receiver has this path")
    if len(heard.body) > KARGO_MOST:
        raise Refused(413, "more than 2 MiB")
    return _KARGO[kind](heard, secret)


def kargo_repository(url: str) -> str:
    """A repository as Kargo normalises it. With a scheme it is a name that no Warehouse can have."""
    return url if "://" in url else split_reference(url)[0]


def _refreshed(url: str, tags: list[str]) -> Answer:
    repository = kargo_repository(url)
    return Answer(200, tuple(f"{repository}:{tag}" for tag in tags if tag) or (repository,))


def _kargo_harbor(heard: Heard, secret: str) -> Answer:
    if heard.header("authorization") != secret:
        raise Refused(401, "Authorization is not the auth-header")
    body = decode({"type": str, "event_data": {"resources": [_KARGO_RESOURCE]}}, json_of(heard))
    if body["type"] != "PUSH_ARTIFACT":
        raise Refused(400, "unsupported event type")
    resources = body["event_data"]["resources"]
    if not resources:
        return Answer(200)
    return _refreshed(resources[0]["resource_url"], [one["tag"] for one in resources])


def _kargo_quay(heard: Heard, _secret: str) -> Answer:
    body = decode({"docker_url": str, "updated_tags": [str]}, json_of(heard))
    return _refreshed(body["docker_url"], body["updated_tags"])


def _kargo_dockerhub(heard: Heard, _secret: str) -> Answer:
    body = decode({"repository": {"repo_name": str}, "push_data": {"tag": str, "media_type": str}}, json_of(heard))
    return _refreshed(body["repository"]["repo_name"], [body["push_data"]["tag"]])


def _kargo_azure(heard: Heard, _secret: str) -> Answer:
    if not heard.header("user-agent").startswith(("AzureContainerRegistry", "VSServices")):
        raise Refused(400, "the user agent is neither a registry nor a service of Azure")
    shape = {
        "action": str,
        "target": {"mediaType": str, "repository": str, "tag": str},
        "request": {"host": str},
    }
    body = decode(shape, json_of(heard))
    if body["action"] == "ping":
        return Answer(200)
    if body["action"] != "push":
        raise Refused(400, "unsupported action")
    return _refreshed(f"{body['request']['host']}/{body['target']['repository']}", [body["target"]["tag"]])


def _kargo_artifactory(heard: Heard, secret: str) -> Answer:
    if heard.header("x-jfrog-event-auth") != hex_digest("sha256", secret, heard.body):
        raise Refused(401, "X-Jfrog-Event-Auth is missing or wrong")
    data = {"path": str, "repo_key": str, "image_name": str, "image_type": str, "tag": str}
    body = decode({"domain": str, "event_type": str, "data": data, "jpd_origin": str}, json_of(heard))
    if (body["domain"], body["event_type"]) != ("docker", "pushed"):
        raise Refused(501, "unsupported event")
    told = body["data"]
    if told["image_type"] not in {"docker", "oci"}:
        raise Refused(501, "unsupported type of image")
    host = body["jpd_origin"].partition("://")[2].partition("/")[0]
    sections = told["path"].split("/")
    if len(sections) < 2:
        raise Refused(400, "invalid path")
    return _refreshed("/".join([host, told["repo_key"], *sections[:-2]]), [told["tag"]])


def _kargo_github(heard: Heard, secret: str) -> Answer:
    algorithm, _, digits = heard.header("x-hub-signature-256").partition("=")
    if heard.header("x-github-event") not in {"package", "registry_package", "ping", "push", "pull_request"}:
        raise Refused(400, "X-GitHub-Event")
    if not hmac.compare_digest(f"{algorithm}={digits}", "sha256=" + hex_digest("sha256", secret, heard.body)):
        raise Refused(401, "X-Hub-Signature-256 is missing or wrong")
    version = {
        "package_url": str,
        "container_metadata": {"tag": {"name": str}, "manifest": {"config": {"media_type": str}}},
    }
    body = decode({"action": str, "package": {"package_type": str, "package_version": version}}, json_of(heard))
    package = body["package"]
    if body["action"] not in {"published", "updated"} or package["package_type"] not in _KARGO_GITHUB_TYPES:
        return Answer(200)
    told = package["package_version"]
    return _refreshed(told["package_url"].removesuffix(":"), [told["container_metadata"]["tag"]["name"]])


def _kargo_generic(heard: Heard, _secret: str) -> Answer:
    """With the expressions of docs/receivers/kargo.md, `normalizeImage(... .registryUrl + "/" + ... .repository)`."""
    data = (json_of(heard) if heard.body else {})["data"]
    return _refreshed(f"{data['registryUrl']}/{data['repository']}", [data["tag"]])


_KARGO = {
    "harbor": _kargo_harbor,
    "quay": _kargo_quay,
    "dockerhub": _kargo_dockerhub,
    "azure": _kargo_azure,
    "artifactory": _kargo_artifactory,
    "github": _kargo_github,
    "generic": _kargo_generic,
}
