"""What walks see against what records tell: found late, told once, beaten by what came after the look."""

from collections.abc import Iterable
from typing import NamedTuple

from fold_notices import MAIN, A, B, C, Story, types
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from catalogue_store import CatalogueStore, fold_batch
from effort import examples
from sidecar.domain import observation
from sidecar.domain.event import Artifact, Descriptor, Event, EventType, Kind, Origin, Request
from sidecar.domain.instant import SECOND
from sidecar.domain.notice import Act, Notice
from sidecar.domain.observation import Observation
from sidecar.domain.record import Record, RecordKind


class Tale(Story):
    """A story in which walks look as well."""

    def see(self, act: Act, digest: str = "", tag: str = "", *, at: int, after: int | None = None, **more):
        """Fold one observation of a look at `at` seconds, when the journal had come to `after`."""
        notice = self.notice(act, digest, tag, at=at, actor="", **more)
        known = self.number - 1 if after is None else after
        return self.tell(replace(notice, after=known, request=Request()))


def test_a_tag_that_nobody_told_of_is_a_recovered_push_at_the_time_of_the_look():
    story = Tale()
    story.push(A, "v1")
    (event,) = story.see(Act.FOUND, B, "v2", at=60)
    assert (event.type, event.tags, event.artifact.digest) == (EventType.PUSHED, ("v2",), B)
    assert (event.recovered, event.time, event.actor) == (True, 60 * SECOND, "")
    assert (event.previous_digest, event.changed) == ("", True)


def test_a_tag_that_moved_tells_what_it_held_before():
    story = Tale()
    story.push(A, "v1")
    (event,) = story.see(Act.FOUND, B, "v1", at=60)
    assert (event.previous_digest, event.changed) == (A, True)


def test_what_is_known_makes_nothing():
    story = Tale()
    story.push(A, "v1")
    assert story.see(Act.FOUND, A, "v1", at=60) == []
    assert story.see(Act.TAG_GONE, "", "v2", at=60) == []
    assert story.see(Act.MANIFEST_GONE, B, at=60) == []
    assert story.see(Act.REPOSITORY_GONE, at=60, repository="prj/other") == []
    assert story.last.outcomes == ["known"]


def test_a_repository_that_was_found_is_not_announced_as_new_now_or_later():
    story = Tale()
    assert types(story.see(Act.FOUND, A, "v1", at=60)) == ["artifact.pushed"]
    assert types(story.push(B, "v2", at=70)) == ["artifact.pushed"]


def test_a_silent_walk_learns_and_tells_nobody():
    story = Tale()
    assert story.see(Act.FOUND, A, "v1", at=60, silent=True) == []
    assert story.last.outcomes == ["silent"]
    (pushed,) = story.push(B, "v1", at=70)
    assert (pushed.previous_digest, pushed.repository.created) == (A, 70 * SECOND)
    (pulled,) = story.pull(A, at=80)
    assert pulled.ever_tagged


def test_a_manifest_of_which_only_a_pull_is_known_is_news_to_a_walk_and_nothing_it_misses():
    """Its content was read, but no record and no look ever said that it is there: its end is no news."""
    facts = Artifact(digest=A, kind=Kind.IMAGE, manifest_read=True, config_read=True, os="linux", architecture="arm64")
    story = Tale()
    story.tell(replace(story.notice(Act.PULL, A), artifact=facts))
    assert story.see(Act.MANIFEST_GONE, A, at=60) == []
    assert types(story.drop(at=70)) == ["repository.deleted"]
    (found,) = story.see(Act.FOUND, A, "v1", at=80)
    assert (found.recovered, found.artifact.os, found.artifact.architecture) == (True, "linux", "arm64")
    (deleted, untagged) = story.see(Act.MANIFEST_GONE, A, at=90)
    assert (deleted.tags, deleted.artifact.os, untagged.tags) == (("v1",), "linux", ("v1",))


