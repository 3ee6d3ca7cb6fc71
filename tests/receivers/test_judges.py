"""The judges can fail: what the receivers' own parsers did with variants of a request, run side by side.

Each row of MATRIX is one variant of Harbor's push, and what Flux (harbor), Kargo (harbor), Image Updater (harbor), Argo
CD and Keel made of it: a status alone where it was refused, None where it was taken and nothing done.
"""

import json
from typing import Any

import pytest
from judges_ci import brigade, dokploy, gitlab, jenkins, kobold, portus, spinnaker
from judges_flux_kargo import flux, flux_path, kargo, kargo_path
from judges_keel_argo import argocd, image_updater, keel
from judges_others import (
    caprover,
    cloud_event,
    coolify,
    knative,
    portainer,
    tekton,
    watchtower,
    webhook,
    zulip,
)
from judging import Answer, Heard, Refused, basic, hex_digest

SECRET = "s3cret"
JSON = {"content-type": "application/json"}
DIGEST = "sha256:" + "ab" * 32
ROUTES = {
    "flux": "https://x.example.com" + flux_path(SECRET),
    "kargo": "https://x.example.com" + kargo_path("harbor", SECRET),
    "updater": "https://x.example.com/webhook?type=harbor",
    "argocd": "https://x.example.com/api/webhook",
    "keel": "http://x.example.com:9300/v1/webhooks/harbor",
}


def harbor(**changes: Any) -> dict[str, Any]:
    """Harbor's push, the least with which all five work."""
    body = {
        "type": "PUSH_ARTIFACT",
        "occur_at": 1795219200,
        "operator": "maria",
        "event_data": {
            "resources": [{"digest": DIGEST, "tag": "v1", "resource_url": "reg.example.com/team/app:v1"}],
            "repository": {
                "date_created": 1795000000,
                "name": "app",
                "namespace": "team",
                "repo_full_name": "team/app",
                "repo_type": "private",
            },
        },
    }
    return {**body, **changes}


def resources(*tags_and_urls: tuple[str, str]) -> dict[str, Any]:
    listed = [{"digest": DIGEST, "tag": tag, "resource_url": url} for tag, url in tags_and_urls]
    return harbor(event_data={**harbor()["event_data"], "resources": listed})


def repository(**changes: Any) -> dict[str, Any]:
    data = harbor()["event_data"]
    return harbor(event_data={**data, "repository": {**data["repository"], **changes}})


def placed(host: str, path: str) -> dict[str, Any]:
    body = resources(("v1", f"{host}/{path}:v1"))
    body["event_data"]["repository"] |= {"repo_full_name": path, "namespace": path.rpartition("/")[0], "name": path}
    return body


def post(receiver: str, body: Any, headers: dict[str, str] | None = None) -> Any:
    """What a receiver makes of it: the status it refuses with, None = taken and nothing done, else what it read."""
    sent = {**JSON, "authorization": SECRET, **(headers or {})}
    one = Heard(ROUTES[receiver], {name: value for name, value in sent.items() if value}, json.dumps(body).encode())
    try:
        if receiver == "flux":
            return flux(one, "harbor", SECRET, path=flux_path(SECRET)).status
        judge = {
            "kargo": lambda: kargo(one, "harbor", SECRET, path=kargo_path("harbor", SECRET)),
            "updater": lambda: image_updater(one, SECRET),
            "argocd": lambda: argocd(one, SECRET),
            "keel": lambda: keel(one),
        }[receiver]
        answer: Answer = judge()
    except Refused as refused:
        return refused.status
    return answer.images or None


GOOD = ("reg.example.com/team/app:v1",)
AS_DIGEST = (f"reg.example.com/team/app:{DIGEST}",)
CLOUDEVENT = {"specversion": "1.0", "id": "1", "source": "/projects/1", "type": "harbor.artifact.pushed", "data": {}}

