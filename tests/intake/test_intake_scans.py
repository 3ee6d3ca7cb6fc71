"""Reports of scanners become statements: those that the tools really made, and whatever else somebody may post.

The reports and what was found in them are described beside them, in tests/fixtures/scans/README.md.
"""

import json
from pathlib import Path

import msgspec
import pytest
from harborapi.models import HarborVulnerabilityReport
from hypothesis import given, settings
from hypothesis import strategies as st

from effort import examples
from sidecar.domain.details import Report, Scan, ScanStatus, Scores, Severity, Tool, Vulnerability
from sidecar.domain.errors import Misstated
from sidecar.domain.event import EventType
from sidecar.domain.instant import parse_rfc3339
from sidecar.domain.statement import Statement, Told, decode, encode
from sidecar.intake.posted import REPORTS, Posted
from sidecar.intake.scans import Format, read, recognised

FIXTURES = Path(__file__).parents[1] / "fixtures" / "scans"
DIGEST = "sha256:779af01f3e1d1225fb556fbac0a7044a4efdc4d0d6f547814962213cbf6cd3e1"
REGISTRIES = {"main": "localhost:15077", "other": "other.example.com"}
WHERE = {"repository": "prj/app", "tag": "1.4.2"}


def posted(body, *, media_type="application/json", registries=REGISTRIES, **query) -> Posted:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Posted(media_type=media_type, body=raw, query=query, registries=registries)


def statement(body, **more) -> Statement:
    (told,) = read(posted(body, **more))
    assert told.registry == "main"
    return told.statement


def refused(body, **more) -> Misstated:
    with pytest.raises(Misstated) as caught:
        read(posted(body, **more))
    return caught.value


def fixture(name: str) -> bytes:
    return (FIXTURES / name).read_bytes()


def brief(scan: Scan) -> list[tuple]:
    return [(one.id, one.package, one.version, one.fixed_version) for one in scan.vulnerabilities]


FOUND = [
    ("CVE-2026-11111", "libcrypto3", "3.3.8-r0", "3.3.9-r0"),
    ("CVE-2026-11111", "libssl3", "3.3.8-r0", "3.3.9-r0"),
    ("CVE-2026-22222", "libcrypto3", "3.3.8-r0", "3.3.8-r1"),
    ("CVE-2026-22222", "libssl3", "3.3.8-r0", "3.3.8-r1"),
    ("CVE-2026-33333", "zlib", "1.3.1-r1", ""),
]
SAID = "A certificate with <an odd> name & a long one lets a peer run code in the program that checks it."


# --- reports that were really made -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "query", "scanner", "ended", "mildest", "cvss"),
    [
        (
            "trivy.json",
            {},
            Tool(name="Trivy", vendor="Aqua Security"),
            "2026-11-22T08:18:47.434655535Z",
            Severity.LOW,
            None,
        ),
        # SARIF has no place for the time, and a number for every severity.
        ("trivy.sarif", {}, Tool(name="Trivy", version="0.67.2"), "", Severity.LOW, 2.0),
        (
            "grype.json",
            {},
            Tool(name="Grype", vendor="Anchore", version="0.121.2"),
            "2026-11-22T08:18:44.735309086Z",
            Severity.NEGLIGIBLE,
            None,
        ),
        (
            "harbor.json",
            {"registry": "main"},  # Harbor's report names no host
            Tool(name="Trivy", vendor="Aqua Security", version="v0.67.2"),
            "2026-11-22T08:11:37.728902358Z",
            Severity.LOW,
            None,
        ),
    ],
)
def test_every_scanner_s_report_says_what_was_found_where(name, query, scanner, *, ended, mildest, cvss):
    told = statement(fixture(name), **query)
    scan = told.details
    assert (told.type, told.repository, told.tags, told.digest) == (
        EventType.SCAN_COMPLETED,
        "prj/app",
        ("1.4.2",),
        DIGEST,
    )
    assert (scan.status, scan.report, scan.scanner) == (ScanStatus.SUCCESS, Report.VULNERABILITY, scanner)
    assert scan.ended.startswith(ended)
    assert told.time == (parse_rfc3339(scan.ended) if ended else 0)
    assert scan.severities == {Severity.CRITICAL: 2, Severity.MEDIUM: 2, mildest: 1}
    assert (scan.total, scan.fixable, scan.scores) == (5, 4, Scores(critical=2, major=2, minor=1))
    assert brief(scan) == FOUND
    worst, last = scan.vulnerabilities[0], scan.vulnerabilities[-1]
    assert (worst.severity, worst.cvss, worst.description) == (Severity.CRITICAL, 9.8, SAID)
    assert "https://security.example.com/CVE-2026-11111" in worst.links or name == "trivy.sarif"
    assert (last.severity, last.cvss) == (mildest, cvss)


