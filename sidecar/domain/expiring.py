"""Ends of tags in the catalogue, and what is told of them. Pure."""

from collections.abc import Sequence

import msgspec

from sidecar.domain import instant
from sidecar.domain.catalogue import Catalogue
from sidecar.domain.details import ExpiringTag, Expiry
from sidecar.domain.errors import Unreadable
from sidecar.domain.event import Artifact, Event, EventType, Origin
from sidecar.domain.expiry import Ending, Setting
from sidecar.domain.notice import Act, Notice
from sidecar.domain.record import QuarantineReason, Record
from sidecar.domain.recovery import Maker

_setting = msgspec.json.Decoder(Setting).decode


def read(record: Record) -> Notice:
    """A journalled Setting as a Notice. Raises Unreadable(`bad_record`)."""
    try:
        setting = _setting(record.body)
    except msgspec.DecodeError as error:
        raise Unreadable(QuarantineReason.BAD_RECORD, f"This is not how an end is set: {error}.") from None
    return Notice(
        act=Act.EXPIRE,
        registry=record.registry,
        repository=setting.repository,
        time=record.accepted,
        accepted=record.accepted,
        tag=setting.tag,
        actor=setting.actor,
        origin=Origin(record=record.id, number=record.number, action="expire"),
        expires=setting.expires,
    )


def put(notice: Notice, catalogue: Catalogue) -> bool:
    """Give a tag the end that somebody set for it; False when it is gone, or ends so already."""
    row = catalogue.tag(notice.registry, notice.repository, notice.tag)
    if row is None or not row.live or row.expires == notice.expires:
        return False
    catalogue.put_tag(msgspec.structs.replace(row, expires=notice.expires, armed=notice.origin.number))
    return True


def learn(notice: Notice, catalogue: Catalogue) -> None:
    """A pull may tell the labels that nobody could be asked for when the artifact was pushed."""
    known = catalogue.manifest(notice.registry, notice.repository, notice.artifact.digest)
    if known is None:
        return
    for row in catalogue.tags_of(notice.registry, notice.repository, notice.artifact.digest):
        if row.expires or row.armed:
            continue
        end = catalogue.expires(notice.registry, notice.repository, known.artifact, row.pushed)
        if end:
            catalogue.put_tag(msgspec.structs.replace(row, expires=end))


def event(tick: Notice, found: Sequence[Ending], *, days: int, lane: int, catalogue: Catalogue, make: Maker) -> Event:
    """That these tags end, told to one subscription. `tick` is the notice of a tick, at the tags' repository."""
    artifacts = {one.tag.digest: known(one, catalogue) for one in found}
    alone = len(artifacts) == 1
    kinds = {one.kind for one in artifacts.values()}
    made = make(
        tick,
        EventType.EXPIRING,
        artifact=next(iter(artifacts.values()))
        if alone
        else Artifact(kind=kinds.pop())
        if len(kinds) == 1
        else Artifact(),
        tags=tuple(one.tag.tag for one in found),
        ever_tagged=True,
        mark=f"{lane}:{tick.repository}",
    )
    tags = tuple(
        ExpiringTag(tag=one.tag.tag, expires=instant.rfc3339(one.ends) if one.ends else "", digest=one.tag.digest)
        for one in found
    )
    return msgspec.structs.replace(made, details=Expiry(tags=tags, days=days))


def known(one: Ending, catalogue: Catalogue) -> Artifact:
    """What a tag points to, as far as the catalogue knows."""
    row = catalogue.manifest(one.tag.registry, one.tag.repository, one.tag.digest)
    return row.artifact if row is not None else Artifact(digest=one.tag.digest)
