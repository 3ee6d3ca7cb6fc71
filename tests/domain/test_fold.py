"""The fold: what really happened, one rule at a time."""

import uuid

import pytest
from fold_notices import LATENCY, A, B, C, Story, types
from msgspec.structs import replace

from catalogue_store import Tick
from sidecar.domain.event import Descriptor, EventType, Kind
from sidecar.domain.fold import OUTCOMES, PARKING
from sidecar.domain.instant import SECOND
from sidecar.domain.notice import Act

HEAD = Descriptor(media_type="application/vnd.oci.image.config.v1+json", digest="sha256:config")
CREATED, PUSHED, PULLED = "repository.created", "artifact.pushed", "artifact.pulled"
DELETED, TAG_DELETED, GONE = "artifact.deleted", "tag.deleted", "repository.deleted"


@pytest.fixture
def story() -> Story:
    return Story()


class TestPushes:
    def test_the_first_tagged_push_begins_the_repository(self, story):
        created, pushed = story.push(A, "v1", at=100)
        assert (created.type, pushed.type) == (EventType.REPOSITORY_CREATED, EventType.PUSHED)
        assert (created.tags, created.artifact.digest) == ((), "")
        assert (pushed.tags, pushed.artifact.digest) == (("v1",), A)
        assert (pushed.previous_digest, pushed.changed) == ("", True)
        assert pushed.repository.created == created.repository.created == 100 * SECOND
        assert types(story.push(B, "v2")) == [PUSHED]

    def test_an_untagged_push_begins_nothing_but_dates_the_repository(self, story):
        (child,) = story.push(A, at=100)
        assert (child.tags, child.untagged) == ((), True)
        assert (child.previous_digest, child.changed) == (None, None)
        created, index = story.push(B, "v1", at=101)
        assert types([created, index]) == [CREATED, PUSHED]
        assert index.repository.created == 100 * SECOND

    def test_a_tagged_push_that_overtook_its_untagged_children_still_begins_the_repository(self, story):
        """Requests that run side by side end in any order; only a deletion known to be later holds this back."""
        story.push(A, at=101)
        assert types(story.push(B, "v1", at=100)) == [CREATED, PUSHED]

    def test_a_push_over_a_tag_gives_what_was_there(self, story):
        story.push(A, "v1")
        (moved,) = story.push(B, "v1")
        assert (moved.previous_digest, moved.changed) == (A, True)

    def test_the_same_push_again_is_announced_as_unchanged(self, story):
        story.push(A, "v1")
        (again,) = story.push(A, "v1")
        assert (again.previous_digest, again.changed) == (A, False)

    def test_a_tag_that_was_removed_held_nothing_before_the_next_push(self, story):
        story.push(A, "v1")
        story.untag("v1")
        (pushed,) = story.push(A, "v1")
        assert (pushed.previous_digest, pushed.changed) == ("", True)

    def test_a_late_push_is_announced_says_unknown_and_overwrites_nothing(self, story):
        story.push(B, "v1", at=100)
        (late,) = story.push(A, "v1", at=50)
        assert (late.tags, late.artifact.digest, late.time) == (("v1",), A, 50 * SECOND)
        assert (late.previous_digest, late.changed) == (None, None)
        (after,) = story.push(C, "v1", at=101)
        assert after.previous_digest == B

    def test_of_two_pushes_at_the_same_instant_the_journal_decides(self, story):
        story.push(A, "v1", at=100)
        (second,) = story.push(B, "v1", at=100)
        assert (second.previous_digest, second.changed) == (A, True)

    def test_a_push_that_tells_less_than_before_keeps_what_is_known_of_the_digest(self, story):
        """References may be switched off at the registry; the content of a digest does not change with that."""
        story.push(A, "v1", kind=Kind.CHART, references=(HEAD,))
        (again,) = story.push(A, "v2", kind=Kind.UNKNOWN)
        assert (again.artifact.kind, again.artifact.config_digest) == (Kind.CHART, "sha256:config")
        (deleted,) = story.delete(A)
        assert deleted.artifact.kind is Kind.CHART

    def test_repositories_do_not_know_each_others_tags_or_manifests(self, story):
        story.push(A, "v1", repository="prj/one")
        created, pushed = story.push(B, "v1", repository="prj/two")
        assert (created.type, pushed.previous_digest) == (EventType.REPOSITORY_CREATED, "")
        assert story.delete(A, repository="prj/two") == []
        assert story.last.outcomes == ["parked"]


