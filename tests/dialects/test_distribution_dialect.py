"""What golden files cannot say of the registry's own format: the words, the promises, and how receivers read it."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from sidecar.dialects.contract import Audience, sample
from sidecar.dialects.distribution import DIALECT, Options
from sidecar.domain import instant
from sidecar.domain.catalogue import Catalogue, Facts
from sidecar.domain.event import Artifact, Descriptor, Event, EventType, Kind, Origin, RegistryRef, Request
from sidecar.domain.fold import Fold
from sidecar.domain.record import Record, RecordKind
from sidecar.domain.registry import Registry
from sidecar.domain.subscription import DEFAULT_EVENTS
from sidecar.registry.normalise import normalise

CAPTURES = sorted((Path(__file__).parent.parent / "fixtures" / "captures").glob("*.json"))

TAGGED = sample(EventType.PUSHED)
UNTAGGED = msgspec.structs.replace(TAGGED, tags=(), ever_tagged=False)
PULL = sample(EventType.PULLED)
DELETED = sample(EventType.DELETED)
UNTAG = sample(EventType.TAG_DELETED)
SPOKEN = [("push", TAGGED), ("push", UNTAGGED), ("pull", PULL), ("delete", DELETED), ("delete", UNTAG)]


def said(word: str, event: Event) -> Any:
    """The one element of the one envelope."""
    (message,) = DIALECT.render(event, word, Options(), Audience())
    body = json.loads(message.body)
    assert list(body) == ["events"]
    (element,) = body["events"]
    return element


@pytest.mark.parametrize(
    ("events", "event", "words"),
    [
        ("artifact.pushed", TAGGED, "push"),
        ("artifact.pushed", UNTAGGED, ""),  # held back by match.untagged
        ("push", UNTAGGED, ""),
        ("artifact.pulled", PULL, "pull"),
        ("push", PULL, ""),
        ("artifact.deleted", DELETED, "delete"),
        ("artifact.deleted", UNTAG, ""),
        ("delete", DELETED, "delete"),
        ("delete", UNTAG, "delete"),
    ],
)
def test_a_subscription_hears_the_words_it_chose(events: str, event: Event, words: str) -> None:
    """`delete` by name is both a manifest's and a tag's end."""
    assert DIALECT.bind(Options(), events.split()).words(event, untagged=False) == words.split()


def test_the_default_is_tagged_pushes_and_deletions() -> None:
    """Every default event has a word, and an untagged push is held back."""
    voice = DIALECT.bind(Options(), [name for name in DEFAULT_EVENTS if DIALECT.says(name, Options())])
    assert [voice.words(event, untagged=False) for _, event in SPOKEN] == [["push"], [], [], ["delete"], ["delete"]]


@pytest.mark.parametrize("name", ["mount", "repository.created"])
def test_what_the_format_does_not_say_is_refused(name: str) -> None:
    """GitLab refuses a whole batch for one mount, and a plain registry never tells of a repository."""
    with pytest.raises(ValueError, match="format distribution"):
        DIALECT.bind(Options(), [name])


@pytest.mark.parametrize(("word", "event"), SPOKEN)
def test_nothing_is_empty(word: str, event: Event) -> None:
    """GitLab judges by the presence of a key: what is not known is left out, not said as "" or 0."""
    bare = msgspec.structs.replace(
        event,
        actor="",
        artifact=Artifact(digest=event.artifact.digest),
        request=Request(),
        origin=Origin(record=event.origin.record),
    )
    element = said(word, bare)
    assert element["actor"] == {}
    assert element["source"] == {}
    assert element["request"] == {"host": "registry.example.com"}
    assert all(element["target"].values())
    assert element["id"] == event.origin.record


@pytest.mark.parametrize(
    ("url", "said_url"),
    [
        ("http://reg.internal:5000/v2/x/manifests/{digest}", "http://reg.internal:5000/v2/x/manifests/{digest}"),
        ("/v2/prj/web/app/manifests/{digest}", "https://registry.example.com/v2/prj/web/app/manifests/{digest}"),
        ("", "https://registry.example.com/v2/prj/web/app/manifests/{digest}"),
        ("http://h/v2/x/manifests/sha256:00", "https://registry.example.com/v2/prj/web/app/manifests/{digest}"),
    ],
)
@pytest.mark.parametrize(("word", "event"), [("push", TAGGED), ("pull", PULL)])
def test_a_url_is_always_there_and_absolute(word: str, event: Event, url: str, said_url: str) -> None:
    """The registry's own where it is whole and of this digest, else one by the name that users pull from."""
    digest = event.artifact.digest
    event = msgspec.structs.replace(event, origin=msgspec.structs.replace(event.origin, url=url.format(digest=digest)))
    assert said(word, event)["target"]["url"] == said_url.format(digest=digest)


