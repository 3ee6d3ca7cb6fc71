"""Quay's in-app notifications: GET /user/notifications, and one of them read and dismissed.

Shapes and dates are those of Quay 3.15 (`endpoints/api/user.py`). A page that Quay's list leaves one notification out
of, between it and the page before, is whole here.
"""

from collections.abc import Awaitable, Callable
from email.utils import formatdate
from typing import Any, Final

from aiohttp import web

from sidecar.domain import instant
from sidecar.domain.inbox import ItemRow
from sidecar.domain.person import Person
from sidecar.pipeline.inbox import Inbox
from sidecar.web.inbox import body_in
from sidecar.web.vendors.quay_answers import InvalidRequest, answer
from sidecar.web.vendors.quay_forms import object_of
from sidecar.web.vendors.quay_paths import Named, Thing

USUAL: Final = 5  # notifications of a page, for who does not say how many
MOST: Final = 500  # Quay has no bound; whoever asks for more is told that there are more
_LONGEST: Final = 9  # digits of a number
# What is wrong with a number, as Quay's framework says it: the parameter's own description.
_NUMBERS: Final = {"page": "Offset page number. (int)", "limit": "Limit on the number of results (int)"}

Handler = Callable[[web.Request, Named, Person], Awaitable[web.Response]]


class QuayInbox:
    """Handlers, by what they answer."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox

    @property
    def handlers(self) -> dict[tuple[Thing, str], Handler]:
        return {
            (Thing.INBOX, "GET"): self._list,
            (Thing.ITEM, "GET"): self._get,
            (Thing.ITEM, "PUT"): self._put,
        }

    async def _list(self, request: web.Request, _what: Named, person: Person) -> web.Response:
        numbers = {}
        for name, usual in (("page", 0), ("limit", USUAL)):
            number = _number(request.query.get(name, str(usual)))
            if number is None:
                return answer({"message": {name: _NUMBERS[name]}}, 400)
            numbers[name] = number
        limit = min(max(numbers["limit"], 0), MOST)
        skip = max(numbers["page"] - 1, 0) * limit  # pages 0 and 1 are the same
        found = await self._inbox.list(person, skip=skip, limit=limit + 1)
        return answer({"notifications": [shown(one) for one in found[:limit]], "additional": len(found) > limit})

    async def _get(self, _request: web.Request, what: Named, person: Person) -> web.Response:
        return answer(shown(await self._inbox.get(person, what.name)))

    async def _put(self, request: web.Request, what: Named, person: Person) -> web.Response:
        """Dismissed or not, as the body says; a body that says nothing has it not dismissed, as with Quay."""
        given = object_of(request.content_type, await request.read())
        dismissed = given.get("dismissed", False)
        if not isinstance(dismissed, bool):
            raise InvalidRequest(f"{dismissed!r} is not of type 'boolean'")
        return answer(shown(await self._inbox.dismiss(person, what.name, dismissed=dismissed)))


def shown(row: ItemRow) -> dict[str, Any]:
    """A notification as Quay shows it, its keys in Quay's order. `metadata` is an object, whatever was told.

    A namespace is an organization; a member's part in what a team was told is theirs, as of a user.
    """
    body = body_in(row)
    return {
        "id": row.item.uuid,
        "organization": row.item.owner.namespace if not row.item.owner.name else None,
        "kind": row.item.kind,
        "created": formatdate(row.item.created // instant.SECOND),
        "metadata": body if isinstance(body, dict) else {"body": body},
        "dismissed": row.dismissed,
    }


def _number(text: str) -> int | None:
    digits = text.strip().removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _LONGEST):
        return None
    return int(text)
