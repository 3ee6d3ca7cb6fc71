"""The native API's inboxes: list what lies there, dismiss one item or all that the list shows."""

from typing import Annotated, Any, Final

import msgspec
from aiohttp import web

from sidecar.domain.inbox import ItemRow, Owner
from sidecar.domain.instant import rfc3339
from sidecar.pipeline.inbox import Inbox
from sidecar.web.calls import join
from sidecar.web.exchange import (
    JSON,
    BadArgument,
    answer,
    before_of,
    body_of,
    checked_query,
    limit_of,
    named,
    next_of,
    person_of,
)

ROOM: Final = 20  # levels that an answer may put around a body: what can be read but not be written would spoil a list
OWNER: Final = r"^((user|org)/[^/\s]+|team/[^/\s]+/[^/\s]+)?$"


class DismissBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which inbox is emptied; without anything all that are the caller's."""

    owner: Annotated[str, msgspec.Meta(extra_json_schema={"pattern": OWNER})] = ""


class InboxRoutes:
    """Handlers over `Inbox`."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    def add_to(self, app: web.Application) -> None:
        join(app, {"listInbox": self._list, "dismissAll": self._dismiss_all, "dismissItem": self._dismiss})

    async def _list(self, request: web.Request) -> web.Response:
        query = checked_query(request)
        dismissed = query.get("dismissed") or "false"
        if dismissed not in {"true", "false"}:
            raise BadArgument("dismissed must be true or false", "dismissed")
        limit = limit_of(query)
        found = await self._inbox.list(
            person_of(request),
            owner_of(query.get("owner", "")),
            dismissed=dismissed == "true",
            before=before_of(query),
            limit=limit,
        )
        return answer({"items": [shown(one) for one in found], "next": next_of(found, limit, "number")})

    async def _dismiss(self, request: web.Request) -> web.Response:
        return answer(shown(await self._inbox.dismiss(person_of(request), named(request, "id"))))

    async def _dismiss_all(self, request: web.Request) -> web.Response:
        given = await body_of(request, DismissBody)
        return answer({"dismissed": await self._inbox.dismiss_all(person_of(request), owner_of(given.owner))})


def owner_of(text: str) -> Owner | None:
    """Whose inbox is meant, "" = the caller's own."""
    try:
        return Owner.parse(text) if text else None
    except ValueError as error:
        raise BadArgument(f"owner {error}", "owner") from error


def shown(row: ItemRow) -> dict[str, Any]:
    """An item as JSON. A body that is JSON is given as such, any other as text."""
    item = row.item
    return {
        "id": item.uuid,
        "owner": item.owner.address,
        "kind": item.kind,
        "created": rfc3339(item.created),
        "dismissed": row.dismissed,
        "contentType": item.content_type,
        "body": body_in(row),
        "webhookId": item.webhook_id,
    }


def body_in(row: ItemRow) -> Any:
    """The value of a body that is JSON, else its text."""
    kind = row.item.content_type.partition(";")[0].strip().lower()
    if kind == JSON or kind.endswith("+json"):
        try:
            value = msgspec.json.decode(b"%b%b%b" % (b"[" * ROOM, row.item.body, b"]" * ROOM))
            for _ in range(ROOM):
                (value,) = value
            return value
        except (msgspec.DecodeError, ValueError, RecursionError):
            pass
    return row.item.body.decode("utf-8", "replace")
