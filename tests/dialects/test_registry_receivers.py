"""Each format of other registries' words, as whole signed requests, against the rules of those who read it natively."""

import msgspec
import pytest
import registry_receivers as receivers

from doubles import subscription
from receiver_rules import Refused
from sidecar.dialects import load
from sidecar.dialects.contract import Audience, samples
from sidecar.dialects.contract import sample as sample_of
from sidecar.domain.event import Event, EventType, Kind, Repository
from sidecar.domain.secret import Secret
from sidecar.domain.subscription import Signing, SignScheme
from sidecar.outbound.signing import Signer
from sidecar.pipeline.courier import Destination

PLACES = [
    ("registry.example.com", Repository(path="prj/web/app", namespace="prj", name="web/app", created=1)),
    ("registry.example.com:5000", Repository(path="prj/app", namespace="prj", name="app", public=True)),
    ("localhost:5000", Repository(path="app", namespace="library", name="app")),
]
places = pytest.mark.parametrize(("host", "place"), PLACES, ids=[host for host, _ in PLACES])


def event_at(host: str, place: Repository, kind: EventType = EventType.PUSHED) -> Event:
    event = sample_of(kind)
    return msgspec.structs.replace(
        event, registry=msgspec.structs.replace(event.registry, hostname=host), repository=place
    )


def requests(name: str, what: Event, /, *, sign: str = "", words: tuple[str, ...] = (), **options: object) -> list:
    """What is sent of an event by a subscription to its type, or to these words."""
    dialect = load()[name]
    given = msgspec.convert(options, dialect.options)
    voice = dialect.bind(given, words or [what.type])
    signing = Signing(scheme=SignScheme(sign), secrets=(Secret(receivers.SECRET.decode()),)) if sign else None
    to = Destination.of(
        subscription("one", format=name, signing=signing), voice, Signer.of(signing), "registry-sidecar/1.2.3"
    )
    made = []
    for word in voice.words(what, untagged=False):
        for message in voice.render(what, word, Audience(subscription="one")):
            sent = to.request("msg_1", message, 0)
            headers = {name.lower(): value for name, value in sent.headers}
            assert len(headers) == len(sent.headers), "a header is sent twice"
            made.append(receivers.Request(headers, sent.body))
    return made


def request(name: str, what: Event, /, **more: object) -> receivers.Request:
    (one,) = requests(name, what, **more)
    return one


# --- the image of a push ----------------------------------------------------------------------------------------------

WHOLE = [  # who finds the host in the body
    ("dockerhub", receivers.kargo_dockerhub, {}),
    ("dockerhub", receivers.keel_dockerhub, {}),
    ("dockerhub", receivers.jenkins_dockerhub, {}),
    ("dockerhub", receivers.jenkins_dockerhub, {"callback_url": "https://ci.example.com/done"}),
    ("dockerhub", receivers.dokploy_dockerhub, {}),
    ("dockerhub", receivers.brigade_dockerhub, {}),
    ("acr", receivers.kargo_acr, {}),
    ("acr", receivers.keel_acr, {}),
    ("acr", receivers.image_updater_acr, {}),
    ("acr", receivers.jenkins_acr, {}),
    ("ghcr", receivers.kargo_github, {"sign": "github"}),
    ("ghcr", receivers.kargo_github, {"sign": "github", "event": "registry_package"}),
    ("ghcr", receivers.dokploy_github, {"event": "registry_package"}),
    ("jfrog", receivers.kargo_artifactory, {"sign": "jfrog"}),
    ("cdevents", receivers.spinnaker_cdevents, {}),
    ("cdevents", receivers.spinnaker_cdevents, {"mode": "structured"}),
    ("quay", receivers.keel_quay, {}),
    ("quay", receivers.image_updater_quay, {}),
    ("quay", receivers.spinnaker_quay, {}),
]


