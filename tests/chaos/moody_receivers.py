"""Receivers of webhooks with moods: real HTTP servers, one for each subscription, that remember what reached them."""

import asyncio
import base64
import contextlib
import hashlib
import hmac
import json
import random
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import msgspec

SECRET = b"a secret of the chaos campaign!!"
FINE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
EMPTY = b"HTTP/1.1 204 No Content\r\n\r\n"
RST = struct.pack("ii", 1, 0)  # close at once and say so with a reset

# What a receiver may be like, and how often: most are well, or nothing would ever be delivered.
MOODS = {
    "fine": 10,
    "slow": 2,
    "dripping": 1,
    "hanging": 1,
    "resetting": 1,
    "closing": 1,
    "garbage": 1,
    "huge": 1,
    "failing": 1,
    "throttling": 1,
    "unauthorised": 1,
}


class Heard(msgspec.Struct, frozen=True):
    """One request as it came."""

    life: int
    at: float
    told: tuple[str, str, str]  # subscription, word, actor
    id: str
    body: bytes


class Good(msgspec.Struct, frozen=True):
    """One request that was answered with success, and when."""

    life: int
    at: float
    id: str


class Receiver:
    """Listens on a loopback port. `actor_of` reads (word, actor) from a body; `life` says which life is running."""

    def __init__(
        self,
        name: str,
        actor_of: Callable[[Any], tuple[str, str]],
        chance: random.Random,
        life: Callable[[], int],
    ) -> None:
        self.name = name
        self.mood = "fine"
        self.heard: list[Heard] = []
        self.good: list[Good] = []
        self.complaints: list[str] = []
        self._actor_of = actor_of
        self._chance = chance
        self._life = life
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def start(self) -> str:
        """The URL to deliver to."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/{self.name}"

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        while self._writers:
            for one in tuple(self._writers):
                one.transport.abort()
            await asyncio.sleep(0.001)

    @property
    def open(self) -> bool:
        """Whether anybody is connected."""
        return bool(self._writers)

    def change(self) -> None:
        """Fall into another mood."""
        self.mood = self._chance.choices(list(MOODS), list(MOODS.values()))[0]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._one(reader, writer):
                pass
        except (OSError, asyncio.IncompleteReadError):
            pass  # the victim died, or gave up
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Take one request and answer it as the mood has it; whether the connection can be used on."""
        head = await reader.readuntil(b"\r\n\r\n")
        headers = _headers(head)
        body = await reader.readexactly(int(headers["content-length"]))
        life, id_ = self._life(), headers["webhook-id"]
        word, actor = self._actor_of(json.loads(body))
        self.heard.append(Heard(life, time.monotonic(), (self.name, word, actor), id_, body))
        if not _verified(headers, body):
            self.complaints.append(f"{self.name}: {id_} has a wrong signature")
        mood = self.mood
        if mood == "hanging":
            await reader.read()  # until the other side gives up
            return False
        if mood == "resetting":
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RST)
            writer.transport.abort()
            return False
        if mood == "closing":
            return False
        if mood == "slow":
            await asyncio.sleep(self._chance.random() * 0.1)
        if mood in {"fine", "slow"}:
            writer.write(EMPTY if self._chance.random() < 0.1 else FINE)
            self.good.append(Good(life, time.monotonic(), id_))
            return True
        if mood == "dripping":
            for byte in FINE[:-1]:
                if writer.is_closing():
                    return False
                writer.write(bytes([byte]))
                await asyncio.sleep(0.002)
            writer.write(FINE[-1:])
            self.good.append(Good(life, time.monotonic(), id_))
            return True
        await self._badly(mood, writer)
        return mood in {"failing", "throttling", "unauthorised"}

    async def _badly(self, mood: str, writer: asyncio.StreamWriter) -> None:
        if mood == "garbage":
            writer.write(self._chance.randbytes(200) + b"\r\n\r\n")
        elif mood == "huge":
            writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 8000000\r\n\r\n" + bytes(300_000))
            with contextlib.suppress(OSError):
                await writer.drain()
        elif mood == "failing":
            writer.write(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n")
        elif mood == "unauthorised":
            writer.write(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")
        else:
            after = self._chance.choice(["0", "1"])
            writer.write(f"HTTP/1.1 429 Too Many\r\nRetry-After: {after}\r\nContent-Length: 0\r\n\r\n".encode())


def _headers(head: bytes) -> dict[str, str]:
    lines = head.decode("latin-1").split("\r\n")[1:]
    pairs = (line.partition(":") for line in lines if line)
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _verified(headers: dict[str, str], body: bytes) -> bool:
    """Standard Webhooks: HMAC-SHA256 over `id.timestamp.body`."""
    content = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    wanted = base64.b64encode(hmac.new(SECRET, content, hashlib.sha256).digest()).decode()
    return f"v1,{wanted}" in headers["webhook-signature"].split()
