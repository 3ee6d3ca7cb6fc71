"""Which manifest requests are one pull: one rule at a time. Times are seconds; the window is 30."""

import pytest
from fold_notices import MAIN, A, B, C, Story, types
from msgspec.structs import replace

from catalogue_store import Tick, fold_batch
from sidecar.domain.event import Descriptor, EventType, Kind
from sidecar.domain.instant import SECOND
from sidecar.domain.notice import Act
from sidecar.domain.pulls import AT_ONCE, CHILDREN
from sidecar.domain.session import ROOTS, SESSIONS

INDEX = {"kind": Kind.INDEX, "references": (Descriptor(digest=B), Descriptor(digest=C))}
UNKNOWN = {"kind": Kind.INDEX}  # an index whose registry does not tell what it refers to
# How a push shows: by asking for a blob, mounting one, storing one, storing a manifest.
PUSHES = [
    {"act": Act.BLOB, "action": "pull", "method": "HEAD"},
    {"act": Act.BLOB, "action": "mount", "method": "POST"},
    {"act": Act.BLOB, "action": "push", "method": "PUT"},
    {"act": Act.PUSH, "action": "push", "method": "PUT", "tag": "v9"},
]


@pytest.fixture
def story() -> Story:
    return Story()


def told(events):
    """What was announced: tag and digest of each pull."""
    assert {event.type for event in events} <= {EventType.PULLED}
    return [(event.tag, event.artifact.digest) for event in events]


class TestOnePull:
    def test_a_get_by_tag_is_a_pull_at_once(self, story):
        (pulled,) = story.pull(A, "v1", at=100)
        assert (pulled.type, pulled.tags, pulled.time) == (EventType.PULLED, ("v1",), 100 * SECOND)
        assert story.last.outcomes == ["announced"]

    def test_a_head_lends_its_tag_to_the_get_by_digest(self, story):
        """As containerd and Docker since 20.10 do."""
        assert story.head(A, "v1") == []
        assert story.last.outcomes == ["checked"]
        (pulled,) = story.pull(A)
        assert told([pulled]) == [("v1", A)]
        assert pulled.origin.record == "record-2"

    def test_children_of_an_index_are_part_of_its_pull(self, story):
        story.head(A, "v1", **INDEX)
        assert told(story.pull(A, **INDEX)) == [("v1", A)]
        assert story.pull(B) == []
        assert story.last.outcomes == ["swallowed"]
        assert story.pull(C) == []

    def test_children_fetched_after_a_get_by_tag_are_part_of_its_pull(self, story):
        """As skopeo, podman and buildah do."""
        assert told(story.pull(A, "v1", **INDEX)) == [("v1", A)]
        assert story.pull(B) == story.pull(C) == []

    def test_a_child_alone_is_a_pull_of_what_the_head_asked_for(self, story):
        """The client had the index already: the event names the tag and the index, with what is known of it."""
        story.push(A, "v1", **INDEX)
        story.head(A, "v1", **UNKNOWN)
        (pulled,) = story.pull(C)
        assert told([pulled]) == [("v1", A)]
        assert (pulled.artifact.kind, pulled.artifact.references) == (Kind.INDEX, INDEX["references"])
        assert story.pull(B) == []

    def test_the_manifest_by_digest_after_the_tag_is_part_of_the_pull(self, story):
        story.pull(A, "v1")
        assert story.pull(A) == []

    def test_of_an_index_with_unknown_children_every_manifest_is_a_child(self, story):
        story.head(A, "v1", **UNKNOWN)
        assert told(story.pull(A, **UNKNOWN)) == [("v1", A)]
        assert story.pull("sha256:whatever") == []

    def test_an_index_with_very_many_children_counts_as_one_whose_children_are_not_known(self, story):
        many = tuple(Descriptor(digest=f"sha256:{one}") for one in range(CHILDREN + 1))
        story.pull(A, "v1", kind=Kind.INDEX, references=many)
        assert story.pull("sha256:3") == story.pull("sha256:elsewhere") == []

    def test_children_known_from_the_push_are_children_although_the_pull_does_not_name_them(self, story):
        story.push(A, "v1", **INDEX)
        story.pull(A, "v1", **UNKNOWN)
        assert story.pull(B) == []
        assert told(story.pull("sha256:other")) == [("", "sha256:other")]

    def test_an_index_within_an_index_brings_its_own_children(self, story):
        story.pull(A, "v1", kind=Kind.INDEX, references=(Descriptor(digest=B),))
        assert story.pull(B, kind=Kind.INDEX, references=(Descriptor(digest=C),)) == []
        assert story.pull(C) == []

    def test_a_pull_by_digest_has_no_tag_and_swallows_its_children(self, story):
        story.push(A, "v1", **INDEX)
        assert told(story.pull(A, **INDEX)) == [("", A)]
        assert story.pull(B) == []

    def test_a_head_by_digest_is_followed_by_a_pull_without_a_tag(self, story):
        story.head(A, **INDEX)
        assert told(story.pull(B)) == [("", A)]
        assert story.pull(A, **INDEX) == []

    def test_what_belongs_to_no_session_is_a_pull_by_digest(self, story):
        story.pull(A, "v1", **INDEX)
        assert told(story.pull("sha256:other")) == [("", "sha256:other")]

    def test_a_head_with_a_tag_lends_before_one_without(self, story):
        story.head(A)
        story.head(A, "v1")
        assert told(story.pull(A)) == [("v1", A)]

    def test_tags_pulled_side_by_side_keep_their_names(self, story):
        story.head(A, "v1")
        story.head(B, "v2")
        assert told(story.pull(B)) == [("v2", B)]
        assert told(story.pull(A)) == [("v1", A)]

    def test_two_tags_of_one_manifest_are_two_pulls_in_the_order_of_their_heads(self, story):
        story.head(A, "v1")
        story.head(A, "v2")
        assert told(story.pull(A) + story.pull(A)) == [("v1", A), ("v2", A)]


