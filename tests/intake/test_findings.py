"""What was found is counted as Harbor counts it, and kept within bounds."""

import pytest

from sidecar.domain.details import Scores, Severity
from sidecar.intake.findings import by_score, cut, gathered, moment, scored, severity, vulnerability


@pytest.mark.parametrize(
    ("word", "known"),
    [
        ("CRITICAL", Severity.CRITICAL),  # Trivy
        ("Negligible", Severity.NEGLIGIBLE),  # Grype
        ("important", Severity.HIGH),  # Red Hat
        ("moderate", Severity.MEDIUM),
        ("MODERATE", Severity.MEDIUM),  # GitHub
        (" low ", Severity.LOW),
        ("UNKNOWN", Severity.UNKNOWN),
        ("None", Severity.UNKNOWN),  # is said of a whole scan only
        ("", Severity.UNKNOWN),
        (None, Severity.UNKNOWN),
        ("severe", Severity.UNKNOWN),
    ],
)
def test_scanners_spell_severities_differently(word, known):
    assert severity(word) is known


@pytest.mark.parametrize(
    ("score", "known"),
    [
        # FIRST, CVSS v3.1 specification, section 5: qualitative severity rating scale
        (10.0, Severity.CRITICAL),
        (9.0, Severity.CRITICAL),
        (8.9, Severity.HIGH),
        (7.0, Severity.HIGH),
        (6.9, Severity.MEDIUM),
        (4.0, Severity.MEDIUM),
        (3.9, Severity.LOW),
        (0.1, Severity.LOW),
        (0.0, Severity.UNKNOWN),
    ],
)
def test_a_score_has_a_severity(score, known):
    assert by_score(score) is known


@pytest.mark.parametrize(
    ("given", "known"), [(9.8, 9.8), (10, 10.0), (0, None), (-1, None), (10.1, None), (None, None)]
)
def test_a_score_is_above_0_and_up_to_10(given, known):
    assert scored(given) == known


def test_a_vulnerability_of_the_same_version_of_a_package_is_one():
    """However many files it is in; another version of the package is another one."""
    found = [
        vulnerability("CVE-1", Severity.HIGH, package="lodash", version="4.17.20"),
        vulnerability("CVE-1", Severity.HIGH, package="lodash", version="4.17.20", fixed_version="4.17.21"),
        vulnerability("CVE-1", Severity.HIGH, package="lodash", version="4.17.19", fixed_version="4.17.21"),
    ]
    scan = gathered(found)
    assert (scan.total, scan.fixable, scan.severities) == (2, 1, {Severity.HIGH: 2})


def test_the_worst_comes_first_and_a_higher_score_before_a_lower():
    found = [
        vulnerability("CVE-4", Severity.LOW),
        vulnerability("CVE-3", Severity.HIGH),
        vulnerability("CVE-2", Severity.HIGH, cvss=8.8),
        vulnerability("CVE-1", Severity.CRITICAL),
    ]
    assert [one.id for one in gathered(found).vulnerabilities] == ["CVE-1", "CVE-2", "CVE-3", "CVE-4"]
    assert gathered(found).scores == Scores(critical=3, minor=1)


def test_nothing_found_is_a_count_of_nothing():
    scan = gathered([])
    assert (scan.total, scan.fixable, scan.severities, scan.scores) == (0, 0, {}, Scores())


def test_texts_are_cut_where_anybody_sees_it():
    one = vulnerability(
        "C" * 300,
        Severity.LOW,
        package="p" * 600,
        description="d" * 2_000,
        links=["a", None, "a", "", "x" * 501, "b", "c", "d", "e", "f"],
    )
    assert (len(one.id), len(one.package), len(one.description)) == (200, 500, 1_000)
    assert all(text.endswith("\u2026") for text in (one.id, one.package, one.description))
    assert one.links == ("a", "b", "c", "d", "e")
    assert cut("x" * 500) == "x" * 500
    assert vulnerability(None, Severity.LOW).id == "unknown"


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("2026-11-22T08:18:44.735309086Z", "2026-11-22T08:18:44.735309086Z"),
        ("2026-11-22T08:11:38+00:00", "2026-11-22T08:11:38+00:00"),
        ("0001-01-01T00:00:00Z", ""),  # the zero of Go's times: nobody told
        ("9999-01-01T00:00:00Z", ""),
        ("yesterday", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_time_that_is_none_is_left_out(text, known):
    assert moment(text) == known
