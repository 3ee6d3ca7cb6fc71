"""A receiver of webhooks: a real HTTP server that remembers all it got and answers as it was told."""

import asyncio
import contextlib
import json
import threading
import time
from collections import defaultdict, deque
from typing import NamedTuple

from aiohttp import web
from peers import eventually, free_port
from standardwebhooks import Webhook

SECRET = "whsec_" + "c2lkZWNhci1lbmQtdG8tZW5kLXNlY3JldC0zMmJ5dGVz"


class Received(NamedTuple):
    """One request as it came."""

    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    at: float

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def id(self):
        return self.headers["webhook-id"]

    def verified(self):
        """The body's JSON, once its signature was found good by the library that receivers use."""
        return Webhook(SECRET).verify(self.body, self.headers)


class Receiver:
    """Listens on one loopback port, on and off. All methods are called from the tests' thread."""

    def __init__(self):
        self.port = free_port()
        self.requests = []
        self._answers = defaultdict(deque)
        self._held = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="receiver")
        self._thread.start()
        self._runner = None

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def start(self):
        self._call(self._listen())

    def stop(self):
        """Go away: connections are closed, new ones are refused."""
        self._call(self._leave())

    def close(self):
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def answer(self, path, *statuses):
        """Answer the next requests for the path so; 200 when these are used up."""
        self._answers[f"/{path}"].extend(statuses)

    @contextlib.contextmanager
    def holding(self, path):
        """Let requests for the path wait for their answer as long as the context lasts."""
        gate = self._held[f"/{path}"] = asyncio.Event()
        try:
            yield
        finally:
            del self._held[f"/{path}"]
            self._loop.call_soon_threadsafe(gate.set)

    def at(self, path):
        """The requests for a path so far."""
        return [one for one in self.requests if one.path == f"/{path}"]

    def wait_for(self, path, count=1, *, seconds=20.0, where=lambda _: True, signed=True):
        """The requests for the path that fit, as soon as there are `count`; all their signatures are verified."""

        def enough():
            found = [one for one in self.at(path) if where(one)]
            return found if len(found) >= count else None

        found = eventually(enough, f"{count} requests at /{path}, of {len(self.requests)} in all", seconds=seconds)
        for one in found if signed else ():
            one.verified()
        return found

    async def _listen(self):
        server = web.Server(self._handle, access_log=None)
        self._runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self.port, reuse_address=True).start()

    async def _leave(self):
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _handle(self, request):
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.requests.append(Received(request.path_qs, headers, await request.read(), time.time()))
        gate = self._held.get(request.path_qs)
        if gate is not None:
            await gate.wait()
        answers = self._answers[request.path_qs]
        return web.Response(status=answers.popleft() if answers else 200)

    def _call(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)
