"""Events as CloudEvents 1.0, in our own types: one, a batch, in binary mode, or as plain JSON without the attributes.

    application/cloudevents+json        {"specversion": "1.0", "id", "source", "type", "time"?, "data": {...}}
    application/cloudevents-batch+json  a list of those
    any JSON with `ce-...` headers      binary mode: the attributes are headers, the body is `data`
    application/json                    {"type", "data": {...}}, or a list; the other attributes where they are known

`type` is a canonical type, with or without `io.registry-sidecar.` before it. Attributes that we do not know are left
alone, as the specification asks; in `data` every key must be known.
"""

import base64
import binascii
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

import msgspec

from sidecar.domain import instant
from sidecar.domain.details import Quota, Scan, ScanStatus, counted
from sidecar.domain.errors import Misstated
from sidecar.domain.event import EventType
from sidecar.domain.statement import DETAILS, Statement, Told
from sidecar.intake.posted import Posted, decoded
from sidecar.intake.shapes import PREFIX, SHAPES, check

ONE, BATCH, PLAIN = "application/cloudevents+json", "application/cloudevents-batch+json", "application/json"
MOST_EVENTS = 1_000  # of one batch
LONGEST = 500  # characters of an id or a source
_LAST = 2**63 - 1  # the last instant that the store's 64 bits hold, in the year 2262


class _Wire(msgspec.Struct, frozen=True):
    """An event in structured mode. `subject` and extensions are for others."""

    type: str
    specversion: str | None = None
    id: str | None = None
    source: str | None = None
    time: str | None = None
    datacontenttype: str | None = None
    data: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    data_base64: str | None = None


_one = msgspec.json.Decoder(_Wire)
_many = msgspec.json.Decoder(list[msgspec.Raw])
_data = {kind: msgspec.json.Decoder(shape) for kind, shape in SHAPES.items()}
_STATUS = {
    EventType.SCAN_COMPLETED: ScanStatus.SUCCESS,
    EventType.SCAN_FAILED: ScanStatus.ERROR,
    EventType.SCAN_STOPPED: ScanStatus.STOPPED,
}


def read(posted: Posted) -> Sequence[Told]:
    """The events of one request. Raises Misstated, and then takes none of them."""
    if is_binary(posted):
        return (_binary(posted),)
    if posted.media_type == ONE:
        return (event(posted.body, "", strict=True),)
    if posted.media_type == BATCH:
        return _batch(posted.body, strict=True)
    if posted.body.lstrip()[:1] == b"[":
        return _batch(posted.body, strict=False)
    return (event(posted.body, "", strict=False),)


def is_binary(posted: Posted) -> bool:
    """Whether the event's attributes are headers."""
    return any(name.startswith("ce-") for name in posted.headers)


def _batch(body: bytes, *, strict: bool) -> Sequence[Told]:
    events = decoded(_many, body)
    if len(events) > MOST_EVENTS:
        raise Misstated(f"A batch has at most {MOST_EVENTS} events: post {len(events)} in several.")
    return [event(one, f"/{at}", strict=strict) for at, one in enumerate(events)]


def event(body: bytes | msgspec.Raw, at: str, *, strict: bool) -> Told:
    """An event in structured mode, which stands at this place; `strict` where it was said to be a CloudEvent."""
    wire = decoded(_one, body, at)
    if strict or wire.specversion is not None:
        _insist(wire, at)
    if wire.datacontenttype is not None and not _is_json(wire.datacontenttype):
        raise Misstated(f"At {at}/datacontenttype: the data must be JSON.", f"{at}/datacontenttype")
    data: bytes | msgspec.Raw = b"{}" if wire.data is msgspec.UNSET else wire.data
    where = f"{at}/data"
    if wire.data_base64 is not None:
        where = f"{at}/data_base64"
        try:
            data = base64.b64decode(wire.data_base64, validate=True)
        except (binascii.Error, ValueError):
            raise Misstated(f"At {where}: this is not base64.", where) from None
    return _told(wire, data, at, where)


