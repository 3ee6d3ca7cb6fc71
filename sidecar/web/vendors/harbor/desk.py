"""Who asks, and for which project: what nearly every route of Harbor's has to know first."""

from collections.abc import Sequence
from typing import NamedTuple

from aiohttp import web

from sidecar.domain.catalogue import NamespaceRow, RepositoryRow
from sidecar.domain.errors import Forbidden, NotFound, Unauthenticated
from sidecar.domain.person import Person
from sidecar.ports.places import Places
from sidecar.web.exchange import person_of

AS_NAME = "X-Is-Resource-Name"
STEP = 1000  # rows that are read at once
_TRUE = frozenset({"1", "t", "true"})


class Concern(NamedTuple):
    """Who asks for which project."""

    person: Person
    project: NamespaceRow


class Desk:
    """A project is a namespace, under the namespace's id."""

    def __init__(self, places: Places) -> None:
        self.places = places

    def person(self, request: web.Request) -> Person:
        """Whoever asks, nobody included. Raises Unauthenticated for credentials that are not valid."""
        person = person_of(request)
        if person.refused:
            raise Unauthenticated("name and password do not belong together, or the token is not known")
        return person

    def known(self, request: web.Request) -> Person:
        """Raises Unauthenticated also for nobody."""
        person = self.person(request)
        if not person.known:
            raise Unauthenticated("say who you are: name and password, or a token")
        return person

    def admin(self, request: web.Request) -> Person:
        """Raises Unauthenticated, Forbidden."""
        person = self.known(request)
        if not person.admin:
            raise Forbidden(f"{person.name} is no administrator")
        return person

    async def project(self, request: web.Request, *, to_read: bool = False) -> Concern:
        """The project that the path names: by id where it is a number, by name where a header says so.

        As in Harbor the right is asked for before the project: what is there is told to those only whose it is, and of
        public ones, `to_read`, to everybody. Raises Unauthenticated, Forbidden, NotFound.
        """
        text = request.match_info["project"]
        number = text.isascii() and text.isdigit() and len(text) < 19
        if number and request.headers.get(AS_NAME, "").lower() not in _TRUE:
            return await self.of(request, int(text), to_read=to_read)
        return await self.of(request, text, to_read=to_read)

    async def of(self, request: web.Request, which: int | str, *, to_read: bool = False) -> Concern:
        """As `project`, of one that is named elsewhere."""
        person = self.person(request)
        found = await self.places.namespace(which)
        name = found.name if found is not None else which if isinstance(which, str) else ""
        if not (person.manages(name) or (to_read and found is not None and found.public)):
            if person.known:
                raise Forbidden(f"{person.name} does not manage the project {which}")
            raise Unauthenticated("say who you are: name and password, or a token")
        if found is None:
            raise NotFound(f"project {which} not found")
        return Concern(person, found)

    async def projects(self) -> Sequence[NamespaceRow]:
        """Every project there is, by id."""
        found: list[NamespaceRow] = []
        while rows := await self.places.namespaces(after=found[-1].id if found else 0, limit=STEP):
            found += rows
        return found

    async def repositories(self, project: NamespaceRow) -> Sequence[Sequence[RepositoryRow]]:
        """The repositories of a project by name, each with its row of every registry that holds it."""
        found: dict[str, list[RepositoryRow]] = {}
        after = ""
        while rows := await self.places.repositories(project.name, after, STEP):
            for row in rows:
                found.setdefault(row.name, []).append(row)
            after = rows[-1].name
        return list(found.values())
