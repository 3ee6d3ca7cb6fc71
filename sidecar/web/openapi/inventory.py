"""What the native API answers about subscriptions, pulls, quarantine and walks; for the document, as `answers`."""

from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from sidecar.domain.details import Report, ScanStatus, Scores, Severity, Tool, Vulnerability
from sidecar.domain.event import EventType, Kind
from sidecar.domain.made import Api
from sidecar.domain.record import QuarantineReason
from sidecar.domain.walk import Cause, WalkState
from sidecar.web.openapi.answers import ShownRequest
from sidecar.web.openapi.fields import (
    REASONS,
    Breaker,
    Count,
    Digest,
    Hold,
    Instant,
    Milliseconds,
    Next,
    Source,
    Status,
    one_of,
    said,
)


class Lane(Struct, rename="camel"):
    """A subscription with its queue."""

    name: Annotated[str, said("of its queue: what deliveries and metrics call it")]
    source: Source
    key: Annotated[str, said("what its own API calls it")]
    namespace: Annotated[str, said('what it is bounded to; "" = nothing')]
    repository: Annotated[str, said('what it is bounded to; "" = nothing')]
    trouble: Annotated[str, said('why it cannot be used; "" = it can')]
    format: str
    destination: Annotated[str, said('scheme and host; "" = its subscription is gone')]
    enabled: bool
    events: list[str]
    hold: Hold
    orphaned: Annotated[bool, said("whether its subscription is gone while deliveries are owed")]
    paused_until: Instant | None
    breaker: Breaker
    next_probe: Instant | None
    limit: Annotated[Count, said("attempts that may be under way just now")]
    in_flight: Count
    pending: Count
    dead: Count
    waiting: Annotated[Count, said("events that wait in groups, to be told together")]
    last_success: Instant | None
    failures: Annotated[Count, said("in a row")]


class Subscriptions(Struct):
    subscriptions: list[Lane]


Asked = Annotated[
    dict[str, Any],
    Meta(
        description="as it was asked for, its secrets masked as <secret>; can be sent back",
        extra_json_schema={"required": ["name", "namespace", "repository", "enabled", "format", "url"]},
    ),
]


class MadeSubscription(Struct):
    """A subscription that was made through an API."""

    name: Annotated[str, said("what its API calls it")]
    source: Annotated[str, one_of(*(one.value for one in Api))]
    id: Annotated[int, said("never used again")]
    uuid: str
    revision: Annotated[int, Meta(description="counts its changes", extra_json_schema={"minimum": 1})]
    creator: str
    created: Instant
    updated: Instant
    trouble: Annotated[str, said('why it cannot be used; "" = it can')]
    subscription: Asked
    targets: Annotated[list[Asked], said("each of its destinations; the first is `subscription`")]
    lanes: Annotated[list[Lane], said("the queues of its destinations")]


class HeldState(Struct, rename="camel"):
    """A subscription after it was paused or resumed."""

    name: str
    hold: Hold
    orphaned: bool
    paused_until: Instant | None
    pending: Count


class Tried(Struct, rename="camel"):
    """What came of a test."""

    subscription: str
    event: EventType
    delivered: bool
    reason: Annotated[str, one_of(*REASONS)]
    status: Status
    detail: str
    took_ms: Milliseconds
    answer: str
    request: ShownRequest


# --- the rest --------------------------------------------------------------------------------------------------------


class PullsByTag(Struct, rename="camel"):
    tag: Annotated[str, said('"" = by digest')]
    pulls: Count
    last_pulled: Instant


class Pulls(Struct, rename="camel"):
    """How often an artifact was pulled, and when last."""

    registry: str
    repository: str
    digest: Digest
    kind: Kind
    live: Annotated[bool, said("false once it is known to be deleted")]
    pulls: Count
    last_pulled: Instant
    by_tag: list[PullsByTag]


class PullPage(Struct):
    pulls: list[Pulls]
    next: Next


