"""What golden files cannot say of Quay: what is never said, what is refused, and how receivers read a push."""

import json
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from sidecar.dialects.contract import Audience, sample
from sidecar.dialects.quay import DIALECT, Options
from sidecar.domain.event import Artifact, Event, EventType, Kind, Repository
from sidecar.domain.subscription import DEFAULT_EVENTS

TAGGED = sample(EventType.PUSHED)
UNTAGGED = msgspec.structs.replace(TAGGED, tags=(), ever_tagged=False)


@pytest.mark.parametrize("events", ["artifact.pushed", "repo_push"])
def test_untagged_pushes_are_never_said(events: str) -> None:
    """Not even with `match.untagged: true`: Keel and Argo CD Image Updater refuse a push without tags."""
    voice = DIALECT.bind(Options(), [events])
    assert voice.words(TAGGED, untagged=True) == ["repo_push"]
    assert voice.words(UNTAGGED, untagged=True) == []


def test_charts_and_pushes_without_change_are_said() -> None:
    """Quay compares neither digests nor kinds: every tagged PUT is a repo_push."""
    voice = DIALECT.bind(Options(), ["repo_push"])
    chart = msgspec.structs.replace(TAGGED, artifact=Artifact(digest=TAGGED.artifact.digest, kind=Kind.CHART))
    again = msgspec.structs.replace(TAGGED, previous_digest=TAGGED.artifact.digest, changed=False)
    assert voice.words(chart, untagged=False) == voice.words(again, untagged=False) == ["repo_push"]


def test_only_pushes_of_the_default_events_can_be_said() -> None:
    """Quay has no word for a deletion."""
    assert [name for name in DEFAULT_EVENTS if DIALECT.says(name, Options())] == ["artifact.pushed"]


@pytest.mark.parametrize("name", ["artifact.deleted", "artifact.pulled", "repository.created"])
def test_what_quay_has_no_word_for_is_refused(name: str) -> None:
    """A type that was written out and cannot be said is an error with what can be."""
    with pytest.raises(
        ValueError, match=f"format quay has no word for {name}; it can say: .*artifact.pushed, .*repo_push"
    ):
        DIALECT.bind(Options(), [name])


def test_an_option_that_does_nothing_is_refused_by_name() -> None:
    """A title would be shown nowhere, and must not be taken and then ignored."""
    with pytest.raises(msgspec.ValidationError, match="unknown field `title`"):
        msgspec.convert({"title": "1"}, Options)


@pytest.mark.parametrize("method", ["slack", "email", "hipchat", "flowdock", "quay_notification"])
def test_a_template_is_refused_for_methods_that_have_texts_of_their_own(method: str) -> None:
    options = msgspec.convert({"method": method, "template": "{}"}, Options)
    told = f"`template` is what method webhook sends: remove it, for method {method} has texts of its own"
    assert DIALECT.check(options) == told


def test_a_method_that_quay_does_not_have_is_refused() -> None:
    """The error names the value and the key."""
    with pytest.raises(msgspec.ValidationError, match=r"'teams' - at `\$\.method`"):
        msgspec.convert({"method": "teams"}, Options)


@pytest.mark.parametrize("key", ["hipchat_url", "flowdock_url"])
@pytest.mark.parametrize("url", ["", "chat.example.com", "ftp://chat.example.com", "https://", "https://a b"])
def test_a_base_that_is_no_address_is_refused(key: str, url: str) -> None:
    options = msgspec.convert({key: url}, Options)
    assert DIALECT.check(options) == f"`{key}` must be an address such as https://chat.example.com"


# --- receivers ------------------------------------------------------------------------------------------------------


def strings(value: Any) -> list[str]:
    """A list of strings as Go's decoder takes it; an object or a number is its 400."""
    assert isinstance(value, list)
    assert all(isinstance(one, str) for one in value)
    return value


def keel(body: Any) -> list[str]:
    """`/v1/webhooks/quay`: docker_url verbatim, every tag; either of them empty is a 400; the rest must be strings."""
    assert body["docker_url"]
    assert strings(body["updated_tags"])
    assert all(isinstance(body[key], str) for key in ("docker_url", "name", "repository", "namespace", "homepage"))
    return [f"{body['docker_url']}:{tag}" for tag in body["updated_tags"]]


def kargo(body: Any) -> list[str]:
    """Receiver `quay`: docker_url is compared with the warehouse's repository, so a scheme never matches."""
    assert "://" not in body["docker_url"]
    return [f"{body['docker_url']}:{tag}" for tag in strings(body["updated_tags"])]


def image_updater(body: Any) -> list[str]:
    """`type=quay.io`: host from docker_url, name from repository, the first tag only; no tag is a 400."""
    return [f"{body['docker_url'].split('/')[0]}/{body['repository']}:{strings(body['updated_tags'])[0]}"]


