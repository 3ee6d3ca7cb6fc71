"""Our own CloudEvents beyond the golden files: names, validity, the SDK's readers, and Argo CD Image Updater."""

import json
import re
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.v1.http import from_http

from receiver_rules import IMAGE_UPDATER_CLOUDEVENTS, Refused, demand
from sidecar.dialects.cloudevents import DIALECT, Options
from sidecar.dialects.contract import Audience, sample
from sidecar.domain.event import HAPPENINGS, Event, EventType
from sidecar.domain.message import Message


def say(event: Event, options: Options | None = None) -> Message:
    [message] = DIALECT.render(event, event.type.value, options or Options(), Audience())
    return message


# What events of a family are about, where it is no artifact; "" = the whole registry.
SUBJECTS = {
    "repository": "prj/web/app",
    "build": "prj/web/app",
    "mirror": "prj/web/app",
    "quota": "prj/web/app",
    "retention": "prj",
    "scanner": "",
}


def values_of(value: Any) -> list[Any]:
    """Every value inside a JSON value."""
    if isinstance(value, dict):
        return [inner for one in value.values() for inner in [one, *values_of(one)]]
    if isinstance(value, list):
        return [inner for one in value for inner in [one, *values_of(one)]]
    return []


@pytest.mark.parametrize("prefix", ["io.registry-sidecar.", "container.image.", ""])
@pytest.mark.parametrize("kind", HAPPENINGS)
def test_a_type_is_known_by_its_short_and_its_full_name(kind: EventType, prefix: str) -> None:
    options = Options(type_prefix=prefix)
    for name in (kind.value, f"{prefix}{kind.value}"):
        assert DIALECT.bind(options, [name]).words(sample(kind), untagged=False) == [kind.value]
    assert json.loads(say(sample(kind), options).body)["type"] == f"{prefix}{kind.value}"


@pytest.mark.parametrize("prefix", ["io registry.", "io.\n", "größe."])
def test_a_prefix_that_spoils_the_type_is_refused(prefix: str) -> None:
    with pytest.raises(ValueError, match="type_prefix"):
        DIALECT.bind(Options(type_prefix=prefix), ["artifact.pushed"])


def test_an_unknown_option_or_event_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"prefix": "x"}, Options)
    with pytest.raises(ValueError, match=r"unknown event 'PUSH_ARTIFACT' for format cloudevents"):
        DIALECT.bind(Options(), ["PUSH_ARTIFACT"])


@pytest.mark.parametrize("kind", HAPPENINGS)
def test_the_sdk_reads_every_type(kind: EventType) -> None:
    """Both readers of the CloudEvents SDK accept the message and find each attribute as it was meant."""
    message = say(sample(kind))
    assert message.content_type == "application/cloudevents+json"
    headers = {"content-type": message.content_type}
    subject = SUBJECTS.get(kind.value.partition(".")[0], "prj/web/app:1.4.2")
    attributes = {
        "specversion": "1.0",
        "id": sample(kind).id,
        "source": "https://registry.example.com",
        "type": f"io.registry-sidecar.{kind.value}",
        "datacontenttype": "application/json",
    } | ({"subject": subject} if subject else {})

    classic = from_http(headers, message.body)
    assert dict(classic.get_attributes()) == {**attributes, "time": "2026-11-21T00:00:00.123456789Z"}

    core = from_http_event(HTTPMessage(headers=headers, body=message.body))
    found = core.get_attributes()
    assert {name: found[name] for name in attributes} == attributes
    assert set(found) == {*attributes, "time"}
    assert core.get_time().isoformat() == "2026-11-21T00:00:00.123456+00:00"
    assert core.get_data() == classic.get_data() == json.loads(message.body)["data"]


@pytest.mark.parametrize("kind", HAPPENINGS)
def test_the_attributes_keep_the_specifications_rules(kind: EventType) -> None:
    """Names of [a-z0-9], no null and no empty attribute, an absolute source, and no null anywhere in the data."""
    body = json.loads(say(sample(kind)).body)
    data = body.pop("data")
    for name, value in body.items():
        assert re.fullmatch("[a-z0-9]+", name)
        assert isinstance(value, str)
        assert value
    assert urlsplit(body["source"]).scheme == "https"
    assert urlsplit(body["source"]).netloc == "registry.example.com"
    assert None not in values_of(data)


def test_the_host_stays_out_of_the_subject() -> None:
    """Readers cut the subject at its first colon, where a port would stand."""
    event = sample()
    event = msgspec.structs.replace(event, registry=msgspec.structs.replace(event.registry, hostname="localhost:5000"))
    body = json.loads(say(event).body)
    assert body["subject"] == "prj/web/app:1.4.2"
    assert body["source"] == "https://localhost:5000"
    assert body["data"]["registryUrl"] == "localhost:5000"


def test_image_updater_accepts_a_push_under_a_container_type() -> None:
    """Registry, repository, tag and digest are found where Image Updater looks for them."""
    body = json.loads(say(sample(), Options(type_prefix="container.image.")).body)
    demand(IMAGE_UPDATER_CLOUDEVENTS, body)
    assert body["data"]["registryUrl"] == "registry.example.com"
    assert body["data"]["repository"] == "prj/web/app"
    assert body["data"]["tag"] == "1.4.2"
    assert body["data"]["digest"] == sample().artifact.digest
    with pytest.raises(Refused, match="type"):
        demand(IMAGE_UPDATER_CLOUDEVENTS, json.loads(say(sample()).body))


def test_what_only_we_know_is_said() -> None:
    """previous digest, changed and recovered appear here, and absence means not known."""
    known = json.loads(
        say(msgspec.structs.replace(sample(), previous_digest="sha256:00", changed=True, recovered=True)).body
    )
    assert known["data"]["previousDigest"] == "sha256:00"
    assert known["data"]["changed"] is True
    assert known["data"]["recovered"] is True
    late = json.loads(say(msgspec.structs.replace(sample(), previous_digest=None, changed=None)).body)
    assert not {"previousDigest", "changed"} & set(late["data"])
    assert late["data"]["recovered"] is False


def test_bodies_do_not_depend_on_the_subscription() -> None:
    assert not DIALECT.scoped(Options(), "artifact.pushed")
    one = DIALECT.render(sample(), "artifact.pushed", Options(), Audience(subscription="a", policy=1))
    assert one == DIALECT.render(sample(), "artifact.pushed", Options(), Audience(subscription="b", policy=2))
