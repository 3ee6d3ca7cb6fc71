"""A receiver made of plain sockets, for tests that must see or say exact bytes."""

import asyncio
import contextlib
from pathlib import Path

from sidecar.ports import SendRequest

CERTIFICATES = Path(__file__).parent / "certificates"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def request(url, *, body=b"{}", headers=(), seconds=5.0, transport=None):
    return SendRequest(url=url, headers=tuple(headers), body=body, timeout=int(seconds * 1e9), transport=transport)


class Peer:
    """A server of plain sockets: `answer(number, reader, writer)` is called for each connection, counted from 1."""

    def __init__(self, answer, tls=None):
        self._answer = answer
        self._tls = tls
        self.connections = 0
        self.requests = []
        self.subjects = []  # common names of the certificates that clients showed, "" for none; with TLS only

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        await self._server.wait_closed()

    async def read(self, reader):
        """One request: head and body as bytes; b"" when the client has gone."""
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return b""
        length = [
            int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        ]
        self.requests.append(head + await reader.readexactly(length[0] if length else 0))
        return self.requests[-1]

    async def _serve(self, reader, writer):
        self.connections += 1
        if self._tls is not None:
            shown = writer.get_extra_info("peercert") or {}
            self.subjects.append("".join(value for part in shown.get("subject", ()) for _, value in part))
        with contextlib.suppress(ConnectionError):
            await self._answer(self.connections, reader, writer)
        writer.close()


def always(answer, tls=None):
    """Answers every request of every connection alike."""

    async def serve(_number, reader, writer):
        while await peer.read(reader):
            writer.write(answer)

    peer = Peer(serve, tls)
    return peer
