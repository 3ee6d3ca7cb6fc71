"""Harbor's words for what its jobs did: REPLICATION and TAG_RETENTION, as the `event_data` of v2.15.2.

Fields stand in the order of Harbor's structs; `omitempty` of Go is UNSET here. `name_tag` has no namespace. A
retention that removed nothing is not told, as in Harbor.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from sidecar.domain import instant
from sidecar.domain.details import Direction, Mirror, MirroredArtifact, RemovedArtifact, Retention, Selector
from sidecar.domain.event import Event, EventType

REPLICATION = "REPLICATION"
TAG_RETENTION = "TAG_RETENTION"

TYPES: Mapping[str, frozenset[EventType]] = MappingProxyType(
    {
        REPLICATION: frozenset({EventType.MIRROR_STARTED, EventType.MIRROR_SUCCEEDED, EventType.MIRROR_FAILED}),
        TAG_RETENTION: frozenset({EventType.RETENTION_FINISHED}),
    }
)
CLOUD_TYPES: Mapping[str, str] = MappingProxyType(
    {REPLICATION: "harbor.replication.status.changed", TAG_RETENTION: "harbor.tag_retention.finished"}
)
_STATUS = {
    EventType.MIRROR_STARTED: "Running",
    EventType.MIRROR_SUCCEEDED: "Success",
    EventType.MIRROR_FAILED: "Error",
}


class _Artifact(msgspec.Struct, frozen=True, kw_only=True):
    type: str
    status: str
    name_tag: str
    references: tuple[str, ...] | None  # null where there are none
    fail_reason: str | UnsetType = UNSET


class _Resource(msgspec.Struct, frozen=True, kw_only=True):
    registry_name: str | UnsetType = UNSET
    registry_type: str
    endpoint: str
    provider: str | UnsetType = UNSET
    namespace: str | UnsetType = UNSET


class _Replication(msgspec.Struct, frozen=True, kw_only=True):
    harbor_hostname: str | UnsetType
    job_status: str
    description: str | UnsetType
    artifact_type: str | UnsetType
    authentication_type: str | UnsetType
    override_mode: bool | UnsetType
    trigger_type: str | UnsetType
    policy_creator: str | UnsetType
    execution_timestamp: int | UnsetType  # Unix seconds
    src_resource: _Resource
    dest_resource: _Resource
    successful_artifact: tuple[_Artifact, ...] | UnsetType
    failed_artifact: tuple[_Artifact, ...] | UnsetType
    execution_id: int | UnsetType
    task_id: int | UnsetType


class _Selector(msgspec.Struct, frozen=True):
    kind: str
    decoration: str
    pattern: str
    extras: str


class _Rule(msgspec.Struct, frozen=True, kw_only=True):
    template: str
    params: dict[str, Any]
    tag_selectors: tuple[_Selector, ...]
    scope_selectors: dict[str, tuple[_Selector, ...]]


class _Retention(msgspec.Struct, frozen=True, kw_only=True):
    total: int
    retained: int
    harbor_hostname: str | UnsetType
    project_name: str | UnsetType
    retention_policy_id: int | UnsetType
    retention_rule: tuple[_Rule, ...] | UnsetType
    result: str | UnsetType
    deleted_artifact: tuple[_Artifact, ...] | UnsetType


class _ReplicationData(msgspec.Struct, frozen=True):
    replication: _Replication


class _RetentionData(msgspec.Struct, frozen=True):
    retention: _Retention


def fits(event: Event) -> bool:
    """Whether Harbor would tell of it."""
    details = event.details
    return not isinstance(details, Retention) or bool(details.deleted) or details.total > details.retained


def event_data(event: Event, word: str) -> msgspec.Struct:
    """The `event_data` of one of these words."""
    return _ReplicationData(_replication(event)) if word == REPLICATION else _RetentionData(_retention(event))


def _replication(event: Event) -> _Replication:
    mirror = event.details if isinstance(event.details, Mirror) else Mirror()
    status = _STATUS[event.type]
    source, target = _resources(event, mirror)
    spoken = (MirroredArtifact(repository=event.repository.path, references=event.tags),)
    told: tuple[MirroredArtifact, ...] = spoken if event.repository.path else ()
    succeeded = tuple(_mirrored(one, status) for one in mirror.copied or told) if status == "Success" else ()
    failed = tuple(_mirrored(one, status, mirror.error) for one in mirror.failed or told) if status == "Error" else ()
    return _Replication(
        harbor_hostname=_hostname(event) or UNSET,
        job_status=status,
        description=mirror.description or UNSET,
        artifact_type=mirror.artifact_type or UNSET,
        authentication_type=mirror.authentication or UNSET,
        override_mode=mirror.override or UNSET,
        trigger_type=mirror.trigger or UNSET,
        policy_creator=mirror.policy_creator or UNSET,
        execution_timestamp=instant.parse_rfc3339(mirror.started) // instant.SECOND if mirror.started else UNSET,
        src_resource=source,
        dest_resource=target,
        successful_artifact=succeeded or UNSET,
        failed_artifact=failed or UNSET,
        execution_id=mirror.execution or UNSET,
        task_id=mirror.task or UNSET,
    )


def _resources(event: Event, mirror: Mirror) -> tuple[_Resource, _Resource]:
    """Source and target. Whichever way it goes, Harbor gives the remote side the source's namespace, and its own side
    the target's.
    """
    pushed = mirror.direction is Direction.PUSH
    here = event.repository.namespace
    there = mirror.remote.namespace or here
    ours = _Resource(
        registry_type="harbor",
        endpoint=f"{event.registry.scheme}://{event.registry.hostname}",
        namespace=(there if pushed else mirror.local_namespace or here) or UNSET,
    )
    theirs = _Resource(
        registry_name=mirror.remote.name or UNSET,
        registry_type=mirror.remote.type,
        endpoint=mirror.remote.url,
        provider=mirror.remote.provider or UNSET,
        namespace=(here if pushed else there) or UNSET,
    )
    return (ours, theirs) if pushed else (theirs, ours)


def _mirrored(one: MirroredArtifact, status: str, error: str = "") -> _Artifact:
    count = len(one.references)
    return _Artifact(
        type=one.type,
        status=status,
        name_tag=f"{_name(one.repository)} [{count} item(s) in total]",
        references=one.references or None,
        fail_reason=one.error or error or UNSET,
    )


def _retention(event: Event) -> _Retention:
    run = event.details if isinstance(event.details, Retention) else Retention()
    return _Retention(
        total=run.total,
        retained=run.retained,
        harbor_hostname=_hostname(event) or UNSET,
        project_name=event.repository.namespace or UNSET,
        retention_policy_id=run.policy or UNSET,
        retention_rule=tuple(
            _Rule(
                template=one.template,
                params=one.params,
                tag_selectors=tuple(map(_selector, one.tag_selectors)),
                scope_selectors={name: tuple(map(_selector, given)) for name, given in one.scope_selectors.items()},
            )
            for one in run.rules
        )
        or UNSET,
        result=run.result or UNSET,
        deleted_artifact=tuple(map(_removed, run.deleted)) or UNSET,
    )


def _removed(one: RemovedArtifact) -> _Artifact:
    leaf = f":{one.tag}" if one.tag else f"@{one.digest}"
    return _Artifact(
        type=one.type, status=one.status, name_tag=f"{_name(one.repository)}{leaf}", references=one.references or None
    )


def _selector(one: Selector) -> _Selector:
    return _Selector(one.kind, one.decoration, one.pattern, one.extras)


def _name(repository: str) -> str:
    """A repository's name without its namespace."""
    return repository.partition("/")[2] or repository


def _hostname(event: Event) -> str:
    """Harbor cuts its own address at the first colon: the port is lost."""
    return event.registry.hostname.partition(":")[0]
