"""Scans over real connections: reports that are posted, and the last one of each artifact in the API."""

import io
import json
import subprocess
import sys
from pathlib import Path

import aiohttp
import pytest
from test_api import Site
from test_web_intake import TELLER
from web_site import IngestSite

from notifications import digest
from sidecar.domain.details import Report, Scan, ScanStatus, Severity, Tool, Vulnerability
from sidecar.domain.event import EventType
from sidecar.domain.secret import Secret
from sidecar.domain.statement import Statement, decode
from sidecar.web.access import IntakeAccess

FIXTURES = Path(__file__).parents[1] / "fixtures" / "scans"
HARBOR = "application/vnd.security.vulnerability.report; version=1.1"


@pytest.fixture
async def site(tmp_path):
    access = IntakeAccess((Secret("teller"),), hostnames={"main": "localhost:15077", "other": "other.example.com"})
    site = IngestSite(tmp_path / "sidecar.db", intake=access)
    await site.start()
    yield site
    await site.stop()


@pytest.fixture
async def client():
    async with aiohttp.ClientSession() as session:
        yield session


async def post(client, site, body, content_type="application/json", headers=None, **query):
    url = site.url.replace("/events", "/intake/scans")
    given = {"Content-Type": content_type, **(TELLER if headers is None else headers)}
    async with client.post(url, data=io.BytesIO(body), params=query, headers=given) as answer:
        return answer.status, json.loads(await answer.read())


async def journalled(site):
    return [(one.registry, decode(one.body)) for one in await site.store.read(0, 100)]


# --- reports ---------------------------------------------------------------------------------------------------------


async def test_a_report_is_answered_202_and_is_on_disk(site, client):
    status, answer = await post(client, site, (FIXTURES / "trivy.json").read_bytes())
    assert (status, answer["new"], len(answer["ids"])) == (202, 1, 1)
    ((registry, told),) = await journalled(site)
    assert (registry, told.type, told.repository, told.tags) == ("main", "scan.completed", "prj/app", ("1.4.2",))
    assert told.details.total == 5
    assert site.heard == [("scans", "accepted", "")]


async def test_the_same_report_again_is_a_repeat(site, client):
    report = (FIXTURES / "grype.json").read_bytes()
    first = await post(client, site, report)
    assert await post(client, site, report) == (200, {**first[1], "new": 0})
    other = await post(client, site, report, tag="other")
    assert other[1]["ids"] != first[1]["ids"]
    assert len(await journalled(site)) == 2


async def test_a_long_report_is_read_beside_the_registries_envelopes(site, client):
    """Above 64 KiB on a thread; the tests' listener takes no more than that, so room is made for it."""
    site.ingress.max_body = 4 * 1024 * 1024
    rows = [{"VulnerabilityID": f"CVE-{at}", "Severity": "LOW", "Description": "x" * 500} for at in range(2_000)]
    body = {"SchemaVersion": 2, "ArtifactName": "localhost:15077/prj/app:1", "Results": [{"Vulnerabilities": rows}]}
    status, _ = await post(client, site, json.dumps(body).encode())
    assert status == 202
    ((_, told),) = await journalled(site)
    assert (told.details.total, len(told.details.vulnerabilities)) == (2_000, 1_000)


@pytest.mark.parametrize(
    ("body", "query", "status", "detail", "pointer"),
    [
        (b"{}", {}, 400, "This is no report that is known here, with keys none: post one of trivy, grype,", "#"),
        (b'{"runs":[{"results":3}]}', {}, 400, "At /runs/0/results: Expected", "#/runs/0/results"),
        (b'{"runs":[]}', {}, 400, "The report does not say which image it is about: give `repository`,", "#"),
        (
            b'{"status":"error"}',
            {"repository": "prj/app", "tag": "1"},
            400,
            "Say in the query's `registry` which",
            None,
        ),
        (b'{"status":"error"}', {"reg": "main"}, 400, "Unknown query parameter 'reg'; known: format, registry,", None),
        (b"x" * 70_000, {}, 413, "The body is larger than ingest.max_body", None),
    ],
)
async def test_what_cannot_be_taken_is_refused_with_its_place(site, client, body, query, *, status, detail, pointer):
    told = await post(client, site, body, **query)
    assert told[0] == status
    assert told[1]["detail"].startswith(detail)
    assert [one.get("pointer") for one in told[1].get("errors", [])] == ([] if pointer is None else [pointer])
    assert await journalled(site) == []
    assert [one[:2] for one in site.heard] == [("scans", "refused")]


async def test_what_curl_sends_unless_told_is_refused_with_the_remedy(site, client):
    told = await post(client, site, b'{"status":"error"}', "application/x-www-form-urlencoded")
    assert (told[0], told[1]["detail"]) == (
        415,
        "What is posted must be JSON: send application/json as its Content-Type.",
    )


async def test_only_who_has_a_token_may_tell(site, client):
    assert (await post(client, site, b'{"status":"error"}', headers={}))[0] == 401