MATRIX: dict[str, tuple[Any, dict[str, str], tuple[Any, Any, Any, Any, Any]]] = {
    "canonical": (harbor(), {}, (200, GOOD, GOOD, GOOD, GOOD)),
    "a port": (placed("reg.example.com:5000", "team/app"), {}, (200, *[("reg.example.com:5000/team/app:v1",)] * 4)),
    "localhost": (placed("localhost:5000", "team/app"), {}, (200, *[("localhost:5000/team/app:v1",)] * 4)),
    "a deep name": (placed("reg.example.com", "a/b/c"), {}, (200, *[("reg.example.com/a/b/c:v1",)] * 4)),
    "one segment": (placed("reg.example.com", "app"), {}, (200, *[("reg.example.com/app:v1",)] * 4)),
    "a host without a dot": (
        placed("registry", "team/app"),
        {},
        (200, *[("registry/team/app:v1",)] * 3, ("index.docker.io/registry/team/app:v1",)),
    ),
    "untagged, no tag": (
        resources(("", f"reg.example.com/team/app@{DIGEST}")),
        {},
        (200, ("reg.example.com/team/app",), 400, None, AS_DIGEST),
    ),
    "untagged, as Harbor does": (
        resources((DIGEST, f"reg.example.com/team/app@{DIGEST}")),
        {},
        (200, AS_DIGEST, AS_DIGEST, AS_DIGEST, AS_DIGEST),
    ),
    "tag and digest": (
        resources(("v1", f"reg.example.com/team/app:v1@{DIGEST}")),
        {},
        (200, GOOD, GOOD, GOOD, AS_DIGEST),
    ),
    "a scheme": (
        resources(("v1", "https://reg.example.com/team/app:v1")),
        {},
        (200, ("https://reg.example.com/team/app:v1:v1",), GOOD, GOOD, GOOD),
    ),
    "a deletion": (harbor(type="DELETE_ARTIFACT"), {}, (200, 400, 400, None, None)),
    "Harbor 1.x": (harbor(type="pushImage"), {}, (200, 400, 400, None, GOOD)),
    "occur_at as a float": (harbor(occur_at=1795219200.5), {}, (200, GOOD, 400, 400, 400)),
    "occur_at as text": (harbor(occur_at="1795219200"), {}, (200, GOOD, 400, 400, 400)),
    "date_created as null": (repository(date_created=None), {}, (200, GOOD, GOOD, GOOD, GOOD)),
    "no resources": (resources(), {}, (200, None, 400, None, None)),
    "two resources": (
        resources(("v1", "reg.example.com/team/app:v1"), ("v2", "reg.example.com/team/app:v2")),
        {},
        (200, (*GOOD, "reg.example.com/team/app:v2"), GOOD, GOOD, (*GOOD, "reg.example.com/team/app:v2")),
    ),
    "Bearer": (harbor(), {"authorization": f"Bearer {SECRET}"}, (400, 401, 400, 400, GOOD)),
    "no Authorization": (harbor(), {"authorization": ""}, (400, 401, 400, 400, GOOD)),
    "a charset": (harbor(), {"content-type": "application/json; charset=utf-8"}, (200, GOOD, GOOD, GOOD, GOOD)),
    "octet-stream": (harbor(), {"content-type": "application/octet-stream"}, (200, GOOD, 400, GOOD, GOOD)),
    "a CloudEvent of Harbor's": (CLOUDEVENT, {}, (200, 400, 400, None, None)),
}


@pytest.mark.parametrize("variant", MATRIX)
@pytest.mark.parametrize(("at", "receiver"), list(enumerate(ROUTES)))
def test_judges_agree_with_the_receivers(variant, at, receiver):
    body, headers, expected = MATRIX[variant]
    assert post(receiver, body, headers) == expected[at]


def status(judge, *arguments, **more):
    """The status of a refusal, 0 = it was taken."""
    try:
        judge(*arguments, **more)
    except Refused as refused:
        return refused.status
    return 0


def sent(body: Any, url: str = "https://x.example.com/", **headers: str) -> Heard:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Heard(url, {**JSON, **{name.replace("_", "-"): value for name, value in headers.items()}}, raw)


# --- paths and queries ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("query", "expected"), [("", 0), ("?type=harbor", 404), ("?", 404)])
def test_flux_looks_up_the_whole_target(query, expected):
    one = sent({}, f"https://x.example.com{flux_path(SECRET)}{query}")
    assert status(flux, one, "generic", SECRET, path=flux_path(SECRET)) == expected


