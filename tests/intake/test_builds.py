"""Builds as they are told: every key of Quay's, our own events of builds, and nothing that is not one of these."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sidecar.domain.details import Build, Commit, Person
from sidecar.domain.errors import Misstated
from sidecar.domain.event import EventType
from sidecar.domain.instant import parse_rfc3339
from sidecar.domain.statement import decode, encode, record_id
from sidecar.intake.builds import STATUSES, Report, read
from sidecar.intake.posted import Posted

LEAST = {"repository": "prj/app", "build_id": "41", "status": "succeeded"}
MOST = {
    **LEAST,
    "registry": "main",
    "id": "event-1",
    "time": "2026-11-21T00:00:00.5Z",
    "build_name": "42d4a62",
    "docker_tags": ["v1", "latest"],
    "trigger_id": "38b6e180-9521-4ff7-9844-acf371340b9e",
    "trigger_kind": "github",
    "trigger_manual": True,
    "trigger_metadata": {
        "default_branch": "main",
        "ref": "refs/heads/main",
        "commit": "42d4a62c53350993ea41069e9f2cfdefb0df097d",
        "git_url": "git@git.example.com:prj/app.git",
        "commit_info": {
            "url": "https://git.example.com/prj/app/commit/42d4a62",
            "message": "Answer sooner",
            "date": 1551836904.0,
            "author": {
                "username": "maria",
                "url": "https://git.example.com/maria",
                "avatar_url": "https://a.example.com",
            },
            "committer": {"username": "web"},
        },
    },
    "is_manual": True,
    "manual_user": "maria",
    "actor": "robot",
    "error_message": "it ended",
    "image_id": "sha256:1",
    "manifest_digests": ["registry.example.com/prj/app@sha256:1"],
    "homepage": "https://ci.example.com/41",
}


def told(body, media_type="application/json", **headers):
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read(
        Posted(media_type=media_type, body=raw, headers={key.replace("_", "-"): headers[key] for key in headers})
    )


def one(body, *given, **headers):
    (found,) = told(body, *given, **headers)
    return found.statement


def same(this, that):
    """Whether two statements are one word, told twice."""
    return record_id(this, "", 0) == record_id(that, "", 0)


def test_every_key_is_read():
    assert MOST.keys() == set(Report.__struct_fields__)
    (found,) = told(MOST)
    statement = found.statement
    assert (found.registry, found.place) == ("main", "/registry")
    assert (statement.type, statement.repository, statement.actor) == ("build.succeeded", "prj/app", "robot")
    assert (statement.time, statement.id) == (parse_rfc3339("2026-11-21T00:00:00.5Z"), "event-1")
    assert statement.details == Build(
        id="41",
        name="42d4a62",
        tags=("v1", "latest"),
        manual=True,
        manual_user="maria",
        trigger_id="38b6e180-9521-4ff7-9844-acf371340b9e",
        trigger_kind="github",
        trigger_manual=True,
        source=Commit(
            commit="42d4a62c53350993ea41069e9f2cfdefb0df097d",
            ref="refs/heads/main",
            default_branch="main",
            git_url="git@git.example.com:prj/app.git",
            url="https://git.example.com/prj/app/commit/42d4a62",
            message="Answer sooner",
            date=1551836904.0,
            author=Person(username="maria", url="https://git.example.com/maria", avatar_url="https://a.example.com"),
            committer=Person(username="web"),
        ),
        image_id="sha256:1",
        manifest_digests=("registry.example.com/prj/app@sha256:1",),
        error="it ended",
        url="https://ci.example.com/41",
    )


def test_what_was_not_told_is_not_known():
    statement = one(LEAST)
    assert (statement.time, statement.actor, statement.tags) == (0, "", ())
    assert statement.details == Build(id="41")


def test_null_is_what_was_not_told():
    assert one({**dict.fromkeys(MOST), **LEAST}) == one(LEAST)
    nothing = {"trigger_metadata": {"commit_info": {"author": None, "date": None}, "ref": None}}
    assert one({**LEAST, **nothing}).details == Build(id="41", source=Commit())


def test_who_began_a_build_by_hand_did_it():
    assert one({**LEAST, "manual_user": "maria"}).actor == "maria"


@pytest.mark.parametrize(("status", "kind"), STATUSES.items())
def test_each_status_is_an_event(status, kind):
    assert one({**LEAST, "status": status}).type == kind
    assert kind.startswith("build.")


def test_there_is_a_status_for_every_event_of_builds():
    assert set(STATUSES.values()) == {kind for kind in EventType if kind.startswith("build.")}


# --- what is the same word -------------------------------------------------------------------------------------------


def test_a_word_is_known_again_by_its_build_and_its_status():
    again = {**MOST, "time": "2026-11-22T00:00:00Z"}
    del again["id"]
    assert same(one(LEAST), one(again))


@pytest.mark.parametrize("change", [{"status": "failed"}, {"build_id": "42"}, {"repository": "prj/other"}, {"id": "2"}])
def test_another_build_status_repository_or_id_is_another_word(change):
    """Numbers of builds begin with 1 in every project; a build that is run again has an id for it."""
    assert not same(one(LEAST), one({**LEAST, **change}))


def test_an_event_is_known_by_its_build_too_unless_it_has_an_id():
    event = {"type": "build.succeeded", "data": {"repository": "prj/app", "details": {"id": "41"}}}
    assert same(one(event), one(LEAST))
    assert same(one({**event, "time": "2026-11-22T00:00:00Z"}), one(event))
    assert not same(one({**event, "source": "/ci"}), one(event))
    whole = {**event, "specversion": "1.0", "id": "41/done", "source": "/ci"}
    assert (one(whole).source, one(whole).id) == ("/ci", "41/done")
    without = {"type": "build.succeeded", "data": {"repository": "prj/app"}}
    assert (one(without).source, one(without).id) == ("", "")


# --- our own events --------------------------------------------------------------------------------------------------

EVENT = {
    "specversion": "1.0",
    "id": "41/done",
    "source": "/ci",
    "type": "io.registry-sidecar.build.succeeded",
    "data": {"repository": "prj/app", "details": {"id": "41"}},
}


def test_events_of_builds_are_taken_in_every_mode():
    assert one(EVENT, "application/cloudevents+json").details == Build(id="41")
    assert (
        one([EVENT], "application/cloudevents-batch+json") == one(EVENT, "application/cloudevents+json") == one(EVENT)
    )
    attributes = {"ce_specversion": "1.0", "ce_id": "41/done", "ce_source": "/ci", "ce_type": "build.succeeded"}
    assert one(EVENT["data"], **attributes) == one(EVENT)


def test_a_list_may_hold_both():
    statements = [one.statement for one in told([LEAST, EVENT, {**LEAST, "status": "queued"}])]
    assert [one.type for one in statements] == ["build.succeeded", "build.succeeded", "build.queued"]
    assert told([]) == []


SCAN = {**EVENT, "type": "scan.failed", "data": {"repository": "prj/app", "tag": "v1"}}


@pytest.mark.parametrize(
    ("body", "media_type", "pointer"),
    [
        (SCAN, "application/json", "/type"),
        (SCAN, "application/cloudevents+json", "/type"),
        ([EVENT, SCAN], "application/cloudevents-batch+json", "/1/type"),
        ([LEAST, SCAN], "application/json", "/1/type"),
    ],
)
def test_other_events_are_told_where_they_belong(body, media_type, pointer):
    with pytest.raises(Misstated, match=r"scan\.failed is no build: post it to /intake/events") as refused:
        told(body, media_type)
    assert refused.value.pointer == pointer


def test_another_event_in_binary_mode_has_no_place_in_the_body():
    attributes = {"ce_specversion": "1.0", "ce_id": "1", "ce_source": "/ci", "ce_type": "scan.failed"}
    with pytest.raises(Misstated, match=r"In the header ce-type: scan\.failed is no build"):
        told(SCAN["data"], **attributes)


# --- what is refused -------------------------------------------------------------------------------------------------


def deep(*path_and_value):
    """LEAST with one value at a path of keys."""
    *path, value = path_and_value
    for key in reversed(path):
        value = {key: value}
    return {**LEAST, **value}


@pytest.mark.parametrize(
    ("body", "pointer", "sentence"),
    [
        ({}, "/repository", "this is needed"),
        ({"repository": "prj/app", "status": "queued"}, "/build_id", "this is needed"),
        ({"repository": "prj/app", "build_id": "1"}, "/status", "this is needed"),
        (deep("repository", "Prj/App"), "/repository", "a repository's name has no host and no capitals"),
        (deep("build_id", ""), "/build_id", "length >= 1"),
        (deep("build_id", 41), "/build_id", "Expected `str`, got `int`"),
        (deep("status", "done"), "/status", "'done' is not one of queued, started, succeeded, failed, cancelled"),
        (deep("docker_tags", ["v1", "a b"]), "/docker_tags/1", "a tag is up to 128 letters"),
        (deep("docker_tags", "v1"), "/docker_tags", "Expected `array | null`, got `str`"),
        (deep("is_manual", "yes"), "/is_manual", "Expected `bool | null`"),
        (deep("trigger_metadata", []), "/trigger_metadata", "Expected `object | null`"),
        (deep("trigger_metadata", "branch", "x"), "/trigger_metadata/branch", "nothing of this name is known here"),
        (
            deep("trigger_metadata", "commit_info", "author", "username", 1),
            "/trigger_metadata/commit_info/author/username",
            "Expected `str | null`",
        ),
        (
            deep("trigger_metadata", "commit_info", "date", {}),
            "/trigger_metadata/commit_info/date",
            "got `object`",
        ),
        (deep("manifest_digests", [1]), "/manifest_digests/0", "Expected `str`"),
        (deep("homepage", "javascript:alert(1)"), "/homepage", "begins with http:// or https://"),
        (deep("homepage", "https://ci.example.com/\n"), "/homepage", "begins with http:// or https://"),
        (deep("error_message", "x" * 4001), "/error_message", "length <= 4000"),
        (deep("time", "yesterday"), "/time", "it must be an RFC 3339 time"),
        (deep("stauts", "queued"), "/stauts", "nothing of this name is known here"),
    ],
)
@pytest.mark.parametrize("listed", [False, True])
def test_a_mistake_is_told_with_its_place(body, pointer, sentence, listed):
    with pytest.raises(Misstated) as refused:
        told([LEAST, body] if listed else body)
    assert refused.value.pointer == ("/1" if listed else "") + pointer
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"null", b"1", b'"x"', b"[1]", b"\xff", b"[" * 100_000, b'{"status":' * 100_000, b'{"a":"\\ud800"}'],
)
def test_what_is_no_build_is_refused(body):
    with pytest.raises(Misstated):
        told(body)


def test_a_list_is_bounded():
    with pytest.raises(Misstated, match="A list has at most 1000 builds: post 1001 in several"):
        told([LEAST] * 1001)


# --- anything --------------------------------------------------------------------------------------------------------

ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=8,
)
KNOWN = st.fixed_dictionaries(
    {}, optional={key: st.just(value) | ANY for key, value in {**MOST, "type": "build.failed", "data": {}}.items()}
)


@settings(deadline=None)
@given(KNOWN | ANY | st.lists(KNOWN, max_size=3))
@example({**MOST, "trigger_metadata": {"commit_info": {"date": 2**63}}})
@example({**MOST, "trigger_metadata": {"commit_info": {"date": 1e308}}})
def test_any_json_is_taken_or_refused_with_a_place_in_it(body):
    """Whatever is taken can be written into the journal and read back; whatever is not names a place that is there."""
    taken, refusal = _tried(body)
    assert refusal is None or _is_there(body, refusal.pointer)
    for found in taken:
        assert decode(encode(found.statement)) == found.statement
        assert found.statement.type in STATUSES.values()


def _tried(body):
    try:
        return told(body), None
    except Misstated as refusal:
        return (), refusal


def _is_there(body, pointer):
    """Whether the place is in the body, but for its last step, which may be what is needed; so may an event's data."""
    node = body
    for step in pointer.split("/")[1:-1]:
        key = int(step) if isinstance(node, list) else step.replace("~1", "/").replace("~0", "~")
        if key == "data" and key not in node:
            return True
        node = node[key]
    return True
