"""What those who receive scans read of them, on the bodies of the golden files and on whatever a scan may hold."""

import json
from datetime import datetime

import pytest
from golden_cases import FOLDER, read_case, render_case
from harborapi.models import NativeReportSummary, SBOMOverview
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.dialects import load
from sidecar.dialects.contract import Audience, sample
from sidecar.domain.details import Report, Scan, ScanStatus, Scores, Severity, Tool, Vulnerability
from sidecar.domain.event import EventType

KEY = "application/vnd.security.vulnerability.report; version=1.1"


def bodies(dialect, prefix):
    """Every message of the golden files of these names."""
    found = sorted((FOLDER / dialect).glob(f"{prefix}*.json"))
    assert found
    return [json.loads(one.body) for path in found for one in render_case(dialect, read_case(path))]


@pytest.mark.parametrize("body", bodies("harbor", "scanning-"))
def test_a_client_of_harbor_s_reads_the_overview(body):
    """Models made from Harbor's own description of its API; a summary that is null is read as none."""
    (resource,) = body["event_data"]["resources"]
    if "sbom_overview" in resource:
        assert SBOMOverview.model_validate(resource["sbom_overview"]).scan_status in {"Success", "Error"}
        return
    (given,) = resource["scan_overview"].values()
    read = NativeReportSummary.model_validate(given)
    assert (read.scan_status, read.complete_percent) == (given["scan_status"], given["complete_percent"])
    assert read.duration == given["duration"] == (read.end_time - read.start_time).total_seconds()
    if given["summary"] is not None:
        assert read.summary.total == sum(given["summary"]["summary"].values())


@pytest.mark.parametrize("body", bodies("harbor", "scanning-completed"))
def test_zulip_reads_the_severities_of_what_was_found(body):
    """Its integration takes them from this key, and wants numbers; a scan for packages has none for it."""
    (resource,) = body["event_data"]["resources"]
    if body["event_data"]["scan"]["scan_type"] == "sbom":
        assert "scan_overview" not in resource
        return
    counts = resource["scan_overview"][KEY]["summary"]["summary"]
    assert all(isinstance(name, str) and isinstance(count, int) for name, count in counts.items())
    assert isinstance(body["event_data"]["repository"]["repo_full_name"], str)


@pytest.mark.parametrize("body", bodies("dtr", "scan_"))
def test_receivers_of_dtr_find_all_that_they_read(body):
    """slack-dtr takes every one of these keys unasked; Jenkins the tag, the name, and the time as ISO 8601."""
    assert {"type", "createdAt", "location"} <= body.keys()
    contents = body["contents"]
    assert contents["imageName"].split("/")[0] == "dtr.example.com"
    assert contents["imageName"].endswith(f"/{contents['namespace']}/{contents['repository']}:{contents['tag']}")
    if body["type"] == "SCAN_FAILED":
        assert isinstance(contents["error"], str)
        return
    summary = contents["scanSummary"]
    assert set(summary) == {
        "namespace",
        "reponame",
        "tag",
        "critical",
        "major",
        "minor",
        "last_scan_status",
        "check_completed_at",
        "should_rescan",
        "has_foreign_layers",
    }
    assert datetime.fromisoformat(summary["check_completed_at"]).utcoffset() is not None
    assert all(type(summary[key]) is int for key in ("critical", "major", "minor", "last_scan_status"))


MOMENTS = st.sampled_from(["", "0001-01-01T00:00:00Z", "2026-11-21T00:00:00.5+14:00", "9999-12-31T23:59:59Z"])
COUNTS = st.none() | st.integers(0, 2**63 - 1)
VULNERABILITIES = st.builds(
    Vulnerability,
    id=st.text(min_size=1, max_size=10),
    severity=st.sampled_from(Severity),
    cvss=st.none() | st.floats(0, 10),
    links=st.lists(st.text(max_size=5), max_size=3).map(tuple),
    description=st.text(max_size=20),
)
SCANS = st.builds(
    Scan,
    status=st.none() | st.sampled_from(ScanStatus),
    report=st.sampled_from(Report),
    scanner=st.builds(Tool, name=st.text(max_size=5)),
    started=MOMENTS,
    ended=MOMENTS,
    severities=st.dictionaries(st.sampled_from(Severity), st.integers(0, 5)),
    total=COUNTS,
    fixable=COUNTS,
    scores=st.none() | st.builds(Scores, critical=st.integers(0, 5)),
    vulnerabilities=st.lists(VULNERABILITIES, max_size=4).map(tuple),
    packages=COUNTS,
    error=st.text(max_size=10),
)


@given(
    scan=SCANS,
    kind=st.sampled_from([EventType.SCAN_COMPLETED, EventType.SCAN_FAILED, EventType.SCAN_STOPPED]),
    tags=st.lists(st.sampled_from(["v1", "v2", "latest"]), unique=True).map(tuple),
)
def test_whatever_a_scan_holds_can_be_said(scan, kind, tags):
    """Also what nobody's scanner would say: a body that cannot be made is a delivery that is dead at once."""
    event = replace(sample(kind), details=scan, tags=tags)
    for dialect in load().values():
        if not dialect.says(kind, dialect.example):
            continue
        voice = dialect.bind(dialect.example, [str(kind)])
        for word in voice.words(event, untagged=True):
            for message in voice.render(event, word, Audience("audit", 7)):
                assert message.body
                assert "json" not in message.content_type or json.loads(message.body)
