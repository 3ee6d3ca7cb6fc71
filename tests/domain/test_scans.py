"""What follows from a scan: the worst severity, and the classes of CVSS scores as DTR counts them."""

import pytest

from sidecar.domain.details import Report, Scan, Scores, Severity, Vulnerability
from sidecar.domain.scans import finds_vulnerabilities, kept, moment, scores, worst


def found(*rated):
    return tuple(
        Vulnerability(id=f"CVE-{at}", severity=severity, cvss=cvss) for at, (severity, cvss) in enumerate(rated)
    )


@pytest.mark.parametrize(
    ("scan", "severity"),
    [
        (Scan(), Severity.NONE),
        (Scan(severities={Severity.HIGH: 0}), Severity.NONE),
        (Scan(severities={Severity.LOW: 3, Severity.MEDIUM: 1}), Severity.MEDIUM),
        (Scan(severities={Severity.UNKNOWN: 1, Severity.NEGLIGIBLE: 1}), Severity.NEGLIGIBLE),
        (Scan(vulnerabilities=found((Severity.CRITICAL, None))), Severity.CRITICAL),
    ],
)
def test_the_worst_that_was_found(scan, severity):
    assert worst(scan) is severity


@pytest.mark.parametrize(
    ("scan", "counts"),
    [
        (Scan(scores=Scores(critical=5, major=3), severities={Severity.LOW: 9}), (5, 3, 0)),  # as the scanner counted
        # DTR: critical from 7.0 on, major from 4.0 on, minor above 0
        (Scan(vulnerabilities=found((Severity.LOW, 7.0), (Severity.LOW, 6.9), (Severity.LOW, 4.0))), (1, 2, 0)),
        (Scan(vulnerabilities=found((Severity.HIGH, 3.9), (Severity.HIGH, 0.1), (Severity.HIGH, 0.0))), (1, 0, 2)),
        (Scan(vulnerabilities=found(*((one, None) for one in Severity))), (2, 1, 2)),
        # a list that is not whole counts nothing
        (Scan(total=3, severities={Severity.MEDIUM: 3}, vulnerabilities=found((Severity.HIGH, 9.8))), (0, 3, 0)),
        (Scan(severities={Severity.MEDIUM: 3, Severity.UNKNOWN: 2}), (0, 3, 0)),
        (Scan(), (0, 0, 0)),
    ],
)
def test_vulnerabilities_by_score(scan, counts):
    told = scores(scan)
    assert (told.critical, told.major, told.minor) == counts


def test_only_scans_for_vulnerabilities_find_any():
    assert finds_vulnerabilities(Scan())
    assert not finds_vulnerabilities(Scan(report=Report.SBOM))
    assert not finds_vulnerabilities(None)


def test_what_is_kept_has_no_long_texts():
    one = Vulnerability(id="CVE-1", package="p", fixed_version="2", links=("https://x",), description="long")
    assert kept(Scan(vulnerabilities=(one,), total=1)) == Scan(
        vulnerabilities=(Vulnerability(id="CVE-1", package="p", fixed_version="2"),), total=1
    )


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("1970-01-01T00:00:01Z", 1_000_000_000),
        ("", 7),
        ("0001-01-01T00:00:00Z", 7),  # Go's zero
        ("0001-01-01T00:00:00+14:00", 7),
        ("9999-12-31T23:59:59Z", 7),
    ],
)
def test_a_time_of_no_age_of_ours_is_none(text, instant):
    assert moment(text, 7) == instant
