"""What every page of the console stands in: its headers, its errors, and the proof that a form is one of its own.

A browser sends a password that it knows with every request, whoever made the page that asks. So a form is taken only
where the browser says that it comes from a page of this very origin, and with a token that only such a page shows.
"""

import asyncio
import base64
import functools
import hmac
import secrets
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
from aiohttp import hdrs, web

from sidecar.domain.errors import Conflict, Forbidden, NotFound, SidecarError, StoreUnavailable
from sidecar.domain.instant import rfc3339
from sidecar.pipeline.inbox import MANY, Inbox
from sidecar.pipeline.operations import Operations
from sidecar.web.console import rendering
from sidecar.web.exchange import BadArgument, person_of, who
from sidecar.web.problems import sentence

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Status = Callable[[], dict[str, Any]]

# Nothing runs, nothing is loaded from elsewhere, and no other page may show these in itself.
POLICY = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: under it browsers send a form with `Origin: null`, even to where the page is from.
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class FormRefused(SidecarError):
    """A form that is not one of ours, or not any more."""


_STATUSES: tuple[tuple[type[SidecarError], int], ...] = (
    (NotFound, 404),
    (Forbidden, 403),
    (Conflict, 409),
    (BadArgument, 400),
    (FormRefused, 403),
    (StoreUnavailable, 503),
)


class Frame:
    """Renders pages. Its key for forms is of this process: after a restart pages are to be loaded again."""

    def __init__(self, operations: Operations, status: Status, inbox: Inbox | None = None) -> None:
        self._operations = operations
        self.status = status
        self._inbox = inbox
        self._key = secrets.token_bytes(32)

    async def page(self, request: web.Request, template: str, status: int = 200, **context: Any) -> web.Response:
        """A page of a template; every template may name those below as well. `waiting` None = there are no inboxes."""
        now = self._operations.now()
        person = person_of(request)
        waiting: int | None = None
        if self._inbox is not None:
            try:
                waiting = await self._inbox.count(person)
            except StoreUnavailable:
                waiting = 0
        context |= {
            "admin": person.admin,
            "waiting": waiting,
            "many": MANY,
            "status": self.status(),
            "now": now,
            "made": rfc3339(now),
            "style": rendering.style()[0],
            "path": request.path,
            "token": functools.partial(self._token, who(request)),
        }
        body = await asyncio.to_thread(rendering.render, template, context)
        return web.Response(status=status, body=body, content_type="text/html", charset="utf-8", headers=HEADERS)

    def handled(self, handler: Handler) -> Handler:
        """The handler with errors of ours as pages that say the sentence."""

        @functools.wraps(handler)
        async def page(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request)
            except SidecarError as error:
                status = next((status for kind, status in _STATUSES if isinstance(error, kind)), 500)
                return await self.page(request, "error.html", status, code=status, sentence=sentence(error))
            except web.HTTPRequestEntityTooLarge:
                return await self.page(request, "error.html", 413, code=413, sentence="The form is too large.")

        return page

    # --- forms ------------------------------------------------------------------------------------------------------

    def _token(self, person: str, verb: str, target: object) -> str:
        """What a form carries that does this to that: good for nothing else, and for this person alone."""
        what = msgspec.json.encode([person, verb, str(target).encode("utf-8", "replace")])
        made = hmac.digest(self._key, what, "sha256")
        return base64.urlsafe_b64encode(made).decode().rstrip("=")

    async def form(self, request: web.Request, verb: str, target: object) -> dict[str, str]:
        """The fields of a form of ours. Raises FormRefused for any other."""
        if _foreign(request):
            raise FormRefused("this form was not sent by a page of this console, so nothing was done")
        raw = await request.read() if request.content_type == "application/x-www-form-urlencoded" else b""
        fields = dict(parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True, errors="replace"))
        given = fields.pop("token", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._token(who(request), verb, target).encode()):
            raise FormRefused(
                "this form is older than the running sidecar or was made for somebody else, so nothing was done: "
                "go back, load the page again, and repeat it"
            )
        return fields


def _foreign(request: web.Request) -> bool:
    """Whether a form comes from another site's page. Browsers that do not say so are as good as others."""
    site = request.headers.get("Sec-Fetch-Site")
    if site is not None:
        return site != "same-origin"
    origin = request.headers.get(hdrs.ORIGIN, "")
    return not origin or urlsplit(origin).netloc.lower() != request.headers.get(hdrs.HOST, "").lower()


def attachment(body: bytes, name: str) -> web.Response:
    """Bytes to be saved, exactly as they are, and never shown as a page."""
    headers = HEADERS | {
        "Content-Security-Policy": "sandbox; default-src 'none'; frame-ancestors 'none'",
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    return web.Response(body=body, content_type="application/octet-stream", headers=headers)