@places
@pytest.mark.parametrize(
    ("name", "receiver", "more"), WHOLE, ids=[f"{name}-{one.__name__}-{len(more)}" for name, one, more in WHOLE]
)
def test_a_push_is_taken_for_the_image_that_users_pull(name, receiver, more, host, place):
    told = request(name, event_at(host, place), **more)
    assert receiver(told) == f"{host}/{place.path}:1.4.2"


@places
@pytest.mark.parametrize(
    ("receiver", "registry"),
    [
        (receivers.image_updater_dockerhub, "docker.io"),
        (receivers.spinnaker_dockerhub, "index.docker.io"),
        (receivers.kobold_dockerhub, "docker.io"),
    ],
)
def test_who_puts_docker_io_before_a_name_is_told_without_the_host(receiver, registry, host, place):
    told = request("dockerhub", event_at(host, place), host=False)
    assert receiver(told) == f"{registry}/{place.path}:1.4.2"


@places
@pytest.mark.parametrize("receiver", [receivers.image_updater_github, receivers.argo_cd_github])
def test_who_takes_every_package_for_one_of_ghcr_finds_the_name(receiver, host, place):
    """A single segment has an owner there: the default namespace."""
    told = request("ghcr", event_at(host, place), sign="github")
    assert receiver(told) == f"ghcr.io/{place.namespace}/{place.name}:1.4.2"


@places
@pytest.mark.parametrize("event", ["package", "registry_package"])
def test_keel_finds_name_and_tag_in_either_event_of_github(event, host, place):
    told = request("ghcr", event_at(host, place), event=event)
    assert receivers.keel_github(told) == f"ghcr.io/{place.namespace}/{place.name}:1.4.2"


@places
def test_keel_finds_an_artifactory_image_in_the_registry_that_it_was_told(host, place):
    told = request("jfrog", event_at(host, place))
    assert receivers.keel_jfrog(told, private_registry=host) == f"{host}/{place.path}:1.4.2"


@pytest.mark.parametrize(
    ("host", "place", "key"),
    [(*PLACES[0], "prj"), (*PLACES[2], "app")],
    ids=["the first segment", "the only segment"],
)
def test_a_key_that_a_name_begins_with_is_not_said_twice(host, place, key):
    told = request("jfrog", event_at(host, place), sign="jfrog", repo_key=key)
    assert receivers.kargo_artifactory(told) == f"{host}/{place.path}:1.4.2"


@places
@pytest.mark.parametrize(
    ("receiver", "name", "more"),
    [
        (receivers.flux_dockerhub, "dockerhub", {}),
        (receivers.flux_acr, "acr", {}),
        (receivers.flux_nexus, "nexus", {"sign": "nexus"}),
        (receivers.flux_nexus, "nexus", {"sign": "nexus", "webhook": "asset"}),
    ],
)
def test_flux_reconciles(receiver, name, more, host, place):
    assert receiver(request(name, event_at(host, place), **more)) == "reconciled"


@places
def test_kobold_wants_tag_and_digest_of_acr(host, place):
    event = event_at(host, place)
    assert receivers.kobold_acr(request("acr", event)) == f"{host}/{place.path}:1.4.2@{event.artifact.digest}"


def test_spinnaker_names_a_component_of_nexus_by_its_group():
    """Nexus has no groups for images, and Spinnaker writes that as null."""
    event = event_at(*PLACES[0])
    assert receivers.spinnaker_nexus(request("nexus", event)) == "null:prj/web/app:1.4.2"
    assert receivers.spinnaker_nexus(request("nexus", event, group=True)) == "prj:web/app:1.4.2"
    assert receivers.spinnaker_nexus(request("nexus", event, webhook="asset")) == ""


@pytest.mark.parametrize(
    "kind",
    [
        EventType.PUSHED,
        EventType.PULLED,
        EventType.DELETED,
        EventType.BUILD_QUEUED,
        EventType.BUILD_STARTED,
        EventType.BUILD_SUCCEEDED,
    ],
)
@places
def test_flux_takes_every_cdevent_but_a_build_that_made_nothing(kind, host, place):
    assert receivers.flux_cdevents(request("cdevents", event_at(host, place, kind)))


