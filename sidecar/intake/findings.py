"""What scanners found, whatever their format: counted, the worst of it kept, its texts within bounds."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from sidecar.domain import instant
from sidecar.domain.details import MOST_VULNERABILITIES, Scan, Severity, Tool, Vulnerability
from sidecar.domain.scans import RANKS, score
from sidecar.intake.images import Image

LONGEST_TEXT = 500
LONGEST_DESCRIPTION = 1_000
MOST_LINKS = 5
NAMELESS = "unknown"

# Spellings of scanners and of their sources, in lower case.
_SEVERITIES = {
    "critical": Severity.CRITICAL,
    "high": Severity.HIGH,
    "important": Severity.HIGH,
    "medium": Severity.MEDIUM,
    "moderate": Severity.MEDIUM,
    "low": Severity.LOW,
    "minor": Severity.LOW,
    "negligible": Severity.NEGLIGIBLE,
    "unimportant": Severity.NEGLIGIBLE,
}


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """A report, read: the scan, and the images that it says it is about.

    `asked` is what the scanner was told to look at; `images` are other names of the same content, best first.
    `registry` and `actor` are known only of our own form.
    """

    scan: Scan
    asked: Image | None = None
    images: tuple[Image, ...] = ()
    registry: str = ""
    actor: str = ""


def severity(text: str | None) -> Severity:
    """A severity as scanners spell it; UNKNOWN for what is none."""
    return _SEVERITIES.get((text or "").strip().lower(), Severity.UNKNOWN)


def by_score(score: float) -> Severity:
    """The severity of a CVSS score, by the qualitative scale of CVSS 3.1 and 4.0; 0 is UNKNOWN: nobody scored it."""
    if score >= 9:
        return Severity.CRITICAL
    if score >= 7:
        return Severity.HIGH
    if score >= 4:
        return Severity.MEDIUM
    return Severity.LOW if score > 0 else Severity.UNKNOWN


def scored(number: float | None) -> float | None:
    """A CVSS score, None for 0 (not scored) and for what is none."""
    return float(number) if number is not None and 0 < number <= 10 else None


def cut(text: str | None, longest: int = LONGEST_TEXT) -> str:
    """A text of at most so many characters; that something is missing is shown at its end."""
    text = text or ""
    return text if len(text) <= longest else f"{text[: longest - 1]}\u2026"


def moment(text: str | None) -> str:
    """An RFC 3339 time as it was told, "" for anything else: a report is not refused for its clock."""
    try:
        time = instant.parse_rfc3339(text or "")
    except ValueError:
        return ""
    return text or "" if 0 < time < 2**63 and len(text or "") <= 64 else ""


def tool(name: str | None, vendor: str | None = "", version: str | None = "") -> Tool:
    return Tool(name=cut(name), vendor=cut(vendor), version=cut(version))


def vulnerability(
    name: str | None,
    rank: Severity,
    *,
    cvss: float | None = None,
    package: str | None = "",
    version: str | None = "",
    fixed_version: str | None = "",
    links: Iterable[str | None] = (),
    description: str | None = "",
) -> Vulnerability:
    """One finding with its texts cut."""
    distinct = dict.fromkeys(one for one in links if one and len(one) <= LONGEST_TEXT)
    return Vulnerability(
        id=cut(name, 200) or NAMELESS,
        severity=rank,
        cvss=cvss,
        package=cut(package),
        version=cut(version),
        fixed_version=cut(fixed_version),
        links=tuple(distinct)[:MOST_LINKS],
        description=cut(description, LONGEST_DESCRIPTION),
    )


def gathered(found: Sequence[Vulnerability], **known: Any) -> Scan:
    """A scan of these findings, `known` being its other fields.

    As Harbor counts: the same vulnerability in the same version of a package is one, however many files it is in.
    """
    distinct: dict[tuple[str, str, str], Vulnerability] = {}
    for one in found:
        distinct.setdefault((one.id, one.package, one.version), one)
    rows = sorted(distinct.values(), key=lambda one: (-RANKS[one.severity], -(one.cvss or 0), one.id, one.package))
    counts = {one: count for one in Severity if (count := sum(row.severity is one for row in rows))}
    return Scan(
        severities=counts,
        total=len(rows),
        fixable=sum(bool(one.fixed_version) for one in rows),
        scores=score(rows),
        vulnerabilities=tuple(rows[:MOST_VULNERABILITIES]),
        **known,
    )
