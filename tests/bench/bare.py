"""What aiohttp costs by itself: the measure beside every figure.

`python -m tests.bench.bare server` prints its port and answers 202 to everything.
`python -m tests.bench.bare client PORT COUNT CONCURRENCY` posts to the sink; prints one JSON line.
"""

import asyncio
import json
import sys
import time

import aiohttp
from aiohttp import web

BODY = b'{"type":"PUSH_ARTIFACT","occur_at":1795219200,"operator":"maria","event_data":{"resources":[]}}' * 4


async def server() -> None:
    async def handle(request: web.BaseRequest) -> web.Response:
        await request.read()
        return web.Response(status=202)

    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.readline)
    await runner.cleanup()


async def client(port: int, count: int, concurrency: int) -> None:
    left = count
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def work() -> None:
            nonlocal left
            while left > 0:
                left -= 1
                async with session.post(f"http://127.0.0.1:{port}/", data=BODY) as response:
                    await response.read()

        begun = time.perf_counter()
        await asyncio.gather(*(work() for _ in range(concurrency)))
        took = time.perf_counter() - begun
    print(json.dumps({"rate": count / took}), flush=True)


if __name__ == "__main__":
    import uvloop

    if sys.argv[1] == "server":
        uvloop.run(server())
    else:
        uvloop.run(client(int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
