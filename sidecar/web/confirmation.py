"""GET /authrepoemail: where the link of a mail leads that asks whether an address may be told of a repository.

Anybody may follow it: whoever has the code reads what is sent to the address. Guessing codes is held back.
"""

import time
from collections.abc import Callable
from html import escape
from typing import Final

from aiohttp import hdrs, web

from sidecar.domain import instant
from sidecar.domain.errors import StoreUnavailable
from sidecar.domain.throttle import Throttle
from sidecar.pipeline.authorizing import PATH, Authorizing
from sidecar.web.login import network

# Of one address: wrong codes at once, and how long until the next; and how many addresses are counted.
TRIES, EVERY, MOST = 10, 30 * instant.SECOND, 4096
UNKNOWN: Final = "This link is not valid, or not any more: have the address confirmed again, and follow the new link."
_HEADERS: Final = {
    hdrs.CACHE_CONTROL: "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_PAGE: Final = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{title} · registry-sidecar</title>
<style>body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 40rem; margin: 4rem auto; padding: 0 1rem }}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{text}</p>
</main>
</body>
</html>
"""


class ConfirmationPage:
    """The route."""

    def __init__(self, authorizing: Authorizing, *, monotonic: Callable[[], int] = time.monotonic_ns) -> None:
        self._authorizing = authorizing
        self._monotonic = monotonic
        self._wrong = Throttle(TRIES, EVERY, MOST)

    def add_to(self, app: web.Application) -> None:
        app.router.add_get(PATH, self._confirm, allow_head=False)  # looking whether a link is there confirms nothing

    async def _confirm(self, request: web.Request) -> web.Response:
        remote, now = network(request.remote or ""), self._monotonic()
        wait = self._wrong.wait(remote, now)
        if wait:
            seconds = -(-wait // instant.SECOND)
            response = _page(
                429,
                "Too many links",
                f"Too many links that are not valid were followed from your address: try again in {seconds} s.",
            )
            response.headers[hdrs.RETRY_AFTER] = str(seconds)
            return response
        try:
            confirmed = await self._authorizing.confirm(request.query.get("code", ""))
        except StoreUnavailable:
            return _page(
                503, "Not just now", "The sidecar cannot write this down just now: follow the link again in a moment."
            )
        if confirmed is None:
            self._wrong.take(remote, now)
            return _page(404, "Link not valid", UNKNOWN)
        text = f"{confirmed.email} may be told of the repository {confirmed.repository} from now on."
        return _page(200, "Address confirmed", text)


def _page(status: int, title: str, text: str) -> web.Response:
    page = _PAGE.format(title=escape(title), text=escape(text))
    return web.Response(status=status, text=page, content_type="text/html", headers=_HEADERS)
