"""What Quay sends to try a notification: every byte of it as `get_sample_data` of Quay 3 and `json.dumps` make it."""

import json
from typing import Any

import msgspec
import pytest

from sidecar.dialects import quay
from sidecar.dialects.contract import Audience, Word, sample
from sidecar.dialects.quay import DIALECT, Options
from sidecar.dialects.quay_samples import WORDS
from sidecar.domain import instant
from sidecar.domain.event import RegistryRef, Repository

REGISTRY = RegistryRef(name="main", hostname="quay-server.example.com", scheme="http")
BUSYBOX = Repository(path="sample_org/busybox", namespace="sample_org", name="busybox")
NOW = instant.parse_rfc3339("2026-11-22T08:00:00.75Z")
PLACE = (
    '"repository": "sample_org/busybox", "namespace": "sample_org", "name": "busybox", '
    '"docker_url": "quay-server.example.com/sample_org/busybox", '
)
HOME = '"homepage": "http://quay-server.example.com/repository/sample_org/busybox'
BUILT = PLACE + HOME + '/build/fake-build-id", '
NAMES = '"build_id": "fake-build-id", "build_name": "some-fake-build", "docker_tags": ["latest", "foo", "bar"], '
TRIGGER = '"trigger_id": "1245634", "trigger_kind": "GitHub", '
COMMIT = (
    '"trigger_metadata": {"default_branch": "master", "ref": "refs/heads/somebranch", '
    '"commit": "42d4a62c53350993ea41069e9f2cfdefb0df097d"'
)
INFO = (
    ', "commit_info": {"url": "http://path/to/the/commit", "message": "Some commit message", "date": 1795334400.0, '
    '"author": {"username": "fakeauthor", "url": "http://path/to/fake/author/in/scm", '
    '"avatar_url": "http://www.gravatar.com/avatar/fakehash"}}'
)
ORGANIZATION = '"namespace": "sample_org", "homepage": "http://quay-server.example.com/organization/sample_org", '
# Key by key from Quay's source. A key that Python's dict is given twice keeps its first place: see build_failure.
LITERAL = {
    "repo_push": PLACE + HOME + '", "updated_tags": ["latest", "foo"], "pruned_image_count": 3',
    "repo_mirror_sync_started": PLACE + HOME + '", "message": "TEST NOTIFICATION"',
    "repo_mirror_sync_success": PLACE + HOME + '", "message": "TEST NOTIFICATION"',
    "repo_mirror_sync_failed": PLACE + HOME + '", "message": "TEST NOTIFICATION"',
    "vulnerability_found": PLACE
    + HOME
    + '", "tags": ["latest", "prod", "foo", "bar", "baz"], "image": "some-image-id", '
    + '"vulnerability": {"id": "CVE-FAKE-CVE", "description": "A futurist vulnerability", '
    + '"link": "https://security-tracker.debian.org/tracker/CVE-FAKE-CVE", "priority": "Unknown"}',
    "build_queued": BUILT + '"is_manual": false, ' + NAMES + TRIGGER + COMMIT + INFO + "}",
    "build_start": BUILT + NAMES + TRIGGER + COMMIT + "}",
    "build_success": BUILT + NAMES + TRIGGER + COMMIT + '}, "image_id": "1245657346"',
    "build_failure": BUILT
    + NAMES
    + '"trigger_kind": "GitHub", "error_message": "This is a fake error message", "trigger_id": "1245634", '
    + COMMIT
    + INFO
    + "}",
    "build_cancelled": BUILT + NAMES + TRIGGER + COMMIT + '}, "image_id": "1245657346"',
    "repo_image_expiry": PLACE + HOME + '", "tags": ["latest", "v1"], "expiring_in": "None days"',
    "quota_warning": ORGANIZATION
    + '"threshold_percent": 80, "usage_bytes": 858993459, "limit_bytes": 1073741824, "usage_percent": 80, '
    + '"usage_bytes_formatted": "819.20 MB", "limit_bytes_formatted": "1.00 GB"',
    "quota_error": ORGANIZATION
    + '"threshold_percent": 100, "usage_bytes": 1127428915, "limit_bytes": 1073741824, "usage_percent": 105, '
    + '"usage_bytes_formatted": "1.05 GB", "limit_bytes_formatted": "1.00 GB"',
}
BUILDS = sorted(word for word in LITERAL if word.startswith("build_"))


