"""A receiver that costs next to nothing: `python -m tests.bench.sink`; prints its port, then `COUNT TIME` on demand.

Answers 200 to every POST. For every line on stdin it prints how many it has answered and when it answered the last.
"""

import asyncio
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
answered = 0
last = 0.0


class _Sink(asyncio.Protocol):
    def connection_made(self, transport) -> None:
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        global answered, last  # noqa: PLW0603 - one process, one counter
        self._buffer += data
        while True:
            head, gap, rest = self._buffer.partition(b"\r\n\r\n")
            if not gap:
                return
            at = head.lower().index(b"content-length:") + 15
            length = int(head[at:].split(b"\r\n", 1)[0])
            if len(rest) < length:
                return
            self._buffer = rest[length:]
            answered += 1
            last = time.time()
            self._transport.write(ANSWER)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while await reader.readline():
        print(answered, last, flush=True)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
