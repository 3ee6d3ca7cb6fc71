"""Harbor's routes for projects: namespaces, with what clients keep beside them and want back unchanged.

A project is there from the first push into its namespace on, or when the configuration names it or somebody makes it.
What Harbor would do by a project's metadata (scans, signatures, quotas) is not done here; it is kept and given back.
"""

import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from aiohttp import web

from sidecar.domain import instant
from sidecar.domain.catalogue import NamespaceRow, RepositoryRow
from sidecar.domain.errors import Conflict, Forbidden
from sidecar.domain.made import Api
from sidecar.domain.person import Person
from sidecar.pipeline.subscribing import MOST, Subscribing
from sidecar.ports import Clock, Observer
from sidecar.ports.places import Flags
from sidecar.web.vendors.harbor import query
from sidecar.web.vendors.harbor.answers import answer, body_of, done, made, page
from sidecar.web.vendors.harbor.desk import Desk
from sidecar.web.vendors.harbor.query import Exact, Fields, Fuzzy, Query
from sidecar.web.vendors.harbor.refusals import Refused
from sidecar.web.vendors.harbor.times import milliseconds, moment

NAME_IN_LOCATION = "X-Resource-Name-In-Location"
LONGEST_NAME = 255
MOST_KEPT = 64 * 1024  # bytes of JSON beside a project, however many requests they came by
PROJECT_ADMIN = 1  # the role's number
_NAME = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")


class ProjectBody(msgspec.Struct, frozen=True):
    """A project as a request holds it. `registry_id` would make it a cache of another registry."""

    project_name: str | None = None
    public: bool | None = None
    metadata: dict[str, str | None] | None = None
    cve_allowlist: dict[str, Any] | None = None
    registry_id: int | None = None


class Kept(msgspec.Struct, frozen=True):
    """What is kept beside a namespace for Harbor's clients."""

    metadata: dict[str, str] = {}
    cve_allowlist: dict[str, Any] = {}
    owner: str = ""
    updated: int = 0


class Projects:
    """Handlers under `/projects`."""

    def __init__(self, desk: Desk, flags: Flags, subscribing: Subscribing, clock: Clock, observer: Observer) -> None:
        self._desk = desk
        self._flags = flags
        self._subscribing = subscribing
        self._clock = clock
        self._observer = observer

    async def list(self, request: web.Request) -> web.Response:
        """Those that the person manages, and public ones; to nobody in particular public ones alone."""
        person = self._desk.person(request)
        asked, owner = _asked(request.query), request.query.get("owner", "")
        rows = [one for one in await self._desk.projects() if one.public or person.manages(one.name)]
        if owner:
            rows = [one for one in rows if (await self._kept(one)).owner == owner]
        found = asked.chosen(rows, _fields, "name")
        return page(request, asked, len(found), [await self._shown(one, person) for one in asked.page_of(found)])

    async def head(self, request: web.Request) -> web.Response:
        await self._desk.of(request, request.query.get("project_name", ""), to_read=True)
        return done()

    async def get(self, request: web.Request) -> web.Response:
        person, project = await self._desk.project(request, to_read=True)
        return answer(await self._shown(project, person))

    async def create(self, request: web.Request) -> web.Response:
        person = self._desk.known(request)
        body = await body_of(request, ProjectBody, "project")
        name = body.project_name or ""
        if not person.manages(name):
            raise Forbidden(f"{person.name} does not manage the namespace {name}")
        metadata = _checked(body)
        if not 1 <= len(name) <= LONGEST_NAME:
            raise Refused(
                400, f"Project name {name[:LONGEST_NAME]} is illegal in length. (greater than 255 or less than 1)"
            )
        if not _NAME.fullmatch(name):
            raise Refused(400, f"Project name {name} is not in lower case or contains illegal characters")
        if body.registry_id:
            raise Refused(400, "a project cannot be a proxy cache here: leave registry_id out")
        now = self._clock.now()
        try:
            new = await self._desk.places.make_namespace(name, now, public=metadata.pop("public", "") == "true")
        except Conflict:
            raise Refused(409, f"The project named {name} already exists") from None
        await self._keep(new, Kept(metadata, body.cve_allowlist or {}, person.name, now))
        self._observer.operated(person.name, "project create", 1, f"namespace={name}")
        named = request.headers.get(NAME_IN_LOCATION, "").lower() == "true"
        return made(f"{request.rel_url.raw_path.rstrip('/')}/{name if named else new.id}")

    async def update(self, request: web.Request) -> web.Response:
        """What the body names is changed, the rest stays."""
        person, project = await self._desk.project(request)
        body = await body_of(request, ProjectBody, "project")
        metadata = _checked(body)
        public = metadata.pop("public", "")
        before = await self._kept(project)
        allowed = before.cve_allowlist if body.cve_allowlist is None else body.cve_allowlist
        kept = Kept({**before.metadata, **metadata}, allowed, before.owner, self._clock.now())
        if len(msgspec.json.encode(kept)) > MOST_KEPT:
            raise Refused(400, f"a project's metadata and CVE allowlist may take {MOST_KEPT // 1024} KiB in all")
        if public:
            await self._desk.places.change_namespace(project.id, public=public == "true")
        await self._keep(project, kept)
        self._observer.operated(person.name, "project update", 1, f"namespace={project.name}")
        return done()

    async def delete(self, request: web.Request) -> web.Response:
        """Only an empty one can go, and its policies go with it."""
        person, project = await self._desk.project(request)
        try:
            await self._desk.places.remove_namespace(project.id)
        except Conflict as error:
            raise Refused(412, str(error)) from None
        await self._flags.put_flag(_flag(project), None)
        self._observer.operated(person.name, "project delete", 1, f"namespace={project.name}")
        for policy in (await self._subscribing.list(person, Api.HARBOR, namespace=project.name, limit=MOST)).items:
            await self._subscribing.remove(person, policy)
        return done()

    async def scanner(self, request: web.Request) -> web.Response:
        """There is none, and clients take 404 for that."""
        _, project = await self._desk.project(request, to_read=True)
        raise Refused(404, f"no scanner is registered for the project {project.name}")

    async def repositories(self, request: web.Request) -> web.Response:
        _, project = await self._desk.project(request, to_read=True)
        asked = query.read(request.query)
        rows = [_repository(project, rows) for rows in await self._desk.repositories(project)]
        found = asked.chosen(rows, _repository_fields, "name")
        return page(request, asked, len(found), asked.page_of(found))

    async def _shown(self, project: NamespaceRow, person: Person) -> dict[str, Any]:
        kept = await self._kept(project)
        roles = [PROJECT_ADMIN] if person.manages(project.name) else []
        return {
            "creation_time": milliseconds(project.created),
            "current_user_role_id": roles[0] if roles else 0,
            "current_user_role_ids": roles,
            "cve_allowlist": {"items": [], **kept.cve_allowlist, "project_id": project.id},
            "metadata": {**kept.metadata, "public": "true" if project.public else "false"},
            "name": project.name,
            "owner_id": 1,
            "owner_name": kept.owner,
            "project_id": project.id,
            "repo_count": len(await self._desk.repositories(project)),
            "update_time": milliseconds(kept.updated or project.created),
        }

    async def _kept(self, project: NamespaceRow) -> Kept:
        value = await self._flags.flag(_flag(project))
        return msgspec.convert(value, Kept) if value is not None else Kept()

    async def _keep(self, project: NamespaceRow, kept: Kept) -> None:
        await self._flags.put_flag(_flag(project), msgspec.to_builtins(kept))


