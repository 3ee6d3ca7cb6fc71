"""What receivers of other registries' webhooks do with a request, as their own handlers decide.

Versions: Flux notification-controller v1.9.3, Kargo v1.11.2, Keel 0.22.1, Argo CD Image Updater v1.3.0, Argo CD v3.5.1,
Spinnaker of 2026-08, Jenkins' registry notification plugin 2.7.4, Dokploy v0.30.2, Kobold v0.4.3, Brigade's gateway on
go-playground/webhooks v6.4.0. Each function takes a request and gives the image that the receiver acts on, "" where it
does nothing, and raises Refused where it answers an error. Types are as strict as those of the decoders.
"""

import hmac
import json
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from receiver_rules import Refused

SECRET = b"the secret of the receiver"


class Request(NamedTuple):
    """Headers have their names in lower case."""

    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Receiver = Callable[[Request], str]


def get(value: Any, path: str, kind: type | tuple[type, ...] = str, *, needed: bool = False) -> Any:
    """A field as Go decodes it: an absent one and null are its zero, another type refuses the whole body."""
    for step in path.split("."):
        if value is not None and not isinstance(value, dict):
            raise Refused(path)
        value = None if value is None else value.get(step)
    first = kind if isinstance(kind, type) else kind[0]
    if value is None:
        value = first()
    elif not isinstance(value, kind) or (isinstance(value, bool) and first is not bool):
        raise Refused(path)
    if needed and not value:
        raise Refused(path)
    return value


def whole(value: Any, path: str, bits: int = 64) -> int:
    """A field of Go's int32 or int64: no float, no text."""
    number: int = get(value, path, int)
    if not -(2 ** (bits - 1)) <= number < 2 ** (bits - 1):
        raise Refused(path)
    return number


def demand(truth: object, why: str) -> None:
    if not truth:
        raise Refused(why)


def signed(request: Request, header: str, algorithm: str, prefix: str = "") -> None:
    """The signature is of the bytes that came, in lower case."""
    expected = prefix + hmac.new(SECRET, request.body, algorithm).hexdigest()
    demand(request.headers.get(header) == expected, header)


def normalised(image: str) -> str:
    """Kargo's: a first segment that is no host means Docker Hub."""
    name = image.rsplit("/", 1)[-1]
    if ":" in name:
        image = image.removesuffix(":" + name.partition(":")[2])
    host, slash, _ = image.partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        return f"docker.io/{image}"
    return image


# --- Docker Hub -------------------------------------------------------------------------------------------------------


def flux_dockerhub(request: Request) -> str:
    body = request.json
    get(body, "push_data.tag")
    get(body, "repository.repo_url")
    return "reconciled"


def kargo_dockerhub(request: Request) -> str:
    body = request.json
    get(body, "push_data.media_type")
    return f"{normalised(get(body, 'repository.repo_name', needed=True))}:{get(body, 'push_data.tag')}"


def keel_dockerhub(request: Request) -> str:
    body = request.json
    whole(body, "push_data.pushed_at")
    get(body, "push_data.images", list)
    get(body, "push_data.pusher")
    for name in ("comment_count", "star_count", "date_created"):
        whole(body, f"repository.{name}")
    for name in ("is_official", "is_private", "is_trusted"):
        get(body, f"repository.{name}", bool)
    for name in ("description", "dockerfile", "full_description", "name", "namespace", "owner", "repo_url", "status"):
        get(body, f"repository.{name}")
    get(body, "callback_url")
    return f"{get(body, 'repository.repo_name', needed=True)}:{get(body, 'push_data.tag', needed=True)}"


def image_updater_dockerhub(request: Request) -> str:
    """The host in a name stays in the name: it compares docker.io/<host>/<name> with what is deployed."""
    body = request.json
    name = get(body, "repository.repo_name") or "/".join(
        (get(body, "repository.namespace"), get(body, "repository.name"))
    )
    return f"docker.io/{name}:{get(body, 'push_data.tag', needed=True)}"


def spinnaker_dockerhub(request: Request) -> str:
    body = request.json
    get(body, "push_data.pusher")
    return f"index.docker.io/{get(body, 'repository.repo_name', needed=True)}:{get(body, 'push_data.tag', needed=True)}"


def jenkins_dockerhub(request: Request) -> str:
    """It posts to `callback_url` when the builds are done, so that must be a URL or nothing."""
    body = request.json
    whole(body, "push_data.pushed_at")
    get(body, "push_data.pusher")
    callback = get(body, "callback_url")
    demand(not callback or urlsplit(callback).scheme in {"http", "https"}, "callback_url")
    return f"{get(body, 'repository.repo_name', needed=True)}:{get(body, 'push_data.tag')}"


