"""What Zulip and receivers of any JSON make of a request: Argo Events, Tekton, Knative, adnanh/webhook, and deployers.

Versions: Argo Events v1.9.11, Tekton Triggers v0.37.0, Knative eventing of 2026-06-17, adnanh/webhook 2.8.0, Watchtower
v1.7.1, Portainer CE of 2024-10, CapRover of 2026-08-20, Coolify of 2026-08-22.
"""

import json
import re
from typing import Any
from urllib.parse import parse_qs, urlsplit

from judging import Answer, Heard, Refused, hex_digest, json_of

# --- Zulip ------------------------------------------------------------------------------------------------------------

_IGNORED = {"PULL_ARTIFACT", "DELETE_ARTIFACT", "UPLOAD_CHART", "DOWNLOAD_CHART", "DELETE_CHART", "SCANNING_FAILED"}
_REPORT = "application/vnd.security.vulnerability.report; version=1.1"


def zulip(heard: Heard, api_key: str) -> Answer:
    """POST /api/v1/external/harbor: the image that the message names."""
    if heard.path != "/api/v1/external/harbor":
        raise Refused(404, "no such path")
    if heard.param("api_key") != api_key:
        raise Refused(401, "the key")
    body = json_of(heard)
    kind = _text(body["type"])
    if kind in _IGNORED:
        return Answer(200)
    if kind not in {"PUSH_ARTIFACT", "SCANNING_COMPLETED"}:
        raise Refused(400, "unsupported event")
    data = body["event_data"]
    _text(body["operator"])
    resource = data["resources"][0]
    image = f"{_text(data['repository']['repo_full_name'])}:{_text(resource['tag'])}"
    if kind == "SCANNING_COMPLETED":
        severities = resource["scan_overview"][_REPORT]["summary"]["summary"]
        if not all(isinstance(one, int) for one in severities.values()):
            raise Refused(400, "a count is no integer")
    return Answer(200, (image,))


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise Refused(400, "no string")
    return value


# --- any JSON ---------------------------------------------------------------------------------------------------------


def argo_events(heard: Heard, endpoint: str, secret: str = "") -> Any:
    """An event source of type webhook: the body as sensors see it."""
    if heard.path != endpoint:
        raise Refused(404, "no such path")
    if secret and heard.header("authorization") != f"Bearer {secret}":
        raise Refused(401, "the token")
    if heard.header("content-type") == "application/x-www-form-urlencoded":
        return parse_qs(heard.body.decode())
    return json_of(heard, 500)


def tekton(heard: Heard, secret: str = "") -> Any:
    """An EventListener with payload validation, with the github interceptor where there is a secret."""
    body = json_of(heard)
    if not isinstance(body, dict):
        raise Refused(400, "no object")
    if secret and heard.header("x-hub-signature-256") != "sha256=" + hex_digest("sha256", secret, heard.body):
        raise Refused(202, "the interceptor ends it")
    return body


def knative(heard: Heard, brokers: set[str]) -> dict[str, str]:
    """The ingress of brokers, named `namespace/name`: the attributes of the event that is taken."""
    parts = heard.target.split("/")  # the whole target: a query string becomes part of the broker's name
    if len(parts) != 3 or "/".join(parts[1:]) not in brokers:
        raise Refused(404, "no such broker")
    return cloud_event(heard)


def cloud_event(heard: Heard) -> dict[str, str]:
    """A CloudEvent 1.0 as the strictest of the SDKs takes it, in either mode."""
    if "ce-specversion" in heard.headers:
        found = {name[3:]: value for name, value in heard.headers.items() if name.startswith("ce-")}
    elif heard.header("content-type") in {
        "application/cloudevents+json",
        "application/cloudevents+json; charset=utf-8",
    }:
        found = {name: value for name, value in json_of(heard).items() if name not in {"data", "data_base64"}}
    else:
        raise Refused(400, "no CloudEvent")
    if found.get("specversion") != "1.0" or not all(found.get(name, "").strip() for name in ("id", "source", "type")):
        raise Refused(400, "an attribute is missing")
    if any(re.fullmatch("[a-z0-9]+", name) is None for name in found):
        raise Refused(400, "the name of an attribute")
    if any(value in (None, "") for value in found.values()):
        raise Refused(400, "an attribute is empty")
    return found


def webhook(heard: Heard, secret: str) -> Any:
    """A hook with the rule payload-hmac-sha256 on X-Signature: the payload that later rules and commands see."""
    if re.fullmatch(r"/hooks/[^/]+", heard.path) is None:
        raise Refused(404, "no such hook")
    if "json" not in heard.header("content-type"):
        raise Refused(500, "the payload is not parsed")
    wanted = hex_digest("sha256", secret, heard.body)
    if wanted not in [one.strip().removeprefix("sha256=") for one in heard.header("x-signature").split(",")]:
        raise Refused(500, "the signature")
    return json_of(heard, 500)


# --- deployers, which ignore the body ---------------------------------------------------------------------------------


def watchtower(heard: Heard, token: str, running: set[str]) -> Answer:
    """POST /v1/update: which of the running containers' images are updated."""
    if heard.path != "/v1/update":
        raise Refused(404, "no such path")
    if heard.header("authorization") != f"Bearer {token}":
        raise Refused(401, "the token")
    wanted = set(heard.param("image").split(",")) - {""}
    return Answer(200, tuple(sorted(one for one in running if not wanted or one.split(":")[0] in wanted)))


def portainer(heard: Heard, tokens: set[str]) -> Answer:
    """The tag that a service is updated to, `""` = as it was; or a stack."""
    found = re.fullmatch(r"/api/(stacks/)?webhooks/([^/]+)", heard.path)
    if found is None or found[2] not in tokens:
        raise Refused(404, "no such webhook")
    return Answer(204, (heard.param("tag"),))


def caprover(heard: Heard, token: str) -> Answer:
    """A build of what the application's git repository holds; at most 2 MiB of a form."""
    if not heard.path.endswith("/webhooks/triggerbuild") or not heard.param("namespace"):
        raise Refused(404, "no such path")
    if heard.param("token") != token:
        raise Refused(401, "the token")
    if heard.header("x-github-event") == "push":
        raise Refused(400, "taken for GitHub's")
    return Answer(200)


def coolify(heard: Heard, token: str) -> Answer:
    """POST /api/v1/deploy: what is deployed, by uuid or by a tag of its own. The body may bring parameters, too."""
    if heard.method != "POST":
        raise Refused(405, "POST")
    if heard.path != "/api/v1/deploy":
        raise Refused(404, "no such path")
    if heard.header("authorization") != f"Bearer {token}":
        raise Refused(401, "the token")
    given = {name: values[0] for name, values in parse_qs(urlsplit(heard.url).query).items()}
    if "json" in heard.header("content-type"):
        body = json.loads(heard.body or b"{}")
        given = {**(body if isinstance(body, dict) else {}), **given}
    if ("uuid" in given) == ("tag" in given):
        raise Refused(400, "either uuid or tag")
    return Answer(200, (str(given.get("uuid") or given.get("tag")),))