def test_kargo_takes_a_query_and_no_other_path():
    path = kargo_path("harbor", SECRET)
    one = sent(harbor(), f"https://x.example.com{path}?x=1", authorization=SECRET)
    assert status(kargo, one, "harbor", SECRET, path=path) == 0
    assert status(kargo, one, "harbor", SECRET, path=kargo_path("harbor", "other")) == 404


@pytest.mark.parametrize(("path", "expected"), [("/ci/default", 0), ("/ci/default?x=1", 404), ("/ci", 404)])
def test_knative_takes_two_segments_and_no_query(path, expected):
    event = {"specversion": "1.0", "id": "1", "source": "/x", "type": "x"}
    one = sent(event, f"http://x.example.com{path}", content_type="application/cloudevents+json")
    assert status(knative, one, {"ci/default"}) == expected


@pytest.mark.parametrize(("query", "expected"), [("type=harbor", 0), ("type=quay", 400), ("", 400)])
def test_image_updater_goes_by_the_type(query, expected):
    one = sent(harbor(), f"https://x.example.com/webhook?{query}", authorization=SECRET)
    assert status(image_updater, one, SECRET) == expected


# --- signatures -------------------------------------------------------------------------------------------------------

DIGITS = hex_digest("sha256", SECRET, b"{}")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"sha256={DIGITS}", 0),
        (f"sha256={DIGITS.upper()}", 0),
        (DIGITS, 400),
        (f"md5={DIGITS}", 400),
        (f"sha256={DIGITS[:-1]}", 400),
        ("", 400),
    ],
)
def test_flux_wants_the_algorithm_before_the_digits(value, expected):
    assert status(flux, sent(b"{}", x_signature=value), "generic-hmac", SECRET) == expected


@pytest.mark.parametrize(
    ("value", "expected"), [(f"sha256={DIGITS}", 0), (DIGITS, 0), (f"sha256={DIGITS.upper()}", 500), ("", 500)]
)
def test_adnanhs_webhook_wants_lower_case(value, expected):
    assert status(webhook, sent(b"{}", "http://x/hooks/a", x_signature=value), SECRET) == expected


def test_adnanhs_webhook_reads_json_by_its_type_alone():
    url, signed = "http://x/hooks/a", f"sha256={DIGITS}"
    for kind, expected in (("application/cloudevents+json", 0), ("application/octet-stream", 500)):
        assert status(webhook, sent(b"{}", url, x_signature=signed, content_type=kind), SECRET) == expected


@pytest.mark.parametrize("value", ["", "sha1=" + hex_digest("sha1", SECRET, b"{}"), hex_digest("sha1", "other", b"{}")])
def test_flux_takes_nexus_signatures_bare(value):
    assert status(flux, sent(b"{}", x_nexus_webhook_signature=value), "nexus", SECRET) == 400
    good = hex_digest("sha1", SECRET, b"{}")
    assert status(flux, sent(b"{}", x_nexus_webhook_signature=good), "nexus", SECRET) == 0


@pytest.mark.parametrize("value", ["", f"sha256={DIGITS}", hex_digest("sha256", "other", b"{}")])
def test_kargo_takes_artifactorys_signatures_bare(value):
    assert status(kargo, sent(b"{}", x_jfrog_event_auth=value), "artifactory", SECRET) == 401


def test_kargo_wants_githubs_signature_with_its_prefix():
    body = json.dumps({"action": "deleted"}).encode()
    digits = hex_digest("sha256", SECRET, body)
    for value, expected in ((f"sha256={digits}", 0), (digits, 401), ("", 401)):
        one = sent(body, x_github_event="package", x_hub_signature_256=value)
        assert status(kargo, one, "github", SECRET) == expected
    assert status(kargo, sent(body, x_hub_signature_256=f"sha256={digits}"), "github", SECRET) == 400


def test_tekton_ends_what_is_not_signed_and_what_is_no_object():
    assert status(tekton, sent({}), SECRET) == 202
    assert status(tekton, sent({}, x_hub_signature_256=f"sha256={DIGITS}"), SECRET) == 0
    assert status(tekton, sent([])) == 400


# --- bodies -----------------------------------------------------------------------------------------------------------

