"""What follows from a scan: the worst that was found, how much of it by score, and what is kept of it. Pure."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import msgspec

from sidecar.domain import instant
from sidecar.domain.details import Report, Scan, Scores, Severity, Vulnerability
from sidecar.domain.event import EventType

ScanKey = tuple[str, str, str, str]  # registry, repository, digest, what the scan was to find out

RANKS: Mapping[Severity, int] = MappingProxyType({one: rank for rank, one in enumerate(Severity)})  # mildest first

# The classes of CVSS that a severity without a score stands for, by the qualitative scale of CVSS 3.1. What a
# distribution calls negligible is still a finding; of what nobody rated nothing can be said.
_CRITICAL, _MAJOR, _MINOR = range(3)
_CLASSES: Mapping[Severity, int] = MappingProxyType(
    {
        Severity.CRITICAL: _CRITICAL,
        Severity.HIGH: _CRITICAL,
        Severity.MEDIUM: _MAJOR,
        Severity.LOW: _MINOR,
        Severity.NEGLIGIBLE: _MINOR,
    }
)


class ScanRow(msgspec.Struct, frozen=True, kw_only=True):
    """The last scan of an artifact, one for each kind of report. `event` is the id of the event that told of it.

    `scan` lists what was found without descriptions and links: the event has those, for as long as it is kept.
    """

    registry: str
    repository: str
    digest: str
    scan: Scan
    type: EventType
    event: str
    time: int
    number: int

    @property
    def key(self) -> ScanKey:
        return (self.registry, self.repository, self.digest, self.scan.report.value)


def worst(scan: Scan) -> Severity:
    """The worst severity of which anything was found, NONE where nothing was."""
    found = {one for one, count in scan.severities.items() if count} | {one.severity for one in scan.vulnerabilities}
    return max(found, key=RANKS.__getitem__, default=Severity.NONE)


def score(found: Iterable[Vulnerability]) -> Scores:
    """Vulnerabilities by the classes of their CVSS score, or of their severity where they have none."""
    counts = [0, 0, 0]
    for one in found:
        if one.cvss:
            counts[_CRITICAL if one.cvss >= 7 else _MAJOR if one.cvss >= 4 else _MINOR] += 1
        elif one.severity in _CLASSES:
            counts[_CLASSES[one.severity]] += 1
    return Scores(critical=counts[0], major=counts[1], minor=counts[2])


def scores(scan: Scan) -> Scores:
    """A scan's vulnerabilities by score: as they were counted, else from its list where whole, else by severity."""
    if scan.scores is not None:
        return scan.scores
    total = sum(scan.severities.values()) if scan.total is None else scan.total
    if len(scan.vulnerabilities) >= total:
        return score(scan.vulnerabilities)
    counts = [0, 0, 0]
    for one, count in scan.severities.items():
        if one in _CLASSES:
            counts[_CLASSES[one]] += count
    return Scores(critical=counts[0], major=counts[1], minor=counts[2])


def moment(text: str, otherwise: int) -> int:
    """The instant of a text; `otherwise` for none, and for what is no time of our age, as the zero of Go's times."""
    told = instant.parse_rfc3339(text) if text else 0
    return told if 0 < told < 2**63 else otherwise


def kept(scan: Scan) -> Scan:
    """A scan without the texts that make it long."""
    found = tuple(msgspec.structs.replace(one, links=(), description="") for one in scan.vulnerabilities)
    return msgspec.structs.replace(scan, vulnerabilities=found)


def finds_vulnerabilities(scan: object) -> bool:
    """Whether details are those of a scan for vulnerabilities, and not of a list of packages."""
    return isinstance(scan, Scan) and scan.report is Report.VULNERABILITY
