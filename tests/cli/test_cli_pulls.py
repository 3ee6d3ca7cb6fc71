"""`pulls`, asked of a sidecar that heard a registry's own notifications."""

import pytest
from running_sidecar import Sidecar, captured, until

STEPS = (
    "docker-like push 2 layers, tag v1",
    "HEAD manifest by tag",
    "GET manifest by tag",
    "GET manifest by digest",
    "GET manifest v2s2 by tag with no Accept",
    "multi-arch index push",
    "GET index by tag Accept all",
)


@pytest.fixture(scope="module")
def pulled(tmp_path_factory):
    with Sidecar(tmp_path_factory.mktemp("pulled"), []) as sidecar:
        for step in STEPS:
            sidecar.post(*captured(step))
        until(lambda: len(sidecar.ask("/v1/pulls")["pulls"]) == 2, "both are pulled")
        yield sidecar


@pytest.fixture
def ask(cli, pulled):
    return lambda *arguments: cli("pulls", *arguments, "--config", str(pulled.config))


def test_what_was_pulled_is_listed_the_last_pulled_first(ask):
    said = ask()
    assert (said.code, said.err) == (0, "")
    header, index, image = (line.split() for line in said.out.splitlines())
    assert header == ["LAST", "PULLED", "REPOSITORY", "DIGEST", "KIND", "PULLS", "BY", "TAG", "DELETED"]
    assert index[0:2] == ["2026-11-21T23:50:41Z", "team/multi"]
    assert index[3:] == ["index", "1", "latest", "1", "-"]
    assert image[0:2] == ["2026-11-21T23:50:37Z", "team/app"]
    assert image[2].startswith("sha256:49effced")
    assert image[3:] == ["image", "2", "v1", "2", "-"]


def test_json_is_the_apis_own_form(ask, pulled):
    assert ask("--json").json == pulled.ask("/v1/pulls?limit=50")


@pytest.mark.parametrize(
    ("arguments", "repositories"),
    [
        (["--repository", "team/app"], ["team/app"]),
        (["--registry", "main", "--tag", "latest"], ["team/multi"]),
        (["--since", "2026-11-21T23:50:40Z"], ["team/multi"]),
        (["--limit", "1"], ["team/multi"]),
        (["--registry", "other"], []),
    ],
)
def test_pulls_are_filtered(ask, arguments, repositories):
    assert [one["repository"] for one in ask("--json", *arguments).json["pulls"]] == repositories


def test_no_pulls_are_said_on_standard_error(ask):
    said = ask("--tag", "never")
    assert (said.code, said.out, said.err) == (0, "", "no such pulls\n")