QUAY = {
    "name": "app",
    "repository": "team/app",
    "namespace": "team",
    "docker_url": "reg.example.com/team/app",
    "homepage": "https://reg.example.com/",
    "updated_tags": ["v1"],
}
QUAY_URLS = {
    "flux": lambda body: flux(sent(body), "quay", SECRET),
    "kargo": lambda body: kargo(sent(body), "quay", SECRET),
    "keel": lambda body: keel(sent(body, "http://x/v1/webhooks/quay")),
    "updater": lambda body: image_updater(sent(body, "http://x/webhook?type=quay.io&secret=s3cret"), SECRET),
    "spinnaker": lambda body: spinnaker(sent(body, "http://x/webhooks/webhook/quay")),
}


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        (["v1"], (0, 0, 0, 0, 0)),
        ({"v1": DIGEST}, (400, 400, 400, 400, 500)),
        ([], (0, 0, 400, 400, 0)),
        (None, (0, 0, 400, 400, 500)),
    ],
)
def test_quays_tags_are_a_list(tags, expected):
    found = [status(judge, {**QUAY, "updated_tags": tags}) for judge in QUAY_URLS.values()]
    assert tuple(found) == expected


HUB = {
    "callback_url": "",
    "push_data": {"pushed_at": 1795219200, "pusher": "maria", "tag": "v1", "images": []},
    "repository": {
        "repo_name": "reg.example.com/team/app",
        "name": "app",
        "namespace": "team",
        "is_private": False,
        "star_count": 0,
        "date_created": 1795000000,
    },
}


def hub(push: dict[str, Any] | None = None, repo: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        **HUB,
        "push_data": {**HUB["push_data"], **(push or {})},
        "repository": {**HUB["repository"], **(repo or {})},
    }


@pytest.mark.parametrize(
    ("body", "keels", "library"),
    [
        (hub(), 0, 0),
        (hub({"pushed_at": 1795219200.5}), 400, 0),
        (hub({"images": [{"tag": "v1"}]}), 0, 400),
        (hub({"images": None}), 0, 0),
        (hub(repo={"star_count": 0.5}), 400, 400),
        (hub(repo={"is_private": "false"}), 400, 400),
        (hub({"tag": ""}), 400, 0),
    ],
)
def test_docker_hubs_readers_differ(body, keels, library):
    assert status(keel, sent(body, "http://x/v1/webhooks/dockerhub")) == keels
    assert status(brigade, sent(body, "http://x/events?access_token=t"), "t") == library
    assert status(brigade, sent(body, "http://x/events"), "t") == 403


@pytest.mark.parametrize(
    ("query", "changes", "expected"),
    [
        ("&registry_url=reg.example.com:5000", {}, "reg.example.com:5000/team/app:v1"),
        ("", {"region": "cn-shanghai"}, "registry.cn-shanghai.aliyuncs.com/team/app:v1"),
        ("&registry_url=reg.example.com", {"region": "cn-shanghai"}, "reg.example.com/team/app:v1"),
        ("", {}, "/team/app:v1"),
        ("", {"repo_full_name": "", "name": ""}, 400),
        ("", {"date_created": 1795000000}, 400),
    ],
)
def test_image_updater_takes_alibabas_host_from_the_url(query, changes, expected):
    body = {
        "push_data": {"digest": DIGEST, "pushed_at": "2026-11-21 00:00:00", "tag": "v1"},
        "repository": {"repo_full_name": "team/app", "name": "app", "namespace": "team", **changes},
    }
    one = sent(body, f"http://x/webhook?type=aliyun-acr&secret=s3cret{query}")
    assert status(image_updater, one, "other") == 400
    if isinstance(expected, int):
        assert status(image_updater, one, SECRET) == expected
    else:
        assert image_updater(one, SECRET).images == (expected,)


def test_who_forces_docker_hub_reads_another_image():
    """With a host in repo_name Image Updater never matches, and Spinnaker and Kobold name what nobody can pull."""
    one = sent(HUB, "http://x/webhook?type=docker.io&secret=s3cret")
    assert image_updater(one, SECRET).images == ("docker.io/reg.example.com/team/app:v1",)
    one = sent(HUB, "http://x/webhooks/webhook/dockerhub")
    assert spinnaker(one).images == ("index.docker.io/reg.example.com/team/app:v1",)
    assert kobold(sent(HUB, "http://x/events/a"), "dockerhub").images == ("docker.io/reg.example.com/team/app:v1",)