def test_a_recovered_event_has_an_id_of_its_own() -> None:
    """No record told of it: its id is the event's, never that of an earlier record."""
    assert said("push", msgspec.structs.replace(TAGGED, recovered=True))["id"] == TAGGED.id
    assert said("push", msgspec.structs.replace(TAGGED, origin=Origin()))["id"] == TAGGED.id


def test_platforms_and_artifact_types_are_not_said() -> None:
    """2.8 knows neither in a reference; its annotations it does."""
    child = Descriptor(
        media_type="application/vnd.oci.image.manifest.v1+json",
        digest="sha256:0aa22112f84d089bfb5f2be4a764747e97d2e0cd269db4aa1099d196a79c19f4",
        size=451,
        artifact_type="application/example",
        annotations={"a": "b"},
        platform={"os": msgspec.Raw(b'"linux"')},
    )
    artifact = msgspec.structs.replace(TAGGED.artifact, kind=Kind.INDEX, references=(child,))
    (reference,) = said("push", msgspec.structs.replace(TAGGED, artifact=artifact))["target"]["references"]
    assert list(reference.items()) == [
        ("mediaType", "application/vnd.oci.image.manifest.v1+json"),
        ("size", 451),
        ("digest", "sha256:0aa22112f84d089bfb5f2be4a764747e97d2e0cd269db4aa1099d196a79c19f4"),
        ("annotations", {"a": "b"}),
    ]


# --- real records -----------------------------------------------------------------------------------------------------


TARGET_KEYS = ("mediaType", "size", "digest", "length", "repository", "url", "tag", "references")
REFERENCE_KEYS = ("mediaType", "size", "digest", "urls", "annotations")


def in_2_8_form(element: Any) -> Any:
    """What a record of any version says, as 2.8 writes it: nothing empty, its order of keys, its descriptors."""
    target = {key: element["target"][key] for key in TARGET_KEYS if element["target"].get(key)}
    if "references" in target:
        target["references"] = [{key: one[key] for key in REFERENCE_KEYS if key in one} for one in target["references"]]
    return {**element, "target": target}


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.stem)
def test_a_captured_record_is_said_again_as_it_was(capture: Path) -> None:
    """Pushes and deletions of 2.8.2 come back value for value and key for key, those of 3.1.1 in 2.8's form.

    Pulls are not compared: one may be said with the tag of an earlier HEAD.
    """
    registry = Registry(ref=RegistryRef(name="main", hostname="registry.example.com"))
    fold = Fold(Catalogue(Facts()), {"main": registry})
    events: list[Event] = []
    posts = [post for step in json.loads(capture.read_bytes()) for post in step["requests"]]
    heard = {element["id"]: element for post in posts for element in post["body"]["events"]}
    for number, element in enumerate(heard.values()):
        raw = json.dumps(element).encode()
        record = Record(number, RecordKind.REGISTRY, "main", element["id"], 0, raw)
        events += fold.notice(normalise(record, registry, "")).events
    voice = DIALECT.bind(Options(), ["push", "delete"])
    told = [(word, event) for event in events for word in voice.words(event, untagged=True)]
    assert {word for word, _ in told} == {"push", "delete"}
    for word, event in told:
        element = heard[event.origin.record]
        want = in_2_8_form(element)
        assert want == element or capture.stem.startswith("v3")
        assert json.dumps(said(word, event)) == json.dumps(want)


