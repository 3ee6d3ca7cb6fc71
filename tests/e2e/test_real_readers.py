"""What libraries and programs of receivers make of requests that a real push in a real registry led to."""

import json

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.v1.http import from_http
from peers import eventually
from real_readers import Hooks, Refused, read_cdevent, read_in_javascript
from real_registry import ask
from real_sidecar import HOSTNAME, subscription

pytestmark = pytest.mark.e2e

SECRET = "a secret that both ends know"
NAME = f"{HOSTNAME}/prj/app"
PUBLISHED = "dev.cdevents.artifact.published.0.2.0"


@pytest.fixture
def heard(sidecar, receiver, skopeo, image):
    """The one request that a push of prj/app:1.0 leads to, for subscriptions as they would be written by hand."""

    def hear(*wanted):
        """Each is (name, format, what else the subscription says)."""
        sidecar.configure(*(subscription(name, kind, receiver.url(name), **more) for name, kind, more in wanted))
        sidecar.start()
        skopeo.push(image, "prj/app:1.0")
        return [receiver.wait_for(name, signed=False)[0] for name, _, _ in wanted]

    return hear


def signed(scheme, secret=SECRET, **more):
    return {"sign": {"scheme": scheme, "secrets": [secret]}, "events": ["artifact.pushed"], **more}


@pytest.mark.parametrize("registry", ["3.1"], indirect=True)
def test_octokit_verifies_and_receives_what_is_said_as_github(heard, image):
    """Of both events; with another secret it refuses them."""
    for told in heard(
        ("package", "ghcr", signed("github")),
        ("registry_package", "ghcr", signed("github", options={"event": "registry_package"})),
    ):
        name = told.headers["x-github-event"]
        assert name == told.path.strip("/")
        read = read_in_javascript("octokit", told, secret=SECRET)
        assert (read["name"], read["id"]) == (name, told.headers["x-github-delivery"])
        version = read["payload"][name]["package_version"]
        assert version["package_url"] == f"{NAME}:1.0"
        assert version["container_metadata"]["tag"] == {"name": "1.0", "digest": image.digest}
        with pytest.raises(Refused, match="signature does not match"):
            read_in_javascript("octokit", told, secret="another secret")


@pytest.mark.parametrize("registry", ["2.8"], indirect=True)
def test_cloudevents_are_read_by_the_sdks_of_javascript_and_python(heard, image):
    """Ours, Harbor's, and CDEvents in both modes: each reader sees the same attributes and data."""
    structured = {"mode": "structured"}
    for told in heard(
        ("own", "cloudevents", signed("standard", "whsec_" + "c2VjcmV0" * 6)),
        ("harbor", "harbor", signed("standard", "whsec_" + "c2VjcmV0" * 6, options={"flavour": "cloudevents"})),
        ("binary", "cdevents", signed("x-signature")),
        ("structured", "cdevents", signed("x-signature", options=structured)),
    ):
        in_javascript = read_in_javascript("cloudevents", told)
        in_python = from_http(told.headers, told.body)
        anew = from_http_event(HTTPMessage(headers=told.headers, body=told.body))
        for name in ("id", "source", "type", "specversion"):
            assert in_javascript[name] == in_python[name] == anew.get_attributes()[name], name
        assert in_javascript["data"] == in_python.data == anew.get_data()
        assert image.digest in json.dumps(in_python.data)
        if told.path.strip("/") in {"binary", "structured"}:
            assert in_python["type"] == PUBLISHED
            assert anew.get_attributes()["subject"] == in_python.data["subject"]["id"]


@pytest.mark.parametrize("registry", ["3.1"], indirect=True)
def test_the_go_sdk_of_cdevents_takes_what_was_said_in_either_mode(heard, image):
    """It validates against the specification's own schema and parses the package URL, as Flux has it do."""
    binary, structured = heard(
        ("binary", "cdevents", signed("x-signature")),
        ("structured", "cdevents", signed("x-signature", options={"mode": "structured"})),
    )
    assert binary.headers["content-type"] == "application/json"
    assert binary.headers["ce-type"] == PUBLISHED
    place = NAME.replace(":", "%3A")
    subject = f"pkg:oci/app@{image.digest.replace(':', '%3A')}?repository_url={place}&tag=1.0"
    assert read_cdevent(binary.body) == (PUBLISHED, subject)
    assert read_cdevent(json.dumps(structured.json["data"]).encode()) == (PUBLISHED, subject)
    with pytest.raises(Refused):
        read_cdevent(structured.body)


@pytest.mark.parametrize("registry", ["2.8"], indirect=True)
def test_webhook_runs_its_program_for_a_signed_message_and_for_no_other(sidecar, receiver, skopeo, image, tmp_path):
    """Debian's `webhook` checks the signature and a field deep in the body; each of them alone is refused."""
    hooks = Hooks(
        tmp_path / "webhook",
        [
            {
                "match": {
                    "type": "payload-hmac-sha256",
                    "secret": SECRET,
                    "parameter": {"source": "header", "name": "X-Signature"},
                }
            },
            {
                "match": {
                    "type": "value",
                    "value": "1.0",
                    "parameter": {"source": "payload", "name": "event_data.resources.0.tag"},
                }
            },
        ],
    )
    hooks.start()
    try:
        sidecar.configure(
            subscription("webhook", "harbor", hooks.url, **signed("x-signature")),
            subscription("witness", "harbor", receiver.url("witness"), **signed("x-signature")),
            subscription("forger", "harbor", receiver.url("forger"), **signed("x-signature", "another secret")),
        )
        sidecar.start()
        skopeo.push(image, "prj/app:2.0")  # signed, but of another tag
        skopeo.push(image, "prj/app:1.0")
        told = receiver.wait_for("witness", where=lambda one: b":1.0" in one.body, signed=False)[0]
        other = receiver.wait_for("witness", where=lambda one: b":2.0" in one.body, signed=False)[0]
        forged = receiver.wait_for("forger", where=lambda one: b":1.0" in one.body, signed=False)[0]
        eventually(lambda: hooks.runs() == ["prj/app 1.0"], "the program ran for 1.0 alone")

        def post(one):
            return ask(hooks.url, method="POST", body=one.body, headers=one.headers).status

        assert post(told) == 200
        assert post(other) == 403
        assert post(forged) == 500
        assert post(told._replace(headers={**told.headers, "x-signature": told.headers["x-signature"].upper()})) == 500
        eventually(lambda: hooks.runs() == ["prj/app 1.0"] * 2, "it ran for the repeated message, and for no other")
    finally:
        hooks.process.kill()