def test_a_report_that_names_no_image_is_about_the_one_in_the_query():
    """Grype's SARIF says where in the image things are, and not which image that is."""
    assert "does not say which image" in str(refused(fixture("grype.sarif"), registry="main"))
    told = statement(fixture("grype.sarif"), registry="main", **WHERE)
    assert (told.repository, told.tags, told.digest) == ("prj/app", ("1.4.2",), "")
    assert told.details.scanner == Tool(name="grype", version="0.121.2")
    assert sum(told.details.severities.values()) == told.details.total == 5


def test_findings_in_code_are_findings_of_the_image_that_holds_it():
    """Two of Bandit's three are low and one is high, by its own metrics; what is found stands at its line."""
    told = statement(fixture("bandit.sarif"), registry="main", **WHERE)
    scan = told.details
    assert scan.severities == {Severity.HIGH: 1, Severity.LOW: 2}
    assert (scan.scanner, scan.ended) == (
        Tool(name="Bandit", vendor="PyCQA", version="1.9.4"),
        "2026-11-22T08:18:58Z",
    )
    assert [(one.id, one.package) for one in scan.vulnerabilities] == [
        ("B602", "app.py:7"),
        ("B105", "app.py:3"),
        ("B404", "app.py:1"),
    ]
    assert scan.vulnerabilities[0].links[0].endswith("b602_subprocess_popen_with_shell_equals_true.html")


@pytest.mark.parametrize(
    ("name", "scanner", "packages", "digest"),
    [
        ("trivy.cdx.json", Tool(name="trivy", vendor="Aqua Security Software Ltd.", version="0.67.2"), 4, DIGEST),
        ("trivy.spdx.json", Tool(name="trivy", vendor="aquasecurity", version="0.67.2"), 4, DIGEST),
        ("grype.cdx.json", Tool(name="grype", vendor="anchore", version="0.121.2"), 5, ""),
    ],
)
def test_a_list_of_packages_is_a_scan_for_packages(name, scanner, packages, digest):
    kept = "sha256:" + "b" * 64
    told = statement(fixture(name), sbomDigest=kept)
    scan = told.details
    assert (told.type, told.repository, told.tags, told.digest) == (
        EventType.SCAN_COMPLETED,
        "prj/app",
        ("1.4.2",),
        digest,
    )
    assert (scan.report, scan.status, scan.scanner) == (Report.SBOM, ScanStatus.SUCCESS, scanner)
    assert (scan.packages, scan.sbom_digest, scan.severities) == (packages, kept, {})
    assert scan.report_id
    assert scan.ended.startswith("2026-11-22T08:18:4")


def test_the_report_that_was_written_by_hand_is_one_of_harbor_s():
    """The model of a client of Harbor's, made from Harbor's own description, reads the same from it."""
    (held,) = json.loads(fixture("harbor.json")).values()
    report = HarborVulnerabilityReport.model_validate(held)
    assert [(one.id, one.package, one.version, one.fix_version) for one in report.vulnerabilities] == FOUND


@pytest.mark.parametrize("media_type", [*REPORTS, "application/json"])
def test_harbor_s_report_may_come_as_its_scanners_send_it(media_type):
    (held,) = json.loads(fixture("harbor.json")).values()
    assert brief(statement(held, media_type=media_type, registry="main").details) == FOUND


# --- what a report is ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "kind"),
    [
        ("SchemaVersion ArtifactName ArtifactType Metadata Results", Format.TRIVY),
        ("SchemaVersion Results", Format.TRIVY),
        ("matches source distro descriptor", Format.GRYPE),
        ("$schema version runs", Format.SARIF),
        ("runs", Format.SARIF),
        ("generated_at artifact scanner severity vulnerabilities", Format.HARBOR),
        ("application/vnd.security.vulnerability.report; version=1.1", Format.HARBOR),
        ("bomFormat specVersion vulnerabilities metadata", Format.CYCLONEDX),
        ("spdxVersion packages", Format.SPDX),
        ("status error", Format.OUTCOME),
        ("SchemaVersion", None),
        ("vulnerabilities", None),
        ("", None),
    ],
)
def test_a_report_shows_what_it_is_by_its_keys(keys, kind):
    split = [keys] if "version=" in keys else keys.split()
    assert recognised(frozenset(split)) is kind


