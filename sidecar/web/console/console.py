"""The console as a whole: `/` and everything under `/console`."""

from collections.abc import Callable
from typing import Any

from aiohttp import web

from sidecar.pipeline.inbox import Inbox
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.walks import Walks
from sidecar.web.console.forms import Forms
from sidecar.web.console.frame import Frame
from sidecar.web.console.inbox import InboxPages
from sidecar.web.console.pages import Lanes, Pages


class Console:
    """One console for all listeners: a form of a page from one is good at another where the same person asks."""

    def __init__(
        self,
        operations: Operations,
        status: Callable[[], dict[str, Any]],
        lanes: Lanes,
        walks: Walks | None = None,
        inbox: Inbox | None = None,
    ) -> None:
        frame = Frame(operations, status, inbox)
        self._inbox = InboxPages(frame, inbox) if inbox is not None else None
        self._forms = Forms(frame, operations)
        self._pages = Pages(frame, self._forms, operations, lanes, walks)

    def add_to(self, app: web.Application) -> None:
        self._forms.add_to(app)
        if self._inbox is not None:
            self._inbox.add_to(app)
        self._pages.add_to(app)
        app.router.add_get("/console", self._home)

    @staticmethod
    async def _home(_request: web.Request) -> web.Response:
        return web.Response(status=308, headers={"Location": "/"})
