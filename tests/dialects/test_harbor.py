"""Harbor's words beyond the golden files: options, spellings, charts, CloudEvents, and what receivers demand."""

import json
import uuid
from typing import Any

import msgspec
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event
from cloudevents.v1.http import from_http
from golden_cases import FOLDER, read_case, render_case
from hypothesis import given
from hypothesis import strategies as st

from receiver_rules import HARBOR_CONTENT_TYPE, HARBOR_RECEIVERS, Refused, demand
from sidecar.dialects.contract import Audience, sample
from sidecar.dialects.harbor import DIALECT, Options
from sidecar.domain.event import HAPPENINGS, Event, EventType, Kind
from sidecar.domain.message import Message
from sidecar.domain.statement import DETAILS
from sidecar.domain.subscription import DEFAULT_EVENTS

AUDIENCE = Audience(subscription="audit", policy=7)
ARTIFACT_WORDS = {
    EventType.PUSHED: "PUSH_ARTIFACT",
    EventType.PULLED: "PULL_ARTIFACT",
    EventType.DELETED: "DELETE_ARTIFACT",
}
CHART_WORDS = {
    EventType.PUSHED: "UPLOAD_CHART",
    EventType.PULLED: "DOWNLOAD_CHART",
    EventType.DELETED: "DELETE_CHART",
}


def options(**values: Any) -> Options:
    return msgspec.convert(values, Options)


def say(event: Event, word: str, **values: Any) -> Message:
    [message] = DIALECT.render(event, word, options(**values), AUDIENCE)
    return message


def chart(what: EventType = EventType.PUSHED, **changes: Any) -> Event:
    event = sample(what)
    return msgspec.structs.replace(event, artifact=msgspec.structs.replace(event.artifact, kind=Kind.CHART), **changes)


