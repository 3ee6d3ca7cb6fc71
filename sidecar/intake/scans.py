"""Reports of scanners, of whichever tool and format, as statements about one image. Pure.

What a report is shows in its own keys; where it does not, the Content-Type tells. `format` in the query wins over both.
Which image it is about stands in the report, or in the query, which wins: `registry`, `repository`, `tag`, `digest`.
`actor` says who had it scanned, `sbomDigest` where a list of packages is kept.
"""

import enum
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import msgspec

from sidecar.domain.details import Scan, ScanStatus
from sidecar.domain.errors import Misstated
from sidecar.domain.event import EventType
from sidecar.domain.scans import moment
from sidecar.domain.statement import Statement, Told
from sidecar.intake import about, cyclonedx, grype, harbor_report, outcome, sarif, spdx, trivy
from sidecar.intake.findings import Reported
from sidecar.intake.posted import REPORTS, Posted, decoded


class Format(enum.StrEnum):
    """A kind of report, as `format` names it."""

    TRIVY = "trivy"
    GRYPE = "grype"
    SARIF = "sarif"
    HARBOR = "harbor"
    CYCLONEDX = "cyclonedx"
    SPDX = "spdx"
    OUTCOME = "outcome"


_READERS: Mapping[Format, Callable[[bytes], Reported]] = MappingProxyType(
    {
        Format.TRIVY: trivy.read,
        Format.GRYPE: grype.read,
        Format.SARIF: sarif.read,
        Format.HARBOR: harbor_report.read,
        Format.CYCLONEDX: cyclonedx.read,
        Format.SPDX: spdx.read,
        Format.OUTCOME: outcome.read,
    }
)
_TYPES = {
    "application/sarif+json": Format.SARIF,
    "application/vnd.cyclonedx+json": Format.CYCLONEDX,
    "application/spdx+json": Format.SPDX,
    **dict.fromkeys(REPORTS, Format.HARBOR),
}
_EVENTS = {
    ScanStatus.SUCCESS: EventType.SCAN_COMPLETED,
    ScanStatus.ERROR: EventType.SCAN_FAILED,
    ScanStatus.STOPPED: EventType.SCAN_STOPPED,
}
_keys = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BOM = b"\xef\xbb\xbf"  # Windows PowerShell writes it before what it redirects into a file


def read(posted: Posted) -> Sequence[Told]:
    """The one scan of a report. Raises Misstated."""
    query = about.query(posted)
    body = posted.body.removeprefix(_BOM)
    try:
        reported = _READERS[_format(query.format, body, posted.media_type)](body)
    except RecursionError:
        raise Misstated("The body is nested too deeply: no report is.") from None
    registry, image = about.chosen(query, reported, posted.registries)
    scan = reported.scan
    if query.sbom_digest:
        scan = msgspec.structs.replace(scan, sbom_digest=query.sbom_digest)
    statement = Statement(
        type=_EVENTS[scan.status or ScanStatus.SUCCESS],
        time=_time(scan),
        repository=image.repository,
        tags=(image.tag,) if image.tag else (),
        digest=image.digest,
        actor=query.actor or reported.actor,
        details=scan,
    )
    return (Told(statement=statement, registry=registry),)


def _time(scan: Scan) -> int:
    """When the scan ended, or at least began; 0 = nobody told."""
    return moment(scan.ended, moment(scan.started, 0))


def _format(asked: str, body: bytes, media_type: str) -> Format:
    """What kind of report this is. Raises Misstated where nothing tells."""
    if asked:
        try:
            return Format(asked)
        except ValueError:
            raise Misstated(f"No format is named {asked[:50]!r}; known: {', '.join(Format)}.", None) from None
    top = decoded(_keys, body)
    keys = frozenset(top)
    found = recognised(keys) or _TYPES.get(media_type)
    if found is None:
        names = ", ".join(sorted(keys)[:5])
        raise Misstated(
            f"This is no report that is known here, with keys {names[:200] or 'none'}: post one of "
            f"{', '.join(Format)}, and say which in the query, as ?format={Format.TRIVY}."
        )
    return found


def recognised(keys: frozenset[str]) -> Format | None:
    """The format of a report with these keys, None where they do not tell."""
    if "bomFormat" in keys:
        return Format.CYCLONEDX
    if "spdxVersion" in keys:
        return Format.SPDX
    if "runs" in keys:
        return Format.SARIF
    if "matches" in keys and keys & {"descriptor", "source"}:
        return Format.GRYPE
    if "SchemaVersion" in keys and keys & {"ArtifactName", "Results", "Trivy"}:
        return Format.TRIVY
    if harbor_report.wraps(keys) or ("vulnerabilities" in keys and keys & {"generated_at", "artifact"}):
        return Format.HARBOR
    if "status" in keys:
        return Format.OUTCOME
    return None
