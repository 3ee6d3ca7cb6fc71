"""A small HTTP proxy on real sockets: CONNECT, and requests in absolute form. It tells what it heard."""

import asyncio
import contextlib
from urllib.parse import urlsplit

HOPS = (b"proxy-authorization", b"proxy-connection")


class HttpProxy:
    """`credential` is the whole Proxy-Authorization that it wants, "" for none; `refuse` a status for every request.

    `heads` are the heads of requests as bytes, `carried` what went through tunnels from the client.
    """

    def __init__(self, credential="", refuse=0):
        self._credential = credential
        self._refuse = refuse
        self.heads = []
        self.carried = bytearray()
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._request(reader, writer):
                    pass
        finally:
            writer.close()

    async def _request(self, reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        method, target, _ = head.split(b"\r\n", 1)[0].split(b" ")
        fields = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:-2])
        lower = {name.lower(): value for name, value in fields.items()}
        body = await reader.readexactly(int(lower.get(b"content-length", b"0")))
        if self._credential and lower.get(b"proxy-authorization") != self._credential.encode():
            answer = b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=proxy\r\nContent-Length: 0\r\n\r\n"
            writer.write(answer)
            return True
        if self._refuse:
            writer.write(f"HTTP/1.1 {self._refuse} No\r\nContent-Length: 0\r\n\r\n".encode())
            return True
        if method == b"CONNECT":
            host, _, port = target.decode().rpartition(":")
            await self._tunnel(reader, writer, host.strip("[]"), int(port))
            return False
        parts = urlsplit(target.decode())
        path = target.decode().split(parts.netloc, 1)[1] or "/"
        passed = [b"%s: %s\r\n" % one for one in fields.items() if one[0].lower() not in HOPS]
        upstream, out = await asyncio.open_connection(parts.hostname, parts.port)
        out.write(b"%s %s HTTP/1.1\r\n%s\r\n%s" % (method, path.encode(), b"".join(passed), body))
        answer = await upstream.readuntil(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in answer.split(b"\r\n") if line.lower().startswith(b"content-length")]
        writer.write(answer + await upstream.readexactly(int(lengths[0])))
        out.close()
        return True

    async def _tunnel(self, reader, writer, host, port):
        upstream, out = await asyncio.open_connection(host, port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        there = asyncio.create_task(self._pump(reader, out, self.carried))
        back = asyncio.create_task(self._pump(upstream, writer, bytearray()))
        self._tasks |= {there, back}
        try:
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            out.close()

    @staticmethod
    async def _pump(source, sink, seen):
        with contextlib.suppress(ConnectionError):
            while block := await source.read(65536):
                seen += block
                sink.write(block)
                await sink.drain()
