"""Grype's scores and fixes, and reports of what is no image."""

import json

import pytest

from sidecar.intake.grype import read
from sidecar.intake.images import Image


def report(*matches, **source):
    whole = {"matches": list(matches), "source": source, "descriptor": {"name": "grype", "version": "0.121.2"}}
    return read(json.dumps(whole).encode())


def match(cvss=(), related=(), **more):
    one = {"id": "CVE-1", "severity": "High", "cvss": [{"version": v, "metrics": {"baseScore": s}} for v, s in cvss]}
    others = [{"id": "CVE-1", "cvss": [{"version": v, "metrics": {"baseScore": s}} for v, s in related]}]
    return {"vulnerability": {**one, **more}, "relatedVulnerabilities": others, "artifact": {"name": "p"}}


@pytest.mark.parametrize(
    ("own", "related", "score"),
    [
        ([("2.0", 10.0), ("3.1", 7.5)], [], 7.5),
        ([("4.0", 6.3), ("2.0", 10.0)], [], 6.3),
        ([("2.0", 5.0)], [("3.1", 9.8)], 5.0),  # what the match says of itself wins
        ([], [("3.0", 9.8)], 9.8),
        ([("3.1", 0)], [("3.1", 9.8)], 9.8),
        ([], [], None),
    ],
)
def test_the_score_is_the_match_s_own_else_that_of_a_related_entry(own, related, score):
    assert report(match(own, related)).scan.vulnerabilities[0].cvss == score


@pytest.mark.parametrize(
    ("fix", "told"),
    [
        ({"versions": ["2", "3"], "state": "fixed"}, "2, 3"),
        ({"versions": [], "state": "wont-fix"}, ""),
        ({"versions": None, "state": "unknown"}, ""),
        (None, ""),
    ],
)
def test_a_fix_may_be_in_several_versions(fix, told):
    assert report(match(fix=fix)).scan.vulnerabilities[0].fixed_version == told


@pytest.mark.parametrize(
    "source",
    [
        {"type": "directory", "target": "/src"},
        {"type": "image", "target": "odd"},
        {"type": "image", "target": {"userInput": 7}},
        {"type": None, "target": None},
    ],
)
def test_what_names_no_image_is_a_report_all_the_same(source):
    told = report(match(), **source)
    assert (told.asked, told.images, told.scan.total) == (None, (), 1)


def test_the_image_is_what_was_asked_for_and_its_other_names():
    digest = "sha256:" + "a" * 64
    target = {
        "userInput": "registry:r.example.com/app:1",
        "repoDigests": [f"r.example.com/app@{digest}"],
        "tags": ["x"],
    }
    told = report(type="image", target=target)
    assert told.asked == Image(host="r.example.com", repository="app", tag="1")
    assert told.images == (Image(host="r.example.com", repository="app", digest=digest), Image(repository="x"))
