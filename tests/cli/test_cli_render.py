"""`render`: samples, and a registry's own notifications."""

import io
import json
import sys

import pytest
from running_sidecar import captured

from sidecar.dialects import load


def bodies(said):
    """The bodies on standard output, one a line."""
    return [json.loads(line) for line in said.out.splitlines()]


def test_a_push_is_the_usual_sample_and_the_content_type_stands_aside(cli):
    said = cli("render", "--format", "harbor")
    (body,) = bodies(said)
    assert (said.code, body["type"]) == (0, "PUSH_ARTIFACT")
    assert said.err == "PUSH_ARTIFACT  Content-Type: application/json\n"


def test_pretty_changes_only_the_white_space(cli):
    exact, pretty = cli("render", "-f", "dtr"), cli("render", "-f", "dtr", "--pretty")
    assert json.loads(exact.out) == json.loads(pretty.out)
    assert exact.out.count("\n") == 1
    assert pretty.out.count("\n") > 10


def test_the_headers_of_format_and_message_are_said_with_the_word(cli):
    said = cli("render", "-f", "nexus", "--option", "webhook=asset")
    first, second, third = said.err.splitlines()
    assert first == "CREATED  Content-Type: application/json"
    assert second == "         X-Nexus-Webhook-Id: rm:repository:asset"
    assert third.startswith("         X-Nexus-Webhook-Delivery: ")
    (message,) = cli("render", "-f", "acr", "--json").json["messages"]
    assert message["headers"] == [["User-Agent", "AzureContainerRegistry/1.0"]]


@pytest.mark.parametrize("name", list(load()))
def test_every_word_of_every_format_has_a_sample(cli, name):
    """Words that fit only charts or untagged artifacts find an event that they fit."""
    for word in load()[name].vocabulary(load()[name].example):
        said = cli("render", "-f", name, "--word", word.name, "--json")
        assert said.code == 0, said.err
        assert said.json["messages"][0]["word"] == word.name


def test_options_are_read_as_their_types(cli):
    said = cli("render", "-f", "harbor", "-o", "chart_events=true", "--word", "UPLOAD_CHART")
    assert bodies(said)[0]["event_data"]["resources"][0]["resource_url"].startswith(
        "https://registry.example.com/chartrepo/"
    )
    said = cli("render", "-f", "harbor", "--option", "flavour=legacy", "--word", "pushImage")
    assert bodies(said)[0]["event_type"] == "pushImage"
    said = cli("render", "-f", "harbor", "--option", "flavour=cloudevents")
    assert "Content-Type: application/cloudevents+json" in said.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["-f", "gitea"], "there is no format 'gitea'; known: acr, cdevents, cloudevents, "),
        (["-f", "harbor", "-o", "colour=red"], "format harbor has no option 'colour'; known: flavour, "),
        (["-f", "distribution", "-o", "x=1"], "format distribution has no option 'x'; known: docker_media_type"),
        (["-f", "harbor", "-o", "flavour"], "--option 'flavour' must be KEY=VALUE"),
        (["-f", "harbor", "-o", "flavour=sweet"], "an option of format harbor cannot be used: "),
        (
            ["-f", "harbor", "-o", "flavour=cloudevents", "-o", "chart_events=true"],
            "Harbor has no CloudEvents for charts",
        ),
        (["-f", "quay", "--event", "artifact.deleted"], "format quay has no word for artifact.deleted"),
        (["-f", "dtr", "--word", "TAG_PUSHED"], "unknown event 'TAG_PUSHED' for format dtr"),
        (
            ["-f", "dtr", "--word", "TAG_PUSH", "--event", "tag.deleted"],
            "format dtr does not say TAG_PUSH of tag.deleted",
        ),
        (["-f", "dtr", "--event", "tag.deleted", "--envelope", "-"], "--event and --envelope do not go together"),
        (["-f", "dtr", "--envelope", "/nowhere"], "--envelope /nowhere cannot be read (No such file or directory)"),
    ],
)
def test_what_cannot_be_said_is_refused_in_a_sentence(cli, arguments, sentence):
    said = cli("render", *arguments)
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"registry-sidecar: {sentence}")
    assert said.err.count("\n") == 1


def envelopes(folder, *steps):
    """The captured steps as files, named as arguments."""
    arguments = []
    for number, body in enumerate([body for step in steps for body in captured(step)]):
        path = folder / f"{number}.json"
        path.write_bytes(body)
        arguments += ["--envelope", str(path)]
    return arguments


def test_a_captured_push_is_said_of_its_own_digest_and_blobs_are_told_aside(cli, tmp_path):
    said = cli("render", "-f", "dtr", "--word", "TAG_PUSH", *envelopes(tmp_path, "docker-like push 2 layers, tag v1"))
    (body,) = bodies(said)
    assert body["contents"]["imageName"] == "registry.example.com/team/app:v1"
    assert body["contents"]["digest"].startswith("sha256:49effced")
    assert body["contents"]["pushedAt"] == "2026-11-21T23:50:34.75826568Z"
    assert said.err.count("no event (blob)") == 3


def test_a_deletion_finds_what_earlier_envelopes_pushed(cli, tmp_path):
    """Both tags are known, so Harbor's deletion lists both, newest push first."""
    steps = (
        "docker-like push 2 layers, tag v1",
        "same push again, tag v2 (all blobs exist)",
        "DELETE by digest w/ tags v1,v2",
    )
    said = cli("render", "-f", "harbor", *envelopes(tmp_path, *steps))
    *_, deletion = bodies(said)
    assert deletion["type"] == "DELETE_ARTIFACT"
    assert [one["tag"] for one in deletion["event_data"]["resources"]] == ["v2", "v1"]


def test_an_envelope_comes_from_standard_input_too(cli, monkeypatch):
    body = captured("GET manifest by tag")[0]
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(body)))
    said = cli("render", "-f", "harbor", "--envelope", "-", "--hostname", "hub.example:5000")
    (message,) = bodies(said)
    assert message["event_data"]["resources"][0]["resource_url"] == "hub.example:5000/team/app:v1"


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "The body is not JSON"),
        (b'{"a": 1}', "The body is JSON, but neither {events: [...]} nor one event with action and target"),
        (b'{"events": [{"id": "1", "action": "push"}]}', "This is not an event of a registry"),
    ],
)
def test_an_unreadable_envelope_is_refused_with_its_name(cli, tmp_path, body, sentence):
    path = tmp_path / "body"
    path.write_bytes(body)
    said = cli("render", "-f", "harbor", "--envelope", str(path))
    assert (said.code, said.out) == (2, "")
    assert said.err.startswith(f"registry-sidecar: --envelope {path}: {sentence}")


def test_what_has_no_word_is_said_and_is_no_error(cli, tmp_path):
    said = cli("render", "-f", "quay", *envelopes(tmp_path, "GET manifest by tag"))
    assert (said.code, said.out) == (0, "")
    assert "artifact.pulled of team/app: no word" in said.err


def test_a_template_that_no_subscription_may_have_is_shown_with_a_warning(cli):
    """The sample says it by chance: its actor's name has no quote."""
    said = cli("render", "-f", "template", "-o", 'body={"by": "{{ actor }}"}', "--event", "artifact.pushed")
    assert said.code == 0
    assert said.out == '{"by": "maria"}\n'
    assert "warning: no subscription is taken with this, since body: what comes out is no JSON" in said.err
    assert "warning" not in cli("render", "-f", "template", "-o", 'body={"by": {{ actor | tojson }}}').err
