"""From statements to events: what others tell of a registry, completed with what is known of the place. Pure.

A statement names a repository, a whole namespace, or nothing, which is the whole registry. Of a digest without tags the
tags are those that point to it now, newest push first; of tags without a digest it is the one that they all point to.
"""

import msgspec

from sidecar.domain.catalogue import Catalogue
from sidecar.domain.details import Scan
from sidecar.domain.errors import Unreadable
from sidecar.domain.event import Artifact, Event, Origin, Repository, Request, ordered_uuid
from sidecar.domain.notice import Act, Notice
from sidecar.domain.pulled import Make
from sidecar.domain.record import QuarantineReason, Record
from sidecar.domain.recovery import filled
from sidecar.domain.registry import Registry
from sidecar.domain.scanned import scanned
from sidecar.domain.statement import Statement, decode


def read(record: Record) -> Notice:
    """A journalled statement as a Notice. Raises Unreadable(`bad_record`)."""
    try:
        statement = decode(record.body)
    except msgspec.DecodeError as error:
        raise Unreadable(QuarantineReason.BAD_RECORD, f"This is not what the intake writes: {error}.") from None
    return Notice(
        act=Act.STATED,
        registry=record.registry,
        repository=statement.repository,
        time=statement.time or record.accepted,
        accepted=record.accepted,
        artifact=Artifact(digest=statement.digest, media_type=statement.media_type),
        actor=statement.actor,
        request=Request(id=statement.request),
        origin=Origin(record=record.id, number=record.number, action=statement.type, addr=statement.source),
        statement=statement,
    )


def stated(notice: Notice, registry: Registry, catalogue: Catalogue, make: Make) -> list[Event]:
    """The events of a statement; `make` gives one of this repository."""
    statement = notice.statement
    assert statement is not None
    if not notice.repository:
        return [_of_many(notice, statement, registry, catalogue)]
    artifact, tags = _artifact(notice, statement, catalogue)
    event = make(notice, statement.type, artifact=artifact, tags=tags, ever_tagged=bool(tags))
    event = msgspec.structs.replace(event, details=statement.details)
    if isinstance(statement.details, Scan):
        event = scanned(event, statement.details, notice, catalogue)
    return [event]


def _artifact(notice: Notice, statement: Statement, catalogue: Catalogue) -> tuple[Artifact, tuple[str, ...]]:
    """The artifact that is spoken of and its tags, as far as they were told or are known."""
    place = (notice.registry, notice.repository)
    named = notice.artifact
    tags = statement.tags
    if not named.digest and tags:
        rows = [catalogue.tag(*place, tag) for tag in tags]
        digests = {row.digest if row is not None and row.live else "" for row in rows}
        if len(digests) == 1:
            named = msgspec.structs.replace(named, digest=digests.pop())
    if not named.digest:
        return named, tags
    if not tags:
        tags = tuple(row.tag for row in catalogue.tags_of(*place, named.digest))
    known = catalogue.manifest(*place, named.digest)
    artifact = filled(named, known)
    if known is not None and not artifact.media_type:
        artifact = msgspec.structs.replace(artifact, media_type=known.artifact.media_type, size=known.artifact.size)
    return artifact, tags


def _of_many(notice: Notice, statement: Statement, registry: Registry, catalogue: Catalogue) -> Event:
    """An event of a whole namespace, or of the whole registry."""
    place = Repository(path="", namespace="", name="")
    namespace = statement.namespace
    if namespace:
        row = catalogue.namespace(namespace, at=notice.accepted)
        place = Repository(
            path="",
            namespace=namespace,
            name="",
            namespace_id=row.id,
            public=row.public,
            holds_single=namespace == registry.default_namespace,
        )
    return Event(
        id=ordered_uuid(notice.accepted, notice.registry, notice.origin.record, statement.type, ""),
        type=statement.type,
        time=notice.time,
        accepted=notice.accepted,
        registry=registry.ref,
        repository=place,
        actor=notice.actor,
        request=notice.request,
        origin=notice.origin,
        details=statement.details,
    )
