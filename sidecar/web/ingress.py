"""POST /events and POST /events/<registry>; with POST /intake/... beside it, nothing else answers on this listener.

The registry retries every status from 400 on for ever, one event at a time. So whatever cannot be understood is set
aside and answered 202; only bad credentials (401) and a store that cannot commit (503) are refused.
"""

import asyncio
import time
from collections.abc import Callable

from aiohttp import web
from aiohttp.http_exceptions import ContentEncodingError

from sidecar.domain.errors import StoreUnavailable
from sidecar.pipeline.intake import KEPT_HEAD, Intake
from sidecar.ports import Observer
from sidecar.web.access import Access
from sidecar.web.intake import Heard, IntakeDoor
from sidecar.web.problems import problem

BODY_TIMEOUT = 10.0  # seconds for the whole body
DRAINED = 64 * 1024 * 1024  # bytes read over max_body, so that the sender can finish and hear the answer
RETRY_AFTER = "5"
ACCEPTED = 202


class Ingress:
    """The ingest listener's handler. `access` and `max_body` are replaced on reload."""

    def __init__(
        self,
        intake: Intake,
        access: Access,
        *,
        max_body: int,
        observer: Observer,
        acked: Callable[[float], None],
        heard: Heard,
    ) -> None:
        """`acked` hears how long an envelope's answer took, `heard` what became of what others told."""
        self._intake = intake
        self._observer = observer
        self._acked = acked
        self._others = IntakeDoor(intake, heard)
        self.access = access
        self.max_body = max_body

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        begun = time.perf_counter()
        path = request.path
        if path in {"/events", "/events/"}:
            named = ""
        elif path.startswith("/events/"):
            named = path[8:].strip("/")
        elif path.startswith("/intake/"):
            return await self._told_by_others(request)
        else:
            return problem(404, "Only POST /events, POST /events/<registry> and POST /intake/... answer here.")
        if request.method != "POST":
            response = problem(405, "Notifications are posted: use POST.")
            response.headers["Allow"] = "POST"
            return response
        caller = self.access.caller(named, request.headers.getall("Authorization", ()))
        if caller is None:
            self._observer.ingested(named if named in self.access.names else "", "unauthorized", 0)
            response = problem(401, "The credentials are missing or wrong: send one of this registry's tokens.")
            response.headers["WWW-Authenticate"] = 'Bearer realm="registry-sidecar"'
            return response
        registry = caller.registry
        content_type = request.headers.get("Content-Type", "")
        try:
            body, whole = await self._read(request)
            if not caller.known:
                await self._intake.unknown_registry(registry, body, content_type)
                outcome = "quarantined"
            elif not whole:
                await self._intake.too_large(registry, body, content_type, self.max_body)
                outcome = "quarantined"
            else:
                outcome = await self._intake.accept(registry, body, content_type)
        except StoreUnavailable as error:
            self._observer.ingested(registry if caller.known else "", "unavailable", 0)
            response = problem(503, f"Nothing was accepted: {error}.")
            response.headers["Retry-After"] = RETRY_AFTER
            return response
        except (TimeoutError, ConnectionError, web.RequestPayloadError) as error:
            return _cut_off(error)
        self._acked(time.perf_counter() - begun)
        self._observer.ingested(registry if caller.known else "", outcome, 1)
        return web.Response(status=ACCEPTED)

    async def _told_by_others(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            return await self._others.handle(request, self.access, self._read)
        except (TimeoutError, ConnectionError, web.RequestPayloadError) as error:
            return _cut_off(error)

    async def _read(self, request: web.BaseRequest) -> tuple[bytes, bool]:
        """The body and whether it is whole; of one that is too large only the head."""
        content = request.content
        plain = "Content-Encoding" not in request.headers
        length = request.content_length
        if plain and content.is_eof() and (length is None or length <= self.max_body):
            return content.read_nowait(-1), True
        chunks: list[bytes] = []
        size = 0
        async with asyncio.timeout(BODY_TIMEOUT):
            try:
                async for chunk in content.iter_any():
                    if size <= self.max_body:
                        chunks.append(chunk)
                    size += len(chunk)
                    if size > self.max_body + DRAINED:
                        break
            except web.RequestPayloadError as error:
                if not isinstance(error.__cause__, ContentEncodingError):
                    raise
                # A body that says it is compressed and is not: what came is kept, and is unreadable by itself.
                content.feed_eof()  # else the server trips over the rest of it, and logs that
                return b"".join(chunks), True
        body = b"".join(chunks)
        if size > self.max_body:
            return body[:KEPT_HEAD], False
        return body, True


def _cut_off(error: Exception) -> web.Response:
    """The answer to a body that did not come, or not whole."""
    if isinstance(error, TimeoutError):
        response = problem(408, f"The body did not arrive within {BODY_TIMEOUT:.0f} seconds.")
    else:
        response = problem(400, "The body did not arrive whole: send it again.")
    response.force_close()
    return response
