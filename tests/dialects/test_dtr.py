"""What golden files cannot say of DTR: which words are said of what, what is refused, and what receivers read."""

import json
from datetime import datetime
from typing import Any

import msgspec
import pytest

from sidecar.dialects.contract import Audience, sample
from sidecar.dialects.dtr import DIALECT, Options
from sidecar.domain import instant
from sidecar.domain.event import Event, EventType
from sidecar.domain.subscription import DEFAULT_EVENTS
from sidecar.web.vendors import dtr_keys

TAGGED = sample(EventType.PUSHED)
UNTAGGED = msgspec.structs.replace(TAGGED, tags=(), ever_tagged=False)
PULL = sample(EventType.PULLED)
PULL_BY_DIGEST = msgspec.structs.replace(PULL, tags=())
DELETED = sample(EventType.DELETED)
DELETED_NEVER_TAGGED = msgspec.structs.replace(DELETED, tags=(), ever_tagged=False)
UNTAG = sample(EventType.TAG_DELETED)
CREATED = sample(EventType.REPOSITORY_CREATED)
DROPPED = sample(EventType.REPOSITORY_DELETED)


@pytest.mark.parametrize(
    ("events", "event", "words"),
    [
        ("artifact.pushed", TAGGED, "TAG_PUSH"),
        ("artifact.pushed", UNTAGGED, ""),  # held back by match.untagged
        ("TAG_PUSH", TAGGED, "TAG_PUSH"),
        ("TAG_PUSH", UNTAGGED, ""),
        ("MANIFEST_PUSH", TAGGED, "MANIFEST_PUSH"),
        ("MANIFEST_PUSH", UNTAGGED, "MANIFEST_PUSH"),
        ("TAG_PUSH MANIFEST_PUSH", TAGGED, "TAG_PUSH MANIFEST_PUSH"),
        ("artifact.pushed MANIFEST_PUSH", TAGGED, "TAG_PUSH MANIFEST_PUSH"),
        ("artifact.pulled", PULL, "TAG_PULL"),
        ("artifact.pulled", PULL_BY_DIGEST, "MANIFEST_PULL"),
        ("TAG_PULL", PULL_BY_DIGEST, ""),
        ("MANIFEST_PULL", PULL, "MANIFEST_PULL"),
        ("MANIFEST_PULL", PULL_BY_DIGEST, "MANIFEST_PULL"),
        ("artifact.deleted", DELETED, "MANIFEST_DELETE"),
        ("artifact.deleted", DELETED_NEVER_TAGGED, ""),
        ("MANIFEST_DELETE", DELETED, "MANIFEST_DELETE"),
        ("MANIFEST_DELETE", DELETED_NEVER_TAGGED, "MANIFEST_DELETE"),
        ("tag.deleted", UNTAG, "TAG_DELETE"),
        ("TAG_DELETE", DELETED, ""),
        ("repository.created", CREATED, "REPO_EVENT"),
        ("repository.deleted", DROPPED, "REPO_EVENT"),
        ("repository.created", DROPPED, ""),
        ("REPO_EVENT", CREATED, "REPO_EVENT"),
        ("REPO_EVENT", DROPPED, "REPO_EVENT"),
        ("REPO_CREATED", CREATED, "REPO_CREATED"),
        ("REPO_CREATED", DROPPED, ""),
        ("REPO_DELETED", DROPPED, "REPO_DELETED"),
        ("REPO_CREATED REPO_DELETED", DROPPED, "REPO_DELETED"),
    ],
)
def test_a_subscription_hears_the_words_it_chose(events: str, event: Event, words: str) -> None:
    """By type a push is of a tag or else of a manifest; MANIFEST_* by name is every manifest, untagged ones too."""
    assert DIALECT.bind(Options(), events.split()).words(event, untagged=False) == words.split()


def test_by_type_an_untagged_push_is_a_manifest_push_once_admitted() -> None:
    """`match.untagged: true` lets the canonical type bring MANIFEST_PUSH, and only that."""
    voice = DIALECT.bind(Options(), ["artifact.pushed"])
    assert voice.words(UNTAGGED, untagged=True) == ["MANIFEST_PUSH"]
    assert voice.words(TAGGED, untagged=True) == ["TAG_PUSH"]


def test_the_default_events_can_all_be_said() -> None:
    """A subscription that lists no events hears tagged pushes, manifest deletions and tag deletions."""
    voice = DIALECT.bind(Options(), [name for name in DEFAULT_EVENTS if DIALECT.says(name, Options())])
    assert voice.types == {EventType.PUSHED, EventType.DELETED, EventType.TAG_DELETED}


@pytest.mark.parametrize("single", ["REPO_CREATED", "REPO_DELETED"])
def test_repo_event_and_a_single_one_together_are_refused(single: str) -> None:
    """The same change would be told twice, under two names."""
    with pytest.raises(ValueError, match=f"REPO_EVENT already tells of {single}: name either"):
        DIALECT.bind(Options(), [single, "REPO_EVENT"])


def test_both_single_ones_are_not_refused() -> None:
    """REPO_CREATED and REPO_DELETED never speak of the same event."""
    assert DIALECT.bind(Options(), ["REPO_CREATED", "REPO_DELETED"]).words(CREATED, untagged=False) == ["REPO_CREATED"]


