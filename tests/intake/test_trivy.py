"""Trivy's scores, and reports of what is no image."""

import json

import pytest

from sidecar.intake.trivy import read


def report(*found, **more):
    whole = {"SchemaVersion": 2, "ArtifactName": "prj/app:1", "Results": [{"Vulnerabilities": list(found)}], **more}
    return read(json.dumps(whole).encode())


def cvss(source, **by_source):
    one = {"VulnerabilityID": "CVE-1", "SeveritySource": source, "CVSS": by_source}
    return report(one).scan.vulnerabilities[0].cvss


@pytest.mark.parametrize(
    ("source", "given", "score"),
    [
        ("ghsa", {"nvd": {"V3Score": 9.8}, "ghsa": {"V3Score": 7.5}}, 7.5),  # that of the severity
        ("alpine", {"nvd": {"V3Score": 9.8}, "redhat": {"V3Score": 8.1}}, 9.8),
        ("alpine", {"redhat": {"V3Score": 8.1}, "ghsa": {"V3Score": 8.2}}, 8.2),
        ("", {"nvd": {"V2Score": 5.0, "V3Score": 0}}, 5.0),
        ("", {"nvd": {"V2Score": 10.0, "V40Score": 6.3}}, 6.3),
        ("", {"nvd": {"V2Score": 10.0}, "ghsa": {"V3Score": 6.1}}, 10.0),  # the national database speaks for itself
        ("", {"ghsa": {"V3Vector": "CVSS:3.1/..."}, "bitnami": None}, None),
        ("", {}, None),
    ],
)
def test_the_score_is_that_of_the_source_of_the_severity(source, given, score):
    assert cvss(source, **given) == score


def test_without_a_description_the_title_stands_for_it():
    assert report({"VulnerabilityID": "CVE-1", "Title": "odd"}).scan.vulnerabilities[0].description == "odd"


def test_go_writes_nothing_as_null():
    whole = {"SchemaVersion": 2, "ArtifactName": "", "Metadata": {"RepoTags": None, "RepoDigests": None}}
    for results in (None, [{"Target": "x", "Vulnerabilities": None}], []):
        assert read(json.dumps({**whole, "Results": results}).encode()).scan.total == 0


def test_a_report_of_a_folder_names_no_image():
    """`trivy fs app` would otherwise be one of a repository `app`."""
    told = report(ArtifactName="app", ArtifactType="filesystem")
    assert (told.asked, told.images) == (None, ())


def test_newer_versions_tell_their_own_and_the_report_s_id():
    told = report(Trivy={"Version": "0.70.0"}, ReportID="0191b3c4-0000-7000-8000-000000000000")
    assert (told.scan.scanner.version, told.scan.report_id) == ("0.70.0", "0191b3c4-0000-7000-8000-000000000000")


def test_misconfigurations_and_secrets_are_no_vulnerabilities():
    results = [{"Misconfigurations": [{"ID": "DS002"}], "Secrets": [{"RuleID": "x"}]}]
    assert report(Results=results).scan.total == 0
