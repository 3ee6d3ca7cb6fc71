"""Load: `python -m tests.bench.generator serial|parallel|paced PORT COUNT [CONNECTIONS|RATE]`; prints one JSON line.

serial: one request after the other, each on a TCP connection of its own, as one registry replica does it.
parallel: keep-alive connections that each send their next request when the last was answered.
paced: so many events a second whatever the answers do, each with a tag of its own; also tells when each was sent.
"""

import asyncio
import json
import re
import socket
import sys
import time
from typing import Any

from tests.bench.wire import envelope, post


def serial(port: int, count: int) -> dict[str, float]:
    requests = [post(envelope(number), port=port, close=False) for number in range(count)]
    times = []
    begun = time.perf_counter()
    for request in requests:
        start = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.sendall(request)
            answer = connection.recv(4096)
            times.append(time.perf_counter() - start)
        if not answer.startswith(b"HTTP/1.1 202"):
            raise SystemExit(f"not accepted: {answer[:200]!r}")
    took = time.perf_counter() - begun
    times.sort()
    return {"rate": count / took, "p50_ms": times[count // 2] * 1e3, "p99_ms": times[int(count * 0.99)] * 1e3}


class _Connection(asyncio.Protocol):
    """Sends requests from a shared iterator, one at a time."""

    def __init__(self, requests, finished, times) -> None:
        self._requests = requests
        self._finished = finished
        self._times = times
        self._start = 0.0

    def connection_made(self, transport) -> None:
        self._transport = transport
        self._next()

    def _next(self) -> None:
        request = next(self._requests, None)
        if request is None:
            self._transport.close()
            self._finished.set_result(None)
            return
        self._start = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if not data.startswith(b"HTTP/1.1 202"):
            self._finished.set_exception(SystemExit(f"not accepted: {data[:200]!r}"))
            return
        self._times.append(time.perf_counter() - self._start)
        self._next()


async def parallel(port: int, count: int, connections: int) -> dict[str, float]:
    requests = iter([post(envelope(number), port=port, close=False) for number in range(count)])
    loop = asyncio.get_running_loop()
    times: list[float] = []
    waits = [loop.create_future() for _ in range(connections)]
    begun_at = time.time()
    begun = time.perf_counter()
    for wait in waits:
        await loop.create_connection(lambda wait=wait: _Connection(requests, wait, times), "127.0.0.1", port)
    await asyncio.gather(*waits)
    took = time.perf_counter() - begun
    times.sort()
    return {
        "rate": count / took,
        "p50_ms": times[count // 2] * 1e3,
        "p99_ms": times[int(count * 0.99)] * 1e3,
        "begun": begun_at,
    }


async def paced(port: int, count: int, rate: int) -> dict[str, Any]:
    """Open loop: an event is sent when it is due, on whichever connection is free."""
    requests = [post(envelope(number, tag=f"v{number}"), port=port, close=False) for number in range(count)]
    loop = asyncio.get_running_loop()
    sent: dict[int, float] = {}
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    for _ in range(8):
        free.put_nowait(await asyncio.open_connection("127.0.0.1", port))

    async def send(number: int) -> None:
        reader, writer = await free.get()
        sent[number] = time.perf_counter()
        writer.write(requests[number])
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 202"):
            raise SystemExit(f"not accepted: {head[:200]!r}")
        length = re.search(rb"(?i)content-length: *(\d+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        free.put_nowait((reader, writer))

    begun = loop.time()
    tasks = []
    for number in range(count):
        await asyncio.sleep(max(0.0, begun + number / rate - loop.time()))
        tasks.append(asyncio.create_task(send(number)))
    await asyncio.gather(*tasks)
    return {"sent": sent}


def main() -> None:
    kind, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    if kind == "serial":
        print(json.dumps(serial(port, count)))
        return
    import uvloop

    run = parallel if kind == "parallel" else paced
    print(json.dumps(uvloop.run(run(port, count, int(sys.argv[4])))))


if __name__ == "__main__":
    main()