class TestPulls:
    def test_a_pull_by_digest_has_no_tag_and_is_not_held_back(self, story):
        story.push(A, "v1")
        (pulled,) = story.pull(A)
        assert (pulled.type, pulled.tags, pulled.untagged) == (EventType.PULLED, (), False)
        assert (pulled.previous_digest, pulled.changed) == (None, None)

    def test_a_pull_begins_no_repository_and_gives_it_no_date(self, story):
        (pulled,) = story.pull(A, "v1")
        assert (pulled.type, pulled.repository.created) == (EventType.PULLED, None)
        assert types(story.push(B, "v1")) == [CREATED, PUSHED]

    def test_a_pull_that_tells_less_is_completed_from_the_push(self, story):
        story.push(A, "v1", kind=Kind.CHART, references=(HEAD,))
        (pulled,) = story.pull(A, "v1", kind=Kind.UNKNOWN)
        assert (pulled.artifact.kind, pulled.artifact.references) == (Kind.CHART, (HEAD,))

    @pytest.mark.parametrize(("act", "outcome"), [(Act.BLOB, "blob"), (Act.CHECK, "checked"), (Act.NONE, "ignored")])
    def test_blobs_checks_and_unknown_actions_are_no_events(self, story, act, outcome):
        assert story.tell(story.notice(act, A)) == []
        assert story.last.outcomes == [outcome]
        assert not story.store.repositories
        assert outcome in OUTCOMES