# --- options ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values", [{"flavour": "teams"}, {"flavour": "Default"}, {"flavor": "default"}, {"charts": True}]
)
def test_an_unknown_flavour_or_option_is_refused(values: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        options(**values)


def test_charts_have_no_cloudevents() -> None:
    """Chart events ended in 2.8.0, CloudEvents began there: no type was ever given to them."""
    with pytest.raises(ValueError, match="no CloudEvents for charts"):
        DIALECT.bind(options(flavour="cloudevents", chart_events=True), ["PUSH_ARTIFACT"])


@pytest.mark.parametrize(
    "name", ["PUSH_ARTIFACTS", "push_artifact", "SCANNING_FINISHED", "QUOTA_OVERRUN", "UPLOAD_CHART"]
)
def test_a_name_that_cannot_be_said_is_refused_with_those_that_can(name: str) -> None:
    with pytest.raises(ValueError, match="PUSH_ARTIFACT"):
        DIALECT.bind(Options(), [name])


def test_a_name_that_is_nearly_one_is_told_as_that_one() -> None:
    with pytest.raises(
        ValueError, match=r"^unknown event 'QUOTA_EXCEEDED' for format harbor: did you mean `QUOTA_EXCEED`\?$"
    ):
        DIALECT.bind(Options(), ["QUOTA_EXCEEDED"])


# --- words ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("flavour", ["default", "cloudevents", "slack", "legacy"])
def test_each_canonical_type_has_its_word(flavour: str) -> None:
    voice = DIALECT.bind(options(flavour=flavour), list(ARTIFACT_WORDS))
    for what, word in ARTIFACT_WORDS.items():
        assert voice.words(sample(what), untagged=False) == [word]


def test_repositories_and_lost_tags_are_never_harbor_events() -> None:
    """Harbor announces neither the deletion of a tag nor repositories."""
    told_by_registries = [kind for kind in HAPPENINGS if kind not in DETAILS]
    assert [kind for kind in told_by_registries if DIALECT.says(kind.value, Options())] == list(ARTIFACT_WORDS)
    with pytest.raises(ValueError, match=r"has no word for tag\.deleted"):
        DIALECT.bind(Options(), ["tag.deleted"])


@pytest.mark.parametrize("flavour", ["default", "cloudevents", "slack", "legacy"])
def test_tag_deleted_makes_a_lost_tag_a_deletion(flavour: str) -> None:
    chosen = options(flavour=flavour, tag_deleted=True)
    lost = sample(EventType.TAG_DELETED)
    for events in ([*DEFAULT_EVENTS], ["DELETE_ARTIFACT"], ["tag.deleted"]):
        assert DIALECT.bind(chosen, events).words(lost, untagged=False) == ["DELETE_ARTIFACT"]


@pytest.mark.parametrize(
    ("spelling", "word"),
    [
        ("pushImage", "PUSH_ARTIFACT"),
        ("pullImage", "PULL_ARTIFACT"),
        ("deleteImage", "DELETE_ARTIFACT"),
        ("IMAGE PUSH", "PUSH_ARTIFACT"),
        ("IMAGE PULL", "PULL_ARTIFACT"),
        ("IMAGE DELETE", "DELETE_ARTIFACT"),
        ("uploadChart", "UPLOAD_CHART"),
        ("downloadChart", "DOWNLOAD_CHART"),
        ("deleteChart", "DELETE_CHART"),
        ("CHART PUSH", "UPLOAD_CHART"),
        ("CHART PULL", "DOWNLOAD_CHART"),
        ("CHART DELETE", "DELETE_CHART"),
    ],
)
def test_the_spellings_of_harbor_1x_are_accepted_in_every_flavour(spelling: str, word: str) -> None:
    is_chart = word.endswith("_CHART")
    events = [(chart if is_chart else sample)(kind) for kind in ARTIFACT_WORDS]
    flavours = ("default", "slack", "legacy") if is_chart else ("default", "cloudevents", "slack", "legacy")
    for flavour in flavours:
        voice = DIALECT.bind(options(flavour=flavour, chart_events=is_chart), [spelling])
        assert [said for event in events for said in voice.words(event, untagged=False)] == [word]


@pytest.mark.parametrize("by_name", [False, True])
def test_charts_are_said_with_chart_words_only(by_name: bool) -> None:
    """With chart_events a chart is no artifact and an image no chart, however the words were chosen."""
    names = [*ARTIFACT_WORDS.values(), *CHART_WORDS.values()] if by_name else [*ARTIFACT_WORDS]
    voice = DIALECT.bind(options(chart_events=True), names)
    for what, word in CHART_WORDS.items():
        assert voice.words(chart(what), untagged=True) == [word]
        assert voice.words(chart(what, tags=()), untagged=True) == []
        assert voice.words(sample(what), untagged=True) == [ARTIFACT_WORDS[what]]


def test_untagged_artifacts_wait_for_match_untagged() -> None:
    """The children of an index are pushes by digest; nobody hears of them unasked."""
    child = msgspec.structs.replace(sample(), tags=(), ever_tagged=False)
    for events in (["artifact.pushed"], ["PUSH_ARTIFACT"]):
        voice = DIALECT.bind(Options(), events)
        assert voice.words(child, untagged=False) == []
        assert voice.words(child, untagged=True) == ["PUSH_ARTIFACT"]


# --- bodies -----------------------------------------------------------------------------------------------------------


@given(actor=st.text())
def test_any_actor_survives_the_escaping(actor: str) -> None:
    body = say(msgspec.structs.replace(sample(), actor=actor), "PUSH_ARTIFACT").body
    assert json.loads(body)["operator"] == actor
    assert not set(b"<>&") & set(body)
    assert not any(separator in body.decode() for separator in "\u2028\u2029")


@pytest.mark.parametrize("flavour", ["default", "slack", "legacy"])
def test_bodies_that_do_not_name_their_subscription_are_shared(flavour: str) -> None:
    assert not DIALECT.scoped(options(flavour=flavour), "PUSH_ARTIFACT")
    chosen = options(flavour=flavour)
    [one] = DIALECT.render(sample(), "PUSH_ARTIFACT", chosen, Audience(subscription="a", policy=1))
    [other] = DIALECT.render(sample(), "PUSH_ARTIFACT", chosen, Audience(subscription="b", policy=2))
    assert one == other


# --- CloudEvents ------------------------------------------------------------------------------------------------------


def test_a_cloudevent_names_its_subscription() -> None:
    """`source` holds the policy; `id` is a UUID of event and subscription, so a replay repeats it."""
    chosen = options(flavour="cloudevents")
    assert DIALECT.scoped(chosen, "PUSH_ARTIFACT")

    def said(event: Event, subscription: str) -> dict[str, Any]:
        audience = Audience(subscription=subscription, policy=7)
        return json.loads(DIALECT.render(event, "PUSH_ARTIFACT", chosen, audience)[0].body)

    event = sample()
    first = said(event, "audit")
    assert uuid.UUID(first["id"]).version == 5
    assert uuid.UUID(first["id"]).variant == uuid.RFC_4122
    assert first == said(event, "audit")
    others = [said(event, "other"), said(msgspec.structs.replace(event, id=str(uuid.uuid4())), "audit")]
    assert len({first["id"], *(one["id"] for one in others)}) == 3


@pytest.mark.parametrize(
    ("what", "word", "kind"),
    [
        (EventType.PUSHED, "PUSH_ARTIFACT", "harbor.artifact.pushed"),
        (EventType.PULLED, "PULL_ARTIFACT", "harbor.artifact.pulled"),
        (EventType.DELETED, "DELETE_ARTIFACT", "harbor.artifact.deleted"),
    ],
)
def test_the_sdk_reads_harbors_cloudevents(what: EventType, word: str, kind: str) -> None:
    """Both readers of the CloudEvents SDK find every attribute, and nothing else."""
    message = say(sample(what), word, flavour="cloudevents")
    assert message.content_type == "application/cloudevents+json"
    headers = {"content-type": message.content_type}
    attributes = {
        "specversion": "1.0",
        "id": json.loads(message.body)["id"],
        "source": "/projects/2/webhook/policies/7",
        "type": kind,
        "datacontenttype": "application/json",
        "operator": "maria",
        "requestid": "5b0f0d51-9d7c-4f39-9a59-6b1f6f5f1a10",
    }
    data = json.loads(say(sample(what), word).body)["event_data"]

    classic = from_http(headers, message.body)
    assert dict(classic.get_attributes()) == {**attributes, "time": "2026-11-21T00:00:00Z"}
    assert classic.get_data() == data

    core = from_http_event(HTTPMessage(headers=headers, body=message.body))
    found = core.get_attributes()
    assert {name: found[name] for name in attributes} == attributes
    assert set(found) == {*attributes, "time"}
    assert core.get_time().isoformat() == "2026-11-21T00:00:00+00:00"
    assert core.get_subject() is None
    assert core.get_data() == data


# --- receivers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("receiver", HARBOR_RECEIVERS)
@pytest.mark.parametrize("case", ["push", "push-untagged", "single-segment", "escaping", "chart-as-artifact"])
def test_every_default_push_meets_the_receivers_rules(case: str, receiver: str) -> None:
    [message] = render_case("harbor", read_case(FOLDER / "harbor" / f"{case}.json"))
    assert message.content_type == HARBOR_CONTENT_TYPE
    demand(HARBOR_RECEIVERS[receiver], json.loads(message.body))


def test_receivers_find_the_image() -> None:
    """Host with port, repository and tag come apart as each receiver cuts them."""
    event = sample()
    event = msgspec.structs.replace(event, registry=msgspec.structs.replace(event.registry, hostname="localhost:5000"))
    body = json.loads(say(event, "PUSH_ARTIFACT").body)
    [resource] = body["event_data"]["resources"]
    host, _, rest = resource["resource_url"].partition("/")
    assert (host, *rest.rsplit(":", 1)) == ("localhost:5000", "prj/web/app", "1.4.2")
    assert resource["tag"] == "1.4.2"
    assert body["event_data"]["repository"]["repo_full_name"] == "prj/web/app"


REFUSALS = [  # how a body may go wrong, and which receivers then refuse it or do nothing
    (("occur_at",), 1795219200.5, {"keel", "image updater", "argo cd"}),
    (("occur_at",), "1795219200", {"keel", "image updater", "argo cd"}),
    (("event_data", "repository", "date_created"), None, set()),
    (("event_data", "resources"), [], {"keel", "kargo", "image updater", "argo cd"}),
    (("event_data", "resources", 0, "tag"), "", {"image updater", "argo cd"}),
    (("event_data", "resources", 0, "resource_url"), "https://registry.example.com/a/b:1", {"keel", "kargo"}),
    (("event_data", "resources", 0, "resource_url"), "r.example.com/a:1@sha256:00", {"keel", "kargo"}),
    (("event_data", "resources", 0, "resource_url"), "registry/a/b:1", {"keel"}),
    (("type",), "DELETE_ARTIFACT", {"keel", "kargo", "image updater", "argo cd"}),
    (("type",), "pushImage", {"kargo", "image updater", "argo cd"}),
]


@pytest.mark.parametrize(("path", "value", "refusing"), REFUSALS)
def test_the_rules_refuse_what_the_receivers_refuse(path: tuple[Any, ...], value: object, refusing: set[str]) -> None:
    """So that the rules above cannot pass by being empty."""
    body = json.loads(say(sample(), "PUSH_ARTIFACT").body)
    holder = body
    for step in path[:-1]:
        holder = holder[step]
    holder[path[-1]] = value
    refused = set()
    for name, rules in HARBOR_RECEIVERS.items():
        try:
            demand(rules, body)
        except Refused:
            refused.add(name)
    assert refused == refusing