@pytest.mark.parametrize(
    ("media_type", "sentence"),
    [
        ("application/sarif+json", "The report does not say which image"),
        ("application/spdx+json", "The report does not say which image"),
        ("application/json", "This is no report that is known here, with keys x: post one of trivy, grype, sarif"),
    ],
)
def test_where_the_keys_do_not_tell_the_content_type_does(media_type, sentence):
    assert str(refused({"x": 1}, media_type=media_type)).startswith(sentence)


def test_the_query_s_format_wins_over_both():
    report = {"runs": [], "SchemaVersion": 2, "ArtifactName": "localhost:15077/prj/app:1.4.2", "Results": []}
    assert str(refused(report)).startswith("The report does not say which image")
    assert statement(report, format="trivy").details.scanner.name == "Trivy"
    told = str(refused({}, format="pdf"))
    assert told == "No format is named 'pdf'; known: trivy, grype, sarif, harbor, cyclonedx, spdx, outcome."


def test_a_byte_order_mark_of_windows_is_no_mistake():
    assert statement(b"\xef\xbb\xbf" + fixture("trivy.json")).digest == DIGEST


# --- how a scan ended ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind", "known"),
    [
        ("success", EventType.SCAN_COMPLETED, ScanStatus.SUCCESS),
        ("completed", EventType.SCAN_COMPLETED, ScanStatus.SUCCESS),
        ("error", EventType.SCAN_FAILED, ScanStatus.ERROR),
        ("failed", EventType.SCAN_FAILED, ScanStatus.ERROR),
        ("stopped", EventType.SCAN_STOPPED, ScanStatus.STOPPED),
    ],
)
def test_the_end_of_a_scan_may_be_told_in_a_line(status, kind, known):
    body = {"status": status, "error": "no space left", "registry": "main", "actor": "maria", **WHERE}
    told = statement(body)
    assert (told.type, told.repository, told.tags, told.actor) == (kind, "prj/app", ("1.4.2",), "maria")
    assert told.details == Scan(status=known, error="no space left")


def test_whatever_a_scan_can_tell_can_be_told_there():
    found = {"id": "CVE-1", "severity": "High", "fixedVersion": "2"}
    body = {"status": "success", "scanner": "mine", "started": "2026-11-21T00:00:00Z", "vulnerabilities": [found]}
    scan = statement(body, registry="main", **WHERE).details
    assert (scan.scanner, scan.severities, scan.total, scan.fixable) == (
        Tool(name="mine"),
        {Severity.HIGH: 1},
        1,
        1,
    )
    assert statement(body, registry="main", **WHERE).time == parse_rfc3339("2026-11-21T00:00:00Z")
    kept = {"status": "success", "report": "sbom", "packages": 3, "sbomDigest": DIGEST}
    scan = statement(kept, registry="main", **WHERE).details
    assert (scan.report, scan.packages, scan.sbom_digest) == (Report.SBOM, 3, DIGEST)


@pytest.mark.parametrize(
    ("body", "pointer", "sentence"),
    [
        ({"status": "fine"}, "/status", "At /status: 'fine' is not one of"),
        ({"status": "error", "errors": "x"}, "/errors", "At /errors: nothing of this name is known here."),
        ({"status": "error", "repository": "PRJ/app"}, "/repository", "At /repository: a repository's name has no"),
        ({"status": "error", "ended": "yesterday"}, "", "`ended` must be an RFC 3339 time"),
        ({"runs": [{"results": [{"ruleId": 7}]}]}, "/runs/0/results/0/ruleId", "At /runs/0/results/0/ruleId: Expected"),
        (
            {"matches": [{"vulnerability": {"severity": []}}], "source": None},
            "/matches/0/vulnerability/severity",
            "At /matches/0/vulnerability/severity: Expected `str | null`, got `array`.",
        ),
        ({"SchemaVersion": 2, "Results": {}}, "/Results", "At /Results: Expected `array | null`, got `object`."),
        ({"bomFormat": "CycloneDX", "components": 3}, "/components", "At /components: Expected `array | null`"),
        ({"spdxVersion": "SPDX-2.3", "packages": [3]}, "/packages/0", "At /packages/0: Expected `object`, got `int`."),
        ({"generated_at": 5, "vulnerabilities": []}, "/generated_at", "At /generated_at: Expected `str | null`"),
        (
            {"application/vnd.security.vulnerability.report; version=1.1": {"vulnerabilities": [{"id": 3}]}},
            "/application~1vnd.security.vulnerability.report; version=1.1/vulnerabilities/0/id",
            "At /application~1vnd.security.vulnerability.report; version=1.1/vulnerabilities/0/id: Expected",
        ),
    ],
)
def test_a_mistake_is_told_with_its_place(body, pointer, sentence):
    trouble = refused(body)
    assert str(trouble).startswith(sentence)
    assert trouble.pointer == pointer