def test_dokploy_deploys_unasked_for_any_other_agent():
    url, mine = "http://x/api/deploy/t", "reg.example.com/team/app:v2"
    assert dokploy(sent(HUB, url, user_agent="python"), mine) == Answer(200, (mine,))
    assert dokploy(sent(HUB, url, user_agent="Go-http-client/1.1"), mine) == Answer(301)


def record(**changes: Any) -> dict[str, Any]:
    target = {
        "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
        "size": 1,
        "length": 1,
        "digest": DIGEST,
        "repository": "team/app",
        "url": f"http://inner.example.com/v2/team/app/manifests/{DIGEST}",
        "tag": "v1",
    }
    one = {
        "id": "1",
        "timestamp": "2026-11-22T08:00:00Z",
        "action": "push",
        "target": {**target, **changes.pop("target", {})},
        "request": {"id": "1", "addr": "", "host": "reg.example.com", "method": "PUT", "useragent": ""},
        "actor": {"name": "maria"},
        "source": {"addr": "", "instanceID": ""},
    }
    return {**one, **changes}


def enveloped(judge, **changes: Any) -> Any:
    """What is read of one push that is changed so, or the status that it is refused with."""
    try:
        return judge({"events": [record(**changes)]}).images
    except Refused as refused:
        return refused.status


ENVELOPES = {
    "keel": lambda body: keel(sent(body, "http://x/v1/webhooks/registry")),
    "spinnaker": lambda body: spinnaker(sent(body, "http://x/webhooks/webhook/dockerregistry")),
    "jenkins": lambda body: jenkins(sent(body, "http://x/dockerregistry-webhook/t/notify"), "t"),
    "kobold": lambda body: kobold(sent(body, "http://x/events/a"), "distribution"),
    "portus": lambda body: portus(sent(body), {"reg.example.com"}),
}
RIGHT, INNER = ("reg.example.com/team/app:v1",), ("inner.example.com/team/app:v1",)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (RIGHT, RIGHT, INNER, RIGHT, RIGHT)),
        (
            {"target": {"mediaType": "application/vnd.oci.image.manifest.v1+json"}},
            (RIGHT, (), INNER, RIGHT, ()),
        ),
        ({"target": {"mediaType": None}}, (RIGHT, 500, INNER, RIGHT, AttributeError)),
        ({"target": {"url": ""}}, (RIGHT, RIGHT, (), RIGHT, RIGHT)),
        ({"timestamp": ""}, (400, RIGHT, (), RIGHT, RIGHT)),
        ({"action": "mount"}, ((), (), (), RIGHT, ())),
    ],
)
def test_readers_of_the_envelope_differ(changes, expected):
    for judge, wanted in zip(ENVELOPES.values(), expected, strict=True):
        if wanted is AttributeError:
            with pytest.raises(AttributeError):
                enveloped(judge, **changes)
        else:
            assert enveloped(judge, **changes) == wanted


def test_portus_deletes_by_digest_alone():
    by_digest = record(action="delete", target={"digest": DIGEST})
    by_tag = record(action="delete")
    by_tag["target"].pop("digest", None)
    assert len(ENVELOPES["portus"]({"events": [by_digest]}).images) == 1
    assert ENVELOPES["portus"]({"events": [by_tag]}).images == ()


def test_one_element_without_a_tag_loses_the_batch_in_kobold():
    untagged = record()
    del untagged["target"]["tag"]
    assert ENVELOPES["kobold"]({"events": [record(), untagged]}).images == ()


@pytest.mark.parametrize(
    ("action", "header", "kind", "expected"),
    [
        ("push", SECRET, "application/json", 0),
        ("push", SECRET, "application/vnd.docker.distribution.events.v1+json", 0),
        ("push", SECRET, "application/vnd.docker.distribution.events.v2+json", 406),
        ("mount", SECRET, "application/json", 400),
        ("push", f"Bearer {SECRET}", "application/json", 401),
    ],
)
def test_gitlab_refuses_a_batch_for_one_action(action, header, kind, expected):
    url = "https://x.example.com/api/v4/container_registry_event/events"
    body = {"events": [record(), record(action=action)]}
    assert status(gitlab, sent(body, url, authorization=header, content_type=kind), SECRET) == expected


