"""POST /intake/...: what others than the registry tell, answered when it is on disk.

Whoever posts here reads answers, unlike a registry: what cannot be taken is refused with a sentence and its place, and
nothing of the request is journalled. A repeat is answered with the same ids, 200 where nothing was new.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import msgspec
from aiohttp import web

from sidecar.domain.errors import Misstated, StoreRefused, StoreUnavailable
from sidecar.domain.statement import Told, record_id
from sidecar.intake import cloudevents
from sidecar.intake.posted import REPORTS, Posted, Reader
from sidecar.pipeline.intake import Intake
from sidecar.web.access import Access
from sidecar.web.problems import problem, sentence

RETRY_AFTER = "5"
LONGEST_KEY = 200  # characters of an Idempotency-Key


def _scans(posted: Posted) -> Sequence[Told]:
    from sidecar.intake import scans  # with the first report: it is most of a megabyte

    return scans.read(posted)


def _builds(posted: Posted) -> Sequence[Told]:
    from sidecar.intake import builds  # with the first build

    return builds.read(posted)


READERS: Final[Mapping[str, Reader]] = MappingProxyType(
    {"events": cloudevents.read, "scans": _scans, "builds": _builds}
)
JSON = "application/json"
LONG = 64 * 1024  # bytes of a body that is read on a thread: envelopes of registries are answered meanwhile

_EXPECTED = {"events": f"{cloudevents.ONE} or {JSON}", "scans": JSON, "builds": JSON}
_ROUTES = ", ".join(f"/intake/{route}" for route in READERS)

Read = Callable[[web.BaseRequest], Awaitable[tuple[bytes, bool]]]
Heard = Callable[[str, str, str], None]  # a route of READERS; what became of it; and why


class IntakeDoor:
    """The intake's half of the ingest listener. `heard` is told of every request."""

    def __init__(self, intake: Intake, heard: Heard) -> None:
        self._intake = intake
        self._heard = heard

    async def handle(self, request: web.BaseRequest, access: Access, read: Read) -> web.StreamResponse:
        """Answer one request below /intake/; `read` gives its body, and whether that is whole."""
        route = request.path.removeprefix("/intake/").strip("/")
        reader = READERS.get(route)
        if reader is None:
            return problem(404, f"Nothing is taken at {request.path[:100]}: post to {_ROUTES}.")
        if request.method != "POST":
            response = problem(405, "What happened is posted: use POST.")
            response.headers["Allow"] = "POST"
            return response
        refusal = self._stranger(request, access, route)
        if refusal is not None:
            return refusal
        media_type = request.content_type.lower()
        if not (media_type == JSON or media_type.endswith("+json") or media_type in REPORTS):
            # A page in a browser could post anything else to any address that it can reach.
            self._heard(route, "refused", "it is not JSON")
            return problem(415, f"What is posted must be JSON: send {_EXPECTED[route]} as its Content-Type.")
        try:
            body, whole = await read(request)
            if not whole:
                self._heard(route, "refused", "the body is larger than ingest.max_body")
                return problem(413, "The body is larger than ingest.max_body: post less at a time.")
            headers = {name.lower(): value for name, value in request.headers.items()}
            posted = Posted(
                media_type=media_type,
                body=body,
                headers=headers,
                query=dict(request.query),
                registries={name: access.intake.hostnames.get(name, "") for name in access.names},
            )
            told = reader(posted) if len(body) <= LONG else await asyncio.to_thread(reader, posted)
            return await self._take(route, told, headers.get("idempotency-key", ""), access.names)
        except (Misstated, StoreRefused) as error:
            self._heard(route, "refused", str(error))
            return problem(400, sentence(error), pointer=getattr(error, "pointer", None))
        except StoreUnavailable as error:
            self._heard(route, "unavailable", "")
            response = problem(503, f"Nothing was accepted: {error}.")
            response.headers["Retry-After"] = RETRY_AFTER
            return response

    def _stranger(self, request: web.BaseRequest, access: Access, route: str) -> web.Response | None:
        """The answer to who may not post here, None for who may."""
        if access.intake.admits(request.headers.getall("Authorization", ())):
            return None
        self._heard(route, "unauthorized", "")
        if access.intake.closed:
            return problem(403, "Nobody may post here yet: give `ingest.intake.tokens` in the configuration.")
        response = problem(401, "The credentials are missing or wrong: send one of the intake's tokens.")
        response.headers["WWW-Authenticate"] = 'Bearer realm="registry-sidecar"'
        return response

    async def _take(self, route: str, told: Sequence[Told], key: str, registries: Sequence[str]) -> web.Response:
        if len(key) > LONGEST_KEY:
            raise Misstated(f"an Idempotency-Key has at most {LONGEST_KEY} characters")
        named = [
            (_registry(one, registries), record_id(one.statement, key, at), one.statement)
            for at, one in enumerate(told)
        ]
        new = await self._intake.take(named) if named else 0
        self._heard(route, "accepted" if new else "duplicate", "")
        answer = {"ids": [identity for _, identity, _ in named], "new": new}
        return web.Response(status=202 if new else 200, body=msgspec.json.encode(answer), content_type=JSON)


def _registry(told: Told, registries: Sequence[str]) -> str:
    """The registry that is spoken of: the one that is named, or the only one."""
    if told.registry in registries:
        return told.registry
    known = ", ".join(registries)
    if told.registry:
        raise Misstated(f"At {told.place}: no registry is named {told.registry[:100]!r}; known: {known}.", told.place)
    if len(registries) > 1:
        raise Misstated(f"At {told.place}: say which registry is meant: {known}.", told.place)
    return registries[0]