class TestDeletions:
    def test_a_manifest_ends_with_all_its_tags_newest_push_first(self, story):
        story.push(A, "v1")
        story.push(A, "v3")
        story.push(B, "other")
        story.push(A, "v2")
        (deleted,) = story.delete(A)
        assert deleted.tags == ("v2", "v3", "v1")
        (moved,) = story.push(C, "other")
        assert moved.previous_digest == B

    def test_a_tag_pushed_again_counts_as_the_newest(self, story):
        story.push(A, "v1")
        story.push(A, "v2")
        story.push(A, "v1")
        assert story.delete(A)[0].tags == ("v1", "v2")

    def test_every_tag_record_of_the_same_request_follows_with_the_digest(self, story):
        story.push(A, "v1")
        story.push(A, "v2")
        story.delete(A, request="r")
        for tag in ("v2", "v1"):
            (gone,) = story.untag(tag, request="r")
            assert (gone.type, gone.tags, gone.artifact.digest) == (EventType.TAG_DELETED, (tag,), A)

    def test_a_tag_removed_alone_finds_its_digest_in_the_catalogue(self, story):
        story.push(A, "v1")
        (gone,) = story.untag("v1")
        assert (gone.artifact.digest, gone.artifact.kind) == (A, Kind.IMAGE)

    def test_the_deletion_of_the_same_request_knows_better_than_an_older_link(self, story):
        """A push that was lost on the way left the catalogue with the tag's old link."""
        story.push(A, "v1")
        story.push(B, "v2")
        story.delete(B, request="r")
        (gone,) = story.untag("v1", request="r")
        assert gone.artifact.digest == B

    def test_a_tag_that_moved_within_the_batch_does_not_end_with_its_old_manifest(self, story):
        batch = [
            story.notice(Act.PUSH, A, "v1"),
            story.notice(Act.PUSH, A, "v2"),
            story.notice(Act.PUSH, B, "v1"),
            story.notice(Act.DELETE, A),
        ]
        assert story.tell(*batch)[-1].tags == ("v2",)
        assert story.push(C, "v1")[0].previous_digest == B

    def test_a_tag_nobody_knew_has_an_empty_digest(self, story):
        (gone,) = story.untag("v1")
        assert (gone.type, gone.tags, gone.artifact.digest) == (EventType.TAG_DELETED, ("v1",), "")

    def test_a_late_tag_record_does_not_borrow_the_digest_of_a_later_push(self, story):
        story.push(B, "v1", at=100)
        (gone,) = story.untag("v1", at=50)
        assert gone.artifact.digest == ""
        assert story.push(C, "v1", at=101)[0].previous_digest == B

    def test_a_tag_pushed_since_keeps_its_new_link(self, story):
        """The deletion at 20 arrives after the push at 30 that gave the tag to another manifest, and back again."""
        story.push(A, "v1", at=10)
        story.push(A, "v2", at=11)
        story.push(B, "v1", at=30)
        (deleted,) = story.delete(A, at=20, request="r")
        assert deleted.tags == ("v2",)
        (gone,) = story.untag("v1", at=21, request="r")
        assert gone.artifact.digest == A
        assert story.push(C, "v1", at=31)[0].previous_digest == B

    def test_a_manifest_pushed_again_since_survives_a_late_deletion(self, story):
        story.push(A, "v1", at=10)
        story.push(A, "v1", at=30)
        (deleted,) = story.delete(A, at=20)
        assert deleted.tags == ()
        (again,) = story.push(A, "v1", at=31)
        assert (again.previous_digest, again.changed) == (A, False)

    def test_the_end_of_what_never_had_a_tag_is_held_back_with_untagged(self, story):
        story.push(A)
        assert story.delete(A)[0].untagged is True

    def test_the_end_of_what_once_had_a_tag_is_not_held_back(self, story):
        story.push(A, "v1")
        story.push(A)  # the same manifest by digest does not take its past away
        story.untag("v1")
        (deleted,) = story.delete(A)
        assert (deleted.tags, deleted.untagged) == ((), False)

    def test_deleting_an_index_ends_the_index_alone(self, story):
        child = Descriptor(digest=A)
        story.push(A)
        story.push(B, "v1", kind=Kind.INDEX, references=(child,))
        (deleted,) = story.delete(B)
        assert (deleted.artifact.digest, deleted.artifact.kind) == (B, Kind.INDEX)

    def test_the_repository_does_not_end_with_its_last_tag(self, story):
        story.push(A, "v1")
        assert types(story.delete(A, request="r")) == [DELETED]
        assert types(story.untag("v1", request="r")) == [TAG_DELETED]
        assert types(story.push(B, "v1")) == [PUSHED]


