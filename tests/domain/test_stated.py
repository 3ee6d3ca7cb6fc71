"""Statements become events that know what the catalogue knows of their place and artifact."""

import pytest
from fold_notices import LATENCY, A, B, Story

from sidecar.domain.details import Build, Quota, Retention, Scan, Scanner
from sidecar.domain.event import Artifact, Event, EventType, Kind, Origin
from sidecar.domain.instant import SECOND
from sidecar.domain.notice import Act, Notice
from sidecar.domain.record import Record, RecordKind
from sidecar.domain.stated import read
from sidecar.domain.statement import Statement, encode


def statement(story: Story, what: EventType, at: int = 50, **told) -> Notice:
    """What the translator reads of a journalled statement."""
    story.number += 1
    body = encode(Statement(type=what, time=at * SECOND, **told))
    accepted = at * SECOND + LATENCY
    return read(Record(story.number, RecordKind.INTAKE, "main", f"intake:{story.number}", accepted, body))


def told(story: Story, what: EventType, at: int = 50, **said) -> Event:
    (event,) = story.tell(statement(story, what, at, **said))
    return event


def test_a_scan_of_a_digest_tells_its_tags_and_what_is_known_of_its_repository():
    story = Story()
    (_, pushed) = story.push(A, "v1", at=10)
    story.push(A, "latest", at=20)
    story.push(B, "other", at=30)
    event = told(story, EventType.SCAN_COMPLETED, repository="prj/app", digest=A, details=Scan(total=3))
    assert event.type is EventType.SCAN_COMPLETED
    assert event.tags == ("latest", "v1")  # newest push first
    assert event.artifact == pushed.artifact
    assert event.repository == pushed.repository
    assert event.repository.created == 10 * SECOND
    assert event.details == Scan(total=3)
    assert (event.time, event.accepted, event.ever_tagged) == (50 * SECOND, 50 * SECOND + LATENCY, True)
    assert event.origin == Origin(record="intake:4", number=4, action="scan.completed")


def test_tags_lead_to_the_digest_that_they_all_point_to_now():
    story = Story()
    story.push(A, "v1", at=10)
    story.push(A, "latest", at=20)
    story.push(B, "other", at=30)
    both = told(story, EventType.SCAN_FAILED, repository="prj/app", tags=("v1", "latest"))
    assert (both.artifact.digest, both.tags) == (A, ("v1", "latest"))
    torn = told(story, EventType.EXPIRING, repository="prj/app", tags=("v1", "other"))
    assert (torn.artifact, torn.tags) == (Artifact(), ("v1", "other"))
    unknown = told(story, EventType.EXPIRING, repository="prj/app", tags=("v1", "never"))
    assert unknown.artifact == Artifact()


def test_a_tag_that_is_gone_leads_nowhere():
    story = Story()
    story.push(A, "v1", at=10)
    story.untag("v1", at=20)
    assert told(story, EventType.SCAN_STOPPED, repository="prj/app", tags=("v1",)).artifact == Artifact()


def test_what_the_sender_says_of_tags_is_not_corrected():
    """A scan of yesterday's `latest` is of the digest that it names, whatever `latest` is today."""
    story = Story()
    story.push(A, "latest", at=10)
    story.push(B, "latest", at=20)
    event = told(story, EventType.SCAN_COMPLETED, repository="prj/app", digest=A, tags=("latest",))
    assert (event.artifact.digest, event.tags) == (A, ("latest",))
    assert event.artifact.kind is Kind.IMAGE


def test_a_place_that_was_never_heard_of_is_told_as_it_was_said():
    story = Story()
    event = told(
        story, EventType.BUILD_QUEUED, repository="new/app", actor="maria", request="r-1", details=Build(id="41")
    )
    assert (event.repository.path, event.repository.namespace, event.repository.name) == ("new/app", "new", "app")
    assert event.repository.created is None
    assert (event.actor, event.request.id, event.details) == ("maria", "r-1", Build(id="41"))
    assert story.store.repositories == {}  # saying is not pushing
    pushed = story.push(A, "v1", at=60, repository="new/app")
    assert [one.type for one in pushed] == [EventType.REPOSITORY_CREATED, EventType.PUSHED]


def test_a_whole_namespace_has_its_id_and_no_repository():
    story = Story()
    (_, pushed) = story.push(A, "v1", at=10)
    event = told(story, EventType.RETENTION_FINISHED, namespace="prj", details=Retention(total=1))
    assert (event.repository.path, event.repository.name, event.repository.namespace) == ("", "", "prj")
    assert event.repository.namespace_id == pushed.repository.namespace_id
    assert not event.repository.holds_single
    warned = told(story, EventType.QUOTA_WARNING, namespace="library", details=Quota(used=1, limit=2))
    assert (warned.repository.namespace_id, warned.repository.holds_single) == (1, True)


def test_what_happened_to_the_whole_registry_makes_no_namespace():
    story = Story()
    before = dict(story.store.namespaces)
    event = told(story, EventType.SCANNER_UPDATED, details=Scanner(version="2"))
    assert (event.repository.path, event.repository.namespace, event.repository.namespace_id) == ("", "", 0)
    assert event.registry.name == "main"
    assert story.store.namespaces == before


def test_a_replay_makes_the_same_event():
    def course() -> list[Event]:
        story = Story()
        story.push(A, "v1", at=10)
        return [told(story, kind, repository="prj/app", digest=A) for kind in (EventType.SCAN_COMPLETED,) * 2]

    first, second = course()
    assert course() == [first, second]
    assert first.id != second.id


@pytest.mark.parametrize("kind", [EventType.SCANNER_UPDATED, EventType.BUILD_QUEUED])
def test_a_statement_is_announced_and_changes_nothing(kind):
    story = Story()
    place = {} if kind is EventType.SCANNER_UPDATED else {"repository": "prj/app"}
    notice = statement(story, kind, **place)
    assert notice.act is Act.STATED
    story.tell(notice)
    assert (story.store.manifests, story.store.tags) == ({}, {})
