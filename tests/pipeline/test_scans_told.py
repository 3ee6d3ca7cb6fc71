"""From a report that Trivy made to what each vendor's subscribers hear of it: journal, translator, deliveries."""

import json
from pathlib import Path

from test_stated_events import heard, living, simulated

from doubles import subscription
from notifications import digest, envelope, push
from sidecar.domain.delivery import State
from sidecar.domain.listing import DeliveryFilter, ScanFilter
from sidecar.domain.statement import record_id
from sidecar.intake.posted import Posted
from sidecar.intake.scans import read

FIXTURES = Path(__file__).parents[1] / "fixtures" / "scans"
SCANS = ("scan.completed", "scan.failed", "scan.stopped")
KEY = "application/vnd.security.vulnerability.report; version=1.1"


async def post(house, body, **query):
    """Take a report as the intake does."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    registries = {"main": "registry.example.com"}
    (told,) = read(Posted(media_type="application/json", body=raw, query=query, registries=registries))
    await house.intake.take([(told.registry, record_id(told.statement, "", 0), told.statement)])
    await house.quiet()


def of_each_vendor():
    return (
        subscription("harbor", events=SCANS),
        subscription("dtr", format="dtr", events=SCANS[:2]),
        subscription("quay", format="quay", events=SCANS[:1]),
        subscription("ours", format="cloudevents", events=SCANS),
    )


@simulated
async def test_a_report_of_trivy_s_is_told_in_everybody_s_words(tmp_path):
    house = await living(tmp_path, *of_each_vendor())
    await house.intake.accept("main", envelope(push("p", "v1"), push("q", "latest", of="p")))
    await post(house, (FIXTURES / "trivy.json").read_bytes(), registry="main", digest=digest("p"), tag="v1", actor="ci")

    (harbor,) = heard(house, "harbor")
    assert (harbor["type"], harbor["operator"]) == ("SCANNING_COMPLETED", "ci")
    (resource,) = harbor["event_data"]["resources"]
    assert (resource["tag"], resource["digest"]) == ("v1", digest("p"))
    # what Zulip reads of it
    assert resource["scan_overview"][KEY]["summary"]["summary"] == {"Critical": 2, "Low": 1, "Medium": 2}
    assert resource["scan_overview"][KEY]["severity"] == "Critical"

    dtr = heard(house, "dtr")
    assert [(one["type"], one["contents"]["tag"]) for one in dtr] == [
        ("SCAN_COMPLETED", "v1"),
        ("SCAN_COMPLETED", "latest"),
    ]
    counted = dtr[0]["contents"]["scanSummary"]
    assert (counted["critical"], counted["major"], counted["minor"], counted["last_scan_status"]) == (2, 2, 1, 6)
    assert counted["check_completed_at"] == "2026-11-22T08:18:47.434655535Z"

    (quay,) = heard(house, "quay")  # of three vulnerabilities one is High or worse
    assert (quay["tags"], quay["vulnerability"]["id"]) == (["v1", "latest"], "CVE-2026-11111")
    assert (quay["vulnerability"]["priority"], quay["vulnerability"]["has_fix"]) == ("Critical", True)

    (ours,) = heard(house)
    assert ours["type"] == "io.registry-sidecar.scan.completed"
    assert ours["subject"] == "prj/app:v1"
    assert ours["data"]["tags"] == ["v1", "latest"]
    assert ours["data"]["details"]["total"] == 5
    assert [one["package"] for one in ours["data"]["details"]["vulnerabilities"]][:2] == ["libcrypto3", "libssl3"]

    (kept,) = await house.store.scans(ScanFilter())
    assert (kept.row.digest, kept.tags, kept.row.event) == (digest("p"), ("latest", "v1"), ours["id"])
    await house.stop()


@simulated
async def test_a_scan_that_failed_and_one_that_was_stopped(tmp_path):
    """Quay has no word for either, DTR none for the second."""
    house = await living(tmp_path, *of_each_vendor())
    await house.intake.accept("main", envelope(push("p", "v1")))
    where = {"repository": "prj/app", "tag": "v1"}
    await post(house, {"status": "failed", "error": "no space left", **where})
    await post(house, {"status": "stopped", **where})
    assert [one["type"] for one in heard(house, "harbor")] == ["SCANNING_FAILED", "SCANNING_STOPPED"]
    assert [(one["type"], one["contents"]["error"]) for one in heard(house, "dtr")] == [
        ("SCAN_FAILED", "no space left")
    ]
    assert heard(house, "quay") == []
    assert [one["data"]["details"]["status"] for one in heard(house)] == ["error", "stopped"]
    assert all(one["event_data"]["resources"][0]["digest"] == digest("p") for one in heard(house, "harbor"))
    await house.stop()


@simulated
async def test_a_list_of_packages_is_told_to_who_has_words_for_it(tmp_path):
    house = await living(tmp_path, *of_each_vendor())
    await house.intake.accept("main", envelope(push("p", "v1")))
    given = {"registry": "main", "digest": digest("p"), "sbomDigest": digest("sbom")}
    await post(house, (FIXTURES / "trivy.spdx.json").read_bytes(), **given)
    (harbor,) = heard(house, "harbor")
    assert harbor["event_data"]["scan"] == {"scan_type": "sbom"}
    overview = harbor["event_data"]["resources"][0]["sbom_overview"]
    assert (overview["sbom_repository"], overview["sbom_digest"]) == ("prj/app", digest("sbom"))
    assert heard(house, "dtr") == heard(house, "quay") == []
    assert heard(house)[0]["data"]["details"]["packages"] == 4
    await house.stop()


@simulated
async def test_many_vulnerabilities_are_as_many_deliveries_of_their_own_ids(tmp_path):
    house = await living(tmp_path, subscription("quay", format="quay", events=SCANS[:1]))
    rows = [{"VulnerabilityID": f"CVE-{at}", "Severity": "HIGH"} for at in range(1_500)]
    report = {"SchemaVersion": 2, "ArtifactName": "prj/app:v1", "Results": [{"Vulnerabilities": rows}]}
    await post(house, report)
    told = [one["vulnerability"]["id"] for one in heard(house, "quay")]
    assert len(told) == len(set(told)) == 1_000  # the worst that are kept of a report
    done = await house.store.deliveries(DeliveryFilter(states=(State.DELIVERED,), limit=500))
    assert len({one.webhook_id for one in done}) == 500
    await house.stop()
