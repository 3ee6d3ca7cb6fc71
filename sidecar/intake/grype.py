"""Grype's JSON report (`grype --output json`), as versions from 0.30 on write it. Pure.

Ignored matches are in a list of their own and do not count. Where a distribution gave no score, that of the related
entry of the national database is taken.
"""

from typing import Any

import msgspec

from sidecar.domain.details import ScanStatus, Vulnerability
from sidecar.intake import images
from sidecar.intake.findings import Reported, gathered, moment, scored, severity, tool, vulnerability
from sidecar.intake.posted import decoded


class _Metrics(msgspec.Struct, frozen=True, rename="camel"):
    base_score: float | None = None


class _Cvss(msgspec.Struct, frozen=True):
    version: str | None = None
    metrics: _Metrics | None = None


class _Fix(msgspec.Struct, frozen=True):
    versions: list[str | None] | None = None


class _Related(msgspec.Struct, frozen=True, rename="camel"):
    id: str | None = None
    data_source: str | None = None
    urls: list[str | None] | None = None
    description: str | None = None
    cvss: list[_Cvss] | None = None


class _Vulnerability(_Related, frozen=True, rename="camel"):
    severity: str | None = None
    fix: _Fix | None = None


class _Package(msgspec.Struct, frozen=True):
    name: str | None = None
    version: str | None = None


class _Match(msgspec.Struct, frozen=True, rename="camel"):
    vulnerability: _Vulnerability
    related_vulnerabilities: list[_Related] | None = None
    artifact: _Package | None = None


class _Source(msgspec.Struct, frozen=True):
    type: str | None = None
    target: Any = None  # of an image an object, of a directory its path


class _Descriptor(msgspec.Struct, frozen=True):
    version: str | None = None
    timestamp: str | None = None


class _Report(msgspec.Struct, frozen=True):
    matches: list[_Match] | None = None
    source: _Source | None = None
    descriptor: _Descriptor | None = None


class _Target(msgspec.Struct, frozen=True, rename="camel"):
    user_input: str | None = None
    repo_digests: list[str | None] | None = None
    tags: list[str | None] | None = None


_decoder = msgspec.json.Decoder(_Report)


def read(body: bytes) -> Reported:
    """Raises Misstated with the place of what does not fit."""
    report = decoded(_decoder, body)
    descriptor = report.descriptor or _Descriptor()
    scan = gathered(
        [_finding(one) for one in report.matches or ()],
        status=ScanStatus.SUCCESS,
        scanner=tool("Grype", "Anchore", descriptor.version),
        ended=moment(descriptor.timestamp),
    )
    source = report.source or _Source()
    if source.type != "image" or not isinstance(source.target, dict):
        return Reported(scan=scan)
    try:
        target = msgspec.convert(source.target, _Target)
    except msgspec.ValidationError:  # what the image is called can be said otherwise
        return Reported(scan=scan)
    named = [images.parse(one) for one in (*(target.repo_digests or ()), *(target.tags or ())) if one]
    return Reported(
        scan=scan,
        asked=images.asked(target.user_input or ""),
        images=tuple(one for one in named if one is not None),
    )


def _finding(match: _Match) -> Vulnerability:
    one, related = match.vulnerability, match.related_vulnerabilities or []
    package = match.artifact or _Package()
    fixes = one.fix.versions if one.fix is not None and one.fix.versions else []
    return vulnerability(
        one.id,
        severity(one.severity),
        cvss=next((found for each in (one, *related) if (found := _score(each.cvss or [])) is not None), None),
        package=package.name,
        version=package.version,
        fixed_version=", ".join(version for version in fixes if version),
        links=(one.data_source, *(one.urls or ())),
        description=one.description or next((each.description for each in related if each.description), ""),
    )


def _score(given: list[_Cvss]) -> float | None:
    """The base score of CVSS 3, else of 4, else of 2."""
    for version in ("3", "4", "2"):
        for one in given:
            if (one.version or "").startswith(version) and one.metrics is not None:
                found = scored(one.metrics.base_score)
                if found is not None:
                    return found
    return None
