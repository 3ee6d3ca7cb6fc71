"""Events as they are understood: what follows from what was told is filled in, so that words need not."""

import json

import pytest

from sidecar.dialects.plausible import DETAILS as SAMPLES
from sidecar.domain.details import Quota, ScanStatus, Severity
from sidecar.domain.errors import Misstated
from sidecar.domain.event import EventType
from sidecar.intake.cloudevents import read
from sidecar.intake.posted import Posted

DIGEST = "sha256:" + "a" * 64


def told(kind, data, **attributes):
    body = json.dumps({"type": kind, "data": data, **attributes}).encode()
    (one,) = read(Posted(media_type="application/json", body=body))
    return one


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_type_is_known_by_its_short_and_its_full_name(kind):
    place = {
        "scanner": {},
        "retention": {"namespace": "prj"},
        "quota": {"namespace": "prj", "details": {"used": 1, "limit": 2}},
        "promotion": {
            "repository": "prj/app",
            "tag": "v1",
            "details": {"targetRepository": "prj/released", "targetTag": "v1"},
        },
    }.get(kind.partition(".")[0], {"repository": "prj/app", "tag": "v1"})
    assert told(kind, place).statement == told(f"io.registry-sidecar.{kind}", place).statement
    assert told(kind, place).statement.type == kind


@pytest.mark.parametrize("kind", [kind for kind in EventType if kind not in SAMPLES])
def test_what_a_registry_tells_nobody_else_can(kind):
    with pytest.raises(Misstated, match="own notifications tell"):
        told(kind, {"repository": "prj/app"})


def test_tag_and_tags_are_one_list():
    data = {"repository": "prj/app", "tag": "v1", "tags": ["latest", "v1", "v2"]}
    assert told("build.queued", data).statement.tags == ("v1", "latest", "v2")


def test_the_registry_is_told_apart_from_the_statement():
    one = told("scanner.updated", {"registry": "main"})
    assert (one.registry, one.place) == ("main", "/data/registry")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("scan.completed", ScanStatus.SUCCESS),
        ("scan.failed", ScanStatus.ERROR),
        ("scan.stopped", ScanStatus.STOPPED),
    ],
)
def test_the_type_of_a_scan_says_how_it_ended(kind, status):
    data = {"repository": "prj/app", "digest": DIGEST}
    assert told(kind, data).statement.details.status is status
    assert told(kind, {**data, "details": {"status": status}}).statement.details.status is status


def test_a_scan_is_counted_where_nobody_counted_it():
    found = [
        {"id": "A", "severity": "High", "fixedVersion": "2"},
        {"id": "B", "severity": "Low"},
        {"id": "C", "severity": "High"},
    ]
    data = {"repository": "prj/app", "digest": DIGEST, "details": {"vulnerabilities": found}}
    scan = told("scan.completed", data).statement.details
    assert scan.severities == {Severity.HIGH: 2, Severity.LOW: 1}
    assert (scan.total, scan.fixable) == (3, 1)
    counts = {"severities": {"High": 5, "Critical": 1}, "total": 7, "fixable": 4}
    data["details"] |= counts  # of all that was found, where only the worst is listed
    scan = told("scan.completed", data).statement.details
    assert scan.severities == {Severity.HIGH: 5, Severity.CRITICAL: 1}
    assert (scan.total, scan.fixable) == (7, 4)


def test_a_scan_that_lists_nothing_is_not_counted():
    """Nothing found and nothing told look alike."""
    scan = told("scan.completed", {"repository": "prj/app", "digest": DIGEST}).statement.details
    assert (scan.severities, scan.total, scan.fixable) == ({}, None, None)


def test_a_quota_has_its_percentage_rounded_down_and_its_namespace():
    details = {"used": 2, "limit": 3}
    assert told("quota.warning", {"namespace": "prj", "details": details}).statement.details == Quota(
        namespace="prj", used=2, limit=3, percent=66
    )
    of_repository = told("quota.exceeded", {"repository": "prj/web/app", "details": {**details, "percent": 70}})
    assert of_repository.statement.details == Quota(namespace="prj", used=2, limit=3, percent=70)
