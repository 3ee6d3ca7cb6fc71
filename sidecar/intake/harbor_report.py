"""Harbor's own report, as its scanners answer and its API shows it. Pure.

`application/vnd.security.vulnerability.report; version=1.1` of the pluggable scanner API 1.1, and the older
`application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0` of the same shape. Harbor's API wraps a report in
an object with that media type as its key: `GET .../artifacts/{reference}/additions/vulnerabilities`.
"""

import msgspec

from sidecar.domain.details import ScanStatus, Vulnerability
from sidecar.intake.findings import Reported, gathered, moment, scored, severity, tool, vulnerability
from sidecar.intake.images import Image, parse
from sidecar.intake.posted import REPORTS, decoded


class _Cvss(msgspec.Struct, frozen=True):
    score_v3: float | None = None
    score_v2: float | None = None


class _Vulnerability(msgspec.Struct, frozen=True):
    id: str | None = None
    package: str | None = None
    version: str | None = None
    fix_version: str | None = None
    severity: str | None = None
    description: str | None = None
    links: list[str | None] | None = None
    preferred_cvss: _Cvss | None = None


class _Artifact(msgspec.Struct, frozen=True):
    repository: str | None = None
    digest: str | None = None
    tag: str | None = None


class _Scanner(msgspec.Struct, frozen=True):
    name: str | None = None
    vendor: str | None = None
    version: str | None = None


class _Report(msgspec.Struct, frozen=True):
    generated_at: str | None = None
    artifact: _Artifact | None = None
    scanner: _Scanner | None = None
    vulnerabilities: list[_Vulnerability] | None = None


_decoder = msgspec.json.Decoder(_Report)
_wrapped = msgspec.json.Decoder(dict[str, msgspec.Raw])


def wraps(keys: frozenset[str]) -> str:
    """The key that a report is wrapped in, "" where there is none."""
    return next((key for key in sorted(keys) if key.partition(";")[0].strip() in REPORTS), "")


def read(body: bytes) -> Reported:
    """Raises Misstated with the place of what does not fit."""
    held: bytes | msgspec.Raw = body
    at = ""
    outer = decoded(_wrapped, body)
    key = wraps(frozenset(outer))
    if key:
        held, at = outer[key], f"/{key.replace('/', '~1')}"  # RFC 6901
    report = decoded(_decoder, held, at)
    scanner = report.scanner or _Scanner()
    scan = gathered(
        [_finding(one) for one in report.vulnerabilities or ()],
        status=ScanStatus.SUCCESS,
        scanner=tool(scanner.name, scanner.vendor, scanner.version),
        ended=moment(report.generated_at),
    )
    return Reported(scan=scan, asked=_image(report.artifact))


def _image(artifact: _Artifact | None) -> Image | None:
    """The artifact as an image's name: Harbor's own repository has no host."""
    if artifact is None or not artifact.repository:
        return None
    name = artifact.repository
    if artifact.tag:
        name += f":{artifact.tag}"
    if artifact.digest:
        name += f"@{artifact.digest}"
    return parse(name)


def _finding(one: _Vulnerability) -> Vulnerability:
    cvss = one.preferred_cvss or _Cvss()
    return vulnerability(
        one.id,
        severity(one.severity),
        cvss=scored(cvss.score_v3) or scored(cvss.score_v2),
        package=one.package,
        version=one.version,
        fixed_version=one.fix_version,
        links=one.links or (),
        description=one.description,
    )