def dokploy_dockerhub(request: Request) -> str:
    """Any other client than this deploys whatever the body says."""
    demand("Go-http-client" in request.headers.get("user-agent", ""), "User-Agent")
    demand("x-github-event" not in request.headers, "X-GitHub-Event")
    body = request.json
    return f"{body['repository']['repo_name']}:{body['push_data']['tag']}"


def kobold_dockerhub(request: Request) -> str:
    body = request.json
    return f"docker.io/{body['repository']['repo_name']}:{body['push_data']['tag']}"


def brigade_dockerhub(request: Request) -> str:
    """Its library decodes times into float32, which an integer fits, and images into texts."""
    body = request.json
    get(body, "push_data.pushed_at", (int, float))
    get(body, "repository.date_created", (int, float))
    demand(all(isinstance(one, str) for one in get(body, "push_data.images", list)), "push_data.images")
    for name in ("comment_count", "star_count"):
        whole(body, f"repository.{name}")
    for name in ("is_official", "is_private", "is_trusted"):
        get(body, f"repository.{name}", bool)
    return f"{get(body, 'repository.repo_name', needed=True)}:{get(body, 'push_data.tag')}"


# --- ACR --------------------------------------------------------------------------------------------------------------


def flux_acr(request: Request) -> str:
    body = request.json
    for path in ("action", "target.repository", "target.tag"):
        get(body, path)
    return "reconciled"


def kargo_acr(request: Request) -> str:
    demand(request.headers.get("user-agent", "").startswith("AzureContainerRegistry"), "User-Agent")
    body = request.json
    action = get(body, "action")
    if action == "ping":
        return ""
    demand(action == "push", "action")
    get(body, "target.mediaType")
    host, name = get(body, "request.host", needed=True), get(body, "target.repository", needed=True)
    return f"{normalised(f'{host}/{name}')}:{get(body, 'target.tag')}"


def keel_acr(request: Request) -> str:
    """It looks at no action: a deletion that had a tag would be taken for a push."""
    body = request.json
    get(body, "target.digest")
    host, name = get(body, "request.host"), get(body, "target.repository", needed=True)
    return f"{host}/{name}:{get(body, 'target.tag', needed=True)}"


def image_updater_acr(request: Request) -> str:
    demand("application/json" in request.headers.get("content-type", ""), "Content-Type")
    body = request.json
    demand(get(body, "action") == "push", "action")
    whole(body, "target.size")
    whole(body, "target.length")
    get(body, "target.digest")
    host, name = get(body, "request.host", needed=True), get(body, "target.repository", needed=True)
    return f"{host}/{name}:{get(body, 'target.tag')}"


def jenkins_acr(request: Request) -> str:
    body = request.json
    if body["action"] != "push":
        return ""
    demand(body["timestamp"].endswith("Z"), "timestamp")
    return f"{body['request']['host']}/{body['target']['repository']}:{body['target']['tag']}"


def kobold_acr(request: Request) -> str:
    """A key that is missing loses the whole body."""
    body = request.json
    try:
        target = body["target"]
        return f"{body['request']['host']}/{target['repository']}:{target['tag']}@{target['digest']}"
    except KeyError as error:
        raise Refused(str(error)) from None


# --- GitHub -----------------------------------------------------------------------------------------------------------


def kargo_github(request: Request) -> str:
    event = request.headers.get("x-github-event", "")
    demand(event in {"package", "registry_package"}, "X-GitHub-Event")
    signed(request, "x-hub-signature-256", "sha256", "sha256=")
    body = request.json
    if get(body, "action") not in {"published", "updated"}:
        return ""
    package = get(body, event, dict, needed=True)
    version = get(package, "package_version", dict, needed=True)
    if get(package, "package_type") not in {"CONTAINER", "docker"}:
        return ""
    manifest = get(version, "container_metadata.manifest", dict)
    get(manifest, "config.media_type")
    for path in ("id", "package_version.id", "owner.id"):
        whole(package, path)
    get(version, "container_metadata.labels", dict)
    get(version, "metadata", list)
    get(version, "package_files", list)
    image = get(version, "package_url").removesuffix(":")
    return f"{normalised(image)}:{get(version, 'container_metadata.tag.name')}"


def keel_github(request: Request) -> str:
    """Every image is one of ghcr.io to it. It checks a signature only where it was given a secret."""
    event = request.headers.get("x-github-event", "")
    body = request.json
    if event == "package":
        demand(get(body, "package.ecosystem") == "CONTAINER", "package.ecosystem")
        whole(body, "package.id")
        names = [get(body, f"package.{name}", needed=True) for name in ("namespace", "name")]
        tag = get(body, "package.package_version.container_metadata.tag.name", needed=True)
    else:
        demand(event == "registry_package", "X-GitHub-Event")
        demand(get(body, "registry_package.package_type") == "CONTAINER", "registry_package.package_type")
        names = [get(body, path, needed=True) for path in ("repository.full_name", "registry_package.name")]
        tag = get(body, "registry_package.package_version.version", needed=True)
    return "/".join(["ghcr.io", *names]) + f":{tag}"