def test_jenkins_asks_for_a_token_and_says_200_to_what_it_cannot_read():
    url = "https://x.example.com/dockerhub-webhook/t/notify"
    assert jenkins(sent(HUB, url), "t") == Answer(302, ("reg.example.com/team/app:v1",))
    assert jenkins(sent({"push_data": {}}, url), "t") == Answer(200)
    assert status(jenkins, sent(HUB, url), "other") == 403
    assert status(jenkins, sent(HUB, "https://x.example.com/dockerhub-webhook/notify"), "t") == 403


def test_jenkins_cuts_dtrs_names_at_the_first_colon():
    body = {"type": "TAG_PUSH", "contents": {"imageName": "reg.example.com:5000/team/app:v1", "tag": "v1"}}
    one = sent(body, "https://x.example.com/dockertrustedregistry-webhook/notify")
    assert jenkins(one).images == ("reg.example.com:v1",)


@pytest.mark.parametrize(
    ("agent", "action", "expected"),
    [
        ("AzureContainerRegistry/1.0", "push", 0),
        ("VSServices/1.0", "push", 0),
        ("Go-http-client/1.1", "push", 400),
        ("AzureContainerRegistry/1.0", "ping", 0),
        ("AzureContainerRegistry/1.0", "delete", 400),
    ],
)
def test_kargo_goes_by_azures_user_agent(agent, action, expected):
    body = {"action": action, "target": {"repository": "team/app", "tag": "v1"}, "request": {"host": "r.example.com"}}
    assert status(kargo, sent(body, user_agent=agent), "azure", SECRET) == expected


def test_keel_takes_a_deletion_in_azures_words_for_a_push():
    body = {"action": "delete", "target": {"repository": "team/app", "tag": "v1"}, "request": {"host": "r.example.com"}}
    assert keel(sent(body, "http://x/v1/webhooks/azure")).images == ("r.example.com/team/app:v1",)


def test_keel_asks_for_its_account_everywhere_but_at_registry():
    account = basic("admin", "password")
    assert status(keel, sent(harbor(), "http://x/v1/webhooks/harbor"), account) == 401
    assert status(keel, sent(harbor(), "http://x/v1/webhooks/harbor", authorization=account), account) == 0
    assert status(keel, sent({"events": [record()]}, "http://x/v1/webhooks/registry"), account) == 0


@pytest.mark.parametrize("name", ["x-event-key", "x-hook-uuid", "x-github-event", "x-gitlab-event"])
def test_argo_cd_gives_it_to_another_parser(name):
    one = sent(harbor(), ROUTES["argocd"], **{name.replace("-", "_"): "x", "authorization": SECRET})
    assert status(argocd, one, SECRET) == 400


# --- CloudEvents ------------------------------------------------------------------------------------------------------

EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "https://reg.example.com",
    "type": "container.image.push",
    "subject": "team/app:v1",
    "data": {"repository": "team/app", "tag": "v1", "registryUrl": "reg.example.com:5000"},
}
STRUCTURED = "application/cloudevents+json"


@pytest.mark.parametrize(
    ("changes", "kind", "expected"),
    [
        ({}, STRUCTURED, 0),
        ({}, "application/json", 0),
        ({"type": "harbor.artifact.pushed"}, STRUCTURED, 400),
        ({"specversion": ""}, "application/json", 400),
        ({}, "text/plain", 400),
    ],
)
def test_image_updater_takes_types_with_image_or_container(changes, kind, expected):
    one = sent({**EVENT, **changes}, "http://x/webhook?type=cloudevents", content_type=kind, x_webhook_secret=SECRET)
    assert status(image_updater, one, SECRET) == expected


def test_image_updater_cuts_a_subject_at_the_first_colon():
    body = {**EVENT, "subject": "localhost:5000/team/app:v1", "data": {}}
    one = sent(body, "http://x/webhook?type=cloudevents", content_type=STRUCTURED, x_webhook_secret=SECRET)
    assert image_updater(one, SECRET).images == ("reg.example.com/localhost:5000/team/app:v1",)