@pytest.mark.parametrize(
    "content_type", [HARBOR, "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0"]
)
async def test_harbor_s_own_media_types_are_taken(site, client, content_type):
    (held,) = json.loads((FIXTURES / "harbor.json").read_bytes()).values()
    status, _ = await post(client, site, json.dumps(held).encode(), content_type, registry="main")
    assert status == 202
    ((_, told),) = await journalled(site)
    assert told.details.scanner.version == "v0.67.2"


# --- the API ---------------------------------------------------------------------------------------------------------


@pytest.fixture
async def managed(tmp_path):
    site = Site(tmp_path)
    await site.start()
    yield site
    await site.stop()


def found(name, severity, **more):
    return Vulnerability(id=name, severity=severity, package="p", links=("https://x",), description="long", **more)


async def scanned(site, *told):
    """Have these statements translated."""
    await site.house.intake.take([("main", f"s{at}", one) for at, one in enumerate(told)])
    await site.house.quiet()


SCAN = Scan(
    status=ScanStatus.SUCCESS,
    scanner=Tool(name="Trivy", vendor="Aqua Security", version="0.67.2"),
    ended="2026-11-21T00:00:00Z",
    severities={Severity.HIGH: 1, Severity.LOW: 1},
    total=2,
    fixable=1,
    vulnerabilities=(found("CVE-1", Severity.HIGH, cvss=7.5, fixed_version="2"), found("CVE-2", Severity.LOW)),
)


def statement(details=SCAN, what=EventType.SCAN_COMPLETED, **more):
    return Statement(type=what, repository="prj/app", digest=digest("a"), details=details, **more)


async def test_the_last_scan_of_an_artifact_is_shown_with_what_it_came_to(managed):
    await scanned(managed, statement(time=1_795_000_000_000_000_000))
    (one,) = (await managed.get("/v1/scans"))["scans"]
    event = one.pop("event")
    assert one == {
        "registry": "main",
        "repository": "prj/app",
        "digest": digest("a"),
        "tags": ["v1"],
        "live": True,
        "type": "scan.completed",
        "time": "2026-11-18T11:06:40Z",
        "severity": "High",
        "scores": {"critical": 1, "major": 0, "minor": 1},
        "report": "vulnerability",
        "status": "success",
        "scanner": {"name": "Trivy", "vendor": "Aqua Security", "version": "0.67.2"},
        "ended": "2026-11-21T00:00:00Z",
        "severities": {"High": 1, "Low": 1},
        "total": 2,
        "fixable": 1,
    }
    whole = await managed.get(f"/v1/events/{event}")
    assert whole["event"]["type"] == "scan.completed"


async def test_what_was_found_is_listed_for_who_asks(managed):
    await scanned(managed, statement())
    (one,) = (await managed.get("/v1/scans?vulnerabilities=true"))["scans"]
    assert one["vulnerabilities"] == [
        {"id": "CVE-1", "severity": "High", "cvss": 7.5, "package": "p", "fixedVersion": "2"},
        {"id": "CVE-2", "severity": "Low", "package": "p"},
    ]
    (one,) = (await managed.get("/v1/scans?vulnerabilities=false"))["scans"]
    assert "vulnerabilities" not in one


async def test_scans_can_be_asked_for_by_what_they_are_of(managed):
    failed = Scan(status=ScanStatus.ERROR, error="full")
    sbom = Scan(status=ScanStatus.SUCCESS, report=Report.SBOM, packages=3, sbom_digest=digest("f"))
    await scanned(managed, statement(failed, EventType.SCAN_FAILED), statement(sbom))
    by_tag = (await managed.get("/v1/scans?registry=main&repository=prj/app&tag=v1"))["scans"]
    assert [one["report"] for one in by_tag] == ["sbom", "vulnerability"]
    assert (await managed.get("/v1/scans?tag=v9"))["scans"] == []
    (one,) = (await managed.get("/v1/scans?report=sbom"))["scans"]
    assert (one["packages"], one["sbomDigest"], "severity" in one) == (3, digest("f"), False)
    (one,) = (await managed.get("/v1/scans?type=scan.failed"))["scans"]
    assert (one["status"], one["error"], "severity" in one, "scores" in one) == ("error", "full", False, False)
    page = await managed.get("/v1/scans?limit=1")
    assert [one["report"] for one in page["scans"]] == ["sbom"]
    rest = await managed.get(f"/v1/scans?limit=1&before={page['next']}")
    assert [one["report"] for one in rest["scans"]] == ["vulnerability"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("report=x", "report must be one of vulnerability, sbom, not 'x'"),
        (
            "type=artifact.pushed",
            "type must be one of scan.completed, scan.failed, scan.stopped, not 'artifact.pushed'",
        ),
        ("vulnerabilities=1", "vulnerabilities must be one of true, false, not '1'"),
        ("severity=High", "unknown query parameter 'severity'"),
    ],
)
async def test_a_question_that_cannot_be_meant_is_refused(managed, query, sentence):
    status, told = await managed.ask(f"/v1/scans?{query}")
    assert status == 400
    assert sentence.lower() in told["detail"].lower()


# --- what is loaded --------------------------------------------------------------------------------------------------


def test_no_reader_of_reports_is_loaded_before_the_first_report():
    """They are most of a megabyte, of which few sidecars need any."""
    code = "import sidecar.app, sys; print([one for one in sys.modules if one == 'sidecar.intake.trivy'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
