"""CDEvents beyond the golden files: headers that hold whatever others told, and package URLs that lead back."""

import json
import re
from urllib.parse import parse_qsl, unquote

import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.dialects.cdevents import DIALECT, FINISHED, PUBLISHED, QUEUED, Options
from sidecar.dialects.contract import Audience, sample
from sidecar.domain.details import Build
from sidecar.domain.event import EventType, Repository

# As Distribution has them: separators within a segment, and what a tag may begin and end with.
SEGMENT = st.sampled_from(["app", "a.b", "a__b", "x---1", "0", "web_1.2-x"])
TAG = st.sampled_from(["latest", "1.4.2", "_", "V1-", "a..b__c--", "T" * 128])


def said(event, word, **options):
    """The messages of an event."""
    return DIALECT.render(event, word, Options(**options), Audience())


def read(message):
    """As the SDK for Python reads it: headers are decoded, and the data is JSON."""
    headers = {"content-type": message.content_type, **{name.lower(): value for name, value in message.headers}}
    return from_http_event(HTTPMessage(headers=headers, body=message.body))


@given(st.text(min_size=1, max_size=500).filter(str.strip))
def test_whatever_a_build_is_called_its_headers_are_plain_and_lead_back(name):
    """A line break in a header would be a header of somebody else's."""
    event = replace(sample(EventType.BUILD_QUEUED), details=Build(id=name))
    (message,) = said(event, QUEUED)
    for _, value in message.headers:
        assert re.fullmatch(r"[!-~]+", value)
    assert read(message).get_attributes()["subject"] == name
    assert json.loads(message.body)["subject"]["id"] == name


@given(
    st.lists(SEGMENT, min_size=1, max_size=4), TAG, st.sampled_from(["r.example.com", "r:5000", "[2001:db8::1]:5000"])
)
def test_a_package_url_leads_back_to_the_image(segments, tag, host):
    """Taken apart as the specification of package URLs says: the name is the last segment, qualifiers are decoded."""
    path = "/".join(segments)
    event = sample(EventType.PUSHED)
    event = replace(
        event,
        registry=replace(event.registry, hostname=host),
        repository=Repository(path=path, namespace=segments[0], name=path),
        tags=(tag,),
    )
    for mode in ("binary", "structured"):
        (message,) = said(event, PUBLISHED, mode=mode)
        subject = read(message).get_attributes()["subject"]
        found = re.fullmatch(r"pkg:oci/([^/@?#]+)@([^?#/]+)\?([^#]+)", subject)
        assert found is not None
        assert (unquote(found[1]), unquote(found[2])) == (segments[-1], event.artifact.digest)
        qualifiers = parse_qsl(found[3], strict_parsing=True)
        assert qualifiers == [("repository_url", f"{host}/{path}"), ("tag", tag)]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("dev.cdevents.artifact.published", {EventType.PUSHED}),
        ("dev.cdevents.artifact.published.0.2.0", {EventType.PUSHED}),
        ("artifact.deleted", {EventType.DELETED}),
        ("dev.cdevents.build.finished", {EventType.BUILD_SUCCEEDED, EventType.BUILD_FAILED, EventType.BUILD_CANCELLED}),
        ("build.succeeded", {EventType.BUILD_SUCCEEDED}),
    ],
)
def test_a_type_is_subscribed_to_with_or_without_its_version(name, kinds):
    voice = DIALECT.bind(Options(), [name])
    told = {kind for kind in EventType if voice.words(sample(kind), untagged=False)}
    assert told == kinds


def test_a_build_without_details_is_known_by_the_event():
    event = replace(sample(EventType.BUILD_SUCCEEDED), details=None)
    (message,) = said(event, FINISHED)
    body = json.loads(message.body)
    assert body["subject"]["id"] == event.id
    assert body["subject"]["content"]["artifactId"].startswith("pkg:oci/app?repository_url=")
    assert body["customData"]["outcome"] == "success"


def test_each_tag_is_an_event_with_a_number_of_its_own():
    event = replace(sample(EventType.PUSHED), tags=("1.4.2", "latest"))
    first, second = (json.loads(one.body) for one in said(event, PUBLISHED))
    assert first["context"]["id"] != second["context"]["id"]
    assert [one["customData"]["tag"] for one in (first, second)] == ["1.4.2", "latest"]