def test_a_pull_between_a_look_and_the_late_record_keeps_the_record_known():
    """What the pull's manifest tells is added to a row that still remembers by whom it was told."""
    facts = Artifact(digest=A, kind=Kind.IMAGE, manifest_read=True, config_read=True, os="linux", architecture="arm64")
    story = Tale()
    story.push(B, "v0")
    story.see(Act.FOUND, A, "v1", at=60)
    assert types(story.tell(replace(story.notice(Act.PULL, A, "v1", at=61), artifact=facts))) == ["artifact.pulled"]
    assert story.push(A, "v1", at=50) == []
    story.see(Act.MANIFEST_GONE, A, at=70)
    story.tell(replace(story.notice(Act.PULL, A, at=69), artifact=facts))
    assert story.delete(A, at=65, request="r") == []
    assert story.untag("v1", at=65, request="r") == []


def test_a_silent_walk_awaits_no_record():
    """Nobody was told of the push, so its record, however late, is told."""
    story = Tale()
    story.see(Act.FOUND, A, "v1", at=60, silent=True)
    assert types(story.push(A, "v1", at=50)) == ["artifact.pushed"]


def test_a_lost_manifest_is_told_with_all_its_tags_and_one_event_for_each():
    story = Tale()
    story.push(A, "v1")
    story.push(A, "v2")
    events = story.see(Act.MANIFEST_GONE, A, at=60)
    assert types(events) == ["artifact.deleted", "tag.deleted", "tag.deleted"]
    assert [event.tags for event in events] == [("v2", "v1"), ("v2",), ("v1",)]
    assert {event.artifact.digest for event in events} == {A}
    assert len({event.id for event in events}) == 3
    assert story.see(Act.MANIFEST_GONE, A, at=70) == []


def test_a_lost_tag_of_a_manifest_that_is_there_is_told_alone():
    story = Tale()
    story.push(A, "v1")
    story.push(A, "v2")
    (event,) = story.see(Act.TAG_GONE, "", "v1", at=60)
    assert (event.type, event.tags, event.artifact.digest, event.recovered) == (
        EventType.TAG_DELETED,
        ("v1",),
        A,
        True,
    )
    (deleted,) = story.delete(A, at=70)
    assert deleted.tags == ("v2",)


def test_a_lost_repository_takes_its_roots_along_and_begins_anew_later():
    story = Tale()
    story.push(A)
    story.push(B, "v1", kind=Kind.INDEX, references=(Descriptor(digest=A),))
    story.push(C, "v2")
    events = story.see(Act.REPOSITORY_GONE, at=60)
    assert types(events) == ["artifact.deleted", "artifact.deleted", "repository.deleted"]
    assert [event.artifact.digest for event in events] == [C, B, ""]
    assert types(story.push(C, "v2", at=70)) == ["repository.created", "artifact.pushed"]


def test_a_repository_that_was_pushed_to_after_the_look_is_not_gone():
    story = Tale()
    story.push(A, "v1")
    story.push(B, "v2", at=70)
    assert story.see(Act.REPOSITORY_GONE, at=60, after=1) == []


def test_an_observation_loses_to_a_record_of_what_happened_after_the_look():
    story = Tale()
    story.push(A, "v1", at=1)
    story.push(B, "v1", at=70)
    assert story.see(Act.FOUND, C, "v1", at=60, after=1) == []
    assert story.see(Act.TAG_GONE, "", "v1", at=60, after=1) == []
    assert story.see(Act.MANIFEST_GONE, B, at=60, after=1) == []


def test_a_record_that_was_there_before_the_look_never_beats_it_whatever_its_clock_said():
    """The registry's clock is an hour ahead."""
    story = Tale()
    story.push(A, "v1", at=3600)
    assert types(story.see(Act.FOUND, B, "v1", at=60)) == ["artifact.pushed"]


def test_a_push_is_not_found_after_its_end():
    """The look saw a tag of which no record had come; before it is told, both are deleted and recorded."""
    story = Tale()
    story.push(A, "v1", at=1)
    story.push(B, "other", at=2)
    story.delete(B, at=70)
    assert story.see(Act.FOUND, B, "new", at=60, after=2) == []


def test_the_late_record_of_what_was_found_is_told_to_nobody_once():
    story = Tale()
    story.push(A, "v1", at=1)
    assert len(story.see(Act.FOUND, B, "v1", at=60)) == 1
    assert story.push(B, "v1", at=50) == []
    assert story.last.outcomes == ["known"]
    assert types(story.push(B, "v1", at=55)) == ["artifact.pushed"]  # there were two, and one was found
    assert types(story.push(B, "v1", at=65)) == ["artifact.pushed"]