def image_updater_github(request: Request) -> str:
    demand(request.headers.get("x-github-event") == "package", "X-GitHub-Event")
    signed(request, "x-hub-signature-256", "sha256", "sha256=")
    body = request.json
    demand(get(body, "action") == "published", "action")
    demand(get(body, "package.package_type").lower() == "container", "package.package_type")
    owner, name = get(body, "package.owner.login", needed=True), get(body, "package.name", needed=True)
    version = get(body, "package.package_version", dict)
    tag = get(version, "container_metadata.tag.name") or get(version, "name") or get(version, "version")
    demand(tag, "tag")
    return f"ghcr.io/{owner}/{name}".lower() + f":{tag}"


def argo_cd_github(request: Request) -> str:
    """As the Image Updater, but names keep their case."""
    image_updater_github(request)
    package = request.json["package"]
    tag = package["package_version"]["container_metadata"]["tag"]["name"]
    return f"ghcr.io/{package['owner']['login']}/{package['name']}:{tag}"


def dokploy_github(request: Request) -> str:
    demand(request.headers.get("x-github-event") == "registry_package", "X-GitHub-Event")
    version = request.json["registry_package"]["package_version"]
    image, _, last = version["package_url"].rpartition(":")
    tag = version["container_metadata"]["tag"]["name"].strip()
    if not tag or tag == version["version"] or tag.startswith("sha256:"):
        tag = last
    return f"{image}:{tag}"


# --- Artifactory and Nexus --------------------------------------------------------------------------------------------


def kargo_artifactory(request: Request) -> str:
    signed(request, "x-jfrog-event-auth", "sha256")
    body = request.json
    demand(get(body, "event_type") == "pushed" and get(body, "domain") == "docker", "event_type")
    demand(get(body, "data.image_type") in {"docker", "oci"}, "data.image_type")
    segments = get(body, "data.path").split("/")
    demand(len(segments) >= 2, "data.path")
    image = "/".join([urlsplit(get(body, "jpd_origin")).netloc, get(body, "data.repo_key"), *segments[:-2]])
    return f"{normalised(image)}:{get(body, 'data.tag')}"


def keel_jfrog(request: Request, private_registry: str = "registry.example.com") -> str:
    body = request.json
    whole(body, "data.size", 32)
    for one in get(body, "data.platforms", list):
        get(one, "architecture")
        get(one, "os")
    for path in ("data.repo_key", "data.path", "data.name", "data.sha256", "subscription_key", "source"):
        get(body, path)
    name, tag = get(body, "data.image_name", needed=True), get(body, "data.tag", needed=True)
    return f"{private_registry}/{name}:{tag}"


def flux_nexus(request: Request) -> str:
    signed(request, "x-nexus-webhook-signature", "sha1")
    body = request.json
    get(body, "action")
    get(body, "repositoryName")
    return "reconciled"


def spinnaker_nexus(request: Request) -> str:
    """A component becomes the artifact <group>:<name>:<version>; nothing else does."""
    component = request.json.get("component")
    if component is None:
        return ""
    group = component.get("group")
    return f"{'null' if group is None else group}:{component['name']}:{component['version']}"


# --- CDEvents ---------------------------------------------------------------------------------------------------------

_CONTENT = {
    "artifact.published.0.2.0": {"user", "sbom"},
    "artifact.downloaded.0.1.0": {"user"},
    "artifact.deleted.0.1.0": {"user"},
    "build.queued.0.2.0": set(),
    "build.started.0.2.0": set(),
    "build.finished.0.2.0": {"artifactId"},
}


def flux_cdevents(request: Request) -> str:
    """The body is the CDEvent, the header says which; a filter compares the header."""
    demand(request.headers.get("content-type") == "application/json", "Content-Type")  # else its filters see no body
    body = request.json
    demand(body.keys() <= {"context", "subject", "customData", "customDataContentType"}, "keys")
    context, subject = body["context"], body["subject"]
    for name in ("version", "id", "source", "type", "timestamp"):
        get(context, name, needed=True)
    demand(
        context.keys() <= {"version", "id", "source", "type", "timestamp", "chainId", "links", "schemaUri"}, "context"
    )
    demand(context["version"].startswith("0.4."), "context.version")
    known = _CONTENT.get(context["type"].removeprefix("dev.cdevents."))
    demand(known is not None, "context.type")
    demand(subject.keys() <= {"id", "source", "type", "content"}, "subject")
    get(subject, "id", needed=True)
    content = get(subject, "content", dict)
    demand(content.keys() <= (known or set()) and all(content.values()), "subject.content")
    if "artifact" in context["type"]:
        demand(subject["id"].startswith("pkg:oci/"), "subject.id")
    if context["type"].startswith("dev.cdevents.build.finished"):
        demand(content.get("artifactId", "").startswith("pkg:"), "subject.content.artifactId")
    demand(request.headers.get("ce-type", "").lower() == context["type"], "Ce-Type")
    return str(subject["id"])


