"""Every preset's request is taken by its receiver, which reads the right image and tag from it.

The judges know nothing of this project; test_judges.py shows that they refuse what the receivers refuse.
"""

from collections.abc import Callable
from urllib.parse import quote

import msgspec
import pytest
from judges_ci import brigade, dokploy, gitlab, jenkins, kobold, portus, spinnaker
from judges_flux_kargo import flux, flux_path, kargo, kargo_path
from judges_keel_argo import argocd, image_updater, keel
from judges_others import (
    argo_events,
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
from judging import Answer, Heard, json_of
from preset_requests import DIGEST, DOCKER, PUSHES, SECRET, bound, heard, push, subscription

from receiver_rules import HARBOR_RECEIVERS, IMAGE_UPDATER_CLOUDEVENTS, demand
from sidecar.config import presets
from sidecar.dialects.contract import sample
from sidecar.domain.event import Event, EventType, Kind
from sidecar.domain.message import Response

TOKEN = "0123456789"  # in the example URLs


def image(event: Event) -> tuple[str, ...]:
    """What everybody should read."""
    return (f"{event.registry.hostname}/{event.repository.path}:{event.tag}",)


def on(host: str) -> Callable[[Event], tuple[str, ...]]:
    """What receivers read that know one host alone, whatever the registry's is."""
    return lambda event: (f"{host}/{event.repository.path}:{event.tag}",)


def on_github(event: Event) -> tuple[str, ...]:
    """GitHub's packages always have an owner."""
    return (f"ghcr.io/{event.repository.namespace}/{event.repository.name}:{event.tag}",)


def without_port(event: Event) -> tuple[str, ...]:
    host = event.registry.hostname.partition(":")[0]
    return (f"{host}/{event.repository.path}:{event.tag}",)


def package(event: Event) -> tuple[str, ...]:
    """https://github.com/package-url/purl-spec, type oci."""
    path = event.repository.path
    name, where = path.rpartition("/")[2], f"{event.registry.hostname}/{path}"
    return (f"pkg:oci/{name}@{quote(DIGEST, safe='')}?repository_url={quote(where, safe='/')}&tag={event.tag}",)


def seen_by_flux(kind: str, read: Callable[[dict], str | None], events: tuple[str, ...] = ()):
    """A Receiver acts on no image: what its filters can see of one is what counts."""

    def judge(one: Heard) -> Answer:
        taken = flux(one, kind, SECRET, path=flux_path(SECRET), events=events)
        assert taken.seen is not None, "filters see nothing"
        return Answer(taken.status, (read(taken.seen),))

    return judge


def from_harbor(body: dict) -> str:
    return body["event_data"]["resources"][0]["resource_url"]


def from_cloudevents(judged: Callable[[Heard], dict]) -> Callable[[Heard], Answer]:
    def judge(one: Heard) -> Answer:
        judged(one)
        return Answer(202, (json_of(one)["data"]["reference"],))

    return judge


def of_kargo(kind: str):
    return lambda one: kargo(one, kind, SECRET, path=kargo_path(kind, SECRET))


def updater(one: Heard) -> Answer:
    """It asks for the secret in the query where it takes it there."""
    return image_updater(one, TOKEN if "secret=" in one.url else SECRET)


def kobold_of(decoder: str):
    return lambda one: kobold(one, decoder)


def dokploy_of(event: Event):
    return lambda one: dokploy(one, image(event)[0])


FLUX = {"url": f"https://flux.example.com{flux_path(SECRET)}"}
PUSHED = ("dev.cdevents.artifact.published.0.2.0",)
Contract = tuple[Callable[[Heard], Answer], Callable[[Event], tuple[str, ...]]]

# The judge of each preset, and what it should read.
CONTRACTS: dict[str, Contract] = {
    "flux": (seen_by_flux("generic-hmac", from_harbor), image),
    "flux-harbor": (seen_by_flux("harbor", from_harbor), image),
    "flux-generic": (seen_by_flux("generic", from_harbor), image),
    "flux-quay": (seen_by_flux("quay", lambda body: f"{body['docker_url']}:{body['updated_tags'][0]}"), image),
    "flux-dockerhub": (
        seen_by_flux("dockerhub", lambda body: f"{body['repository']['repo_name']}:{body['push_data']['tag']}"),
        image,
    ),
    "flux-acr": (
        seen_by_flux(
            "acr",
            lambda body: f"{body['request']['host']}/{body['target']['repository']}:{body['target']['tag']}",
        ),
        image,
    ),
    "flux-nexus": (
        seen_by_flux("nexus", lambda body: f"{body['component']['name']}:{body['component']['version']}"),
        lambda event: (f"{event.repository.path}:{event.tag}",),
    ),
    "flux-cdevents": (seen_by_flux("cdevents", lambda body: body["customData"]["reference"], PUSHED), image),
    "flux-github": (
        seen_by_flux("github", lambda body: body["package"]["package_version"]["package_url"], ("package",)),
        image,
    ),
    "keel": (keel, image),
    "watchtower-all": (lambda one: watchtower(one, SECRET, {"a/b:1", "c:2"}), lambda _event: ("a/b:1", "c:2")),
    "portainer": (lambda one: portainer(one, {TOKEN}), lambda event: (event.tag,)),
    "portainer-stack": (lambda one: portainer(one, {TOKEN}), lambda _event: ("",)),
    "caprover": (lambda one: caprover(one, TOKEN), lambda _event: ()),
    "coolify": (lambda one: coolify(one, SECRET), lambda _event: (TOKEN,)),
    "kargo": (of_kargo("harbor"), image),
    "kargo-quay": (of_kargo("quay"), image),
    "kargo-dockerhub": (of_kargo("dockerhub"), image),
    "kargo-azure": (of_kargo("azure"), image),
    "kargo-artifactory": (of_kargo("artifactory"), image),
    "kargo-github": (of_kargo("github"), image),
    "kargo-generic": (of_kargo("generic"), image),
    "keel-harbor": (keel, image),
    "keel-quay": (keel, image),
    "keel-dockerhub": (keel, image),
    "keel-azure": (keel, image),
    "keel-registry": (keel, image),
    "keel-jfrog": (keel, on("registry.example.com")),
    "keel-github": (keel, on_github),
    "argocd": (lambda one: argocd(one, SECRET), image),
    "argocd-ghcr": (lambda one: argocd(one, SECRET), on_github),
    "argocd-image-updater": (updater, image),
    "argocd-image-updater-quay": (updater, image),
    "argocd-image-updater-acr": (updater, image),
    "argocd-image-updater-cloudevents": (updater, image),
    "argocd-image-updater-aliyun-acr": (updater, image),
    "argocd-image-updater-dockerhub": (updater, on("docker.io")),
    "argocd-image-updater-ghcr": (updater, on_github),
    "spinnaker": (spinnaker, image),
    "spinnaker-dockerregistry": (spinnaker, image),
    "spinnaker-dockerhub": (spinnaker, on("index.docker.io")),
    "spinnaker-nexus": (
        spinnaker,
        lambda event: (f"{event.repository.namespace}:{event.repository.name}:{event.tag}",),
    ),
    "spinnaker-cdevents": (spinnaker, package),
    "jenkins": (lambda one: jenkins(one, TOKEN), image),
    "jenkins-dockerhub": (lambda one: jenkins(one, TOKEN), image),
    "jenkins-acr": (lambda one: jenkins(one, TOKEN), image),
    "jenkins-dtr": (jenkins, without_port),
    "kobold": (kobold_of("harbor"), image),
    "kobold-distribution": (kobold_of("distribution"), image),
    "kobold-acr": (kobold_of("distribution"), image),
    "kobold-dockerhub": (kobold_of("dockerhub"), on("docker.io")),
    "brigade": (lambda one: brigade(one, TOKEN), image),
    "gitlab": (lambda one: gitlab(one, SECRET), lambda event: (f"push {event.repository.path}",)),
    "portus": (
        lambda one: portus(one, {"registry.example.com", "registry.example.com:5000", "localhost:5000"}),
        image,
    ),
    "zulip": (lambda one: zulip(one, TOKEN), lambda event: (f"{event.repository.path}:{event.tag}",)),
    "argo-events": (from_cloudevents(lambda one: argo_events(one, "/registry")), image),
    "tekton": (from_cloudevents(tekton), image),
    "knative": (from_cloudevents(lambda one: knative(one, {"ci/default"})), image),
    "webhook": (from_cloudevents(lambda one: webhook(one, SECRET)), image),
}
BY_IMAGE = {"dokploy", "dokploy-ghcr", "watchtower"}  # judged with the image that they are set up with
# What these show is a matter of their formats, whose tests have the products' own rules.
CHATS = {"slack", "teams", "discord", "mattermost", "googlechat"}


def own(name: str) -> dict[str, str]:
    """Where the receiver listens with its secret, where the path is made of that."""
    page, _, kind = name.partition("-")
    if page == "flux":
        return FLUX
    return {"url": f"https://kargo.example.com{kargo_path(kind or 'harbor', SECRET)}"} if page == "kargo" else {}


def requests(tmp_path, name: str, event: Event) -> list[Heard]:
    return heard(bound(tmp_path, subscription(name, **own(name))), event)


def test_every_preset_has_a_judge():
    assert set(presets.known()) == {*CONTRACTS, *BY_IMAGE, *CHATS}


@pytest.mark.parametrize("name", CONTRACTS)
def test_each_push_is_taken_and_read_right(tmp_path, name):
    judge, expected = CONTRACTS[name]
    one = bound(tmp_path, subscription(name, **own(name)))
    for case, event in PUSHES.items():
        answers = [judge(request) for request in heard(one, event)]
        assert tuple(read for answer in answers for read in answer.images) == expected(event), case
        for answer in answers:
            outcome = one.voice.judge(Response(status=answer.status), one.subscription.policy)
            assert outcome.delivered, f"a good answer counts as {outcome.reason}"


HARBOR_RULES = {
    "kargo": HARBOR_RECEIVERS["kargo"],
    "keel-harbor": HARBOR_RECEIVERS["keel"],
    "argocd": HARBOR_RECEIVERS["argo cd"],
    "argocd-image-updater": HARBOR_RECEIVERS["image updater"],
    "argocd-image-updater-cloudevents": IMAGE_UPDATER_CLOUDEVENTS,
}


@pytest.mark.parametrize("name", HARBOR_RULES)
def test_the_rules_that_formats_are_held_against_are_met_too(tmp_path, name):
    """They are narrower than the receivers: what is taken and then matches nothing breaks them."""
    for event in PUSHES.values():
        for request in requests(tmp_path, name, event):
            demand(HARBOR_RULES[name], json_of(request))


@pytest.mark.parametrize("name", ["dokploy", "dokploy-ghcr"])
def test_dokploy_deploys_its_own_image_alone(tmp_path, name):
    one = bound(tmp_path, subscription(name))
    for event in PUSHES.values():
        (request,) = heard(one, event)
        assert dokploy(request, image(event)[0]) == Answer(200, image(event))
    for other in (push("other/app"), push(tag="1.4.3"), push(host="elsewhere.example.com")):
        (request,) = heard(one, other)
        answer = dokploy(request, "registry.example.com/prj/web/app:1.4.2")
        assert answer == Answer(301), "what is not for this application is deployed"
    outcome = one.voice.judge(Response(status=301), one.subscription.policy)
    assert outcome.delivered, "it is no failure that somebody else's image was pushed"


def test_watchtower_updates_the_pushed_image_alone(tmp_path):
    """But none of a registry with a port, of which it compares the host alone."""
    one = bound(tmp_path, subscription("watchtower"))
    for event in PUSHES.values():
        (request,) = heard(one, event)
        running = {"redis:7", "registry.example.com/other:1", *image(event)}
        expected = () if ":" in event.registry.hostname else image(event)
        assert watchtower(request, SECRET, running) == Answer(200, expected)


@pytest.mark.parametrize("name", sorted(CHATS))
def test_each_event_is_said_in_chats(tmp_path, name):
    one = bound(tmp_path, subscription(name))
    for word in one.subscription.events:
        (request,) = heard(one, sample(EventType(word)))
        assert (request.media_type, request.url) == ("application/json", presets.known()[name].url.example)
        assert isinstance(json_of(request), dict)


@pytest.mark.parametrize("name", sorted({*presets.known()} - CHATS))
def test_nothing_is_said_of_what_has_no_tag(tmp_path, name):
    """Children of an index, whose digest every receiver takes for a tag. But for brokers, which take it as it is."""
    defaults = {"defaults": {"match": {"untagged": True}}}
    one = bound(tmp_path, subscription(name, **own(name)), **({} if name in {"gitlab", "knative"} else defaults))
    assert heard(one, push(tag="")) == []


@pytest.mark.parametrize("name", ["gitlab", "portus", "knative", "zulip"])
def test_other_events_are_taken_too(tmp_path, name):
    one = bound(tmp_path, subscription(name, **own(name)))
    judge, _ = CONTRACTS[name]
    for word in one.subscription.events:
        event = sample(EventType(word))
        if name == "portus":
            event = msgspec.structs.replace(
                event, artifact=msgspec.structs.replace(event.artifact, media_type=DOCKER, kind=Kind.IMAGE)
            )
        taken = [
            judge(each) if name != "knative" else Answer(202, tuple(cloud_event(each))) for each in heard(one, event)
        ]
        assert taken, f"{name} hears nothing of {word}"
        assert all(each.images for each in taken), f"{name} does nothing at {word}"


@pytest.mark.parametrize("name", ["kargo", "argocd", "argocd-image-updater", "flux-harbor", "gitlab"])
def test_a_raw_secret_is_sent_as_it_is(tmp_path, name):
    (request, *_) = requests(tmp_path, name, push())
    assert request.header("authorization") == SECRET


@pytest.mark.parametrize("name", ["argocd", "argocd-image-updater", "dokploy", "caprover", "tekton"])
def test_no_header_would_send_it_to_another_parser(tmp_path, name):
    for request in requests(tmp_path, name, push()):
        claimed = {"x-github-event", "x-gitlab-event", "x-event-key", "x-hook-uuid", "x-gogs-event", "x-vss-activityid"}
        assert not claimed & set(request.headers)


@pytest.mark.parametrize("name", ["kargo", "kargo-artifactory", "argocd-image-updater", "keel-harbor", "flux"])
def test_what_is_refused_is_not_tried_for_ever(tmp_path, name):
    """400 is how these say that they do not handle an event."""
    one = bound(tmp_path, subscription(name, **own(name)))
    outcome = one.voice.judge(Response(status=400), one.subscription.policy)
    assert (outcome.delivered, outcome.retryable) == (False, False)
