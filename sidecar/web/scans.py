"""GET /v1/scans: the last scan of each artifact, for vulnerabilities and for its list of packages."""

from typing import Any

import msgspec
from aiohttp import web

from sidecar.domain.details import Report
from sidecar.domain.event import EventType
from sidecar.domain.instant import rfc3339
from sidecar.domain.listing import ScanFilter, ScannedRow
from sidecar.domain.scans import scores, worst
from sidecar.pipeline.operations import Operations
from sidecar.web.calls import join
from sidecar.web.exchange import BadArgument, answer, before_of, checked_query, instant_of, limit_of, next_of

_TYPES = (EventType.SCAN_COMPLETED, EventType.SCAN_FAILED, EventType.SCAN_STOPPED)


def add_scans(app: web.Application, operations: Operations) -> None:
    """Serve it. With `vulnerabilities=true` each scan lists what it found, as far as that was kept."""

    async def get_scans(request: web.Request) -> web.Response:
        query = checked_query(request)
        whole = _one_of(query, "vulnerabilities", ("true", "false")) == "true"
        where = ScanFilter(
            registry=query.get("registry", ""),
            repository=query.get("repository", ""),
            digest=query.get("digest", ""),
            tag=query.get("tag", ""),
            report=_one_of(query, "report", tuple(Report)),
            type=_one_of(query, "type", _TYPES),
            since=instant_of(query.get("since", "")),
            before=before_of(query),
            limit=limit_of(query),
        )
        found = await operations.scans(where)
        return answer({"scans": [shown(one, whole=whole) for one in found], "next": next_of(found, where.limit, "id")})

    join(app, {"listScans": get_scans})


def _one_of(query: dict[str, str], name: str, known: tuple[str, ...]) -> str:
    text = query.get(name, "")
    if text and text not in known:
        raise BadArgument(f"{name} must be one of {', '.join(known)}, not {text[:50]!r}", name)
    return text


def shown(one: ScannedRow, *, whole: bool) -> dict[str, Any]:
    """A scan as JSON: where it belongs, then what it came to. What nobody told is left out."""
    row = one.row
    told = msgspec.to_builtins(row.scan)
    for key in ("about", "scores") if whole else ("about", "scores", "vulnerabilities"):
        told.pop(key, None)
    found: dict[str, Any] = {}
    if row.type is EventType.SCAN_COMPLETED and row.scan.report is Report.VULNERABILITY:
        counted = scores(row.scan)
        by_score = {"critical": counted.critical, "major": counted.major, "minor": counted.minor}
        found = {"severity": worst(row.scan).value, "scores": by_score}
    return {
        "registry": row.registry,
        "repository": row.repository,
        "digest": row.digest,
        "tags": list(one.tags),
        "live": one.live,
        "type": row.type.value,
        "time": rfc3339(row.time),
        "event": row.event,
        **found,
        "report": row.scan.report.value,
        **told,
    }