def spinnaker_cdevents(request: Request) -> str:
    """Of a CloudEvent in either mode it wants three keys in the data."""
    body = request.json
    data = body["data"] if "specversion" in body else body
    demand({"customData", "context", "subject"} <= data.keys(), "data")
    demand("specversion" in body or "ce-specversion" in request.headers, "a CloudEvent")
    return str(data["customData"].get("reference", ""))


# --- the registry's own envelope --------------------------------------------------------------------------------------


def _elements(request: Request) -> list[Any]:
    elements: list[Any] = get(request.json, "events", list, needed=True)
    return elements


def keel_envelope(request: Request) -> str:
    (one,) = _elements(request)
    demand(one["timestamp"], "timestamp")
    whole(one, "target.size")
    whole(one, "target.length")
    if get(one, "action") != "push" or not get(one, "target.tag"):
        return ""
    return f"{get(one, 'request.host')}/{get(one, 'target.repository')}:{one['target']['tag']}"


def spinnaker_envelope(request: Request) -> str:
    """Only two media types are images to it; one that is missing ends in an error."""
    (one,) = _elements(request)
    kind = one["target"].get("mediaType")
    demand(kind is not None and one.get("action") is not None, "mediaType")
    docker = {f"application/vnd.docker.distribution.manifest.v{number}+json" for number in (1, 2)}
    if one["action"] != "push" or kind not in docker:
        return ""
    target = one["target"]
    place = f"{one['request']['host']}/{target['repository']}"
    return f"{place}:{target['tag']}" if "tag" in target else f"{place}@{target['digest']}"


def jenkins_envelope(request: Request) -> str:
    """The host is taken from the URL of a push, which must end as a manifest's."""
    (one,) = _elements(request)
    demand("request" in one and one["timestamp"].endswith("Z"), "request, timestamp")
    if one["action"] != "push":
        return ""
    parts = one["target"]["url"].split("/")
    if parts[-2] != "manifests":
        return ""
    return f"{parts[2]}/{one['target']['repository']}:{one['target'].get('tag', '')}"


def gitlab_envelope(request: Request) -> str:
    demand(request.headers["content-type"] == "application/json", "Content-Type")
    (one,) = _elements(request)
    demand(one["action"] in {"push", "pull", "delete"}, "action")
    return str(one["target"]["repository"])


def portus_envelope(request: Request) -> str:
    (one,) = _elements(request)
    demand(one["id"], "id")
    if one["action"] != "delete":
        demand(one["target"]["mediaType"].startswith("application/vnd.docker.distribution.manifest"), "mediaType")
    return f"{one['request']['host']}/{one['target']['repository']}"


def kobold_envelope(request: Request) -> str:
    (one,) = _elements(request)
    return kobold_acr(request._replace(body=json.dumps(one).encode()))


# --- Quay and DTR -----------------------------------------------------------------------------------------------------


def keel_quay(request: Request) -> str:
    body = request.json
    for name in ("name", "repository", "namespace", "homepage"):
        get(body, name)
    tags = get(body, "updated_tags", list, needed=True)
    demand(all(isinstance(one, str) for one in tags), "updated_tags")
    return f"{get(body, 'docker_url', needed=True)}:{tags[0]}"


def image_updater_quay(request: Request) -> str:
    """It takes the host from one key and the name from another."""
    body = request.json
    host = get(body, "docker_url", needed=True).partition("/")[0]
    return f"{host}/{get(body, 'repository', needed=True)}:{get(body, 'updated_tags', list, needed=True)[0]}"


def spinnaker_quay(request: Request) -> str:
    body = request.json
    demand(body.get("repository") is not None and isinstance(body.get("updated_tags"), list), "updated_tags")
    return f"{body['docker_url']}:{body['updated_tags'][0]}"


def jenkins_dtr(request: Request) -> str:
    """It cuts the image's name at the first colon: a port must be left out."""
    body = request.json
    contents = body["contents"]
    demand(isinstance(body["type"], str) and contents["tag"], "contents.tag")
    return f"{contents['imageName'].split(':')[0]}:{contents['tag']}"
