"""Builds as those tell them who build: in the words of Quay's notifications, or as events of our own types. Pure.

    {"repository": "prj/app", "build_id": "41", "status": "succeeded", ...}    one, or a list of them
    {"type": "build.succeeded", "data": {"repository": "prj/app", ...}}        what /intake/events takes, builds alone

Keys are Quay's own; one that is null is one that was not told. A build's word is known again by its repository, its id
and its status, whatever else is said with it, unless the sender gave the word an id of its own.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Final

import msgspec

from sidecar.domain.details import MOST_ITEMS, Build, Commit, Epoch, LongText, Person, Text
from sidecar.domain.errors import Misstated
from sidecar.domain.event import EventType
from sidecar.domain.statement import Statement, Told
from sidecar.intake import cloudevents
from sidecar.intake.posted import Posted, decoded
from sidecar.intake.shapes import Name, Tags

STATUSES: Final[Mapping[str, EventType]] = MappingProxyType(
    {
        "queued": EventType.BUILD_QUEUED,
        "started": EventType.BUILD_STARTED,
        "succeeded": EventType.BUILD_SUCCEEDED,
        "failed": EventType.BUILD_FAILED,
        "cancelled": EventType.BUILD_CANCELLED,
    }
)
SOURCE: Final = "/intake/builds/"  # and the repository: whose word it is, where the sender names no source
_NAMES = {kind: status for status, kind in STATUSES.items()}
_PAGE = r"^https?://[^\s]+(?!\n)$"


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of what is told."""


class _Person(_Strict, frozen=True, kw_only=True):
    username: Text | None = None
    url: Text | None = None
    avatar_url: Text | None = None


class _CommitInfo(_Strict, frozen=True, kw_only=True):
    url: Text | None = None
    message: LongText | None = None
    date: Text | Epoch | None = None
    author: _Person | None = None
    committer: _Person | None = None


class _Metadata(_Strict, frozen=True, kw_only=True):
    commit: Text | None = None
    ref: Text | None = None
    default_branch: Text | None = None
    git_url: Text | None = None
    commit_info: _CommitInfo | None = None


class Report(_Strict, frozen=True, kw_only=True):
    """One word of a build."""

    repository: Name
    build_id: Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
    status: str
    build_name: Text | None = None
    docker_tags: Tags | None = None
    trigger_id: Text | None = None
    trigger_kind: Text | None = None
    trigger_metadata: _Metadata | None = None
    trigger_manual: bool | None = None
    is_manual: bool | None = None
    manual_user: Text | None = None
    error_message: LongText | None = None
    image_id: Text | None = None
    manifest_digests: Annotated[tuple[Text, ...], msgspec.Meta(max_length=MOST_ITEMS)] | None = None
    homepage: Annotated[str, msgspec.Meta(max_length=500, pattern=_PAGE)] | None = None
    actor: Text | None = None
    registry: Text | None = None
    time: str | None = None
    id: Annotated[str, msgspec.Meta(min_length=1, max_length=cloudevents.LONGEST)] | None = None


class _Look(msgspec.Struct, frozen=True):
    """What tells an event from a report: no report has these."""

    type: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    specversion: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


_many = msgspec.json.Decoder(list[msgspec.Raw])
_look = msgspec.json.Decoder(_Look)
_report = msgspec.json.Decoder(Report)


def read(posted: Posted) -> Sequence[Told]:
    """The words of one request. Raises Misstated, and then takes none of them."""
    if cloudevents.is_binary(posted):
        return [_build(one, None) for one in cloudevents.read(posted)]
    if posted.media_type == cloudevents.ONE:
        return [_build(one, "") for one in cloudevents.read(posted)]
    if posted.media_type == cloudevents.BATCH:
        return [_build(one, f"/{at}") for at, one in enumerate(cloudevents.read(posted))]
    if posted.body.lstrip()[:1] != b"[":
        return (_one(posted.body, ""),)
    reports = decoded(_many, posted.body)
    if len(reports) > cloudevents.MOST_EVENTS:
        raise Misstated(f"A list has at most {cloudevents.MOST_EVENTS} builds: post {len(reports)} in several.")
    return [_one(one, f"/{at}") for at, one in enumerate(reports)]


def _one(body: bytes | msgspec.Raw, at: str) -> Told:
    look = decoded(_look, body, at)
    if look.type is msgspec.UNSET and look.specversion is msgspec.UNSET:
        return _told(decoded(_report, body, at), at)
    return _build(cloudevents.event(body, at, strict=False), at)


def _build(told: Told, at: str | None) -> Told:
    """An event of ours, if it is a build's; with `at` None its type is a header. Raises Misstated."""
    statement = told.statement
    status = _NAMES.get(statement.type)
    if status is None:
        raise cloudevents.attribute("type", f"{statement.type} is no build: post it to /intake/events", at)
    build = statement.details
    if statement.id or not isinstance(build, Build) or not build.id:
        return told
    return msgspec.structs.replace(told, statement=_identified(statement, build.id, status))


def _identified(statement: Statement, build: str, status: str) -> Statement:
    """A word that is known again by its build and its status."""
    source = statement.source or f"{SOURCE}{statement.repository}"
    return msgspec.structs.replace(statement, source=source, id=f"{build}/{status}")


def _told(report: Report, at: str) -> Told:
    kind = STATUSES.get(report.status)
    if kind is None:
        raise Misstated(f"At {at}/status: {report.status[:50]!r} is not one of {', '.join(STATUSES)}.", f"{at}/status")
    statement = Statement(
        type=kind,
        time=cloudevents.time_of(report.time, at),
        repository=report.repository,
        actor=report.actor if report.actor is not None else report.manual_user or "",
        source=f"{SOURCE}{report.repository}" if report.id else "",
        id=report.id or "",
        details=Build(
            id=report.build_id,
            name=report.build_name,
            tags=report.docker_tags,
            manual=report.is_manual,
            manual_user=report.manual_user,
            trigger_id=report.trigger_id,
            trigger_kind=report.trigger_kind,
            trigger_manual=report.trigger_manual,
            source=None if report.trigger_metadata is None else _source(report.trigger_metadata),
            image_id=report.image_id,
            manifest_digests=report.manifest_digests,
            error=report.error_message,
            url=report.homepage,
        ),
    )
    if not statement.id:
        statement = _identified(statement, report.build_id, report.status)
    return Told(statement=statement, registry=report.registry or "", place=f"{at}/registry")


def _source(metadata: _Metadata) -> Commit:
    info = metadata.commit_info or _CommitInfo()
    return Commit(
        commit=metadata.commit or "",
        ref=metadata.ref or "",
        default_branch=metadata.default_branch or "",
        git_url=metadata.git_url or "",
        url=info.url or "",
        message=info.message or "",
        date="" if info.date is None else info.date,
        author=_person(info.author),
        committer=_person(info.committer),
    )


def _person(one: _Person | None) -> Person | None:
    if one is None:
        return None
    return Person(username=one.username or "", url=one.url or "", avatar_url=one.avatar_url or "")
