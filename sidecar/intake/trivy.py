"""Trivy's JSON report, schema version 2 (`trivy image --format json`). Pure.

Only vulnerabilities count; misconfigurations, secrets and licences are in other lists of a report. A report says which
image it was asked for and by which digests that is known, unless it is of something else than an image.
"""

import msgspec

from sidecar.domain.details import ScanStatus, Vulnerability
from sidecar.intake import images
from sidecar.intake.findings import Reported, gathered, moment, scored, severity, tool, vulnerability
from sidecar.intake.posted import decoded

IMAGE = "container_image"


class _Cvss(msgspec.Struct, frozen=True, rename={"v2": "V2Score", "v3": "V3Score", "v4": "V40Score"}):
    """One source's scores; 0 and None are none."""

    v2: float | None = None
    v3: float | None = None
    v4: float | None = None


class _Vulnerability(msgspec.Struct, frozen=True, rename="pascal"):
    vulnerability_id: str | None = msgspec.field(name="VulnerabilityID", default=None)
    pkg_name: str | None = None
    installed_version: str | None = None
    fixed_version: str | None = None
    severity: str | None = None
    severity_source: str | None = None
    primary_url: str | None = msgspec.field(name="PrimaryURL", default=None)
    references: list[str | None] | None = None
    title: str | None = None
    description: str | None = None
    cvss: dict[str, _Cvss | None] | None = msgspec.field(name="CVSS", default=None)


class _Result(msgspec.Struct, frozen=True, rename="pascal"):
    vulnerabilities: list[_Vulnerability] | None = None


class _Metadata(msgspec.Struct, frozen=True, rename="pascal"):
    repo_tags: list[str | None] | None = None
    repo_digests: list[str | None] | None = None


class _Program(msgspec.Struct, frozen=True, rename="pascal"):
    version: str | None = None


class _Report(msgspec.Struct, frozen=True, rename="pascal"):
    artifact_name: str | None = None
    artifact_type: str | None = None
    created_at: str | None = None
    report_id: str | None = msgspec.field(name="ReportID", default=None)
    metadata: _Metadata | None = None
    results: list[_Result | None] | None = None
    trivy: _Program | None = None  # since 0.68


_decoder = msgspec.json.Decoder(_Report)


def read(body: bytes) -> Reported:
    """Raises Misstated with the place of what does not fit."""
    report = decoded(_decoder, body)
    found = [_finding(one) for result in report.results or () if result for one in result.vulnerabilities or ()]
    scan = gathered(
        found,
        status=ScanStatus.SUCCESS,
        report_id=(report.report_id or "")[:500],
        scanner=tool("Trivy", "Aqua Security", report.trivy.version if report.trivy is not None else ""),
        ended=moment(report.created_at),
    )
    if report.artifact_type not in {None, IMAGE}:
        return Reported(scan=scan)
    metadata = report.metadata or _Metadata()
    named = [images.parse(one) for one in (*(metadata.repo_digests or ()), *(metadata.repo_tags or ())) if one]
    return Reported(
        scan=scan,
        asked=images.asked(report.artifact_name or ""),
        images=tuple(one for one in named if one is not None),
    )


def _finding(one: _Vulnerability) -> Vulnerability:
    return vulnerability(
        one.vulnerability_id,
        severity(one.severity),
        cvss=_score(one),
        package=one.pkg_name,
        version=one.installed_version,
        fixed_version=one.fixed_version,
        links=(one.primary_url, *(one.references or ())),
        description=one.description or one.title,
    )


def _score(one: _Vulnerability) -> float | None:
    """The score of the source that the severity is from, else NVD's, else the highest; CVSS 3 before 4 and 2."""
    by_source = {name: given for name, given in (one.cvss or {}).items() if given is not None}
    for source in (one.severity_source or "", "nvd"):
        if source in by_source:
            given = by_source[source]
            found = scored(given.v3) or scored(given.v4) or scored(given.v2)
            if found is not None:
                return found
    for version in ("v3", "v4", "v2"):
        told = [number for given in by_source.values() if (number := scored(getattr(given, version))) is not None]
        if told:
            return max(told)
    return None