class TestParking:
    def test_an_unknown_digest_waits_and_is_released_by_the_first_tag_record(self, story):
        assert story.delete(A, at=100, request="r", actor="maria") == []
        assert story.last.outcomes == ["parked"]
        deleted, gone = story.untag("v1", at=101, request="r")
        assert (deleted.type, deleted.tags, deleted.artifact.digest) == (EventType.DELETED, ("v1",), A)
        assert (deleted.time, deleted.origin.record) == (100 * SECOND, "record-1")
        assert deleted.untagged is False
        assert (gone.type, gone.artifact.digest) == (EventType.TAG_DELETED, A)
        (second,) = story.untag("v2", at=102, request="r")
        assert (second.type, second.artifact.digest) == (EventType.TAG_DELETED, A)
        assert story.wait(1000) == 0

    def test_a_tag_record_of_another_request_releases_nothing(self, story):
        story.delete(A, request="r")
        (gone,) = story.untag("v1", request="s")
        assert (gone.type, gone.artifact.digest) == (EventType.TAG_DELETED, "")

    def test_a_tag_record_of_another_repository_releases_nothing(self, story):
        story.delete(A, request="r")
        assert types(story.untag("v1", request="r", repository="prj/other")) == [TAG_DELETED]

    def test_without_a_tag_record_it_stays_unclassified_once_the_wait_is_over(self, story):
        story.delete(A, at=100)
        deadline = 100 * SECOND + LATENCY + PARKING
        story.tell(Tick(deadline - 1))
        assert story.last.unclassified == 0
        story.tell(Tick(deadline))
        assert story.last.unclassified == 1
        assert story.wait(1000) == 0

    def test_the_wait_is_ten_seconds(self):
        assert PARKING == 10 * SECOND

    def test_a_tag_record_after_the_wait_still_learns_the_digest(self, story):
        story.delete(A, at=100, request="r")
        story.wait(200)
        (gone,) = story.untag("v1", at=201, request="r")
        assert (gone.type, gone.artifact.digest) == (EventType.TAG_DELETED, A)

    def test_what_was_pushed_while_it_waited_lives_on(self, story):
        """The release must not bury the manifest that was pushed again in between."""
        story.delete(A, at=100, request="r")
        story.push(A, "v2", at=102, kind=Kind.CHART)
        deleted, _ = story.untag("v1", at=101, request="r")
        assert (deleted.tags, deleted.artifact.kind) == (("v1",), Kind.CHART)
        (ended,) = story.delete(A, at=103)
        assert (ended.tags, ended.artifact.kind) == (("v2",), Kind.CHART)

    def test_records_without_a_request_id_release_only_themselves(self, story):
        """Two anonymous deletions must not be taken for one."""
        first = story.notice(Act.DELETE, A, request="x")
        bare = type(first.request)()
        second = story.notice(Act.UNTAG, "", "v1", request="x")
        story.tell(replace(first, request=bare))
        assert types(story.tell(replace(second, request=bare))) == [TAG_DELETED]


class TestDrops:
    def test_every_root_ends_before_the_repository_does(self, story):
        child = Descriptor(digest=A)
        story.push(A)
        story.push(B, "v1", kind=Kind.INDEX, references=(child,))
        story.push(C, "v2")
        events = story.drop()
        assert types(events) == [DELETED, DELETED, GONE]
        assert {(event.artifact.digest, event.tags) for event in events[:2]} == {(B, ("v1",)), (C, ("v2",))}
        assert len({event.id for event in events}) == 3

    def test_a_child_that_has_a_tag_of_its_own_is_a_root(self, story):
        story.push(A, "amd64")
        story.push(B, "v1", kind=Kind.INDEX, references=(Descriptor(digest=A),))
        assert types(story.drop()) == [DELETED, DELETED, GONE]

    def test_a_repository_dropped_and_pushed_to_begins_again(self, story):
        story.push(A, "v1", at=100)
        story.drop(at=200)
        created, pushed = story.push(A, "v1", at=300)
        assert types([created, pushed]) == [CREATED, PUSHED]
        assert (pushed.previous_digest, pushed.changed) == ("", True)
        assert pushed.repository.created == 300 * SECOND

    def test_a_late_push_does_not_bring_a_dropped_repository_back(self, story):
        story.push(A, "v1", at=100)
        story.drop(at=200)
        assert types(story.push(B, "v1", at=150)) == [PUSHED]
        assert types(story.push(C, "v1", at=300)) == [CREATED, PUSHED]

    def test_a_late_drop_spares_what_was_pushed_since(self, story):
        story.push(A, "v1", at=10)
        story.push(B, "v2", at=30)
        events = story.drop(at=20)
        assert types(events) == [DELETED, GONE]
        assert events[0].artifact.digest == A
        assert types(story.push(C, "v2", at=31)) == [PUSHED]

    def test_it_takes_the_tag_along_that_a_late_push_left_on_a_manifest_that_is_gone(self, story):
        story.push(A, "v1", at=10)
        story.delete(A, at=30)
        story.push(A, "v2", at=20)
        assert types(story.drop(at=40)) == [GONE]
        (_, pushed) = story.push(B, "v2", at=50)
        assert (pushed.previous_digest, pushed.changed) == ("", True)

    def test_an_unknown_repository_ends_without_roots(self, story):
        assert types(story.drop()) == [GONE]


