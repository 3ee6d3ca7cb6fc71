"""`expiring`, asked of a sidecar that heard a registry's own notifications."""

import pytest
from running_sidecar import Sidecar, captured, until


@pytest.fixture(scope="module")
def pushed(tmp_path_factory):
    with Sidecar(tmp_path_factory.mktemp("expiring"), []) as sidecar:
        sidecar.post(*captured("docker-like push 2 layers, tag v1"))
        until(lambda: sidecar.ask("/v1/status")["translator"]["cursor"], "it is translated")
        yield sidecar


@pytest.fixture
def ask(cli, pushed):
    def run(verb, *arguments):
        return cli("expiring", verb, *arguments, "--config", str(pushed.config))

    return run


def test_an_end_is_set_listed_and_cleared(ask, pushed):
    assert ask("list").err == "no such tags\n"
    assert ask("set", "team/app:v1", "2999-01-01T00:00:00Z", "--registry", "main").code == 1
    said = ask("set", "team/app:v1", "2200-01-01T00:00:00Z", "--registry", "main")
    assert (said.code, said.err) == (0, "")
    assert said.out == "team/app:v1 ends at 2200-01-01T00:00:00Z, unless it is pushed again.\n"
    until(lambda: pushed.ask("/v1/expiring")["tags"], "it is translated")
    header, row = (line.split() for line in ask("list").out.splitlines())
    assert header == ["EXPIRES", "REGISTRY", "TAG", "PUSHED", "BY", "TOLD"]
    assert row == ["2200-01-01T00:00:00Z", "main", "team/app:v1", "2026-11-21T23:50:34Z", "hand", "-"]
    assert ask("list", "--json").json == pushed.ask("/v1/expiring?limit=50")
    assert ask("list", "--within", "7d").err == ask("list", "--over").err == "no such tags\n"
    assert ask("list", "--repository", "team/app", "--registry", "main").out.count("\n") == 2
    assert (
        ask("clear", "team/app:v1", "--registry", "main").out == "team/app:v1 has no end, until it is pushed again.\n"
    )
    until(lambda: not pushed.ask("/v1/expiring")["tags"], "it is translated")


def test_a_duration_counts_from_now_and_json_is_the_apis_answer(ask):
    said = ask("set", "team/app:v1", "14d", "--registry", "main", "--json")
    assert said.json["tag"] == "v1"
    assert said.json["expires"] > "2026"


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (["set", "team/app", "14d", "--registry", "main"], 2, "'team/app' is not REPOSITORY:TAG, such as prj/app:v1"),
        (["set", "host:5000/app", "14d", "--registry", "main"], 2, "'host:5000/app' is not REPOSITORY:TAG"),
        (["set", "team/app:v1", "soon", "--registry", "main"], 2, "TIME 'soon' is neither a duration such as 30m"),
        (["list", "--within", "soon"], 2, "--within 'soon' is neither a duration"),
        (["set", "team/app:v1", "14d"], 2, "--registry"),
        (["set", "team/app:none", "14d", "--registry", "main"], 3, "No tag team/app:none of registry main is known."),
    ],
)
def test_what_cannot_be_done_is_said(ask, arguments, code, sentence):
    said = ask(*arguments)
    assert said.code == code, said
    assert sentence in said.err