class TestSeveralPulls:
    def test_a_second_get_by_tag_is_a_second_pull(self, story):
        assert told(story.pull(A, "v1") + story.pull(A, "v1")) == [("v1", A)] * 2

    def test_nodes_behind_one_address_ask_by_head_again(self, story):
        for _ in range(3):
            story.head(A, "v1", **INDEX)
            assert told(story.pull(A, **INDEX) + story.pull(B)) == [("v1", A)]

    def test_heads_that_overtake_the_gets_of_others_are_as_many_pulls(self, story):
        for _ in range(3):
            story.head(A, "v1", **INDEX)
        assert told(story.pull(A, **INDEX) + story.pull(B) + story.pull(A, **INDEX)) == [("v1", A)] * 2
        story.head(A, "v1", **INDEX)
        assert told(story.pull(A, **INDEX) + story.pull(C) + story.pull(A, **INDEX)) == [("v1", A)] * 2
        assert story.pull(A, **INDEX) == []

    def test_a_client_that_asks_twice_and_fetches_once_makes_one_pull(self, story):
        story.head(A, "v1", **INDEX)
        story.head(A, "v1", **INDEX)
        assert told(story.pull(A, **INDEX) + story.pull(B) + story.pull(C)) == [("v1", A)]

    @pytest.mark.parametrize(
        "other",
        [{"client": "192.0.2.11"}, {"agent": "docker/27"}, {"actor": "joe"}, {"repository": "prj/other"}],
        ids=lambda other: next(iter(other)),
    )
    def test_another_client_or_repository_is_another_session(self, story, other):
        story.head(A, "v1")
        assert told(story.pull(A, **other)) == [("", A)]
        assert told(story.pull(A)) == [("v1", A)]


