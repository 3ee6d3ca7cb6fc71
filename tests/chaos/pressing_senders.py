"""Registries that notify: each posts one envelope after another and repeats what was not answered with success."""

import asyncio
import random
import time
from collections import deque

from happenings import Envelope

ANSWER_WITHIN = 1.0  # seconds; a registry's own default
AGAIN_AFTER = 0.05


class Senders:
    """Bounded posters of envelopes to one port. `give` adds work; `idle` is set when all of it is acknowledged."""

    def __init__(self, port: int, token: str, chance: random.Random, *, many: int = 4) -> None:
        self._port = port
        self._token = token
        self._chance = chance
        self._many = many
        self._waiting: deque[tuple[float, Envelope]] = deque()  # not before, what
        self._open = 0
        self._more = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.accepting = asyncio.Event()  # somebody was answered with success since this was cleared
        self.statuses: dict[int, int] = {}
        self.without_retry_after = 0
        self.heard_of: list[Envelope] = []  # acknowledged, in order
        self.on_acknowledged = lambda _told: None

    def start(self) -> None:
        self._tasks = [asyncio.create_task(self._run()) for _ in range(self._many)]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def give(self, told: Envelope) -> None:
        self._waiting.append((0.0, told))
        self._more.set()

    @property
    def owing(self) -> int:
        """How many envelopes are not acknowledged yet."""
        return len(self._waiting) + self._open

    async def _run(self) -> None:
        kept: list[asyncio.StreamWriter] = []
        try:
            await self._send(kept)
        finally:
            for writer in kept:
                writer.transport.abort()

    async def _send(self, kept: list[asyncio.StreamWriter]) -> None:
        """Send one after another; `kept` holds the connection that is open just now."""
        reader: asyncio.StreamReader | None = None
        writer: asyncio.StreamWriter | None = None
        while True:
            while not self._waiting:
                self._more.clear()
                await self._more.wait()
            not_before, told = self._waiting.popleft()
            self._open += 1
            await asyncio.sleep(max(0.0, not_before - time.monotonic()))
            status = 0
            try:
                async with asyncio.timeout(ANSWER_WITHIN):
                    if writer is None:
                        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                        kept.append(writer)
                    assert reader is not None
                    status = await self._post(reader, writer, told.body)
            except (OSError, asyncio.IncompleteReadError, TimeoutError):
                status = 0
            # Like a registry, mostly on connections of their own; some clients keep them.
            if writer is not None and (status == 0 or self._chance.random() < 0.5):
                writer.transport.abort()
                kept.clear()
                reader = writer = None
            self._open -= 1
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if 200 <= status < 300:
                self.accepting.set()
                if not told.acknowledged:
                    self.heard_of.append(told)
                    self.on_acknowledged(told)
            else:
                self._waiting.append((time.monotonic() + AGAIN_AFTER, told))

    async def _post(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, body: bytes) -> int:
        writer.write(
            f"POST /events HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUser-Agent: Go-http-client/1.1\r\n"
            f"Content-Length: {len(body)}\r\nAuthorization: Bearer {self._token}\r\n"
            "Content-Type: application/vnd.docker.distribution.events.v1+json\r\n"
            "Accept-Encoding: gzip\r\n\r\n".encode()
            + body
        )
        head = (await reader.readuntil(b"\r\n\r\n")).lower()
        at = head.find(b"content-length:")
        if at >= 0:
            await reader.readexactly(int(head[at + 15 :].split(b"\r\n", 1)[0]))
        status = int(head[9:12])
        if status == 503 and b"retry-after:" not in head:
            self.without_retry_after += 1
        return status