def _flag(project: NamespaceRow) -> str:
    return f"harbor.project.{project.id}"


def _checked(body: ProjectBody) -> dict[str, str]:
    """The metadata of a request, with the `public` of old clients in it. Raises Refused."""
    metadata = {name: value for name, value in (body.metadata or {}).items() if value is not None}
    if body.public is not None and not metadata.get("public"):
        metadata["public"] = "true" if body.public else "false"
    public = metadata.get("public", "")
    if public not in {"", "true", "false"}:
        raise Refused(400, f"metadata.public should only be 'true' or 'false', but got: '{public}'")
    return metadata


def _asked(parameters: Mapping[str, str]) -> Query:
    """The query, with what lists of projects have parameters of their own for."""
    asked = query.read(parameters)
    patterns = dict(asked.patterns)
    if parameters.get("name"):
        patterns["name"] = Fuzzy(parameters["name"])
    if parameters.get("public"):
        patterns["public"] = Exact(parameters["public"])
    return msgspec.structs.replace(asked, patterns=patterns)


def _fields(project: NamespaceRow) -> Fields:
    return {
        "project_id": project.id,
        "name": project.name,
        "public": project.public,
        "creation_time": moment(project.created),
    }


def _repository(project: NamespaceRow, rows: Sequence[RepositoryRow]) -> dict[str, Any]:
    """A repository under its project's name, also where it has a single segment. Its id is made of the name."""
    name = rows[0].name if "/" in rows[0].name else f"{project.name}/{rows[0].name}"
    pushed = [row.first_push for row in rows if row.first_push is not None]
    changed = [row.time for row in rows if row.time]
    return {
        "creation_time": milliseconds(min(pushed) if pushed else 0),
        "id": zlib.crc32(name.encode()),
        "name": name,
        "project_id": project.id,
        "update_time": milliseconds(max(changed) if changed else 0),
    }


def _repository_fields(shown: Mapping[str, Any]) -> Fields:
    return {
        "id": shown["id"],
        "name": shown["name"],
        "creation_time": moment(instant.parse_rfc3339(shown["creation_time"])),
        "update_time": moment(instant.parse_rfc3339(shown["update_time"])),
    }
