"""Rows to domain values and back, and statements over many rows. Pure.

`executemany` and fetching `RETURNING` release and retake the interpreter's lock for every row; inserting many rows with
one statement does not. Statements come in a few fixed sizes, so that they stay prepared.
"""

import functools
import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from sidecar.domain.catalogue import DeletionRow, ManifestRow, NamespaceRow, RepositoryRow, TagRow
from sidecar.domain.delivery import Delivery
from sidecar.domain.details import Scan
from sidecar.domain.event import Artifact, Event, EventType
from sidecar.domain.message import Headers, Message
from sidecar.domain.notice import Notice
from sidecar.domain.record import Record, RecordKind
from sidecar.domain.scans import ScanRow
from sidecar.domain.session import Session

SPAN = 65536  # ids of messages and deliveries per event
SIZES = (64, 16, 4, 1)

_encode = msgspec.json.Encoder().encode
_artifact = msgspec.json.Decoder(Artifact).decode
_notice = msgspec.json.Decoder(Notice).decode
_tags = msgspec.json.Decoder(tuple[str, ...]).decode
_event = msgspec.json.Decoder(Event).decode
_scan = msgspec.json.Decoder(Scan).decode
_head = msgspec.json.Decoder(tuple[Headers, str]).decode
_session = msgspec.json.Decoder(Session).decode
_KINDS = {kind.value: kind for kind in RecordKind}


def insert(connection: sqlite3.Connection, head: str, rows: Sequence[tuple[Any, ...]], tail: str = "") -> int:
    """Insert rows (all of one width) with as few statements as the fixed sizes allow; returns the rows written."""
    written = 0
    at = 0
    while at < len(rows):
        size = next(one for one in SIZES if one <= len(rows) - at)
        values = [value for row in rows[at : at + size] for value in row]
        written += connection.execute(_statement(head, len(rows[at]), size, tail), values).rowcount
        at += size
    return written


@functools.lru_cache(maxsize=256)
def _statement(head: str, width: int, size: int, tail: str) -> str:
    row = "(" + ",".join("?" * width) + ")"
    return f"{head} VALUES {','.join([row] * size)} {tail}"


def span(event: int) -> tuple[int, int]:
    """The first and last id that an event's messages and deliveries can have."""
    return event * SPAN, event * SPAN + SPAN - 1


def keys(values: Iterable[tuple[str, ...]]) -> str:
    """Keys for `json_each`: one parameter whatever their number."""
    return _encode(list(values)).decode()


def encode(value: Any) -> bytes:
    return _encode(value)


def record(row: tuple[Any, ...]) -> Record:
    """number, kind, registry, id, accepted, body"""
    return Record(row[0], _KINDS[row[1]], row[2], row[3], row[4], row[5])


def repository_values(row: RepositoryRow) -> tuple[Any, ...]:
    return (row.registry, row.name, row.first_push, row.live, row.time, row.number, row.found)


def repository(row: tuple[Any, ...]) -> RepositoryRow:
    return RepositoryRow(
        registry=row[0],
        name=row[1],
        first_push=row[2],
        live=bool(row[3]),
        time=row[4],
        number=row[5],
        found=row[6],
    )


def manifest_values(row: ManifestRow) -> tuple[Any, ...]:
    artifact = _encode(row.artifact)
    return (
        row.registry,
        row.repository,
        row.artifact.digest,
        artifact,
        _encode(row.tags).decode(),
        row.live,
        row.time,
        row.number,
        row.found,
    )


def manifest(row: tuple[Any, ...]) -> ManifestRow:
    return ManifestRow(
        registry=row[0],
        repository=row[1],
        artifact=_artifact(row[3]),
        tags=manifest_tags(row),
        live=bool(row[5]),
        time=row[6],
        number=row[7],
        found=row[8],
    )


def artifact(body: bytes) -> Artifact:
    return _artifact(body)


def manifest_tags(row: tuple[Any, ...]) -> tuple[str, ...]:
    """Every tag that was ever pushed onto a manifest, from its row."""
    return _tags(row[4]) if row[4] != "[]" else ()


def tag_values(row: TagRow) -> tuple[Any, ...]:
    return (
        row.registry,
        row.repository,
        row.tag,
        row.digest,
        row.pushed,
        row.live,
        row.time,
        row.number,
        row.found,
        row.expires,
        row.armed,
    )


def tag(row: tuple[Any, ...]) -> TagRow:
    return TagRow(
        registry=row[0],
        repository=row[1],
        tag=row[2],
        digest=row[3],
        pushed=row[4],
        live=bool(row[5]),
        time=row[6],
        number=row[7],
        found=row[8],
        expires=row[9],
        armed=row[10],
    )


def deletion_values(row: DeletionRow) -> tuple[Any, ...]:
    parked = _encode(row.parked) if row.parked is not None else None
    return (row.registry, row.repository, row.request, row.digest, row.deadline, parked)


def deletion(row: tuple[Any, ...]) -> DeletionRow:
    return DeletionRow(
        registry=row[0],
        repository=row[1],
        request=row[2],
        digest=row[3],
        deadline=row[4],
        parked=_notice(row[5]) if row[5] is not None else None,
    )


def scan_values(row: ScanRow) -> tuple[Any, ...]:
    return (*row.key, row.type.value, row.event, row.time, row.number, _encode(row.scan))


def scan(row: tuple[Any, ...]) -> ScanRow:
    """id, registry, repository, digest, report, type, event, time, number, body"""
    return ScanRow(
        registry=row[1],
        repository=row[2],
        digest=row[3],
        scan=_scan(row[9]),
        type=EventType(row[5]),
        event=row[6],
        time=row[7],
        number=row[8],
    )


def session_values(row: Session) -> tuple[Any, ...]:
    return (*row.key, row.number, _encode(row))


def session(body: bytes) -> Session:
    return _session(body)


def namespace_values(row: NamespaceRow) -> tuple[Any, ...]:
    return (row.id, row.name, row.public, row.created)


def namespace(row: tuple[Any, ...]) -> NamespaceRow:
    return NamespaceRow(id=row[0], name=row[1], public=bool(row[2]), created=row[3])


def event(body: bytes) -> Event:
    return _event(body)


DELIVERY_COLUMNS = (
    "d.id, d.lane, d.event, d.webhook_id, d.word, m.content_type, m.body, d.due, d.created, d.attempts, d.held_base, "
    "e.uuid, d.order_key, m.head"
)
MESSAGE = "INSERT INTO message (id, word, content_type, body, head)"


def message_values(number: int, message: Message) -> tuple[Any, ...]:
    head = _encode((message.headers, message.url)) if message.headers or message.url else None
    return (number, message.word, message.content_type, message.body, head)


def message(row: tuple[Any, ...]) -> Message:
    """word, content_type, body, head"""
    headers, url = _head(row[3]) if row[3] is not None else ((), "")
    return Message(word=row[0], content_type=row[1], body=row[2], headers=headers, url=url)


def delivery(row: tuple[Any, ...]) -> Delivery:
    headers, url = _head(row[13]) if row[13] is not None else ((), "")
    return Delivery(
        id=row[0],
        lane=row[1],
        event=row[2],
        webhook_id=row[3],
        word=row[4],
        content_type=row[5],
        body=row[6],
        due=row[7],
        created=row[8],
        attempts=row[9],
        held_base=row[10],
        event_id=row[11],
        order_key=row[12],
        headers=headers,
        url=url,
    )