def test_flux_refuses_structured_cdevents_and_builds_that_made_nothing():
    with pytest.raises((Refused, KeyError)):
        receivers.flux_cdevents(request("cdevents", sample_of(EventType.PUSHED), mode="structured"))
    with pytest.raises(Refused, match="artifactId"):
        receivers.flux_cdevents(request("cdevents", sample_of(EventType.BUILD_FAILED)))


# --- deletions, which harm some ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "receiver", "more"),
    [
        ("acr", receivers.kargo_acr, {}),
        ("acr", receivers.image_updater_acr, {}),
        ("acr", receivers.keel_acr, {}),
        ("acr", receivers.kobold_acr, {}),
        ("jfrog", receivers.kargo_artifactory, {"sign": "jfrog"}),
        ("distribution", receivers.kobold_envelope, {}),
        ("distribution", receivers.spinnaker_envelope, {}),
    ],
)
def test_who_refuses_deletions_is_spared_by_events(name, receiver, more):
    """docs/registries.md has them subscribe to pushes alone: no deletion is then said in any word."""
    kind = EventType.TAG_DELETED if name == "jfrog" else EventType.DELETED
    with pytest.raises(Refused):
        receiver(request(name, sample_of(kind), **more))
    for one in (EventType.DELETED, EventType.TAG_DELETED):
        assert requests(name, sample_of(one), words=("artifact.pushed",), **more) == []


@pytest.mark.parametrize("name", ["dockerhub", "ghcr"])
def test_these_formats_cannot_say_a_deletion(name):
    for kind in (EventType.DELETED, EventType.TAG_DELETED):
        with pytest.raises(ValueError, match="has no word for"):
            requests(name, sample_of(kind))


def test_keel_and_flux_act_on_whatever_they_are_sent():
    """Which is why they are told of pushes alone: Flux asks nothing of a body but its types."""
    assert receivers.flux_acr(request("acr", sample_of(EventType.DELETED))) == "reconciled"
    assert receivers.flux_nexus(request("nexus", sample_of(EventType.TAG_DELETED), sign="nexus")) == "reconciled"
    assert receivers.keel_jfrog(request("jfrog", sample_of(EventType.TAG_DELETED))).endswith("prj/web/app:1.4.2")


@pytest.mark.parametrize("name", ["dockerhub", "acr", "ghcr", "jfrog", "nexus"])
def test_what_has_no_tag_is_not_told(name):
    event = msgspec.structs.replace(sample_of(EventType.PUSHED), tags=())
    voice = load()[name].bind(load()[name].example, ["artifact.pushed"])
    assert voice.words(event, untagged=True) == []


# --- headers and signatures -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["dockerhub", "acr", "jfrog", "nexus", "cdevents"])
def test_no_header_leads_a_receiver_of_many_astray(name):
    """Argo CD and Dokploy look at these before anything else."""
    sent = request(name, sample_of(EventType.PUSHED)).headers
    assert not sent.keys() & {"x-github-event", "x-event-key", "x-hook-uuid", "x-gogs-event", "x-gitlab-event"}


@pytest.mark.parametrize(
    ("receiver", "name", "sign"),
    [
        (receivers.kargo_github, "ghcr", "github"),
        (receivers.kargo_artifactory, "jfrog", "jfrog"),
        (receivers.flux_nexus, "nexus", "nexus"),
    ],
)
def test_an_unsigned_or_changed_request_is_refused(receiver, name, sign):
    good = request(name, sample_of(EventType.PUSHED), sign=sign)
    receiver(good)
    with pytest.raises(Refused):
        receiver(request(name, sample_of(EventType.PUSHED)))
    with pytest.raises(Refused):
        receiver(good._replace(body=good.body + b" "))


