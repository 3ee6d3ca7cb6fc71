"""Scans told to people: what was found, by severity, and the worst of it by name."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from sidecar.dialects.story import (
    MESSAGE,
    Fact,
    Span,
    Style,
    Teller,
    Text,
    Told,
    Tone,
    address,
    by,
    code,
    count,
    name,
    place,
    plain,
    short,
    shown,
)
from sidecar.domain.details import Report, Scan, Scanner, Severity, Tool, Vulnerability
from sidecar.domain.event import Event, EventType
from sidecar.domain.scans import RANKS, worst

_NAMED: Final = 3  # vulnerabilities that are named
_PAGE: Final = 300  # characters of an address within a line
_WORST_FIRST: Final = tuple(sorted((one for one in Severity if one is not Severity.NONE), key=RANKS.__getitem__))[::-1]


def _completed(event: Event) -> Told:
    scan = _scan(event)
    if scan.report is Report.SBOM:
        listed = "" if scan.packages is None else f": {count(scan.packages, 'package')}"
        sentence = (Span("The packages of "), place(event), Span(f" were listed{listed}"))
        kept = (Fact("Kept as", (code(short(scan.sbom_digest)),)),) if scan.sbom_digest else ()
        return sentence, (*_scanner(scan.scanner), *kept), (), Tone.NEWS
    counts = _counts(scan)
    bad = worst(scan)
    tone = (
        Tone.BAD
        if bad is Severity.CRITICAL
        else Tone.WARNING
        if bad in {Severity.HIGH, Severity.MEDIUM} or (bad is Severity.NONE and scan.total)
        else Tone.GOOD
    )
    facts: list[Fact] = []
    if scan.fixable is not None and counts != _NOTHING:
        facts.append(Fact("Fixable", plain(f"{scan.fixable:,}")))
    facts += _worst(scan)
    return (place(event), Span(f" was scanned: {counts}")), (*facts, *_scanner(scan.scanner)), (), tone


_NOTHING: Final = "no vulnerabilities"


def _counts(scan: Scan) -> str:
    """`1 critical, 2 high`, the worst first; the total where nobody counted by severity."""
    parts = [f"{scan.severities[one]:,} {one.value.lower()}" for one in _WORST_FIRST if scan.severities.get(one)]
    if parts:
        return ", ".join(parts)
    total = len(scan.vulnerabilities) if scan.total is None else scan.total
    return count(total, "vulnerability", "vulnerabilities") if total else _NOTHING


def _worst(scan: Scan) -> Sequence[Fact]:
    """The worst vulnerabilities, each once, with a page about it where the report names one."""
    unlike: dict[str, Vulnerability] = {}
    for one in sorted(scan.vulnerabilities, key=lambda one: -RANKS[one.severity]):
        unlike.setdefault(one.id, one)
    spans: list[Span] = []
    for one in list(unlike.values())[:_NAMED]:
        page = next(filter(None, (address(link, _PAGE) for link in one.links)), "")
        said = Span(shown(one.id), Style.NAME, page) if page else name(one.id)
        spans += [*((Span(", "),) if spans else ()), said, *_where(one)]
    if not spans:
        return ()
    return (Fact("Worst", tuple(spans)),)


def _where(one: Vulnerability) -> Text:
    if not one.package:
        return plain(f" ({one.severity.value.lower()})")
    fixed = (Span(", fixed in "), name(one.fixed_version)) if one.fixed_version else ()
    package = name(" ".join(filter(None, (one.package, one.version))))
    return (Span(f" ({one.severity.value.lower()}, in "), package, *fixed, Span(")"))


def _failed(event: Event) -> Told:
    scan = _scan(event)
    why = (Fact("Error", (code(scan.error, MESSAGE),)),) if scan.error else ()
    return (Span("The scan of "), place(event), Span(" failed")), (*why, *_scanner(scan.scanner)), (), Tone.BAD


def _stopped(event: Event) -> Told:
    scan = _scan(event)
    sentence = (Span("The scan of "), place(event), Span(" was stopped"), *by(event))
    return sentence, _scanner(scan.scanner), (), Tone.WARNING


def _updated(event: Event) -> Told:
    told = event.details if isinstance(event.details, Scanner) else Scanner()
    facts = []
    if told.version:
        facts.append(Fact("Version", (code(told.version),)))
    if told.db_version:
        facts.append(Fact("Database", plain(f"{told.db_version:,}")))
    if told.db_updated:
        facts.append(Fact("Database of", (name(told.db_updated),)))
    if told.replicas:
        facts.append(Fact("Scanners", plain(f"{len(told.replicas):,}")))
    if told.success:
        return plain("The scanner was updated"), facts, (), Tone.NEWS
    return plain("The update of the scanner failed"), facts, (), Tone.BAD


def _scanner(tool: Tool) -> Sequence[Fact]:
    said = " ".join(filter(None, (tool.name, tool.version)))
    return (Fact("Scanner", (name(said),)),) if said else ()


def _scan(event: Event) -> Scan:
    return event.details if isinstance(event.details, Scan) else Scan()


TELLERS: Final[Mapping[EventType, Teller]] = MappingProxyType(
    {
        EventType.SCAN_COMPLETED: _completed,
        EventType.SCAN_FAILED: _failed,
        EventType.SCAN_STOPPED: _stopped,
        EventType.SCANNER_UPDATED: _updated,
    }
)
