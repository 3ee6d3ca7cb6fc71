"""SARIF 2.1.0: which results count, how bad they are, and what a run says of itself."""

import json

import pytest

from sidecar.domain.details import ScanStatus, Severity
from sidecar.intake.sarif import read


def run(*results, rules=(), **more):
    return {"tool": {"driver": {"name": "x", "rules": list(rules)}}, "results": list(results), **more}


def scan(*runs):
    return read(json.dumps({"version": "2.1.0", "runs": list(runs)}).encode()).scan


def severity_of(result, rule=None):
    (one,) = scan(run({"ruleId": "r", **result}, rules=[{"id": "r", **(rule or {})}])).vulnerabilities
    return one.severity, one.cvss


@pytest.mark.parametrize(
    ("result", "rule", "found"),
    [
        ({"level": "error"}, {}, (Severity.HIGH, None)),
        ({"level": "warning"}, {}, (Severity.MEDIUM, None)),
        ({"level": "note"}, {}, (Severity.LOW, None)),
        ({"level": "none"}, {}, (Severity.UNKNOWN, None)),
        # 3.27.10: without a level it is the rule's default, and without that a warning
        ({}, {"defaultConfiguration": {"level": "error"}}, (Severity.HIGH, None)),
        ({}, {}, (Severity.MEDIUM, None)),
        # GitHub reads a CVSS score in a text
        ({"level": "error"}, {"properties": {"security-severity": "9.1"}}, (Severity.CRITICAL, 9.1)),
        ({}, {"properties": {"security-severity": 5}}, (Severity.MEDIUM, 5.0)),
        ({"properties": {"security-severity": "2.0"}}, {}, (Severity.LOW, 2.0)),
        ({"level": "note"}, {"properties": {"security-severity": "n/a"}}, (Severity.LOW, None)),
        ({"level": "note"}, {"properties": {"security-severity": "NaN"}}, (Severity.LOW, None)),
        ({"level": "note"}, {"properties": {"security-severity": True}}, (Severity.LOW, 1.0)),
        # Trivy has its own severity among the tags, Bandit among the properties
        (
            {"level": "error"},
            {"properties": {"tags": ["vulnerability", "CRITICAL"], "security-severity": "7.5"}},
            (Severity.CRITICAL, 7.5),
        ),
        ({"level": "note", "properties": {"issue_severity": "HIGH"}}, {}, (Severity.HIGH, None)),
    ],
)
def test_how_bad_it_is(result, rule, found):
    assert severity_of(result, rule) == found


@pytest.mark.parametrize(
    "more",
    [
        {"kind": "pass"},
        {"kind": "informational"},
        {"kind": "notApplicable"},
        {"kind": "open"},
        {"suppressions": [{"kind": "inSource"}]},
        {"baselineState": "absent"},
    ],
)
def test_what_is_no_finding_does_not_count(more):
    assert scan(run({"ruleId": "a", **more}, {"ruleId": "b"})).total == 1


@pytest.mark.parametrize("more", [{"kind": "fail"}, {"kind": "review"}, {"suppressions": []}, {"baselineState": "new"}])
def test_all_else_does(more):
    assert scan(run({"ruleId": "a", **more})).total == 1


@pytest.mark.parametrize(
    "result",
    [
        {"ruleId": "r/fine", "ruleIndex": 1},  # 3.27.5: a finer kind of the rule
        {"ruleIndex": 1},
        {"rule": {"index": 1}},
        {"rule": {"id": "r"}},
    ],
)
def test_a_result_finds_its_rule_by_name_or_place(result):
    rules = [{"id": "other"}, {"id": "r", "helpUri": "https://r", "fullDescription": {"text": "What it is."}}]
    (one,) = scan(run(result, rules=rules)).vulnerabilities
    assert (one.id, one.links, one.description) == (result.get("ruleId", "r"), ("https://r",), "What it is.")


@pytest.mark.parametrize("index", [-1, 7])
def test_a_place_that_is_none_is_no_rule(index):
    (one,) = scan(run({"ruleIndex": index, "message": {"text": "odd"}}, rules=[{"id": "r"}])).vulnerabilities
    assert (one.id, one.description) == ("unknown", "odd")


def test_rules_of_an_extension_are_rules():
    given = run({"ruleId": "e", "level": "note"})
    given["tool"]["extensions"] = [{"name": "y", "rules": [{"id": "e", "properties": {"security-severity": "9"}}]}]
    assert scan(given).vulnerabilities[0].severity is Severity.CRITICAL


def test_two_findings_of_a_rule_in_one_file_are_two():
    def at(line):
        where = {"artifactLocation": {"uri": "app.py"}, "region": {"startLine": line}}
        return {"ruleId": "r", "locations": [{"physicalLocation": where}]}

    assert [one.package for one in scan(run(at(3), at(7), at(7))).vulnerabilities] == ["app.py:3", "app.py:7"]


def test_runs_are_one_scan_by_the_first_tool():
    found = scan(run({"ruleId": "a"}), {"tool": {"driver": {"name": "y"}}, "results": [{"ruleId": "b"}]})
    assert (found.total, found.scanner.name) == (2, "x")
    assert scan({"results": None}).total == 0


def test_a_run_that_says_it_failed_is_a_scan_that_failed():
    notes = [{"message": {"text": "out of memory"}}, {"message": None}, {"message": {"text": "gave up"}}]
    times = {"startTimeUtc": "2026-11-21T00:00:00Z", "endTimeUtc": "2026-11-21T00:00:09Z"}
    failed = {"executionSuccessful": False, "toolExecutionNotifications": notes, **times}
    found = scan(run(invocations=[failed]))
    assert (found.status, found.error) == (ScanStatus.ERROR, "out of memory; gave up")
    assert (found.started, found.ended) == ("2026-11-21T00:00:00Z", "2026-11-21T00:00:09Z")
    plain = scan(run(invocations=[{"executionSuccessful": False, "exitCodeDescription": "killed"}]))
    assert plain.error == "killed"
    assert scan(run(invocations=[{"executionSuccessful": False}])).error == "the analysis failed"
    assert scan(run(invocations=[{"executionSuccessful": True}])).status is ScanStatus.SUCCESS