def said(word: str, **settings: Any) -> str:
    message = quay.sample(word, REGISTRY, BUSYBOX, settings=settings, now=NOW)
    assert (message.word, message.content_type) == (word, "application/json")
    return message.body.decode()


@pytest.mark.parametrize("word", LITERAL)
def test_a_sample_is_quays_own(word: str) -> None:
    assert said(word) == f"{{{LITERAL[word]}}}"


def test_there_is_one_of_every_event_that_quay_knows() -> None:
    """The thirteen names of its database, and the format can say them all."""
    assert set(LITERAL) == WORDS
    assert len(WORDS) == 13
    assert {word.name for word in DIALECT.vocabulary(Options())} == WORDS


@pytest.mark.parametrize(
    ("level", "priority"),
    # As get_priority_for_index has it: a level that is no number is unknown, and so is none.
    [("0", "Critical"), ("1", "High"), (1, "High"), (5, "Unknown"), ("4", "Negligible"), ("low", "Unknown")]
    + [(one, "Unknown") for one in (None, "High", "6", 6, -1, "9" * 5000, "\u00b2", [1])],
)
def test_the_sample_of_a_vulnerability_is_as_bad_as_was_asked_for(level: Any, priority: str) -> None:
    assert json.loads(said("vulnerability_found", level=level))["vulnerability"]["priority"] == priority


def test_the_sample_of_an_expiry_has_the_days_that_were_asked_for() -> None:
    assert json.loads(said("repo_image_expiry", days=7))["expiring_in"] == "7 days"


def test_pages_of_another_interface_know_no_builds() -> None:
    """A registry with a homepage of its own has no page that ends like Quay's."""
    registry = msgspec.structs.replace(REGISTRY, homepage="https://ui.example.com/{repository}")
    message = quay.sample("build_start", registry, BUSYBOX, settings={}, now=NOW)
    assert json.loads(message.body)["homepage"] == "https://ui.example.com/sample_org/busybox"


@pytest.mark.parametrize("word", DIALECT.vocabulary(Options()), ids=lambda word: word.name)
def test_a_sample_begins_like_what_happens(word: Word) -> None:
    """With the same keys in the same order, and but for the page of a build with the same values."""
    (kind,) = word.types
    event = sample(kind)
    message = quay.sample(word.name, event.registry, event.repository, settings={}, now=NOW)
    body = list(json.loads(message.body).items())
    (first, *_) = DIALECT.render(event, word.name, Options(), Audience())
    happened = list(json.loads(first.body).items())
    repository = ["repository", "namespace", "name", "docker_url", "homepage"]
    base = ["namespace", "homepage"] if word.name in {"quota_warning", "quota_error"} else repository
    count = len(base) if word.name not in BUILDS else len(base) - 1
    assert [key for key, _ in body][: len(base)] == [key for key, _ in happened][: len(base)] == base
    assert body[:count] == happened[:count]


# --- what settings hold back -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "held"),
    [("", False), ("refs/heads/somebranch", False), ("refs/heads/s", False), ("refs/heads/main", True), ("some", True)],
)
@pytest.mark.parametrize("word", BUILDS)
def test_the_sample_of_a_build_is_of_a_branch_that_has_to_be_asked_for(word: str, pattern: str, held: bool) -> None:
    """As with Quay, which matches from the beginning: pressing the button sends nothing then."""
    assert quay.filters_sample(word, DIALECT.bind(Options(ref_regex=pattern), [word])) is held


def test_no_other_sample_is_held_back() -> None:
    for word in DIALECT.vocabulary(Options()):
        voice = DIALECT.bind(Options(level="Critical", ref_regex="refs/heads/main"), [word.name])
        assert quay.filters_sample(word.name, voice) is (word.name in BUILDS)
