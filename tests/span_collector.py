"""A collector for tests: a real aiohttp server that keeps what it is sent."""

import asyncio
import contextlib

from aiohttp import web

from otlp_oracle import spans_of


class Collector:
    """Takes OTLP over HTTP in JSON. `answer(number)` gives each request's (status, headers, body); counted from 1."""

    def __init__(self, answer=lambda _number: (200, {}, b"{}"), port=0):
        self._answer = answer
        self._port = port
        self.requests = []  # (path, headers, body)
        self.spans = []  # of the requests that were answered 200

    async def __aenter__(self):
        application = web.Application()
        application.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _take(self, request):
        body = await request.read()
        self.requests.append((request.path, request.headers, body))
        answer = self._answer(len(self.requests))
        status, headers, said = await answer if asyncio.iscoroutine(answer) else answer
        if status == 200:
            self.spans += spans_of(body)
        return web.Response(status=status, headers=headers, body=said, content_type="application/json")

    async def has(self, count, seconds=5.0):
        """Wait until it holds so many spans; returns them."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while len(self.spans) < count:  # noqa: ASYNC110 - what it waits for happens over a connection
                    await asyncio.sleep(0.005)
        assert len(self.spans) >= count
        return self.spans