class TestTheWindow:
    @pytest.mark.parametrize(("at", "pulls"), [(130, []), (131, [("", B)])])
    def test_swallows_for_as_long_as_it_lasts(self, story, at, pulls):
        story.pull(A, "v1", at=100, **INDEX)
        assert told(story.pull(B, at=at)) == pulls

    @pytest.mark.parametrize(("at", "tag"), [(130, "v1"), (131, "")])
    def test_a_head_lends_its_tag_for_as_long_as_it_lasts(self, story, at, tag):
        story.head(A, "v1", at=100)
        assert told([one for one in story.pull(A, at=at) if one.type is EventType.PULLED]) == [(tag, A)]

    def test_begins_with_the_announcement(self, story):
        story.head(A, "v1", at=100, **INDEX)
        story.pull(A, at=125, **INDEX)
        assert story.pull(B, at=150) == []

    def test_does_not_grow_with_what_is_swallowed(self, story):
        story.pull(A, at=100)
        assert story.pull(A, at=125) == []
        assert told(story.pull(A, at=140)) == [("", A)]

    def test_a_younger_head_lends_for_its_own_window(self, story):
        story.head(A, "v1", at=100)
        story.head(A, "v1", at=125)
        checked, pulled = story.pull(A, at=140)
        assert (checked.type, checked.time) == (EventType.CHECKED, 100 * SECOND)
        assert told([pulled]) == [("v1", A)]

    def test_is_measured_between_the_records_own_times_however_late_they_come(self, story):
        late = replace(story.notice(Act.PULL, A, at=101), accepted=9_000 * SECOND)
        story.head(A, "v1", at=100)
        assert told(story.tell(late)) == [("v1", A)]

    def test_a_record_of_a_slower_replica_belongs_to_the_window_it_lies_in(self, story):
        story.pull(B, at=101, **INDEX)
        story.pull(A, "v1", at=102, **INDEX)
        assert story.pull(C, at=101.5) == []
        assert story.head(A, "v1", at=100) == []
        assert story.end(500) == []  # the HEAD came before the announced GET: it is no check

    def test_a_slower_replica_s_head_of_another_tag_is_a_request_of_its_own(self, story):
        story.pull(A, "v1", at=102)
        story.head(A, "v2", at=100)
        assert told(story.pull(A, at=103)) == [("v2", A)]

    def test_a_clock_that_was_set_back_begins_anew(self, story):
        story.head(A, "v1", at=1000)
        assert told(story.pull(A, at=100)) == [("", A)]

    def test_zero_turns_it_off(self):
        plain = replace(MAIN, pull_window=0)
        story = Story()
        requests = [
            story.notice(Act.CHECK, A, "v1", **INDEX),
            story.notice(Act.PULL, A, **INDEX),
            story.notice(Act.PULL, B),
            story.notice(Act.PUSH, C, "v2"),
            Tick(500 * SECOND),
        ]
        came = fold_batch(story.store, plain, requests, checks=True)
        assert told(came.events[:2]) == [("", A), ("", B)]
        assert types(came.events[2:]) == ["repository.created", "artifact.pushed"]
        assert story.store.sessions == {}


