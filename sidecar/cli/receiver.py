"""A place to deliver to: takes any POST, tells what came, and answers what it is told to."""

import time
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from sidecar.cli.recognise import Recognised, recognise
from sidecar.web.server import Listeners

Answer = Callable[["Received"], Awaitable[int]]


class Received(msgspec.Struct, frozen=True, kw_only=True):
    """One request as it came. `at` in nanoseconds; header names are lower case, in order."""

    at: int
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    what: Recognised

    @property
    def webhook_id(self) -> str:
        return dict(self.headers).get("webhook-id", "")


class Receiver:
    """Listens until stopped. `answer` hears every POST once it is whole and gives the status for it."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self._listeners = Listeners(shutdown_timeout=1.0)

    async def start(self, host: str, port: int) -> int:
        """Listen; returns the port. Raises OSError when the address cannot be listened on."""
        return (await self._listeners.serve(self._handle, [(host, port)], None))[0]

    async def stop(self) -> None:
        await self._listeners.stop()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        if request.method != "POST":
            return web.Response(status=405, headers={"Allow": "POST"}, text="webhooks are posted\n")
        body = await request.content.read()
        received = Received(
            at=time.time_ns(),
            path=request.path_qs,
            headers=tuple((name.lower(), value) for name, value in request.headers.items()),
            body=body,
            what=recognise(body),
        )
        return web.Response(status=await self._answer(received))