# --- hostile input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"\xff\xfe{\x00}\x00",
        b'{"status":"\\ud800"}',
        b"{" * 100_000,
        b"[" * 100_000,
        b'{"x":' * 100_000,
        b'{"runs":[{"properties":' + b'{"a":' * 100_000,
        b'{"matches":[],"source":{"type":"image","target":' + b"[" * 100_000,
        b'{"bomFormat":"CycloneDX","components":[' + b"[" * 100_000,
        b'{"SchemaVersion":' + b"9" * 100_000 + b',"Results":[]}',
    ],
    ids=lambda body: f"{body[:24]!r}-{len(body)}",
)
def test_what_is_no_report_is_refused_with_a_sentence(body):
    assert str(refused(body)).endswith((".", ")."))


def test_a_report_with_more_findings_than_are_kept_keeps_the_worst_and_counts_all():
    rows = [
        {"VulnerabilityID": f"CVE-{at}", "PkgName": "p", "Severity": "HIGH" if at % 100 == 0 else "LOW"}
        for at in range(20_000)
    ]
    report = {"SchemaVersion": 2, "ArtifactName": "localhost:15077/prj/app:1", "Results": [{"Vulnerabilities": rows}]}
    scan = statement(report).details
    assert scan.severities == {Severity.HIGH: 200, Severity.LOW: 19_800}
    assert (scan.total, scan.scores) == (20_000, Scores(critical=200, minor=19_800))
    assert len(scan.vulnerabilities) == 1_000
    assert [one.severity for one in scan.vulnerabilities] == [Severity.HIGH] * 200 + [Severity.LOW] * 800


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
NAMES = sorted(
    {name for path in FIXTURES.glob("*.json") for name in json.loads(path.read_text())}
    | {"runs", "status", "error", "ruleId", "Vulnerabilities", "vulnerability", "name", "metadata", "component"}
)
SHAPED = st.recursive(
    JSON,
    lambda inner: st.dictionaries(st.sampled_from(NAMES), inner, max_size=5) | st.lists(inner, max_size=3),
    max_leaves=20,
)


@pytest.mark.parametrize("kind", Format)
@settings(max_examples=examples(60), deadline=None)
@given(body=SHAPED)
def test_any_json_is_a_scan_or_a_sentence(kind, body):
    """And what is taken can be journalled: it comes back as it was."""
    _takes(body, kind)


@pytest.mark.parametrize("name", sorted(path.name for path in FIXTURES.iterdir() if path.name != "README.md"))
@settings(max_examples=examples(60), deadline=None)
@given(data=st.data())
def test_any_report_with_a_part_of_it_replaced_is_a_scan_or_a_sentence(name, data):
    whole = json.loads(fixture(name))
    at = whole
    while isinstance(at, dict | list) and at:
        key = data.draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.integers(0, 5)) == 0:
            at[key] = data.draw(JSON)
            break
        at = at[key]
    _takes(whole, "")


def _takes(body, kind) -> None:
    try:
        (told,) = read(posted(json.dumps(body).encode(), format=str(kind), **WHERE, registry="main"))
    except Misstated as trouble:
        said = str(trouble)
    else:
        said = "taken"
        _keeps(told)
    assert said


def _keeps(told: Told) -> None:
    assert decode(encode(told.statement)) == told.statement
    assert told.statement.repository == "prj/app"
    assert isinstance(told.statement.details, Scan)
    msgspec.json.decode(msgspec.json.encode(told.statement.details), type=Scan)  # within its own bounds
    assert all(isinstance(one, Vulnerability) for one in told.statement.details.vulnerabilities)
