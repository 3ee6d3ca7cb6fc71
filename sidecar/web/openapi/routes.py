"""GET /v1/openapi.json and GET /v1/docs: made when they are first asked for, and kept as bytes."""

import asyncio
from collections.abc import Callable

import msgspec
from aiohttp import web

from sidecar.web.calls import join
from sidecar.web.console.frame import HEADERS
from sidecar.web.exchange import JSON

Forms = Callable[[str], tuple[dict[str, object], dict[str, object]]]


class DocumentRoutes:
    """Handlers of the document. `forms` gives the schema of a subscription as APIs take it."""

    def __init__(self, forms: Forms | None) -> None:
        self._forms = forms
        self._document = b""
        self._page = b""
        self._policy = ""

    def add_to(self, app: web.Application) -> None:
        join(app, {"getDocument": self._get, "readDocument": self._read})

    async def _get(self, _request: web.Request) -> web.Response:
        if not self._document:
            self._document = await asyncio.to_thread(self._made)
        return web.Response(body=self._document, content_type=JSON)

    async def _read(self, _request: web.Request) -> web.Response:
        if not self._page:
            self._page, self._policy = await asyncio.to_thread(self._written)
        headers = HEADERS | {"Content-Security-Policy": self._policy}
        return web.Response(body=self._page, content_type="text/html", charset="utf-8", headers=headers)

    def _made(self) -> bytes:
        from sidecar.web.openapi.document import document

        return msgspec.json.encode(document(self._forms))

    def _written(self) -> tuple[bytes, str]:
        from sidecar.web.openapi.document import document
        from sidecar.web.openapi.page import POLICY, page

        return page(document(self._forms)), POLICY
