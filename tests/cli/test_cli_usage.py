"""`usage`, asked of a sidecar that heard a registry's own notifications."""

import json
import urllib.request

import pytest
from running_sidecar import Sidecar, captured, until

STEPS = ("docker-like push 2 layers, tag v1", "multi-arch index push")
REGISTRY = {"name": "main", "hostname": "registry.example.com", "references": True}
QUOTAS = [{"namespace": "team", "limit": 4096, "warn_at": ["50%"]}, {"namespace": "empty*", "limit": "1GiB"}]


def held():
    """Every digest that the captured pushes tell of, once: manifests with config and layers, indexes by themselves."""
    blobs = {}
    for step in STEPS:
        for envelope in captured(step):
            for event in json.loads(envelope)["events"]:
                target = event["target"]
                if event["action"] == "push" and "manifest" in target["mediaType"] + target["url"].split("/")[-2]:
                    blobs[target["digest"]] = target["size"]
                    if "index" not in target["mediaType"] and "list" not in target["mediaType"]:
                        blobs.update((one["digest"], one["size"]) for one in target["references"])
    return sum(blobs.values())


@pytest.fixture(scope="module")
def weighed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("weighed")
    with Sidecar(folder, [], registries=[REGISTRY], quotas=QUOTAS) as sidecar:
        for step in STEPS:
            sidecar.post(*captured(step))
        until(lambda: [one["bytes"] for one in sidecar.ask("/v1/usage")["usage"]] == [held()], "it is weighed")
        yield sidecar


@pytest.fixture
def ask(cli, weighed):
    return lambda *arguments: cli("usage", *arguments, "--config", str(weighed.config))


def test_a_namespace_is_shown_with_its_limit(ask):
    said = ask()
    assert (said.code, said.err) == (0, "")
    header, team = (line.split() for line in said.out.splitlines())
    assert header == ["REGISTRY", "NAMESPACE", "USED", "LIMIT", "PERCENT", "UNKNOWN"]
    assert team[:2] == ["main", "team"]
    assert team[-4:] == ["4.0", "KiB", f"{held() * 100 // 4096}%", "-"]


def test_json_is_what_the_api_says(ask, weighed):
    assert ask("--json").json == weighed.ask("/v1/usage")
    assert ask("--namespace", "team", "--json").json == weighed.ask("/v1/usage")


def test_a_namespace_without_a_quota_is_not_there(ask):
    said = ask("--namespace", "other")
    assert (said.code, said.out, said.err) == (0, "", "no such namespace is under a quota\n")


def test_gauges_are_of_namespaces_that_the_configuration_names(weighed):
    def scraped():
        with urllib.request.urlopen(f"{weighed.management}/metrics") as answer:
            return answer.read().decode()

    until(
        lambda: f'registry_sidecar_namespace_used_bytes{{namespace="team",registry="main"}} {held()}.0' in scraped(),
        "x",
    )
    assert 'registry_sidecar_namespace_limit_bytes{namespace="team",registry="main"} 4096.0' in scraped()
