"""`subscriptions export`: what is subscribed, as YAML that can be checked, and nothing secret in it."""

import json
import re
import urllib.request

import pytest
from running_sidecar import Sidecar

FILE = {
    "name": "file",
    "format": "harbor",
    "url": "https://file.example",
    "headers": {"X-Key": "hunter2-in-the-file"},
}
MADE = {
    "name": "ci",
    "namespace": "prj",
    "format": "dtr",
    "url": "https://hooks.example/hunter2",
    "headers": {"Authorization": "Bearer hunter2"},
    "sign": {"scheme": "github", "secrets": ["hunter2" * 4]},
}


def post(sidecar, body):
    request = urllib.request.Request(
        f"{sidecar.management}/v1/subscriptions", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 201


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A sidecar that has run with a subscription of the file and one that was made; it is stopped when first asked."""
    with Sidecar(tmp_path_factory.mktemp("site"), [FILE]) as sidecar:
        post(sidecar, MADE)
        yield sidecar


def exported(cli, site, *more):
    said = cli("subscriptions", "export", "--config", str(site.config), *more)
    assert said.code == 0, said.err
    assert "hunter2" not in said.out or "--urls" in more
    return said.out


def test_what_is_exported_can_be_checked_once_its_variables_are_set(cli, site, tmp_path, monkeypatch):
    text = exported(cli, site)
    variables = set(re.findall(r"\$\{env:(\w+)\}", text))
    assert variables == {"FILE_HEADER_X_KEY", "CI_URL", "CI_HEADER_AUTHORIZATION", "CI_SIGN_SECRET_1"}
    path = tmp_path / "whole.yml"
    path.write_text(f"registries: [{{name: main, hostname: registry.example.com}}]\n{text}")
    said = cli("check", "--config", str(path))
    assert said.code != 0
    for name in variables:
        monkeypatch.setenv(name, "https://hooks.example/x" if name == "CI_URL" else "a secret that is long enough")
    said = cli("check", "--config", str(path))
    assert (said.code, said.out) == (0, "ok: 1 registry, 2 subscriptions\n")


def test_from_afar_it_says_what_is_not_in_it(cli, site):
    text = exported(cli, site, "--url", site.management, "--urls")
    assert text.startswith("# What the file of that sidecar says is not here")
    assert "name: ci" in text
    assert "url: https://hooks.example/hunter2" in text
    assert "name: file" not in text


def test_a_stopped_sidecar_has_them_too(cli, site):
    running = exported(cli, site)
    site.__exit__()
    assert exported(cli, site, "--offline") == running
    said = cli("subscriptions", "list", "--offline", "--config", str(site.config))
    assert [row.split()[0] for row in said.out.splitlines()[1:]] == ["file", "ci"]
    said = cli("subscriptions", "pause", "ci", "--offline", "--config", str(site.config))
    assert said.out == "api:native/1: paused, 0 pending\n"
