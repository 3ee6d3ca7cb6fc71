"""Every event that Harbor, Docker Trusted Registry or Quay documents: who tells of it, and each vendor's words for it.

The table is written down here from the vendors' own lists: Harbor v2.15.2's supported events with the chart events of
2.0 to 2.7, the subscription types of DTR 2.7, the thirteen events of Quay 3. A cell that is empty is silence.
"""

import itertools
import typing

import msgspec
import pytest

from sidecar.dialects import load
from sidecar.dialects.contract import samples
from sidecar.domain.event import HAPPENINGS, EventType
from sidecar.domain.sources import SOURCES
from sidecar.domain.statement import DETAILS
from sidecar.intake.shapes import SHAPES

# event: who tells, then the words of harbor, dtr and quay, with whatever option brings them
TABLE = {
    "artifact.pushed": (
        "registry walk",
        "PUSH_ARTIFACT UPLOAD_CHART",
        "TAG_PUSH MANIFEST_PUSH",
        "repo_push",
    ),
    "artifact.pulled": ("registry", "PULL_ARTIFACT DOWNLOAD_CHART", "TAG_PULL MANIFEST_PULL", ""),
    "artifact.checked": ("registry", "", "", ""),
    "artifact.deleted": ("registry walk", "DELETE_ARTIFACT DELETE_CHART", "MANIFEST_DELETE", ""),
    "tag.deleted": ("registry walk", "DELETE_ARTIFACT DELETE_CHART", "TAG_DELETE", ""),
    "repository.created": ("registry", "", "REPO_EVENT REPO_CREATED", ""),
    "repository.updated": ("intake", "", "REPO_EVENT REPO_UPDATED", ""),
    "repository.deleted": ("registry walk", "", "REPO_EVENT REPO_DELETED", ""),
    "scan.completed": ("intake", "SCANNING_COMPLETED", "SCAN_COMPLETED", "vulnerability_found"),
    "scan.failed": ("intake", "SCANNING_FAILED", "SCAN_FAILED", ""),
    "scan.stopped": ("intake", "SCANNING_STOPPED", "", ""),
    "scanner.updated": ("intake", "", "SCANNER_UPDATE_COMPLETED", ""),
    "quota.exceeded": ("catalogue", "QUOTA_EXCEED", "", "quota_error"),
    "quota.warning": ("catalogue", "QUOTA_WARNING", "", "quota_warning"),
    "artifact.expiring": ("catalogue", "", "", "repo_image_expiry"),
    "build.queued": ("intake", "", "", "build_queued"),
    "build.started": ("intake", "", "", "build_start"),
    "build.succeeded": ("intake", "", "", "build_success"),
    "build.failed": ("intake", "", "", "build_failure"),
    "build.cancelled": ("intake", "", "", "build_cancelled"),
    "mirror.started": ("intake", "REPLICATION", "", "repo_mirror_sync_started"),
    "mirror.succeeded": ("intake", "REPLICATION", "PUSH_MIRRORING POLL_MIRRORING", "repo_mirror_sync_success"),
    "mirror.failed": ("intake", "REPLICATION", "", "repo_mirror_sync_failed"),
    "promotion.completed": ("intake", "", "PROMOTION", ""),
    "retention.finished": ("intake", "TAG_RETENTION", "", ""),
}
CELLS = [
    (event, vendor, frozenset(words.split()))
    for event, (_, *row) in TABLE.items()
    for vendor, words in zip(("harbor", "dtr", "quay"), row, strict=True)
]


def said(vendor: str, kind: EventType) -> set[str]:
    """The words for samples of a type, with every setting of the dialect's switches."""
    dialect = load()[vendor]
    switches = [name for name, shape in typing.get_type_hints(dialect.options).items() if shape is bool]
    found: set[str] = set()
    for setting in itertools.product((False, True), repeat=len(switches)):
        options = msgspec.structs.replace(dialect.example, **dict(zip(switches, setting, strict=True)))
        names = [word.name for word in dialect.vocabulary(options) if kind in word.types]
        for name in names:
            voice = dialect.bind(options, [name])
            found.update(word for event in samples([kind]) for word in voice.words(event, untagged=True))
    return found


def test_the_table_has_every_event() -> None:
    assert set(TABLE) == {str(kind) for kind in HAPPENINGS}


@pytest.mark.parametrize(("event", "vendor", "words"), CELLS, ids=[f"{event}-{vendor}" for event, vendor, _ in CELLS])
def test_each_vendor_says_what_it_has_a_word_for(event: str, vendor: str, words: frozenset[str]) -> None:
    assert said(vendor, EventType(event)) == words


@pytest.mark.parametrize("event", TABLE)
def test_each_event_has_its_sources(event: str) -> None:
    """All of those that the table names; anything that others can tell may also be told by them."""
    kind = EventType(event)
    assert {str(one) for one in SOURCES[kind]} - {"intake"} == set(TABLE[event][0].split()) - {"intake"}
    assert ("intake" in SOURCES[kind]) is (kind in DETAILS) is (kind in SHAPES)


@pytest.mark.parametrize("event", TABLE)
def test_our_own_format_says_everything(event: str) -> None:
    assert said("cloudevents", EventType(event)) == {event}
