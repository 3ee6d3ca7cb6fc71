"""Quay's word for scans: vulnerability_found, one message for each vulnerability that is bad enough.

The body is that of Quay 3 when it has indexed a manifest: the manifest's tags, at most a hundred, or its digest where
it has none. A vulnerability in several packages is one, for the body names no package: it has a fix if any has one.
"""

from collections.abc import Iterator
from typing import Any, Final

from sidecar.domain.details import Scan, Severity, Vulnerability
from sidecar.domain.event import Event
from sidecar.domain.scans import finds_vulnerabilities

WORD: Final = "vulnerability_found"
MOST_TAGS: Final = 100

# Quay's levels: the smaller, the worse.
LEVELS: Final = (
    Severity.CRITICAL,
    Severity.HIGH,
    Severity.MEDIUM,
    Severity.LOW,
    Severity.NEGLIGIBLE,
    Severity.UNKNOWN,
)
DEFAULT: Final = Severity.HIGH.value

_INDICES: Final = {text: index for index, one in enumerate(LEVELS) for text in (str(index), one.value)}


def level_of(level: object) -> int | None:
    """The index of a level that is given by name or, as Quay's own API does, by index; None for what is none."""
    return _INDICES.get(str(level))


def named(level: object) -> str:
    """The severity that Quay's sample has for a level: only of an index does it know one."""
    given = str(level)
    return LEVELS[_INDICES[given]].value if given.isdigit() and given in _INDICES else Severity.UNKNOWN.value


def fits(event: Event) -> bool:
    """Whether Quay would have something to say of it."""
    return finds_vulnerabilities(event.details) and bool(event.tags or event.artifact.digest)


def found(event: Event, level: int | str) -> Iterator[dict[str, Any]]:
    """What each message says beyond where it was found, the worst vulnerability first."""
    scan = event.details
    assert isinstance(scan, Scan)  # else the word does not fit
    most = level_of(level)
    assert most is not None  # else the options are refused
    tags = list(event.tags[:MOST_TAGS]) or [event.artifact.digest]
    for one, fixable in _distinct(scan):
        priority = Severity.UNKNOWN if one.severity is Severity.NONE else one.severity
        if LEVELS.index(priority) > most:
            continue
        yield {
            "tags": tags,
            "vulnerable_index_report_created": "true",  # Quay has it as a string
            "vulnerability": {
                "id": one.id,
                "description": one.description,
                "link": " ".join(one.links),
                "priority": priority.value,
                "has_fix": fixable,
            },
        }


def _distinct(scan: Scan) -> list[tuple[Vulnerability, bool]]:
    """Every vulnerability once, as bad as it is at its worst, and whether any package of it has a fix; worst first."""
    found: dict[str, tuple[Vulnerability, bool]] = {}
    for one in scan.vulnerabilities:
        before, fixable = found.get(one.id, (one, False))
        worse = one if _rank(one) < _rank(before) else before
        found[one.id] = (worse, fixable or bool(one.fixed_version))
    return sorted(found.values(), key=lambda pair: (_rank(pair[0]), pair[0].id))


def _rank(one: Vulnerability) -> int:
    return LEVELS.index(one.severity) if one.severity in LEVELS else len(LEVELS)
