"""The console's forms: each does one thing, is logged with who did it, and leads back to a page by a redirect."""

import itertools
from collections import OrderedDict
from typing import Any

from aiohttp import web

from sidecar.pipeline.operations import Operations
from sidecar.web import shapes
from sidecar.web.console.frame import Frame
from sidecar.web.console.rendering import part
from sidecar.web.exchange import number_of, who

KEPT = 32  # results of tests that can still be looked at

DONE = {
    "retried": "The delivery is due now. It is sent as soon as its subscription may send.",
    "cancelled": "The delivery is cancelled. A replay would send it after all.",
    "dismissed": "The notification is dismissed. It stays among the dismissed ones until it is old.",
    "emptied": "All notifications that were listed are dismissed.",
    "paused": "The subscription is paused: what it is owed waits, over restarts too.",
    "resumed": "The subscription is released: what it is owed is being sent.",
    "accepted": f"The item has left quarantine: {shapes.RETRY_DETAIL['accepted']}.",
    "duplicate": f"The item has left quarantine: {shapes.RETRY_DETAIL['duplicate']}.",
    "quarantined": "The item still cannot be read; it stays in quarantine.",
}


class Forms:
    """Handlers of POST. `tests` holds the newest results, by (subscription, number)."""

    def __init__(self, frame: Frame, operations: Operations) -> None:
        self._frame = frame
        self._operations = operations
        self._numbers = itertools.count(1)
        self.tests: OrderedDict[tuple[str, int], dict[str, Any]] = OrderedDict()

    def add_to(self, app: web.Application) -> None:
        for path, handler in (
            ("/console/deliveries/{id}/retry", self._retry),
            ("/console/deliveries/{id}/cancel", self._cancel),
            ("/console/subscriptions/{name}/pause", self._pause),
            ("/console/subscriptions/{name}/resume", self._resume),
            ("/console/subscriptions/{name}/test", self._test),
            ("/console/quarantine/{id}/retry", self._take_again),
        ):
            app.router.add_post(path, self._frame.handled(handler))

    async def _retry(self, request: web.Request) -> web.Response:
        number = number_of(request)
        await self._frame.form(request, "retry", number)
        await self._operations.redelivery.retry_one(number, who(request))
        return then(f"/console/deliveries/{number}?done=retried")

    async def _cancel(self, request: web.Request) -> web.Response:
        number = number_of(request)
        await self._frame.form(request, "cancel", number)
        await self._operations.redelivery.cancel_one(number, who(request))
        return then(f"/console/deliveries/{number}?done=cancelled")

    async def _pause(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        await self._frame.form(request, "pause", name)
        await self._operations.pause(name, who(request))
        return then(f"/console/subscriptions/{part(name)}?done=paused")

    async def _resume(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        await self._frame.form(request, "resume", name)
        await self._operations.resume(name, who(request))
        return then(f"/console/subscriptions/{part(name)}?done=resumed")

    async def _test(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        fields = await self._frame.form(request, "test", name)
        tried = await self._operations.test(name, fields.get("event", ""), who(request))
        number = next(self._numbers)
        self.tests[name, number] = shapes.tried(name, tried)
        while len(self.tests) > KEPT:
            self.tests.popitem(last=False)
        return then(f"/console/subscriptions/{part(name)}?test={number}#test")

    async def _take_again(self, request: web.Request) -> web.Response:
        number = number_of(request)
        await self._frame.form(request, "take again", number)
        outcome = await self._operations.retry_quarantined(number, who(request))
        page = f"/console/quarantine/{number}" if outcome == "quarantined" else "/console/quarantine"
        return then(f"{page}?done={outcome}")


def then(path: str) -> web.Response:
    """See Other: whoever loads the next page again does not do it twice."""
    return web.Response(status=303, headers={"Location": path, "Cache-Control": "no-store"})