def test_late_records_of_a_deletion_that_was_found_are_told_to_nobody():
    story = Tale()
    story.push(A, "v1", at=1)
    story.see(Act.MANIFEST_GONE, A, at=60)
    assert story.delete(A, at=50, request="r") == []
    assert story.untag("v1", at=50, request="r") == []
    assert story.wait(1000) == 0


def test_a_late_record_of_something_else_is_told():
    story = Tale()
    story.push(A, "v1", at=1)
    story.see(Act.FOUND, C, "v1", at=60)
    (late,) = story.push(B, "v1", at=50)
    assert (late.artifact.digest, late.changed) == (B, None)
    assert story.see(Act.FOUND, C, "v1", at=90) == []  # it has overwritten nothing


def test_a_late_record_of_a_repository_that_was_found_gone_is_told_to_nobody():
    story = Tale()
    story.push(A, "v1", at=1)
    story.see(Act.REPOSITORY_GONE, at=60)
    assert story.drop(at=50) == []
    assert story.delete(A, at=50, request="r") == []
    assert types(story.untag("v1", at=50, request="r")) == ["tag.deleted"]  # of the tag alone nobody was told


def test_what_happens_anew_after_the_look_is_told_again():
    story = Tale()
    story.push(A, "v1", at=1)
    story.see(Act.MANIFEST_GONE, A, at=60)
    assert types(story.push(A, "v1", at=70)) == ["artifact.pushed"]
    assert types(story.delete(A, at=80, request="r")) == ["artifact.deleted"]
    assert types(story.untag("v1", at=80, request="r")) == ["tag.deleted"]


def test_the_record_completes_what_the_walk_could_not_read():
    story = Tale()
    story.see(Act.FOUND, A, "v1", at=60, kind=Kind.UNKNOWN)
    story.push(A, "v1", at=50, kind=Kind.CHART, references=(Descriptor(digest=B),))
    (deleted,) = story.delete(A, at=70)
    assert (deleted.artifact.kind, [one.digest for one in deleted.artifact.references]) == (Kind.CHART, [B])


def test_a_tag_that_a_late_push_left_on_a_manifest_found_gone_ends_with_the_next_walk():
    """The walk tells the manifest's end without a tag of which nobody had heard; the tag's own end is told later."""
    story = Tale()
    story.push(A, "v1", at=1)
    story.see(Act.MANIFEST_GONE, A, at=60)
    assert types(story.push(A, "v2", at=40)) == ["artifact.pushed"]
    assert story.delete(A, at=50, request="r") == []
    (event,) = story.see(Act.MANIFEST_GONE, A, at=90)
    assert (event.type, event.tags, event.artifact.digest) == (EventType.TAG_DELETED, ("v2",), A)
    assert story.see(Act.MANIFEST_GONE, A, at=120) == []
    assert story.untag("v2", at=50, request="r") == []  # its record, should it still come


def test_what_late_pushes_left_in_a_repository_found_gone_ends_with_the_next_walk():
    """The repository's own end was told once and is not told again."""
    story = Tale()
    story.push(A, "v1", at=1)
    assert types(story.see(Act.REPOSITORY_GONE, at=60)) == ["artifact.deleted", "repository.deleted"]
    story.push(A, "v2", at=40)
    story.push(B, "v3", at=41)
    events = story.see(Act.REPOSITORY_GONE, at=90)
    assert [(str(event.type), event.tags, event.artifact.digest) for event in events] == [
        ("artifact.deleted", ("v3",), B),
        ("tag.deleted", ("v2",), A),
    ]
    assert story.see(Act.REPOSITORY_GONE, at=120) == []
    assert types(story.push(B, "v3", at=130)) == ["repository.created", "artifact.pushed"]


# --- any interleaving -------------------------------------------------------------------------------------------------

PLACE = "prj/app"
TAGS, DIGESTS = ("v1", "v2"), (A, B, C)


class Holding(NamedTuple):
    """What a registry holds of one repository, if it `exists` there."""

    tags: dict[str, str]
    manifests: frozenset[str]
    exists: bool


