"""`emit` against a running sidecar: what it was told of is an event, and what it refuses is told with its place."""

import io
import json

import pytest
from running_sidecar import Sidecar, free_port, until

from sidecar.cli.exits import ExitCode


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A sidecar of its own: what is emitted would be in the others' lists."""
    with Sidecar(tmp_path_factory.mktemp("emit"), []) as sidecar:
        yield sidecar


@pytest.fixture
def where(told):
    return ["--config", str(told.config)]


def events_of(cli, told, kind):
    found = cli("events", "--json", "--type", kind, "--config", str(told.config))
    return [one["repository"] for one in found.json["events"]]


def test_an_event_made_of_options_is_told(cli, told, where):
    said = cli(
        *("emit", "--type", "build.succeeded", "--repository", "emit/app", "--tag", "v1", "--actor", "maria"),
        *("--data", '{"id": "41"}', "--id", "emit-1", *where),
    )
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("intake:")
    until(lambda: events_of(cli, told, "build.succeeded") == ["emit/app"], "the event is there")
    again = cli("emit", "--type", "build.succeeded", "--repository", "emit/app", "--id", "emit-1", *where)
    assert (again.code, again.out, again.err) == (0, said.out, "1 of them had been told before\n")


def test_a_file_is_sent_as_it_is(cli, told, where, tmp_path, monkeypatch):
    events = [{"type": "scan.failed", "data": {"repository": f"emit/{name}", "tag": "v1"}} for name in "ab"]
    file = tmp_path / "events.json"
    file.write_text(json.dumps(events))
    said = cli("emit", str(file), "--json", *where)
    assert (said.code, said.json["new"]) == (0, 2)
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(events[0])))
    assert cli("emit", "-", "--json", *where).json == {"ids": said.json["ids"][:1], "new": 0}
    until(lambda: sorted(events_of(cli, told, "scan.failed")) == ["emit/a", "emit/b"], "both are there")


def test_what_the_sidecar_refuses_is_told_with_its_place(cli, where):
    said = cli("emit", "--type", "build.succeeded", "--repository", "Emit/App", *where)
    assert said.code == ExitCode.USAGE
    assert "At /data/repository: a repository's name has no host and no capitals, as prj/app." in said.err


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "name a FILE with events, or give --type"),
        (["-", "--type", "build.queued"], "name a FILE with events, or give --type"),
        (["-", "--repository", "a"], "what is in FILE is sent as it is"),
        (["--type", "build.queued", "--data", "{"], "--data is not JSON"),
        (["/no/such/file"], "/no/such/file cannot be read (No such file or directory)"),
    ],
)
def test_a_wrong_command_line_says_what_to_do(cli, arguments, sentence):
    said = cli("emit", *arguments)
    assert said.code == ExitCode.USAGE
    assert sentence in said.err


def test_a_listener_that_is_not_there_is_unavailable(cli):
    said = cli("emit", "--type", "scanner.updated", "--url", f"http://127.0.0.1:{free_port()}")
    assert said.code == ExitCode.UNAVAILABLE
