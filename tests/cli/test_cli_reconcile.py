"""`reconcile` and `backfill`: what they print, how they end, and what `status` shows of walks."""

import json

import pytest
from running_sidecar import Sidecar
from small_registry import SmallRegistry

TAGS = 12


@pytest.fixture(scope="module")
def walked(tmp_path_factory):
    """A sidecar whose registry can be walked, and that registry, with twelve tags that nobody told of."""
    with SmallRegistry() as small:
        for number in range(TAGS):
            small.push("prj/app", f"v{number}", number)
        sidecar = Sidecar(tmp_path_factory.mktemp("walked"), [])
        settings = json.loads(sidecar.config.read_text())
        settings["registries"][0] |= {"api": {"url": small.url}, "reconcile": {"rate": "1000/s"}}
        sidecar.config.write_text(json.dumps(settings))
        with sidecar:
            sidecar.small = small
            yield sidecar


def test_walks_are_made_watched_held_and_decided_over(cli, walked):
    """One story: each step stands on the one before it."""
    where = ("--url", walked.management)
    # The first learns, whatever it is called.
    said = cli("reconcile", "--wait", "--json", *where)
    assert said.code == 0, said.err
    (one,) = said.json["walks"]
    assert (one["last"]["silent"], one["last"]["seen"], one["held"]) == (True, TAGS, None)
    said = cli("backfill", "main", "--wait", *where)
    assert said.code == 0
    head, line = said.out.splitlines()
    assert head.split() == ["REGISTRY", "WALK", "SINCE", "REPOSITORIES", "TAGS", "SEEN", "CHANGES", "HELD"]
    assert line.startswith("main      finished (backfill)  ")
    assert cli("events", "--json", *where).json["events"] == []
    # All is gone: it is held, and says what to do.
    walked.small.tags.clear()
    said = cli("reconcile", "main", "--wait", *where)
    assert said.code == 1
    assert "main: the walk is held, 12 of 12 known tags are gone, more than 10 %; nothing was announced" in said.err
    assert "`registry-sidecar reconcile main --accept` or `--reject`" in said.err
    said = cli("status", *where)
    assert said.code == 0
    assert "12 of 12 known tags are gone, more than 10 %" in said.out
    assert cli("events", "--json", *where).json["events"] == []
    # Accepted, it is told: a manifest for each tag, and the repository.
    said = cli("reconcile", "--accept", *where)
    assert (said.code, said.out) == (0, "main: 13 changes are announced\n")
    said = cli("reconcile", "--accept", *where)
    assert (said.code, said.err) == (1, "registry-sidecar: no walk is held\n")
    said = cli("reconcile", "main", "--reject", *where)
    assert (said.code, said.err) == (1, "registry-sidecar: No walk of registry main is held.\n")
    said = cli("backfill", *where)
    assert (said.code, said.out) == (0, "main: a walk begins; `registry-sidecar status` shows how it goes\n")


def test_a_registry_that_is_not_there_is_not_found(cli, walked):
    said = cli("reconcile", "other", "--url", walked.management)
    assert (said.code, said.err) == (3, "registry-sidecar: There is no registry other.\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--accept", "--reject"), "--accept and --reject exclude each other"),
        (("--accept", "--wait"), "--wait is for walks that begin; leave it out with --accept and --reject"),
    ],
)
def test_options_that_exclude_each_other_are_refused(cli, arguments, sentence):
    said = cli("reconcile", *arguments)
    assert (said.code, said.err) == (2, f"registry-sidecar: {sentence}\n")


def test_without_an_api_no_registry_can_be_walked(cli, told):
    said = cli("reconcile", "--url", told.management)
    assert (said.code, said.err) == (
        1,
        "registry-sidecar: no registry has an `api` in the configuration, so none can be walked\n",
    )
    said = cli("backfill", "main", "--url", told.management)
    assert (said.code, said.err) == (1, "registry-sidecar: Registry main cannot be walked: it has no `api`.\n")