class Truth:
    """A registry: what it holds after each second, and the records that it makes."""

    def __init__(self, deeds: Iterable[tuple[str, str, str]]) -> None:
        self.tags: dict[str, str] = {}
        self.manifests: set[str] = set()
        self.exists = False
        self.history: list[Holding] = []
        self.records: list[Notice] = []
        for deed in deeds:
            self.do(*deed)

    def do(self, what: str, tag: str, digest: str) -> None:
        at = 2 * (len(self.history) + 1)  # looks are made at odd seconds, so that nothing happens at one moment
        if what == "push":
            self.exists = True
            self.manifests.add(digest)
            self.tags[tag] = digest
            self._record(Act.PUSH, at, digest, tag)
        elif what == "delete" and digest in self.manifests:
            self.manifests.discard(digest)
            gone = sorted(name for name, there in self.tags.items() if there == digest)
            self._record(Act.DELETE, at, digest, request=f"r{at}")
            for name in gone:
                del self.tags[name]
                self._record(Act.UNTAG, at, "", name, request=f"r{at}")
        elif what == "untag" and tag in self.tags:
            del self.tags[tag]
            self._record(Act.UNTAG, at, "", tag, request=f"r{at}")
        elif what == "drop" and self.exists:
            self.exists = False
            self.manifests.clear()
            self.tags.clear()
            self._record(Act.DROP, at, "")
        self.history.append(Holding(dict(self.tags), frozenset(self.manifests), self.exists))

    def _record(self, act: Act, at: int, digest: str, tag: str = "", request: str = "") -> None:
        self.records.append(
            Notice(
                act=act,
                registry="main",
                repository=PLACE,
                time=at * SECOND,
                accepted=0,
                artifact=Artifact(digest=digest, kind=Kind.IMAGE if act is Act.PUSH else Kind.UNKNOWN),
                tag=tag,
                request=Request(id=request),
                origin=Origin(record=f"{act}-{at}-{tag}"),
            )
        )


class Journal:
    """Records and observations in the order in which they are accepted, folded one by one."""

    def __init__(self) -> None:
        self.store = CatalogueStore()
        self.number = 0
        self.events: list[Event] = []

    def accept(self, notice: Notice) -> list[Event]:
        self.number += 1
        origin = Origin(record=notice.origin.record, number=self.number)
        came = fold_batch(self.store, MAIN, [replace(notice, origin=origin, accepted=self.number * SECOND)])
        self.events += came.events
        return came.events

    def tags(self) -> dict[str, str]:
        return {row.tag: row.digest for row in self.store.tags.values() if row.live}

    def knows_repository(self) -> bool:
        return any(row.live for row in self.store.repositories.values()) or bool(self.tags())


def looks(journal: Journal, holding: Holding, at: int, name: str) -> list[Notice]:
    """What a walk that looks now writes down: only what differs from what is known, in the order of its keys."""
    known, seen = journal.tags(), {}

    def note(saw: Act, *, tag: str = "", digest: str = "") -> None:
        artifact = Artifact(digest=digest)
        looked, after = at * SECOND, journal.number
        one = Observation(saw=saw, looked=looked, after=after, repository=PLACE, tag=tag, artifact=artifact)
        seen[one.key] = observation.encode(one)

    for tag in {*known, *holding.tags} if holding.exists else ():
        there = holding.tags.get(tag)
        if there is None and known[tag] in holding.manifests:
            note(Act.TAG_GONE, tag=tag)
        elif there is None:
            note(Act.MANIFEST_GONE, digest=known[tag])
        elif there != known.get(tag):
            note(Act.FOUND, tag=tag, digest=there)
    if not holding.exists and journal.knows_repository():
        note(Act.REPOSITORY_GONE)
    return [
        observation.read(Record(0, RecordKind.OBSERVATION, "main", f"walk:{name}:{key}", 0, seen[key]))
        for key in sorted(seen)
    ]


DEEDS, MORE_DEEDS = (
    st.tuples(st.sampled_from(["push"] * 4 + others), st.sampled_from(TAGS), st.sampled_from(DIGESTS))
    for others in (["delete", "untag", "nothing"], ["delete", "untag", "drop", "nothing"])
)


@st.composite
def courses(draw):
    """What happens at the registry, which records arrive and when, and where the walk comes in between."""
    deeds = draw(st.lists(MORE_DEEDS, min_size=1, max_size=10))
    records = len(Truth(deeds).records)
    lost = draw(st.sets(st.integers(0, max(0, records - 1)), max_size=6))
    before = draw(st.integers(0, records))  # records that had come when the walk looked
    between = draw(st.integers(before, records))  # ... and when what it saw was written
    return deeds, lost, before, between