class TestChecks:
    def test_a_head_without_a_get_is_a_check_when_its_window_has_ended(self, story):
        story.push(A, "v1", agent="docker/27")
        story.head(A, "v1", at=100, kind=Kind.UNKNOWN)
        assert story.end(129) == []
        (checked,) = story.end(200)
        assert (checked.type, checked.tags, checked.artifact.digest) == (EventType.CHECKED, ("v1",), A)
        assert (checked.time, checked.origin.record, checked.artifact.kind) == (100 * SECOND, "record-2", Kind.IMAGE)
        assert (checked.untagged, checked.ever_tagged) == (False, True)
        assert story.end(300) == []
        assert story.store.sessions == {}

    def test_is_told_by_the_clients_next_request_when_that_comes_before_the_tick(self, story):
        story.head(A, "v1", at=100)
        (checked,) = story.head(A, "v1", at=140)
        assert (checked.type, checked.time) == (EventType.CHECKED, 100 * SECOND)
        assert [one.time for one in story.end(200)] == [140 * SECOND]

    def test_many_heads_within_a_window_are_one_check(self, story):
        for at in (100, 101, 102):
            story.head(A, "v1", at=at)
        assert [one.time for one in story.end(200)] == [100 * SECOND]
        assert story.end(300) == []

    def test_a_client_that_asks_all_the_time_is_told_once_a_window(self, story):
        checks = [one.time // SECOND for at in range(100, 220, 20) for one in story.head(A, "v1", at=at)]
        assert checks == [100, 140]

    def test_a_head_that_a_get_followed_is_none(self, story):
        story.head(A, "v1")
        story.head(A, "v1")
        story.pull(A)
        assert story.end(500) == []

    def test_a_head_after_the_pull_is_one(self, story):
        """The node is up to date: it asks by HEAD, and nothing follows."""
        story.head(A, "v1")
        story.pull(A)
        story.head(A, "v1")
        assert [(one.type, one.tag) for one in story.end(500)] == [(EventType.CHECKED, "v1")]

    @pytest.mark.parametrize("sign", PUSHES, ids=lambda sign: f"{sign['act']} {sign['action']} {sign['method']}")
    @pytest.mark.parametrize("order", ["before", "after"])
    def test_a_head_in_a_push_is_none(self, story, sign, order):
        head = {"act": Act.CHECK, "digest": A, "tag": "v1"}
        both = [{"digest": B, **sign}, head] if order == "before" else [head, {"digest": B, **sign}]
        for one in both:
            story.tell(story.notice(**one))
        assert EventType.CHECKED not in types(story.end(500))

    def test_a_head_in_a_push_still_lends_its_tag(self, story):
        """A build host pushes, and pulls what it pushed."""
        story.push(A, "v1", action="push", method="PUT")
        story.head(A, "v1")
        assert told(story.pull(A)) == [("v1", A)]

    @pytest.mark.parametrize(
        "other",
        [
            {"agent": "docker/27"},  # somebody else's push
            {"at": 140},  # long after
            {"repository": "prj/other"},
        ],
    )
    def test_another_push_does_not_hide_a_check(self, story, other):
        story.head(A, "v1", at=100)
        story.push(B, "v2", **{"action": "push", "method": "PUT", "at": 101, **other})
        assert types(story.end(500)) == ["artifact.checked"]

    def test_a_push_long_after_a_head_that_is_told_late_does_not_hide_it(self, story):
        story.push(B, "v2", action="push", method="PUT", at=140)
        story.head(A, "v1", at=100)
        assert types(story.end(500)) == ["artifact.checked"]

    def test_several_that_end_at_once_are_told_in_the_order_of_their_heads(self, story):
        for one in range(20):
            story.head(A, f"v{one}", at=100)
        ended = story.head(B, at=200)
        assert [one.tag for one in ended] == [f"v{one}" for one in range(20)]

    def test_a_blobs_download_is_no_push(self, story):
        story.head(A, "v1")
        story.tell(story.notice(Act.BLOB, B, action="pull", method="GET"))
        assert types(story.end(500)) == ["artifact.checked"]

    def test_nobody_who_asks_no_check(self, story):
        """Without a subscription to it a HEAD's record is not even kept."""
        head = story.notice(Act.CHECK, A, "v1", at=100)
        fold_batch(story.store, MAIN, [head, story.notice(Act.PUSH, B, at=101, action="push")])
        (session,) = story.store.sessions.values()
        assert session.head is None
        assert fold_batch(story.store, MAIN, [Tick(500 * SECOND)]).events == []

    def test_a_record_with_endless_texts_is_none(self, story):
        """Names and user agents are the client's to choose, and what is kept of them is bounded."""
        story.head(A, "v1", at=100, agent="x" * 3000)
        assert story.end(500) == []


class TestOthers:
    def test_silent_requests_open_and_swallow_nothing(self, story):
        story.head(A, "v1", silent=True)
        assert story.pull(A, "v1", silent=True) == []
        assert story.last.outcomes == ["silent"]
        assert story.store.sessions == {}
        assert told(story.pull(A)) == [("", A)]

    def test_pulls_are_counted_by_artifact_and_tag(self, story):
        for at in (100, 200, 300):
            story.head(A, "v1", at=at, **INDEX)
            story.pull(A, at=at + 1, **INDEX)
            story.pull(B, at=at + 2)
        story.pull(A, "v2", at=400)
        story.pull(A, at=500)
        story.pull(A, "v1", at=600, silent=True)
        counts = {key[2:]: (row.count, row.last // SECOND) for key, row in story.store.pulls.items()}
        assert counts == {(A, "v1"): (3, 301), (A, "v2"): (1, 400), (A, ""): (1, 500)}


class TestTheBound:
    def test_a_tick_ends_a_batch_of_sessions_and_leaves_the_rest_to_the_next(self, story):
        story.tell(*(story.notice(Act.CHECK, A, "v1", at=100, client=f"{one}") for one in range(AT_ONCE + 5)))
        first, second = story.end(200), story.end(201)
        assert (len(first), len(second)) == (AT_ONCE, 5)
        assert [one.origin.number for one in (*first, *second)] == list(range(1, AT_ONCE + 6))

    def test_of_one_client_the_oldest_session_goes(self, story):
        for one in range(ROOTS + 1):
            story.head(f"sha256:{one}", f"v{one}", at=100)
        assert len(story.store.sessions) == ROOTS
        assert told(story.pull("sha256:0", at=101)) == [("", "sha256:0")]
        assert told(story.pull(f"sha256:{ROOTS}", at=101)) == [(f"v{ROOTS}", f"sha256:{ROOTS}")]

    def test_of_all_clients_the_oldest_session_goes(self, story):
        notices = [story.notice(Act.CHECK, A, "v1", at=100, client=f"{one}") for one in range(SESSIONS + 2)]
        story.tell(*notices[:5000])
        story.tell(*notices[5000:])
        assert len(story.store.sessions) == SESSIONS
        assert told(story.pull(A, at=101, client="1")) == [("", A)]
        assert told(story.pull(A, at=101, client="3")) == [("v1", A)]
        assert len(story.store.sessions) == SESSIONS