@pytest.mark.parametrize(
    ("changes", "kind", "expected"),
    [
        ({}, STRUCTURED, 0),
        ({}, f"{STRUCTURED}; charset=utf-8", 0),
        ({}, f"{STRUCTURED};charset=utf-8", 400),
        ({}, "application/json", 400),
        ({"subject": None}, STRUCTURED, 400),
        ({"requestId": "1"}, STRUCTURED, 400),
        ({"id": " "}, STRUCTURED, 400),
    ],
)
def test_the_strictest_reader_of_cloudevents(changes, kind, expected):
    assert status(cloud_event, sent({**EVENT, **changes}, content_type=kind)) == expected


CDEVENT = {
    "context": {
        "version": "0.4.1",
        "id": "1",
        "source": "/x",
        "type": "dev.cdevents.artifact.published.0.2.0",
        "timestamp": "2026-11-22T08:00:00Z",
    },
    "subject": {
        "id": "pkg:oci/app@sha256%3Aab?repository_url=reg.example.com/team/app",
        "type": "artifact",
        "content": {},
    },
}
PUBLISHED = ("dev.cdevents.artifact.published.0.2.0",)


def test_flux_reads_a_cdevent_from_the_body_and_its_type_from_the_header():
    assert status(flux, sent(CDEVENT, ce_type=PUBLISHED[0]), "cdevents", SECRET, events=PUBLISHED) == 0
    assert status(flux, sent(CDEVENT), "cdevents", SECRET, events=PUBLISHED) == 400
    assert status(flux, sent({**EVENT, "data": CDEVENT}), "cdevents", SECRET) == 400
    unknown = {**CDEVENT, "context": {**CDEVENT["context"], "type": "dev.cdevents.image.pushed.0.1.0"}}
    assert status(flux, sent(unknown), "cdevents", SECRET) == 400


def test_spinnaker_wants_custom_data_in_a_cdevent():
    url = "http://x/webhooks/cdevents/registry"
    whole = {**EVENT, "data": {**CDEVENT, "customData": {}}}
    assert status(spinnaker, sent(whole, url, content_type=STRUCTURED)) == 0
    assert status(spinnaker, sent({**EVENT, "data": CDEVENT}, url, content_type=STRUCTURED)) == 400
    assert status(spinnaker, sent(CDEVENT, url)) == 400


# --- deployers and chat -----------------------------------------------------------------------------------------------


def test_watchtower_cuts_images_at_the_first_colon():
    running = {"reg.example.com/team/app:v1", "localhost:5000/team/app:v1"}
    token = {"authorization": "Bearer t"}
    url = "http://x/v1/update"
    assert set(watchtower(sent(b"", url, **token), "t", running).images) == running
    chosen = sent(b"", f"{url}?image=reg.example.com/team/app", **token)
    assert watchtower(chosen, "t", running).images == ("reg.example.com/team/app:v1",)
    ported = sent(b"", f"{url}?image=localhost:5000/team/app", **token)
    assert watchtower(ported, "t", running).images == (), "a registry with a port cannot be named"
    assert status(watchtower, sent(b"", url), "t", running) == 401


def test_deployers_want_their_tokens():
    assert status(portainer, sent(b"", "http://x/api/webhooks/other"), {"t"}) == 404
    assert portainer(sent(b"", "http://x/api/webhooks/t?tag=v1"), {"t"}).images == ("v1",)
    assert status(caprover, sent({}, "http://x/api/v2/user/apps/webhooks/triggerbuild?namespace=c&token=o"), "t") == 401
    url = "http://x/api/v1/deploy?uuid=u"
    assert status(coolify, sent({}, url), "t") == 401
    assert status(coolify, sent({}, url, authorization="Bearer t"), "t") == 0
    assert status(coolify, sent({"tag": "v1"}, url, authorization="Bearer t"), "t") == 400


def test_zulip_refuses_types_that_it_does_not_know():
    url = "http://x/api/v1/external/harbor?api_key=k&stream=s"
    assert zulip(sent(harbor(), url), "k").images == ("team/app:v1",)
    assert zulip(sent(harbor(type="DELETE_ARTIFACT"), url), "k").images == ()
    assert status(zulip, sent(harbor(type="QUOTA_EXCEED"), url), "k") == 400
    assert status(zulip, sent(harbor(operator=None), url), "k") == 400
    assert status(zulip, sent(harbor(), "http://x/api/v1/external/harbor"), "k") == 401
