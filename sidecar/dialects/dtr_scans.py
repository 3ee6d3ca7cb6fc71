"""DTR's words for scans: SCAN_COMPLETED and SCAN_FAILED, one message for each tag of what was scanned.

`scanSummary` is the OldScanSummary of the API: in snake case, with `reponame`, which DTR sends and its receivers read,
where the manual has `repository`. Vulnerabilities are counted by CVSS score: critical from 7.0 on, major from 4.0 on,
minor above 0.
"""

from typing import Any, Final

from sidecar.domain import instant
from sidecar.domain.details import Scan
from sidecar.domain.event import Event, EventType
from sidecar.domain.scans import finds_vulnerabilities, moment, scores

SCANNED: Final = 6  # last_scan_status: the image has been fully security scanned


def fits(event: Event) -> bool:
    """DTR scans tags, and for vulnerabilities alone."""
    return bool(event.tags) and finds_vulnerabilities(event.details)


WORDS: Final = (
    ("SCAN_COMPLETED", frozenset({EventType.SCAN_COMPLETED}), fits),
    ("SCAN_FAILED", frozenset({EventType.SCAN_FAILED}), fits),
)
NAMES: Final = frozenset(name for name, _, _ in WORDS)


def contents(event: Event, tag: str, host: str) -> dict[str, Any]:
    """The `contents` for one tag; `host` is the registry's as it stands in image names."""
    scan = event.details
    assert isinstance(scan, Scan)  # else the word does not fit
    place = event.repository
    told = {
        "namespace": place.namespace,
        "repository": place.name,
        "tag": tag,
        "imageName": f"{host}/{place.path}:{tag}",
    }
    if event.type is EventType.SCAN_FAILED:
        return told | {"error": scan.error}
    counted = scores(scan)
    return told | {
        "scanSummary": {
            "namespace": place.namespace,
            "reponame": place.name,
            "tag": tag,
            "critical": counted.critical,
            "major": counted.major,
            "minor": counted.minor,
            "last_scan_status": SCANNED,
            "check_completed_at": instant.rfc3339(moment(scan.ended, event.time)),
            "should_rescan": False,
            "has_foreign_layers": False,
        }
    }