# --- receivers ------------------------------------------------------------------------------------------------------


def keel(element: Any) -> str:
    """`/v1/webhooks/registry`: a push with a tag, named by request.host; sizes are ints, the time RFC 3339."""
    target = element["target"]
    instant.parse_rfc3339(element["timestamp"])
    assert type(target["size"]) is type(target["length"]) is int
    assert element["action"] == "push"
    assert target["tag"] != ""
    return f"{element['request']['host']}/{target['repository']}:{target['tag']}"


def spinnaker(element: Any) -> str:
    """Source `dockerregistry`: action and mediaType must not be null; it takes Docker's own manifests only."""
    target = element["target"]
    assert element["action"] == "push"
    assert target["mediaType"] == "application/vnd.docker.distribution.manifest.v2+json"
    return f"{element['request']['host']}/{target['repository']}:{target['tag']}"


def jenkins(element: Any) -> str:
    """`/dockerregistry-webhook`: the host is the third piece of target.url, whose last but one must be `manifests`."""
    assert isinstance(element["request"], dict)
    instant.parse_rfc3339(element["timestamp"])
    pieces = element["target"]["url"].split("/")
    assert pieces[-2] == "manifests"
    return f"{pieces[2]}/{element['target']['repository']}:{element['target']['tag']}"


def portus(element: Any) -> str:
    """`/v2/webhooks/events`: an id to tell repeats by, a Docker media type, and a host that it knows."""
    assert element["id"]
    assert element["target"]["mediaType"].startswith("application/vnd.docker.distribution.manifest")
    return f"{element['request']['host']}/{element['target']['repository']}:{element['target']['tag']}"


def kobold(element: Any) -> str:
    """Decoder `distribution@v1`: four keys of every element, whatever its action."""
    target = element["target"]
    assert target["digest"]
    return f"{element['request']['host']}/{target['repository']}:{target['tag']}"


@pytest.mark.parametrize("receiver", [keel, spinnaker, jenkins, portus, kobold])
def test_every_receiver_finds_the_image_of_a_tagged_push(receiver: Any) -> None:
    """The image that each takes from the element is the one that was pushed."""
    media_type = "application/vnd.docker.distribution.manifest.v2+json"
    artifact = msgspec.structs.replace(TAGGED.artifact, media_type=media_type)
    element = said("push", msgspec.structs.replace(TAGGED, artifact=artifact))
    assert receiver(element) == "registry.example.com/prj/web/app:1.4.2"


@pytest.mark.parametrize(("word", "event"), SPOKEN)
def test_gitlab_takes_every_element(word: str, event: Event) -> None:
    """It allows three actions, and tells a tag from a manifest by which keys are there."""
    element = said(word, event)
    assert element["action"] in {"push", "delete", "pull"}
    target = element["target"]
    assert ("digest" in target) == (event is not UNTAG)
    assert ("tag" in target) == (event is not UNTAGGED and event is not DELETED)


@pytest.mark.parametrize(("word", "event"), SPOKEN)
def test_portus_takes_every_element(word: str, event: Event) -> None:
    """A missing media type is its crash, unless the action is delete; the host must be one that it knows."""
    element = said(word, event)
    assert "mediaType" in element["target"] or element["action"] == "delete"
    assert element["request"]["host"] == "registry.example.com"


def test_the_url_of_a_registry_on_plain_http_says_so() -> None:
    """A synthesised URL has the registry's scheme and port."""
    plain = msgspec.structs.replace(TAGGED.registry, hostname="localhost:5000", scheme="http")
    event = msgspec.structs.replace(TAGGED, registry=plain, origin=Origin(record="r"))
    url = urlsplit(said("push", event)["target"]["url"])
    assert (url.scheme, url.netloc) == ("http", "localhost:5000")