@pytest.mark.parametrize("name", ["LICENSE_UPDATED", "CHART_PUSHED"])
def test_a_word_that_dtr_never_had_is_refused(name: str) -> None:
    """The sentence lists what there is."""
    with pytest.raises(ValueError, match=rf"unknown event '{name}' for format dtr; it can say: .*TAG_PUSH"):
        DIALECT.bind(Options(), [name])


def test_the_words_of_the_format_are_all_of_its_types() -> None:
    """The types of DTR's reference, and the three single ones of its later manuals: what its API takes can be said."""
    assert {word.name for word in DIALECT.vocabulary(Options())} == set(dtr_keys.TYPES)


def test_an_unknown_option_is_refused_by_name() -> None:
    """A typo must not silently be the default."""
    with pytest.raises(msgspec.ValidationError, match="unknown field `image_port`"):
        msgspec.convert({"image_port": False}, Options)


def test_a_message_does_not_name_its_subscription() -> None:
    """Equal words of equal options are shared between subscriptions."""
    voice = DIALECT.bind(Options(), ["TAG_PUSH"])
    assert not voice.scoped("TAG_PUSH")
    one = voice.render(TAGGED, "TAG_PUSH", Audience("a", 1))
    assert one == voice.render(TAGGED, "TAG_PUSH", Audience("b", 2))


# --- receivers ------------------------------------------------------------------------------------------------------

EVERYTHING = [
    ("TAG_PUSH", TAGGED),
    ("TAG_DELETE", UNTAG),
    ("MANIFEST_PUSH", TAGGED),
    ("MANIFEST_PUSH", UNTAGGED),
    ("MANIFEST_DELETE", DELETED),
]
SLACK_DTR = {
    "TAG_PUSH": "namespace repository tag digest imageName os architecture author pushedAt",
    "TAG_DELETE": "namespace repository tag digest imageName os architecture author deletedAt",
    "MANIFEST_PUSH": "namespace repository digest imageName os architecture author pushedAt",
    "MANIFEST_DELETE": "namespace repository digest imageName os architecture author deletedAt",
}


def said(word: str, event: Event, **options: Any) -> Any:
    """The one body of a word."""
    (message,) = DIALECT.render(event, word, Options(**options), Audience())
    return json.loads(message.body)


@pytest.mark.parametrize(("word", "event"), EVERYTHING)
def test_slack_dtr_finds_every_key_it_reads(word: str, event: Event) -> None:
    """gremlin961/slack-dtr indexes these keys without asking; a missing one is its error 500."""
    body = said(word, event)
    assert {"type", "createdAt", "location"} <= body.keys()
    assert all(isinstance(body["contents"][key], str) for key in SLACK_DTR[word].split())


def jenkins(body: Any) -> tuple[str, str, str]:
    """Repository, host and tag as the DTR branch of the Jenkins registry plugin takes them; KeyError where it throws.

    It also wants a digest and an ISO 8601 time.
    """
    contents = body["contents"]
    image = contents["imageName"]
    stamp = contents["pushedAt"] if "pushedAt" in contents else contents["deletedAt"]
    datetime.fromisoformat(stamp)
    assert contents["digest"]
    assert body["type"] in {"TAG_PUSH", "TAG_DELETE", "MANIFEST_PUSH", "MANIFEST_DELETE", "SCAN_COMPLETED"}
    return image.split(":")[0], image.split("/")[0], contents["tag"]


@pytest.mark.parametrize("word", ["TAG_PUSH", "TAG_DELETE"])
def test_jenkins_reads_tags(word: str) -> None:
    """The job whose image is host/ns/repo is triggered for the tag."""
    event = dict(EVERYTHING)[word]
    assert jenkins(said(word, event)) == ("registry.example.com/prj/web/app", "registry.example.com", "1.4.2")


def test_jenkins_reads_a_registry_with_a_port_only_without_it() -> None:
    """It cuts the image at the first colon: with the port the repository is lost, hence `image_name_port: false`."""
    ported = msgspec.structs.replace(
        TAGGED, registry=msgspec.structs.replace(TAGGED.registry, hostname="registry.example.com:5000")
    )
    assert jenkins(said("TAG_PUSH", ported))[0] == "registry.example.com"
    assert jenkins(said("TAG_PUSH", ported, image_name_port=False))[0] == "registry.example.com/prj/web/app"


@pytest.mark.parametrize(("word", "event"), [("MANIFEST_PUSH", TAGGED), ("MANIFEST_DELETE", DELETED)])
def test_jenkins_reads_manifests_only_with_their_tag(word: str, event: Event) -> None:
    """It throws where `tag` is missing, hence `tag_in_manifest_events`."""
    with pytest.raises(KeyError, match="tag"):
        jenkins(said(word, event))
    assert jenkins(said(word, event, tag_in_manifest_events=True))[2] == "1.4.2"


def test_times_survive_to_the_nanosecond() -> None:
    """`createdAt` is the acceptance and `pushedAt` the record's own time, both read back whole."""
    body = said("TAG_PUSH", TAGGED)
    assert instant.parse_rfc3339(body["createdAt"]) == TAGGED.accepted
    assert instant.parse_rfc3339(body["contents"]["pushedAt"]) == TAGGED.time