def _binary(posted: Posted) -> Told:
    """An event whose attributes are headers, percent-encoded where they are not printable ASCII."""
    given = {
        name[3:]: unquote(value.removeprefix('"').removesuffix('"'))
        for name, value in posted.headers.items()
        if name.startswith("ce-")
    }
    wire = _Wire(
        type=given.get("type", ""),
        specversion=given.get("specversion"),
        id=given.get("id"),
        source=given.get("source"),
        time=given.get("time"),
    )
    _insist(wire, None)
    return _told(wire, posted.body or b"{}", None, "")


def _insist(wire: _Wire, at: str | None) -> None:
    """What every CloudEvent has. With `at` None the attributes are headers, which have no place in the body."""
    if wire.specversion != "1.0":
        shown = "none" if wire.specversion is None else repr(wire.specversion[:20])
        raise attribute("specversion", f"it must be '1.0', not {shown}", at)
    for name in ("id", "source", "type"):
        if not getattr(wire, name):
            raise attribute(name, "every CloudEvent has one", at)


def _told(wire: _Wire, raw: bytes | msgspec.Raw, at: str | None, where: str) -> Told:
    for name in ("id", "source"):
        if len(getattr(wire, name) or "") > LONGEST:
            raise attribute(name, f"it may have {LONGEST} characters", at)
    kind = _kind(wire.type, at)
    data: Any = decoded(_data[kind], raw, where)
    check(kind, data, where)
    tag, tags = getattr(data, "tag", None), getattr(data, "tags", ())
    statement = Statement(
        type=kind,
        time=time_of(wire.time, at),
        namespace=getattr(data, "namespace", None) or "",
        repository=getattr(data, "repository", None) or "",
        tags=tuple(dict.fromkeys((tag, *tags) if tag else tags)),
        digest=getattr(data, "digest", ""),
        media_type=getattr(data, "media_type", ""),
        actor=data.actor,
        request=data.request_id,
        source=wire.source or "",
        id=wire.id or "",
        details=_completed(kind, data, where),
    )
    return Told(statement=statement, registry=data.registry, place=f"{where}/registry")


def _kind(name: str, at: str | None) -> EventType:
    known = name.removeprefix(PREFIX)
    if known in SHAPES:
        return EventType(known)
    if known in {str(one) for one in EventType}:
        raise attribute("type", f"{known} is what a registry's own notifications tell; nobody else can", at)
    raise attribute("type", f"unknown type {name[:100]!r}; known: {', '.join(DETAILS)}", at)


def time_of(text: str | None, at: str | None) -> int:
    """An instant in nanoseconds, 0 where none was told. Raises Misstated with the attribute's place."""
    if text is None:
        return 0
    try:
        time = instant.parse_rfc3339(text)
    except ValueError:
        time = -1
    if not 0 < time <= _LAST:
        raise attribute("time", "it must be an RFC 3339 time such as 2026-11-22T08:00:00Z", at)
    return time


def _completed(kind: EventType, data: Any, where: str) -> Any:
    """Details with what follows from the rest of the event."""
    details = data.details
    if isinstance(details, Scan):
        if details.status not in {None, _STATUS[kind]}:
            place = f"{where}/details/status"
            raise Misstated(f"At {place}: a scan that is {details.status} is no {kind}.", place)
        return counted(msgspec.structs.replace(details, status=_STATUS[kind]))
    if isinstance(details, Quota):
        namespace = details.namespace or data.namespace or (data.repository or "").rpartition("/")[0].partition("/")[0]
        percent = details.percent or details.used * 100 // details.limit
        return msgspec.structs.replace(details, namespace=namespace, percent=percent)
    return details


def _is_json(media_type: str) -> bool:
    plain = media_type.partition(";")[0].strip().lower()
    return plain == "application/json" or plain.endswith("+json")


def attribute(name: str, sentence: str, at: str | None) -> Misstated:
    """A mistake in an attribute of the event at this place; with `at` None it is a header."""
    if at is None:
        return Misstated(f"In the header ce-{name}: {sentence}.")
    return Misstated(f"At {at}/{name}: {sentence}.", f"{at}/{name}")
