"""A receiver that costs next to nothing: `python -m tests.bench.sink [plain|timed|hang|fail]`; prints its port first.

plain answers 200 to every POST, timed also notes when it got which event (by its tag), hang never answers, fail answers
500. A line `count` on stdin prints `COUNT TIME` of what was answered, `arrivals` prints and forgets what was noted.
"""

import asyncio
import json
import re
import sys
import time

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
FAILED = b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n"
TAG = re.compile(rb'"tag":"v(\d+)"')

mood = sys.argv[1] if len(sys.argv) > 1 else "plain"
answer = FAILED if mood == "fail" else OK
answered = 0
last = 0.0
arrivals: dict[int, float] = {}


class _Sink(asyncio.Protocol):
    def connection_made(self, transport) -> None:
        self._transport = transport
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        global answered, last  # noqa: PLW0603 - one process, one counter
        if mood == "hang":
            return
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
            if mood == "timed":
                found = TAG.search(rest[:length])
                arrivals.setdefault(int(found[1]) if found else -1, time.perf_counter())
            answered += 1
            last = time.time()
            self._transport.write(answer)


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(_Sink, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        if line == b"arrivals\n":
            print(json.dumps(arrivals), flush=True)
            arrivals.clear()
        else:
            print(answered, last, flush=True)


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