TWICE = [("push", "v1", A), ("push", "v1", A), ("push", "v2", A), ("push", "v2", A), ("delete", "v1", A)]
OVER = [("push", "v2", C), ("push", "v2", A), ("push", "v1", C), ("delete", "v1", C)]
DROPPED = [("push", "v1", A), ("push", "v2", A), ("drop", "v1", A)]


@example((TWICE, {1, 2, 4, 5, 6}, 1, 1))  # a push comes after the walk that told its manifest's end; the rest is lost
@example((OVER, {1, 3, 4}, 5, 5))  # one tag moved off a manifest, with which another went
@example((DROPPED, set(), 1, 1))  # as the first, and the whole repository went
@settings(max_examples=examples(600))
@given(courses())
def test_any_interleaving_of_records_and_a_walk_ends_at_what_the_registry_holds(course):
    """Records come in order, late, or never; the walk looks when all has happened, and is written any time after.

    When no record is on its way, a walk makes the catalogue the registry's; the next one does so in any case. A push
    that was found is not told by its record as well.
    """
    deeds, lost, before, between = course
    truth = Truth(deeds)
    arriving = [None if at in lost else one for at, one in enumerate(truth.records)]
    journal = Journal()
    for record in filter(None, arriving[:before]):
        journal.accept(record)
    holding = truth.history[-1]
    seen = looks(journal, holding, 2 * len(truth.history) + 1, "one")
    for record in filter(None, arriving[before:between]):
        journal.accept(record)
    recovered = [event for one in seen for event in journal.accept(one)]
    late = [(record, journal.accept(record)) for record in filter(None, arriving[between:])]
    if before == len(truth.records):
        assert journal.tags() == holding.tags
    assert len({event.id for event in journal.events}) == len(journal.events)
    for event in recovered:
        assert event.recovered
        if event.type is EventType.PUSHED:
            same = [
                events
                for record, events in late
                if (record.act, record.tag, record.artifact.digest) == (Act.PUSH, event.tag, event.artifact.digest)
            ]
            assert same == [] or same[0] == []
    for one in looks(journal, holding, 2 * len(truth.history) + 3, "two"):
        journal.accept(one)
    assert journal.tags() == holding.tags
    assert looks(journal, holding, 2 * len(truth.history) + 5, "three") == []


@settings(max_examples=examples(400))
@given(st.lists(DEEDS, min_size=1, max_size=8), st.data())
def test_no_look_is_ever_told_against_a_later_record(deeds, data):
    """The walk looks in the midst of things, and is written at any later time; all records come, in order.

    Then each push and each deletion is told exactly once: by its record, or by the walk.
    """
    truth = Truth(deeds)
    moment = data.draw(st.integers(1, len(truth.history)))
    holding = truth.history[moment - 1]
    happened = [at for at, one in enumerate(truth.records) if one.time <= 2 * moment * SECOND]
    before = data.draw(st.integers(0, len(happened)))
    written = data.draw(st.integers(before, len(truth.records)))
    journal = Journal()
    for record in truth.records[:before]:
        journal.accept(record)
    seen = looks(journal, holding, 2 * moment + 1, "one")
    for record in truth.records[before:written]:
        journal.accept(record)
    for one in seen:
        journal.accept(one)
    for record in truth.records[written:]:
        journal.accept(record)
    assert journal.tags() == truth.history[-1][0]
    for tag in TAGS:
        for digest in DIGESTS:
            told = [e for e in journal.events if (e.type, e.tag, e.artifact.digest) == (EventType.PUSHED, tag, digest)]
            made = [r for r in truth.records if (r.act, r.tag, r.artifact.digest) == (Act.PUSH, tag, digest)]
            assert len(told) == len(made)
        gone = [event for event in journal.events if event.type is EventType.TAG_DELETED and event.tag == tag]
        assert len(gone) == len([r for r in truth.records if r.act is Act.UNTAG and r.tag == tag])
    for digest in DIGESTS:
        ended = [e for e in journal.events if (e.type, e.artifact.digest) == (EventType.DELETED, digest)]
        assert len(ended) == len([r for r in truth.records if (r.act, r.artifact.digest) == (Act.DELETE, digest)])