def test_kargo_tells_charts_of_artifactory_and_github():
    """It compares `oci`, and a config's media type of Helm, with subscriptions to charts."""
    event = sample_of(EventType.PUSHED)
    chart = msgspec.structs.replace(event, artifact=msgspec.structs.replace(event.artifact, kind=Kind.CHART))
    assert request("jfrog", chart).json["data"]["image_type"] == "oci"
    assert request("jfrog", event).json["data"]["image_type"] == "docker"
    manifest = request("ghcr", chart).json["package"]["package_version"]["container_metadata"]["manifest"]
    assert manifest["config"]["media_type"] == "application/vnd.cncf.helm.config.v1+json"


def test_a_ping_is_said_only_when_somebody_asks():
    """Kargo answers it, Image Updater refuses it; nothing that happens is one."""
    dialect = load()["acr"]
    voice = dialect.bind(dialect.example, ["ping", "push"])
    said = [word for event in samples(EventType) for word in voice.words(event, untagged=True) if word == "ping"]
    assert said
    assert all("ping" not in voice.words(sample_of(kind), untagged=True) for kind in EventType if kind != "test")
    (ping,) = requests("acr", sample_of(EventType.TEST), words=("ping",))
    assert receivers.kargo_acr(ping) == ""
    with pytest.raises(Refused):
        receivers.image_updater_acr(ping)


def test_one_event_has_one_delivery_number_whoever_hears_of_it():
    """A receiver tells repeats by it: a retry sends the stored message, a replay renders the same."""
    event = sample_of(EventType.PUSHED)
    first, again = (request("ghcr", event, sign=sign).headers["x-github-delivery"] for sign in ("github", ""))
    two = requests("ghcr", msgspec.structs.replace(event, tags=("1.4.2", "latest")))
    assert first == again == two[0].headers["x-github-delivery"] != two[1].headers["x-github-delivery"]


# --- formats that were there before -----------------------------------------------------------------------------------


@places
def test_receivers_of_the_registrys_own_envelope_read_a_push(host, place):
    event = event_at(host, place)
    event = msgspec.structs.replace(
        event,
        request=msgspec.structs.replace(event.request, host=host),
        origin=msgspec.structs.replace(event.origin, url=""),
    )
    told = request("distribution", event, docker_media_type=True)
    image = f"{host}/{place.path}"
    for receiver in (receivers.keel_envelope, receivers.spinnaker_envelope, receivers.jenkins_envelope):
        assert receiver(told) == f"{image}:1.4.2"
    assert receivers.kobold_envelope(told) == f"{image}:1.4.2@{event.artifact.digest}"
    assert receivers.portus_envelope(told) == image
    assert receivers.gitlab_envelope(told) == place.path


def test_an_oci_manifest_is_nothing_to_spinnaker_and_an_error_to_portus_unless_said_as_dockers():
    told = request("distribution", sample_of(EventType.PUSHED))
    assert receivers.spinnaker_envelope(told) == ""
    with pytest.raises(Refused):
        receivers.portus_envelope(told)


@pytest.mark.parametrize("kind", [EventType.PULLED, EventType.DELETED, EventType.TAG_DELETED])
def test_gitlab_takes_whatever_the_envelope_says(kind):
    assert receivers.gitlab_envelope(request("distribution", sample_of(kind))) == "prj/web/app"


def test_the_jenkins_receiver_of_dtr_wants_no_port_and_a_tag():
    event = event_at("registry.example.com:5000", PLACES[0][1])
    told = request("dtr", event, words=("MANIFEST_PUSH",), image_name_port=False, tag_in_manifest_events=True)
    assert receivers.jenkins_dtr(told).startswith("registry.example.com/prj/web/app")
    assert (
        receivers.jenkins_dtr(request("dtr", event, image_name_port=False)) == "registry.example.com/prj/web/app:1.4.2"
    )
