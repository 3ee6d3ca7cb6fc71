"""Plausible details for samples of events: of one busy week of the sample's repository. Always the same."""

from collections.abc import Mapping
from types import MappingProxyType

from msgspec.structs import replace

from sidecar.domain.details import (
    Build,
    Commit,
    Details,
    Direction,
    Endpoint,
    ExpiringTag,
    Expiry,
    Mirror,
    MirroredArtifact,
    Person,
    Promotion,
    Quota,
    RemovedArtifact,
    Replica,
    RepositoryUpdate,
    Retention,
    RetentionRule,
    Scan,
    Scanner,
    ScanStatus,
    Selector,
    Severity,
    Tool,
    Visibility,
    Vulnerability,
)
from sidecar.domain.event import EventType

DIGEST = "sha256:9f2c41d07b6e5a3388c1f4e2d9a0b7c6e5f4d3c2b1a09f8e7d6c5b4a39281706"
FORMER = "sha256:2b1d0c4e5f6a7988b7c6d5e4f3a2b1c0d9e8f7a6b5c4d3e2f1a0b9c8d7e6f5a4"  # what the tag held before
MIB = 1024**2
BEFORE, AFTER = "2026-11-20T23:59:51Z", "2026-11-21T00:00:00Z"

_TRIVY = Tool(name="Trivy", vendor="Aqua Security", version="v0.60.0")
_FOUND = (
    Vulnerability(
        id="CVE-2026-11111",
        severity=Severity.CRITICAL,
        cvss=9.8,
        package="openssl",
        version="3.0.15-1",
        fixed_version="3.0.16-1",
        links=("https://security-tracker.debian.org/tracker/CVE-2026-11111",),
        description="A remote party can make the program run its code.",
    ),
    Vulnerability(
        id="CVE-2026-22222",
        severity=Severity.HIGH,
        cvss=7.5,
        package="zlib1g",
        version="1:1.3.1-1",
        links=("https://security-tracker.debian.org/tracker/CVE-2026-22222",),
        description="A crafted archive makes the program end.",
    ),
    Vulnerability(id="CVE-2026-33333", severity=Severity.LOW, package="bash", version="5.2.15-2"),
)
_SCAN = Scan(
    status=ScanStatus.SUCCESS,
    report_id="5d1a6b7e-0c7c-4a55-9f1e-2b8f5ad0c911",
    scanner=_TRIVY,
    started=BEFORE,
    ended=AFTER,
    severities={Severity.CRITICAL: 1, Severity.HIGH: 1, Severity.LOW: 1},
    total=3,
    fixable=1,
    vulnerabilities=_FOUND,
)
_BUILD = Build(
    id="0d0b3b0e-4f0a-4a36-8d9f-0a3b8a0d1f77",
    name="42d4a62",
    tags=("1.4.2", "latest"),
    manual=False,
    trigger_id="12b7e1c5-7d07-4d75-a7f7-40bd3a1c4e5d",
    trigger_kind="github",
    source=Commit(
        commit="42d4a62c53350993ea41069e9f2cfdefb0df097d",
        ref="refs/heads/main",
        default_branch="main",
        git_url="git@git.example.com:prj/web/app.git",
        url="https://git.example.com/prj/web/app/commit/42d4a62c53350993ea41069e9f2cfdefb0df097d",
        message="Answer sooner",
        date="2026-11-20T23:50:00Z",
        author=Person(username="maria", url="https://git.example.com/maria"),
    ),
)
_MIRROR = Mirror(
    direction=Direction.PULL,
    remote_repository="upstream.example.com/prj/web/app",
    remote_tag="1.4.2",
    remote=Endpoint(url="https://upstream.example.com", name="upstream", type="docker-registry", namespace="prj"),
    policy="4",
    description="nightly",
    tag_patterns=("1.*", "latest"),
    trigger="SCHEDULED",
    started=BEFORE,
    execution=77,
    task=301,
)
_COPIED = (MirroredArtifact(repository="prj/web/app", references=("1.4.2",)),)
_LOST = (MirroredArtifact(repository="prj/web/app", references=("1.4.2",), error="unauthorized"),)

# What else a type may have to tell, where some words are said only of that.
OTHERS: Mapping[EventType, Details] = MappingProxyType(
    {
        EventType.MIRROR_SUCCEEDED: replace(
            _MIRROR, direction=Direction.PUSH, remote_repository="mirror.example.com/prj/web/app", copied=_COPIED
        )
    }
)

DETAILS: Mapping[EventType, Details] = MappingProxyType(
    {
        EventType.REPOSITORY_UPDATED: RepositoryUpdate(
            changed=("visibility", "shortDescription"),
            visibility=Visibility.PUBLIC,
            short_description="The shop's front",
        ),
        EventType.SCAN_COMPLETED: _SCAN,
        EventType.SCAN_FAILED: Scan(
            status=ScanStatus.ERROR,
            scanner=_TRIVY,
            started=BEFORE,
            ended=AFTER,
            error="the layers could not be unpacked: no space left on device",
        ),
        EventType.SCAN_STOPPED: Scan(status=ScanStatus.STOPPED, scanner=_TRIVY, started=BEFORE, ended=AFTER),
        EventType.SCANNER_UPDATED: Scanner(
            version="v0.60.0",
            updated=BEFORE,
            db_version=2,
            db_updated=AFTER,
            replicas=(Replica(id="scanner-0", version="v0.60.0", db_updated=AFTER),),
        ),
        EventType.QUOTA_EXCEEDED: Quota(
            namespace="prj", used=1075 * MIB, limit=1024 * MIB, percent=104, asked=96 * MIB
        ),
        EventType.QUOTA_WARNING: Quota(namespace="prj", used=870 * MIB, limit=1024 * MIB, percent=84, threshold=80),
        EventType.EXPIRING: Expiry(tags=(ExpiringTag(tag="1.4.2", expires="2026-11-27T00:00:00Z"),), days=7),
        EventType.BUILD_QUEUED: replace(_BUILD, name=None),
        EventType.BUILD_STARTED: _BUILD,
        EventType.BUILD_SUCCEEDED: replace(
            _BUILD,
            manifest_digests=(f"registry.example.com/prj/web/app@{DIGEST}",),
        ),
        EventType.BUILD_FAILED: replace(_BUILD, error="step 3 of 7 ended with status 1"),
        EventType.BUILD_CANCELLED: _BUILD,
        EventType.MIRROR_STARTED: _MIRROR,
        EventType.MIRROR_SUCCEEDED: replace(_MIRROR, copied=_COPIED),
        EventType.MIRROR_FAILED: replace(_MIRROR, failed=_LOST, error="unauthorized"),
        EventType.PROMOTED: Promotion(
            target_repository="prj/released", target_tag="1.4.2", policy="9c8a4e70-3f0e-4c39-8a44-3a4a1f0f6d5b"
        ),
        EventType.RETENTION_FINISHED: Retention(
            policy=4,
            total=12,
            retained=11,
            rules=(
                RetentionRule(
                    template="latestPushedK",
                    params={"latestPushedK": 11},
                    tag_selectors=(Selector(extras='{"untagged":true}'),),
                    scope_selectors={"repository": (Selector(decoration="repoMatches"),)},
                ),
            ),
            deleted=(RemovedArtifact(repository="prj/web/app", tag="0.9.0"),),
        ),
    }
)
