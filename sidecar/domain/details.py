"""Details: what an event has to tell beyond where it happened and to which artifact. Plain values.

One struct for each family of events, tagged by `about`, and at the same time the shape in which such details are
taken in and told in our own words: camelCase, what is not known is left out. Instants are RFC 3339 texts, so that
every digit that was given is told again; lists and texts are bounded, because an event is kept whole.
"""

import enum
from typing import Annotated, Any

import msgspec

from sidecar.domain import instant

Text = Annotated[str, msgspec.Meta(max_length=500)]
LongText = Annotated[str, msgspec.Meta(max_length=4_000)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
Epoch = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)] | float  # seconds
Moment = Annotated[str, msgspec.Meta(max_length=64, extra_json_schema={"format": "date-time"})]
Digest = Annotated[str, msgspec.Meta(max_length=200, pattern=r"^([a-z0-9]+([+._-][a-z0-9]+)*:[0-9A-Za-z=_-]+)?(?!\n)$")]

MOST_VULNERABILITIES = 1_000
MOST_ITEMS = 1_000


def check_moments(**moments: str) -> None:
    """Raise ValueError with a sentence for the first that is given and is no RFC 3339 time."""
    for name, text in moments.items():
        if text:
            try:
                instant.parse_rfc3339(text)
            except ValueError:
                raise ValueError(f"`{name}` must be an RFC 3339 time such as 2026-11-22T08:00:00Z") from None