class TestSilence:
    def test_an_ignored_actor_changes_the_catalogue_and_is_not_heard(self, story):
        assert story.push(A, "v1", silent=True) == []
        assert story.last.outcomes == ["silent"]
        (moved,) = story.push(B, "v1")
        assert (moved.type, moved.previous_digest) == (EventType.PUSHED, A)

    def test_a_silent_deletion_of_a_known_manifest_is_not_heard(self, story):
        story.push(A, "v1")
        assert story.delete(A, request="r", silent=True) == []
        assert story.untag("v1", request="r", silent=True) == []
        assert story.push(B, "v1")[0].previous_digest == ""

    def test_a_silent_deletion_of_an_unknown_digest_is_not_heard_when_released(self, story):
        story.delete(A, request="r", silent=True)
        assert story.untag("v1", request="r", silent=True) == []
        assert story.wait(1000) == 0

    def test_an_audible_tag_record_does_not_make_a_silent_deletion_heard(self, story):
        """What is ignored may have changed between the two records."""
        story.delete(A, request="r", silent=True)
        assert types(story.untag("v1", request="r")) == [TAG_DELETED]


class TestPlaces:
    def test_a_single_segment_is_library_with_id_1(self, story):
        _, pushed = story.push(A, "1", repository="solo")
        repository = pushed.repository
        assert (repository.path, repository.namespace, repository.name) == ("solo", "library", "solo")
        assert repository.namespace_id == 1

    def test_namespaces_count_up_from_two_and_keep_their_ids(self, story):
        ids = [
            story.push(A, "1", repository=repository)[-1].repository.namespace_id
            for repository in ("a/x", "b/x", "a/y", "library/z", "c/x/y", "b/z")
        ]
        assert ids == [2, 3, 2, 1, 4, 3]

    def test_ids_count_up_within_one_batch_too(self, story):
        batch = [story.notice(Act.PUSH, A, "1", repository=one) for one in ("a/x", "solo", "b/x")]
        pushed = [event for event in story.tell(*batch) if event.type is EventType.PUSHED]
        assert [event.repository.namespace_id for event in pushed] == [2, 1, 3]

    def test_a_deep_name_keeps_its_slashes(self, story):
        _, pushed = story.push(A, "1", repository="a/b/c")
        assert (pushed.repository.namespace, pushed.repository.name) == ("a", "b/c")

    def test_public_is_what_the_registry_names_public(self, story):
        assert story.push(A, "1", repository="open/x")[-1].repository.public is True
        assert story.push(A, "1", repository="prj/x")[-1].repository.public is False


class TestIdentity:
    def test_all_events_of_one_record_have_their_own_stable_ids(self, story):
        twin = Story()
        first, second = story.push(A, "v1"), twin.push(A, "v1")
        assert [event.id for event in first] == [event.id for event in second]
        assert len({event.id for event in first}) == 2
        assert all(uuid.UUID(event.id).version == 8 for event in first)
        milliseconds = [uuid.UUID(event.id).int >> 80 for event in first]
        assert milliseconds == [event.accepted // 1_000_000 for event in first]

    def test_an_event_keeps_who_when_and_which_record(self, story):
        (_, pushed) = story.push(A, "v1", at=100, actor="maria", request="r")
        assert (pushed.actor, pushed.time, pushed.accepted) == ("maria", 100 * SECOND, 100 * SECOND + LATENCY)
        assert (pushed.request.id, pushed.origin.record, pushed.origin.number) == ("r", "record-1", 1)
        assert (pushed.registry.name, pushed.recovered) == ("main", False)
