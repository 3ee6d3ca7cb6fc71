"""The end of a scan in our own words: `{"status": "error", "error": "..."}`, and all else that a scan can tell. Pure.

`status` is `success`, `error` or `stopped`, or the word of the event: `completed`, `failed`. The image may be named
here as well as in the query.
"""

from typing import Annotated, Literal

import msgspec

from sidecar.domain.details import (
    MOST_VULNERABILITIES,
    Count,
    Digest,
    LongText,
    Moment,
    Report,
    Scan,
    ScanStatus,
    Scores,
    Severity,
    Text,
    Tool,
    Vulnerability,
    check_moments,
    counted,
)
from sidecar.intake.findings import Reported
from sidecar.intake.images import Image
from sidecar.intake.posted import decoded
from sidecar.intake.shapes import Name, Tag

_STATUSES = {"completed": ScanStatus.SUCCESS, "failed": ScanStatus.ERROR}


class _Outcome(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    status: Literal["success", "completed", "error", "failed", "stopped"]
    registry: Text = ""
    repository: Name | None = None
    tag: Tag | None = None
    digest: Digest = ""
    actor: Text = ""
    error: LongText = ""
    report: Report = Report.VULNERABILITY
    report_id: Text = ""
    scanner: Tool | Text = Tool()
    started: Moment = ""
    ended: Moment = ""
    severities: dict[Severity, Count] = {}
    total: Count | None = None
    fixable: Count | None = None
    scores: Scores | None = None
    vulnerabilities: Annotated[tuple[Vulnerability, ...], msgspec.Meta(max_length=MOST_VULNERABILITIES)] = ()
    packages: Count | None = None
    sbom_digest: Digest = ""

    def __post_init__(self) -> None:
        check_moments(started=self.started, ended=self.ended)


_decoder = msgspec.json.Decoder(_Outcome)


def read(body: bytes) -> Reported:
    """Raises Misstated with the place of what does not fit."""
    given = decoded(_decoder, body)
    scan = Scan(
        status=_STATUSES.get(given.status) or ScanStatus(given.status),
        report=given.report,
        report_id=given.report_id,
        scanner=given.scanner if isinstance(given.scanner, Tool) else Tool(name=given.scanner),
        started=given.started,
        ended=given.ended,
        severities=given.severities,
        total=given.total,
        fixable=given.fixable,
        scores=given.scores,
        vulnerabilities=given.vulnerabilities,
        packages=given.packages,
        sbom_digest=given.sbom_digest,
        error=given.error,
    )
    return Reported(
        scan=counted(scan),
        asked=Image(repository=given.repository or "", tag=given.tag or "", digest=given.digest),
        registry=given.registry,
        actor=given.actor,
    )
