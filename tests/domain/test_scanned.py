"""A scan is told with all tags of its artifact, and the last one of each kind is kept with the artifact."""

from fold_notices import A, B, Story
from test_stated import statement, told

from sidecar.domain.details import Report, Scan, ScanStatus, Severity, Vulnerability
from sidecar.domain.event import EventType
from sidecar.domain.instant import SECOND

FOUND = Vulnerability(id="CVE-1", severity=Severity.HIGH, package="p", links=("https://x",), description="long")
SCAN = Scan(status=ScanStatus.SUCCESS, severities={Severity.HIGH: 1}, total=1, vulnerabilities=(FOUND,))
SBOM = Scan(status=ScanStatus.SUCCESS, report=Report.SBOM, packages=3)


def pushed() -> Story:
    story = Story()
    story.push(A, "v1", at=10)
    story.push(A, "latest", at=20)
    story.push(B, "other", at=30)
    return story


def scan(story, at=50, *, what=EventType.SCAN_COMPLETED, details=SCAN, **said):
    return told(story, what, at, repository="prj/app", details=details, **said)


def kept(story, digest=A, report="vulnerability"):
    return story.store.scans.get(("main", "prj/app", digest, report))


def test_the_scanned_tag_comes_first_and_the_others_of_its_artifact_behind_it():
    """Whether the scanner told the digest or only the tag."""
    for said in ({"tags": ("v1",)}, {"tags": ("v1",), "digest": A}):
        event = scan(pushed(), **said)
        assert (event.tags, event.artifact.digest) == (("v1", "latest"), A)
        assert event.ever_tagged


def test_a_tag_that_points_elsewhere_by_now_is_told_as_it_was_scanned():
    event = scan(pushed(), tags=("other",), digest=A)
    assert event.tags == ("other", "latest", "v1")


def test_the_row_has_what_was_found_without_its_long_texts():
    story = pushed()
    event = scan(story, digest=A)
    row = kept(story)
    assert (row.event, row.type, row.time, row.number) == (event.id, EventType.SCAN_COMPLETED, 50 * SECOND, 4)
    (one,) = row.scan.vulnerabilities
    assert (one.id, one.package, one.links, one.description) == ("CVE-1", "p", (), "")
    assert event.details.vulnerabilities == (FOUND,)


def test_each_kind_of_report_is_kept_by_itself_and_a_failure_takes_its_place():
    story = pushed()
    scan(story, 50, digest=A)
    scan(story, 60, digest=A, details=SBOM)
    scan(story, 70, digest=A, what=EventType.SCAN_FAILED, details=Scan(status=ScanStatus.ERROR, error="full"))
    assert (kept(story).type, kept(story).scan.error) == (EventType.SCAN_FAILED, "full")
    assert kept(story, report="sbom").scan.packages == 3
    assert kept(story, B) is None


def test_what_ended_before_the_kept_scan_is_told_and_keeps_nothing():
    story = pushed()
    scan(story, 60, digest=A)
    event = scan(story, 50, digest=A, details=Scan(total=9))
    assert event.details.total == 9
    assert kept(story).time == 60 * SECOND
    scan(story, 60, digest=A, details=Scan(total=7))  # of the same time the later record counts
    assert kept(story).scan.total == 7


def test_a_scanner_whose_clock_is_ahead_does_not_have_the_last_word_for_ever():
    story = pushed()
    ahead = statement(story, EventType.SCAN_COMPLETED, 10_000, repository="prj/app", digest=A, details=SCAN)
    story.tell(
        type(ahead)(**{name: getattr(ahead, name) for name in ahead.__struct_fields__} | {"accepted": 50 * SECOND})
    )
    assert kept(story).time == 50 * SECOND
    scan(story, 60, digest=A, details=Scan(total=7))
    assert kept(story).scan.total == 7


def test_of_what_nobody_knows_the_digest_nothing_is_kept():
    story = pushed()
    event = scan(story, tags=("never",))
    assert (event.tags, event.artifact.digest) == (("never",), "")
    assert story.store.scans == {}


def test_a_scan_of_what_was_never_pushed_is_told_with_what_was_told():
    story = Story()
    event = scan(story, tags=("v1",), digest=A)
    assert (event.tags, event.artifact.digest, event.repository.created) == (("v1",), A, None)
    assert kept(story).scan.total == 1


def test_scans_of_one_artifact_in_one_batch_find_each_other():
    story = pushed()
    late = statement(story, EventType.SCAN_COMPLETED, 50, repository="prj/app", digest=A, details=SCAN)
    early = statement(story, EventType.SCAN_COMPLETED, 40, repository="prj/app", digest=A, details=Scan(total=9))
    assert len(story.tell(late, early)) == 2
    assert kept(story).scan.total == 1
