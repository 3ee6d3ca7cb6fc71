"""Quay's calls for addresses of mail: GET and POST /repository/{repository}/authorizedemail/{email}.

Shapes are those of Quay 3.15 (`endpoints/api/repoemail.py`). What is missing for mail to be sent is told in a sentence.
"""

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from sidecar.domain.authorized import Authorized
from sidecar.domain.person import Person
from sidecar.pipeline.authorizing import Authorizing
from sidecar.web.vendors.quay_answers import Missing, answer
from sidecar.web.vendors.quay_paths import Named, Thing

Handler = Callable[[web.Request, Named, Person], Awaitable[web.Response]]


class QuayEmails:
    """Handlers, by what they answer."""

    def __init__(self, authorizing: Authorizing) -> None:
        self._authorizing = authorizing

    @property
    def handlers(self) -> dict[tuple[Thing, str], Handler]:
        return {(Thing.EMAIL, "GET"): self._get, (Thing.EMAIL, "POST"): self._ask}

    async def _get(self, _request: web.Request, what: Named, person: Person) -> web.Response:
        known = await self._authorizing.look(person, what.namespace, what.repository, what.name)
        if known is None:
            raise Missing
        return answer(shown(known))

    async def _ask(self, _request: web.Request, what: Named, person: Person) -> web.Response:
        return answer(shown(await self._authorizing.ask(person, what.namespace, what.repository, what.name)))


def shown(known: Authorized) -> dict[str, Any]:
    """An address as Quay shows it: the repository without its namespace."""
    return {
        "email": known.email,
        "repository": known.repository.removeprefix(f"{known.namespace}/"),
        "namespace": known.namespace,
        "confirmed": known.confirmed,
    }