class LastScan(Struct, rename="camel"):
    """The last scan of one kind of an artifact. What nobody told is left out."""

    registry: str
    repository: str
    digest: Digest
    tags: list[str]
    live: Annotated[bool, said("false once the artifact is known to be deleted")]
    type: Annotated[str, one_of("scan.completed", "scan.failed", "scan.stopped")]
    time: Instant
    event: Annotated[str, said("the event's id")]
    report: Report
    severity: Annotated[Severity | UnsetType, said("the worst that was found")] = UNSET
    scores: Annotated[Scores | UnsetType, said("how many were found, by their CVSS scores")] = UNSET
    status: ScanStatus | UnsetType = UNSET
    report_id: str | UnsetType = UNSET
    scanner: Tool | UnsetType = UNSET
    started: Instant | UnsetType = UNSET
    ended: Instant | UnsetType = UNSET
    severities: Annotated[dict[str, Count] | UnsetType, said("how many were found of each severity")] = UNSET
    total: Count | UnsetType = UNSET
    fixable: Count | UnsetType = UNSET
    vulnerabilities: Annotated[list[Vulnerability] | UnsetType, said("for who asks for them")] = UNSET
    packages: Annotated[Count | UnsetType, said("how many a list of packages has")] = UNSET
    sbom_digest: Digest | UnsetType = UNSET
    error: str | UnsetType = UNSET


class ScanPage(Struct):
    scans: list[LastScan]
    next: Next


class UsageOfNamespace(Struct, rename="camel"):
    """What a namespace under a quota holds."""

    registry: str
    namespace: str
    bytes: Count
    limit: Annotated[Count, said("bytes")]
    percent: Annotated[Count, said("of the limit, rounded down")]
    warn_at: Annotated[list[int], said("percentages at which a warning is due")]
    counting: Annotated[bool, said("whether it is still being counted")]
    unknown: Annotated[Count, said("manifests of which nobody told what they hold")]


class Usage(Struct):
    usage: list[UsageOfNamespace]


class ExpiringTag(Struct, rename="camel"):
    """A tag that ends."""

    registry: str
    repository: str
    tag: str
    digest: Digest
    pushed: Instant
    expires: Instant
    set: Annotated[bool, said("whether somebody set this end; else it follows from the configuration")]
    told: Annotated[list[str], said("the subscriptions that were told of it")]


class ExpiringPage(Struct):
    tags: list[ExpiringTag]
    next: Next


class ExpirySet(Struct):
    """The end that a tag is to have: it has it when the journal has been read up to there."""

    registry: str
    repository: str
    tag: str
    expires: Annotated[Instant | None, said("null = none")]


class Quarantined(Struct, rename="camel"):
    """What was taken and could not be read or translated."""

    id: int
    at: Instant
    registry: str
    reason: QuarantineReason
    detail: str
    content_type: str
    record: str
    size: Count


class QuarantinePage(Struct):
    items: list[Quarantined]
    next: Next


class QuarantinedWithBody(Quarantined):
    """A quarantined item with its bytes."""

    body: str
    base64: Annotated[bool, said("whether the body is given as base64, since it is no text")]


class TakenAgain(Struct):
    """What became of a quarantined item that was taken again."""

    outcome: Annotated[str, one_of("accepted", "duplicate", "quarantined")]
    detail: str


class AllTakenAgain(Struct):
    """What became of quarantined items that were taken again, the oldest first and at most 1000."""

    tried: Count
    accepted: Count
    duplicate: Count
    quarantined: Annotated[Count, said("stay in quarantine")]


class Walk(Struct, rename="camel"):
    """A look at everything that a registry holds."""

    id: Annotated[int, said("0 = it has not begun")]
    state: WalkState
    cause: Cause
    silent: Annotated[bool, said("whether it announces nothing")]
    due: Instant | None
    started: Instant | None
    ended: Instant | None
    repositories: Count
    repositories_done: Count
    listed: Annotated[bool, said("whether the list of repositories is whole")]
    seen: Annotated[Count, said("tags at the registry")]
    known: Annotated[Count, said("tags that were known before")]
    changes: Annotated[Count, said("that it would announce")]
    deletions: Annotated[Count, said("among the changes")]
    why: Annotated[str, said('why it is held; "" = it is not')]


class RegistryWalks(Struct):
    """The walks of one registry."""

    registry: str
    current: Walk | None
    held: Annotated[Walk | None, said("found too much: an operator decides")]
    last: Walk | None


class Walks(Struct):
    walks: list[RegistryWalks]
