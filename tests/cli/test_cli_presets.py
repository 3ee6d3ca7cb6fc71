"""`presets`, and what `check` and `subscriptions export` say of them."""

import pytest
import yaml

from sidecar.cli.exits import ExitCode
from sidecar.config.export import Export
from sidecar.config.loading import load
from sidecar.config.presets import comes_to, example, known

REGISTRY = "registries: [{name: main, hostname: registry.example.com}]\n"
URL = "https://kargo.example.com/harbor/" + "0123456789abcdef" * 4


def test_every_preset_has_a_row_with_what_is_to_be_given(cli):
    rows = [line.split() for line in cli("presets").out.splitlines()]
    assert [row[0] for row in rows[1:]] == list(known())
    (kargo,) = [row for row in rows if row[0] == "kargo"]
    assert kargo[-2:] == ["url,", "headers.Authorization"]
    (flux,) = [row for row in rows if row[0] == "flux"]
    assert flux[-2:] == ["url,", "sign.secrets"]


@pytest.mark.parametrize("name", ["flux", "kargo", "jenkins-dockerhub", "argocd-image-updater", "watchtower", "slack"])
def test_one_is_shown_as_yaml_that_loads(cli, tmp_path, name):
    shown = cli("presets", name).out
    path = tmp_path / "config.yml"
    path.write_text(REGISTRY + shown)
    variables = {word.rstrip("}\"'").removeprefix("${env:") for word in shown.split() if word.startswith("${env:")}
    bare = shown.replace('"', " ").replace("'", " ")
    variables |= {word.rstrip("}").removeprefix("${env:") for word in bare.split() if word.startswith("${env:")}
    (one,) = load(path, dict.fromkeys(variables, "s" * 24)).subscriptions
    assert one.preset == name
    assert f"docs/receivers/{known()[name].page}.md" in shown


def test_for_machines_there_is_json(cli):
    listed = cli("presets", "--json").json["presets"]
    assert [one["name"] for one in listed] == list(known())
    one = cli("presets", "kargo", "--json").json
    assert one in listed
    assert one["subscription"] == {"format": "harbor", "events": ["artifact.pushed"], "match": {"untagged": False}}
    assert one["example"] == example("kargo")


def test_an_unknown_one_is_told_with_like_names(cli):
    said = cli("presets", "cargo")
    assert said.code == ExitCode.USAGE
    assert "kargo" in said.err


def test_check_says_what_a_preset_comes_to(cli, tmp_path):
    path = tmp_path / "config.yml"
    entry = {"name": "promoter", "preset": "kargo", "url": URL, "headers": {"Authorization": "s"}}
    path.write_text(REGISTRY + yaml.safe_dump({"subscriptions": [entry]}))
    assert f"promoter: preset kargo comes to {comes_to('kargo')}" in cli("check", "-c", str(path)).out.splitlines()
    (one,) = cli("check", "--json", "-c", str(path)).json["subscriptions"]
    assert (one["preset"], one["format"], one["events"]) == ("kargo", "harbor", ["artifact.pushed"])


def test_an_export_says_what_a_preset_comes_to_and_can_be_read_again(tmp_path):
    entry = {"name": "promoter", "preset": "kargo", "url": URL, "headers": {"Authorization": "s"}}
    export = Export(urls=True)
    export.file((REGISTRY + yaml.safe_dump({"subscriptions": [entry]})).encode())
    text = export.text()
    assert f"# preset kargo comes to {comes_to('kargo')}" in text
    (read,) = yaml.safe_load(text)["subscriptions"]
    assert list(read)[:2] == ["name", "preset"]
    path = tmp_path / "config.yml"
    path.write_text(REGISTRY + text)
    (one,) = load(path, {"PROMOTER_HEADER_AUTHORIZATION": "s"}).subscriptions
    assert one.preset == "kargo"