class _Value(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel", forbid_unknown_fields=True):
    """A part of details."""


class _Details(_Value, frozen=True, tag_field="about"):
    """What one family of events tells; its tag may be left out where the event's type says which it is."""


class Severity(enum.StrEnum):
    """How bad a vulnerability is, mildest first. NONE is only said of a whole scan that found nothing."""

    NONE = "None"
    UNKNOWN = "Unknown"
    NEGLIGIBLE = "Negligible"
    LOW = "Low"
    MEDIUM = "Medium"
    HIGH = "High"
    CRITICAL = "Critical"


class Tool(_Value, frozen=True, kw_only=True):
    """The program that scanned."""

    name: Text = ""
    vendor: Text = ""
    version: Text = ""


class Vulnerability(_Value, frozen=True, kw_only=True):
    """One vulnerability of one package. `id` is its name (a CVE or an advisory); `fixed_version` "" = no fix known."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    severity: Severity = Severity.UNKNOWN
    cvss: Annotated[float, msgspec.Meta(ge=0, le=10)] | None = None
    package: Text = ""
    version: Text = ""
    fixed_version: Text = ""
    links: Annotated[tuple[Text, ...], msgspec.Meta(max_length=100)] = ()
    description: LongText = ""


class ScanStatus(enum.StrEnum):
    """How a scan ended."""

    SUCCESS = "success"
    ERROR = "error"
    STOPPED = "stopped"


class Report(enum.StrEnum):
    """What a scan was to find out."""

    VULNERABILITY = "vulnerability"
    SBOM = "sbom"


class Scores(_Value, frozen=True, kw_only=True):
    """How many vulnerabilities have a CVSS score of 7.0 and above, of 4.0 and above, and above 0."""

    critical: Count = 0
    major: Count = 0
    minor: Count = 0


class Scan(_Details, frozen=True, kw_only=True, tag="scan"):
    """A scan of one artifact. `severities` counts all that was found; `vulnerabilities` may be the worst of them only.

    `total`, `fixable` and `scores` are None where only the scanner knows. Of a list of packages, `packages` says how
    many, and `sbom_digest` where it is kept.
    """

    status: ScanStatus | None = None  # None: the event's type says it
    report: Report = Report.VULNERABILITY
    report_id: Text = ""
    scanner: Tool = Tool()
    started: Moment = ""
    ended: Moment = ""
    severities: dict[Severity, Count] = {}
    total: Count | None = None
    fixable: Count | None = None
    scores: Scores | None = None
    vulnerabilities: Annotated[tuple[Vulnerability, ...], msgspec.Meta(max_length=MOST_VULNERABILITIES)] = ()
    packages: Count | None = None
    sbom_digest: Digest = ""
    error: LongText = ""

    def __post_init__(self) -> None:
        check_moments(started=self.started, ended=self.ended)


def counted(scan: Scan) -> Scan:
    """A scan whose counts, where nobody gave them, are those of the vulnerabilities that it lists."""
    found = scan.vulnerabilities
    if not found or scan.report is not Report.VULNERABILITY:
        return scan
    severities = scan.severities
    if not severities:
        severities = {one: count for one in Severity if (count := sum(v.severity is one for v in found))}
    fixable = sum(bool(one.fixed_version) for one in found) if scan.fixable is None else scan.fixable
    total = sum(severities.values()) if scan.total is None else scan.total
    return msgspec.structs.replace(scan, severities=severities, total=total, fixable=fixable)


class Replica(_Value, frozen=True, kw_only=True):
    """One of several scanners that keep their databases apart."""

    id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    version: Text = ""
    db_updated: Moment = ""

    def __post_init__(self) -> None:
        check_moments(dbUpdated=self.db_updated)


class Scanner(_Details, frozen=True, kw_only=True, tag="scanner"):
    """An update of the scanner or of its database. `db_version` counts up."""

    version: Text = ""
    updated: Moment = ""
    db_version: Count = 0
    db_updated: Moment = ""
    success: bool = True
    replicas: Annotated[tuple[Replica, ...], msgspec.Meta(max_length=100)] = ()

    def __post_init__(self) -> None:
        check_moments(updated=self.updated, dbUpdated=self.db_updated)


class Quota(_Details, frozen=True, kw_only=True, tag="quota"):
    """What a namespace holds and may hold, bytes. `percent` is `used` of `limit`, rounded down.

    `threshold` is the percentage that was passed; `asked` the part of `used` that was added last, 0 where nothing was.
    """

    namespace: Text = ""
    used: Count
    limit: Annotated[int, msgspec.Meta(ge=1, le=2**63 - 1)]
    percent: Count = 0
    threshold: Count = 100
    asked: Count = 0


class ExpiringTag(_Value, frozen=True, kw_only=True):
    """A tag and when it ends."""

    tag: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    expires: Moment = ""
    digest: Digest = ""

    def __post_init__(self) -> None:
        check_moments(expires=self.expires)


class Expiry(_Details, frozen=True, kw_only=True, tag="expiry"):
    """Tags of one repository that end within `days`."""

    tags: Annotated[tuple[ExpiringTag, ...], msgspec.Meta(max_length=MOST_ITEMS)] = ()
    days: Count = 0


class Person(_Value, frozen=True, kw_only=True):
    """Who wrote a commit, as the source code's host knows them."""

    username: Text = ""
    url: Text = ""
    avatar_url: Text = ""


class Commit(_Value, frozen=True, kw_only=True):
    """What a build was made from. `ref` is whole, as `refs/heads/main`; `date` is as the host of the code writes it,
    text or seconds.
    """

    commit: Text = ""
    ref: Text = ""
    default_branch: Text = ""
    git_url: Text = ""
    url: Text = ""
    message: LongText = ""
    date: Text | Epoch = ""
    author: Person | None = None
    committer: Person | None = None


class Build(_Details, frozen=True, kw_only=True, tag="build"):
    """A build of an image of the event's repository. `tags` are what it is to be pushed as. None = nobody told."""

    id: Text | None = None
    name: Text | None = None
    tags: Annotated[tuple[Text, ...], msgspec.Meta(max_length=MOST_ITEMS)] | None = None
    manual: bool | None = None
    manual_user: Text | None = None
    trigger_id: Text | None = None
    trigger_kind: Text | None = None  # as `github`, `gitlab`, `custom-git`
    trigger_manual: bool | None = None
    source: Commit | None = None
    image_id: Text | None = None
    manifest_digests: Annotated[tuple[Text, ...], msgspec.Meta(max_length=MOST_ITEMS)] | None = None
    error: LongText | None = None
    url: Text | None = None  # the build's own page


class Direction(enum.StrEnum):
    """Which way a mirror copies: PUSH from here, PULL to here."""

    PUSH = "push"
    PULL = "pull"


class Endpoint(_Value, frozen=True, kw_only=True):
    """The registry at the other end. `url` with scheme; `type` as `harbor` or `docker-registry`."""

    url: Text = ""
    name: Text = ""
    type: Text = ""
    provider: Text = ""
    namespace: Text = ""


class MirroredArtifact(_Value, frozen=True, kw_only=True):
    """What was copied, or could not be: a whole repository name and its tags or digests."""

    repository: Text
    references: Annotated[tuple[Text, ...], msgspec.Meta(max_length=MOST_ITEMS)] = ()
    type: Text = "image"
    error: LongText = ""


class Mirror(_Details, frozen=True, kw_only=True, tag="mirror"):
    """A copy between the event's repository (or namespace) and another registry.

    `remote_repository` is named as it is pulled, with its host; `remote_tag` where one tag was copied.
    `local_namespace` is where things land here, of a pull into another namespace than the event's.
    """

    direction: Direction = Direction.PULL
    remote_repository: Text = ""
    remote_tag: Text = ""
    remote: Endpoint = Endpoint()
    local_namespace: Text = ""
    policy: Text = ""  # its id
    policy_creator: Text = ""
    description: LongText = ""
    tag_patterns: Annotated[tuple[Text, ...], msgspec.Meta(max_length=MOST_ITEMS)] = ()
    artifact_type: Text = "image"
    authentication: Text = ""
    override: bool = False
    trigger: Text = ""  # as MANUAL, SCHEDULED, EVENT_BASED
    started: Moment = ""
    execution: Count = 0
    task: Count = 0
    copied: Annotated[tuple[MirroredArtifact, ...], msgspec.Meta(max_length=MOST_ITEMS)] = ()
    failed: Annotated[tuple[MirroredArtifact, ...], msgspec.Meta(max_length=MOST_ITEMS)] = ()
    error: LongText = ""

    def __post_init__(self) -> None:
        check_moments(started=self.started)


class Promotion(_Details, frozen=True, kw_only=True, tag="promotion"):
    """A copy within the registry, from the event's repository and tag to these."""

    target_repository: Annotated[str, msgspec.Meta(min_length=1, max_length=300)]
    target_tag: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    policy: Text = ""  # its id, or a word for a promotion by hand


class Selector(_Value, frozen=True, kw_only=True):
    """A filter of a retention rule, in Harbor's terms."""

    kind: Text = "doublestar"
    decoration: Text = "matches"
    pattern: Text = "**"
    extras: Text = ""


class RetentionRule(_Value, frozen=True, kw_only=True):
    """What a retention keeps, in Harbor's terms: `latestPushedK` with `{"latestPushedK": 10}`."""

    template: Text
    params: dict[str, Any] = {}
    tag_selectors: Annotated[tuple[Selector, ...], msgspec.Meta(max_length=100)] = ()
    scope_selectors: dict[str, tuple[Selector, ...]] = {}


class RemovedArtifact(_Value, frozen=True, kw_only=True):
    """What a retention removed: a tag, or what had none by its digest. `references` are other names of it."""

    repository: Text
    tag: Text = ""
    digest: Digest = ""
    type: Text = "image"
    status: Text = "SUCCESS"
    references: Annotated[tuple[Text, ...], msgspec.Meta(max_length=MOST_ITEMS)] = ()


class Retention(_Details, frozen=True, kw_only=True, tag="retention"):
    """A retention's run over a namespace: of `total` artifacts `retained` stayed."""

    policy: Count = 0
    total: Count = 0
    retained: Count = 0
    result: Text = "SUCCESS"
    rules: Annotated[tuple[RetentionRule, ...], msgspec.Meta(max_length=100)] = ()
    deleted: Annotated[tuple[RemovedArtifact, ...], msgspec.Meta(max_length=MOST_ITEMS)] = ()


class Visibility(enum.StrEnum):
    """Who may pull."""

    PUBLIC = "public"
    PRIVATE = "private"


class RepositoryUpdate(_Details, frozen=True, kw_only=True, tag="repository"):
    """What a repository's settings are now. `changed` names those that were changed; None = not told."""

    changed: Annotated[tuple[Text, ...], msgspec.Meta(max_length=100)] = ()
    visibility: Visibility | None = None
    short_description: LongText | None = None
    long_description: LongText | None = None
    scan_on_push: bool | None = None
    immutable_tags: bool | None = None
    tag_limit: Count | None = None


Details = Scan | Scanner | Quota | Expiry | Build | Mirror | Promotion | Retention | RepositoryUpdate
