"""Quay's words for builds, beside their golden files: which builds they are said of, and what is in Quay's manual."""

import json

import pytest
from msgspec.structs import replace

from sidecar.dialects.contract import Audience, sample
from sidecar.dialects.quay import DIALECT, Options
from sidecar.dialects.quay_builds import WORDS
from sidecar.domain.details import Build, Commit
from sidecar.domain.event import EventType

by_word = pytest.mark.parametrize(("word", "kind"), WORDS.items())


def build(kind, ref):
    """A build of this reference; None = of nothing that has one."""
    source = None if ref is None else Commit(ref=ref)
    return replace(sample(kind), details=Build(id="41", source=source))


def body(event, word):
    (message,) = DIALECT.render(event, word, Options(), Audience())
    return json.loads(message.body)


@by_word
def test_without_a_filter_every_build_is_told(word, kind):
    voice = DIALECT.bind(Options(), [word])
    for ref in ("refs/heads/main", "", None):
        assert voice.words(build(kind, ref), untagged=False) == [word]


@by_word
@pytest.mark.parametrize("name", ["word", "type"])
def test_a_filter_of_references_lets_those_through_that_it_matches(word, kind, name):
    """And no build whose reference nobody told: to Quay it is not of git."""
    voice = DIALECT.bind(Options(ref_regex="refs/heads/(main|release/)"), [word if name == "word" else kind])
    told = [
        ref for ref in ("refs/heads/main", "refs/heads/release/1", "refs/tags/v1", "", None) if _heard(voice, kind, ref)
    ]
    assert told == ["refs/heads/main", "refs/heads/release/1"]


def _heard(voice, kind, ref):
    return bool(voice.words(build(kind, ref), untagged=False))


def test_a_filter_of_references_is_for_builds_alone():
    voice = DIALECT.bind(Options(ref_regex="refs/heads/main"), ["repo_push", "repo_mirror_sync_failed"])
    for kind, word in ((EventType.PUSHED, "repo_push"), (EventType.MIRROR_FAILED, "repo_mirror_sync_failed")):
        assert voice.words(sample(kind), untagged=False) == [word]


@pytest.mark.parametrize("pattern", ["][", "(?!x)"])
def test_a_filter_that_cannot_be_used_is_refused_where_it_is_bound(pattern):
    """Quay takes it, logs it at each event, and tells nothing."""
    with pytest.raises(ValueError, match="ref_regex cannot be used"):
        DIALECT.bind(Options(ref_regex=pattern), ["build_queued"])


@by_word
def test_what_nobody_told_of_a_build_is_what_quay_takes_for_granted(word, kind):
    """An event without details, or without the build's id, is one of a build all the same: the event's id stands in."""
    event = replace(sample(kind), details=None, tags=())
    said = body(event, word)
    assert said["build_id"] == event.id
    assert said["homepage"].endswith(f"/build/{event.id}")
    assert said["docker_tags"] == ["latest"]
    assert body(replace(event, tags=("v1", "v2")), word)["docker_tags"] == ["v1", "v2"]
    assert ("build_name" in said) is (word != "build_queued")


@by_word
def test_keys_that_only_some_builds_have_are_in_no_other(word, kind):
    """The keys of Quay 3.15, of a build of which everything is told and of one of which nothing is."""
    always = {"repository", "namespace", "name", "docker_url", "homepage", "build_id", "docker_tags"}
    trigger = {"trigger_id", "trigger_kind", "trigger_metadata"}
    everything = Build(
        id="41",
        name="n",
        tags=("v1",),
        manual=True,
        manual_user="maria",
        trigger_id="1",
        trigger_kind="github",
        trigger_manual=True,
        source=Commit(ref="refs/heads/main"),
        image_id="sha256:1",
        manifest_digests=("r/a@sha256:1",),
        error="no",
    )
    least, most = (
        body(replace(sample(kind), details=Build()), word),
        body(replace(sample(kind), details=everything), word),
    )
    if word == "build_queued":
        assert least.keys() == always | {"repo", "is_manual", "manual_user"}
        assert most.keys() == least.keys() | trigger | {"trigger_manual"}
    else:
        assert least.keys() == always | trigger | {"build_name"}
        assert most.keys() == least.keys() | {"image_id", "manifest_digests", "error_message"}
