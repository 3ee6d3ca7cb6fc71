"""Real listeners on free ports, around a real store."""

import asyncio
import json

from doubles import RecordingObserver, registry, subscription
from flaky_store import FlakyStore
from sidecar.domain.listing import QuarantineFilter
from sidecar.domain.record import RecordKind
from sidecar.domain.secret import Secret
from sidecar.domain.statement import decode
from sidecar.pipeline.intake import Intake
from sidecar.web.access import Access, IntakeAccess
from sidecar.web.ingress import Ingress
from sidecar.web.server import Listeners
from virtual_time import VirtualClock

__all__ = ["IngestSite", "exchange", "registry", "subscription"]

MAX_BODY = 64 * 1024


class IngestSite:
    """The ingest listener. Registries: `main` (token `one`, `two` while it rotates), `other` (token `three`).

    Others than registries show `teller`.
    """

    def __init__(self, path, tokens=None, *, intake=None, registries=("main", "other")):
        self.store = FlakyStore(path, inline=True)
        self.observer = RecordingObserver()
        self.acked = []
        self.heard = []
        if tokens is None:
            tokens = {"main": (Secret("one"), Secret("two")), "other": (Secret("three"),)}
        self.ingress = Ingress(
            Intake(self.store, VirtualClock(), self.observer),
            Access(registries, tokens, intake or IntakeAccess((Secret("teller"),))),
            max_body=MAX_BODY,
            observer=self.observer,
            acked=self.acked.append,
            heard=lambda *said: self.heard.append(said),
        )
        self.listeners = Listeners()
        self.port = 0

    async def start(self):
        await self.store.open()
        (self.port,) = await self.listeners.serve(self.ingress.handle, [("127.0.0.1", 0)], None)

    async def stop(self):
        await self.listeners.stop()
        await self.store.close()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/events"

    @property
    def intake(self):
        return f"http://127.0.0.1:{self.port}/intake/events"

    async def records(self):
        """What the journal holds of what others told: registry, id and statement."""
        return [
            (one.registry, one.id, decode(one.body))
            for one in await self.store.read(0, 100)
            if one.kind is RecordKind.INTAKE
        ]

    async def journal(self):
        return [(one.registry, one.id) for one in await self.store.read(0, 100)]

    async def aside(self):
        rows = await self.store.quarantined(QuarantineFilter())
        return [(row.reason, row.registry) for row in reversed(rows)]


async def exchange(port, raw, *, close=False):
    """Send bytes as they are; returns the status, the headers in lower case and the body of the answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(raw)
        await writer.drain()
        if close:
            writer.close()
            return 0, {}, b""
        async with asyncio.timeout(10):
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)
            }
            body = await reader.readexactly(int(headers.get("content-length", 0))) if b"HEAD" not in raw[:5] else b""
        return int(lines[0].split()[1]), headers, body
    finally:
        writer.close()


def post(body, *, path="/events", token="one", extra=()):
    """A POST as raw bytes."""
    lines = [f"POST {path} HTTP/1.1".encode(), b"Host: x", f"Content-Length: {len(body)}".encode(), *extra]
    if token:
        lines.append(f"Authorization: Bearer {token}".encode())
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def problem(body):
    """A problem+json body as (title, detail)."""
    said = json.loads(body)
    assert set(said) == {"type", "title", "status", "detail"}
    assert said["type"] == "about:blank"
    return said["title"], said["detail"]
