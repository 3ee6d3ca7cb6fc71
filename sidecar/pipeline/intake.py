"""Bytes in, durable records out. Nothing here looks at what the bytes mean beyond splitting them."""

from collections.abc import Sequence

from sidecar.domain.errors import StoreRefused, Unreadable
from sidecar.domain.listing import QuarantineRow
from sidecar.domain.record import Entry, Quarantined, QuarantineReason, RecordKind, kind_of_type
from sidecar.domain.statement import Statement, encode
from sidecar.ports import Clock, Journal, Observer
from sidecar.registry.envelope import split

KEPT_HEAD = 8 * 1024  # bytes kept of a body that is too large


class Intake:
    """Takes bodies for the journal. What it returns from is on disk."""

    def __init__(self, journal: Journal, clock: Clock, observer: Observer) -> None:
        self._journal = journal
        self._clock = clock
        self._observer = observer

    async def accept(self, registry: str, body: bytes, content_type: str = "") -> str:
        """Journal a body; returns accepted, duplicate or quarantined.

        Raises StoreUnavailable when nothing could be written: the sender must keep it.
        """
        try:
            parts = split(body)
        except Unreadable as trouble:
            await self._set_aside(registry, trouble.reason, trouble.detail, body, content_type)
            return "quarantined"
        if not parts:
            return "accepted"
        now = self._clock.now()
        try:
            new = await self._journal.append(
                [Entry(RecordKind.REGISTRY, registry, identity, now, raw) for identity, raw in parts]
            )
        except StoreRefused as error:  # it would be refused every time, and the registry would send it for ever
            await self._set_aside(registry, QuarantineReason.BAD_RECORD, str(error), body, content_type)
            return "quarantined"
        return "accepted" if new else "duplicate"

    async def take(self, told: Sequence[tuple[str, str, Statement]]) -> int:
        """Journal statements, each with its registry's name and its id; returns how many were new.

        Raises StoreUnavailable when nothing could be written, StoreRefused when they never will be.
        """
        now = self._clock.now()
        return await self._journal.append(
            [Entry(RecordKind.INTAKE, registry, identity, now, encode(one)) for registry, identity, one in told]
        )

    async def again(self, row: QuarantineRow, body: bytes) -> str:
        """Take a quarantined item again; returns accepted, duplicate or quarantined. Writes nothing when it stays.

        What the translator refused has its id in the journal already, so it comes back under an id of its own.
        """
        try:
            parts = ((f"{row.record}#retry:{row.id}", body),) if row.record else split(body)
        except Unreadable:
            return "quarantined"
        if row.reason == QuarantineReason.TOO_LARGE or not parts:
            return "quarantined"
        now = self._clock.now()
        kind = kind_of_type(row.content_type if row.record else "")  # without a record the sender wrote the type
        new = await self._journal.append([Entry(kind, row.registry, identity, now, raw) for identity, raw in parts])
        return "accepted" if new else "duplicate"

    async def too_large(self, registry: str, head: bytes, content_type: str, limit: int) -> None:
        """Set aside the head of a body over the limit."""
        detail = f"the body is larger than ingest.max_body ({limit} bytes); only its head was kept"
        await self._set_aside(registry, QuarantineReason.TOO_LARGE, detail, head[:KEPT_HEAD], content_type)

    async def unknown_registry(self, registry: str, body: bytes, content_type: str) -> None:
        """Set aside what came with a valid token for a registry that the configuration does not name."""
        detail = f"no registry is named {registry[:200]!r}; add it to `registries`, then run `quarantine retry`"
        await self._set_aside(registry, QuarantineReason.UNKNOWN_REGISTRY, detail, body, content_type)

    async def _set_aside(self, registry: str, reason: str, detail: str, body: bytes, content_type: str) -> None:
        item = Quarantined(
            at=self._clock.now(),
            registry=_writable(registry),
            reason=str(reason),
            detail=_writable(detail, 1000),
            body=body,
            content_type=_writable(content_type),
        )
        await self._journal.quarantine(item)
        self._observer.quarantined(item)


def _writable(text: str, limit: int = 200) -> str:
    """A text from the wire that can be stored: bytes that are not UTF-8 arrive in headers as lone surrogates."""
    return text[:limit].encode("utf-8", "replace").decode()
