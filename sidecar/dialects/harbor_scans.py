"""Harbor's words for scans: SCANNING_COMPLETED, SCANNING_FAILED, SCANNING_STOPPED, as the `event_data` of v2.15.2.

Fields stand in the order of Harbor's structs; `omitempty` of Go is UNSET here. There is one resource, with the tag that
was scanned, else the newest that points to the artifact, and without `tag` where there is none. A scan for packages has
its overview in keys of Go's sorted map; Harbor has only two of them for one that did not succeed.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from sidecar.domain import instant
from sidecar.domain.details import Report, Scan, Severity
from sidecar.domain.event import Event, EventType, stable_uuid
from sidecar.domain.scans import moment, worst

COMPLETED = "SCANNING_COMPLETED"
FAILED = "SCANNING_FAILED"
STOPPED = "SCANNING_STOPPED"

TYPES: Mapping[str, frozenset[EventType]] = MappingProxyType(
    {
        COMPLETED: frozenset({EventType.SCAN_COMPLETED}),
        FAILED: frozenset({EventType.SCAN_FAILED}),
        STOPPED: frozenset({EventType.SCAN_STOPPED}),
    }
)
CLOUD_TYPES: Mapping[str, str] = MappingProxyType(
    {COMPLETED: "harbor.scan.completed", FAILED: "harbor.scan.failed", STOPPED: "harbor.scan.stopped"}
)
LEGACY_TYPES: Mapping[str, str] = MappingProxyType({COMPLETED: "scanningCompleted", FAILED: "scanningFailed"})
REPORT_TYPE = "application/vnd.security.vulnerability.report; version=1.1"  # the key that receivers read

_STATUS = {
    EventType.SCAN_COMPLETED: "Success",
    EventType.SCAN_FAILED: "Error",
    EventType.SCAN_STOPPED: "Stopped",
}


class _Scanner(msgspec.Struct, frozen=True):
    name: str
    vendor: str
    version: str


class _Summary(msgspec.Struct, frozen=True):
    total: int
    fixable: int
    summary: dict[str, int]


class _Overview(msgspec.Struct, frozen=True, kw_only=True):
    report_id: str
    scan_status: str
    severity: str
    duration: int  # seconds
    summary: _Summary | None
    start_time: str
    end_time: str
    scanner: _Scanner | UnsetType
    complete_percent: int


class _Resource(msgspec.Struct, frozen=True, kw_only=True):
    digest: str | UnsetType
    tag: str | UnsetType
    resource_url: str
    scan_overview: dict[str, _Overview] | UnsetType
    sbom_overview: dict[str, Any] | UnsetType


class _Repository(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    namespace: str
    repo_full_name: str
    repo_type: str


class _Type(msgspec.Struct, frozen=True):
    scan_type: str


class _Data(msgspec.Struct, frozen=True, kw_only=True):
    resources: tuple[_Resource]
    repository: _Repository  # without date_created, which Harbor leaves out here
    scan: _Type


def event_data(event: Event) -> msgspec.Struct:
    """The `event_data` of any of these words."""
    scan = event.details if isinstance(event.details, Scan) else Scan()
    place, digest, tag = event.repository, event.artifact.digest, event.tag
    packages = scan.report is Report.SBOM
    return _Data(
        resources=(
            _Resource(
                digest=digest or UNSET,
                tag=tag or UNSET,
                resource_url=f"{event.registry.hostname}/{place.path}" + (f":{tag}" if tag else f"@{digest}"),
                scan_overview=UNSET if packages else {REPORT_TYPE: _vulnerabilities(event, scan)},
                sbom_overview=_packages(event, scan) if packages else UNSET,
            ),
        ),
        repository=_Repository(
            name=place.name,
            namespace=place.namespace,
            repo_full_name=place.path,
            repo_type="public" if place.public else "private",
        ),
        scan=_Type(scan.report.value),
    )


def _vulnerabilities(event: Event, scan: Scan) -> _Overview:
    begun, ended = _times(event, scan)
    success = event.type is EventType.SCAN_COMPLETED
    return _Overview(
        report_id=_report(event, scan),
        scan_status=_STATUS[event.type],
        severity=_severity(scan) if success else "",
        duration=ended // instant.SECOND - begun // instant.SECOND,
        summary=_summary(scan) if success else None,
        start_time=instant.rfc3339(begun),
        end_time=instant.rfc3339(ended),
        scanner=_scanner(scan) if success else UNSET,
        complete_percent=100 if success else 0,
    )


def _summary(scan: Scan) -> _Summary:
    counts = {one.value: count for one, count in scan.severities.items() if count}
    return _Summary(
        total=sum(counts.values()) if scan.total is None else scan.total,
        fixable=scan.fixable or 0,
        summary=dict(sorted(counts.items())),
    )


def _severity(scan: Scan) -> str:
    """The worst, None when clean; Unknown where something was found and nobody told how bad it is."""
    found = worst(scan)
    return (Severity.UNKNOWN if found is Severity.NONE and scan.total else found).value


def _packages(event: Event, scan: Scan) -> dict[str, Any]:
    head = {"report_id": _report(event, scan), "scan_status": _STATUS[event.type]}
    if event.type is not EventType.SCAN_COMPLETED:
        return head
    begun, ended = _times(event, scan)
    told = head | {
        "start_time": instant.rfc3339(begun),
        "end_time": instant.rfc3339(ended),
        "duration": (ended - begun) // instant.SECOND,
        "sbom_repository": event.repository.path,
        "sbom_digest": scan.sbom_digest,
        "scanner": _scanner(scan),
    }
    return dict(sorted(told.items()))


def _scanner(scan: Scan) -> _Scanner:
    return _Scanner(scan.scanner.name, scan.scanner.vendor, scan.scanner.version)


def _report(event: Event, scan: Scan) -> str:
    """The report's id; of one that has none, an id that is always the same for the event."""
    return scan.report_id or stable_uuid(event.id, "report")


def _times(event: Event, scan: Scan) -> tuple[int, int]:
    """When the scan began and ended: what was not told is the other, and both are the event's time at worst."""
    ended = moment(scan.ended, event.time)
    begun = moment(scan.started, ended)
    return min(begun, ended), ended


def is_of_images(event: Event) -> bool:
    """Whether Harbor 1.x would have told of it: its scanner looked for vulnerabilities alone."""
    return not isinstance(event.details, Scan) or event.details.report is Report.VULNERABILITY
