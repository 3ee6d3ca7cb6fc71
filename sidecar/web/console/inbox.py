"""The console's inbox: what somebody was notified of, and forms to dismiss it. The one page for all who sign in."""

from typing import Any

import msgspec
from aiohttp import web

from sidecar.domain.inbox import ItemRow
from sidecar.pipeline.inbox import Inbox
from sidecar.web.console.forms import DONE, then
from sidecar.web.console.frame import Frame
from sidecar.web.console.pages import fields, older
from sidecar.web.exchange import BadArgument, before_of, limit_of, named, next_of, person_of, query_of
from sidecar.web.inbox import body_in, owner_of, shown

# Where the names stand that people look for first, whatever format told it.
_PLACES = ("repository", "name", "docker_url")


class InboxPages:
    """Handlers of the page and its forms."""

    def __init__(self, frame: Frame, inbox: Inbox) -> None:
        self._frame = frame
        self._inbox = inbox

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/console/inbox", self._frame.handled(self._page))
        app.router.add_post("/console/inbox/dismiss", self._frame.handled(self._dismiss_all))
        app.router.add_post("/console/inbox/{id}/dismiss", self._frame.handled(self._dismiss))

    async def _page(self, request: web.Request) -> web.StreamResponse:
        query = query_of(request, {"owner", "dismissed", "done"})
        if query.get("dismissed", "") not in {"", "true"}:
            raise BadArgument("dismissed must be true, or left out", "dismissed")
        limit = limit_of(query)
        found = await self._inbox.list(
            person_of(request),
            owner_of(query.get("owner", "")),
            dismissed=query.get("dismissed") == "true",
            before=before_of(query),
            limit=limit,
        )
        return await self._frame.page(
            request,
            "inbox.html",
            items=[_listed(one) for one in found],
            query=fields(query, "owner", "dismissed"),
            older=older(request, query, next_of(found, limit, "number")),
            done=DONE.get(query.get("done", "")),
        )

    async def _dismiss(self, request: web.Request) -> web.Response:
        uuid = named(request, "id")
        await self._frame.form(request, "dismiss", uuid)
        await self._inbox.dismiss(person_of(request), uuid)
        return then("/console/inbox?done=dismissed")

    async def _dismiss_all(self, request: web.Request) -> web.Response:
        """All of the person's own, which is all that the form stands under."""
        await self._frame.form(request, "dismiss", "all")
        await self._inbox.dismiss_all(person_of(request))
        return then("/console/inbox?done=emptied")


def _listed(row: ItemRow) -> dict[str, Any]:
    body = body_in(row)
    told = body if isinstance(body, dict) else {}
    about = next((told[key] for key in _PLACES if isinstance(told.get(key), str)), "")
    listed = told.get("updated_tags")
    tags = [one for one in listed if isinstance(one, str)] if isinstance(listed, list) else []
    text: str = body if isinstance(body, str) else msgspec.json.encode(body).decode()
    return {**shown(row), "about": about, "tags": tags, "text": text}