def flux(body: Any) -> list[str]:
    """Receiver `quay`: decodes docker_url and updated_tags, wrong types are a 400."""
    assert isinstance(body["docker_url"], str)
    return [f"{body['docker_url']}:{tag}" for tag in strings(body["updated_tags"])]


def spinnaker(body: Any) -> list[str]:
    """Source `quay`: repository must not be null, a missing updated_tags is a 500."""
    assert body["repository"] is not None
    return [f"{body['docker_url']}:{tag}" for tag in strings(body["updated_tags"])]


def pushed(path: str, namespace: str, name: str, host: str) -> Event:
    """A tagged push into a repository of a host."""
    return msgspec.structs.replace(
        TAGGED,
        registry=msgspec.structs.replace(TAGGED.registry, hostname=host),
        repository=Repository(path=path, namespace=namespace, name=name),
    )


@pytest.mark.parametrize("receiver", [keel, kargo, image_updater, flux, spinnaker])
@pytest.mark.parametrize(
    ("event", "image"),
    [
        (pushed("prj/app", "prj", "app", "registry.example.com"), "registry.example.com/prj/app:1.4.2"),
        (pushed("a/b/c", "a", "b/c", "registry.example.com:5000"), "registry.example.com:5000/a/b/c:1.4.2"),
        (pushed("solo", "library", "solo", "localhost:5000"), "localhost:5000/solo:1.4.2"),
    ],
)
def test_every_receiver_finds_the_image(receiver: Callable[[Any], list[str]], event: Event, image: str) -> None:
    """The image that each takes from the body is the one that its users pull, host and port included."""
    (message,) = DIALECT.render(event, "repo_push", Options(), Audience())
    assert receiver(json.loads(message.body)) == [image]


def test_the_bytes_are_those_of_pythons_json_module() -> None:
    """Quay writes json.dumps defaults; so does this, whatever is in the body."""
    homepage = "https://ui.exämple.com/\u2028{name}?a=<&>"
    event = msgspec.structs.replace(TAGGED, registry=msgspec.structs.replace(TAGGED.registry, homepage=homepage))
    (message,) = DIALECT.render(event, "repo_push", Options(), Audience())
    assert message.body.isascii()
    assert message.body.decode() == json.dumps(json.loads(message.body))


def expiry(**more: Any) -> dict[str, Any]:
    """What Quay's word for ends of tags says of the sample."""
    voice = DIALECT.bind(Options(**more.pop("options", {})), ["repo_image_expiry"])
    event = msgspec.structs.replace(sample(EventType.EXPIRING), **more)
    (message,) = voice.render(event, "repo_image_expiry", Audience("one"))
    return json.loads(message.body)


def test_an_end_of_tags_has_a_uuid_also_where_no_api_made_the_subscription() -> None:
    """It follows from the name: always the same, and each subscription has its own."""
    voice = DIALECT.bind(Options(), ["repo_image_expiry"])
    assert voice.scoped("repo_image_expiry")
    told = [
        json.loads(voice.render(sample(EventType.EXPIRING), "repo_image_expiry", Audience(name))[0].body)
        for name in ("one", "one", "two")
    ]
    uuids = [one["notification_uuid"] for one in told]
    assert uuids[0] == uuids[1] != uuids[2]
    assert uuid.UUID(uuids[0]).version == 5


def test_what_others_told_of_ends_is_said_with_their_days_else_with_the_subscriptions() -> None:
    """The number that stands there is what was asked for, not what is left."""
    assert expiry()["expiring_in"] == "7 days"
    assert expiry(details=None, options={"days": 3})["expiring_in"] == "3 days"
    assert expiry(options={"days": 3})["expiring_in"] == "7 days"


def test_ends_without_tags_are_not_said() -> None:
    """Quay tells of tags."""
    voice = DIALECT.bind(Options(), ["artifact.expiring"])
    ends = sample(EventType.EXPIRING)
    assert voice.words(ends, untagged=False) == ["repo_image_expiry"]
    assert voice.words(msgspec.structs.replace(ends, tags=(), ever_tagged=False), untagged=True) == []


@pytest.mark.parametrize("level", ["high", "HIGH", "", "6", "-1", 6, -1, "1.0", "None"])
def test_a_level_that_is_none_of_quay_s_is_refused(level: int | str) -> None:
    told = "`level` must be one of Critical, High, Medium, Low, Negligible, Unknown, or its number from 0 to 5"
    assert DIALECT.check(Options(level=level)) == told


@pytest.mark.parametrize("level", ["Critical", "Unknown", "0", "5", 0, 5])
def test_a_level_is_a_name_or_a_number(level: int | str) -> None:
    assert DIALECT.check(Options(level=level)) == ""
