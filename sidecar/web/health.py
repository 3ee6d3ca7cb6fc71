"""/livez, /readyz and /metrics: always open, never dependent on any destination."""

import asyncio
from collections.abc import Callable, Sequence

import msgspec
from aiohttp import web

STALLED = 30.0  # seconds without a sign of life from the writer


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """What the probes ask. `stalled` gives seconds; `unready` reasons, none when ready."""

    stalled: Callable[[], float]
    unready: Callable[[], Sequence[str]]
    render_metrics: Callable[[], tuple[bytes, str]]


def add_health(app: web.Application, health: Health) -> None:
    """Add the three routes."""

    async def livez(_request: web.Request) -> web.Response:
        stalled = health.stalled()
        if stalled > STALLED:
            return web.Response(status=503, text=f"the store's writer has not answered for {stalled:.0f} s\n")
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        reasons = health.unready()
        if reasons:
            return web.Response(status=503, text="".join(f"{one}\n" for one in reasons))
        return web.Response(text="ok\n")

    async def metrics(_request: web.Request) -> web.Response:
        body, content_type = await asyncio.to_thread(health.render_metrics)  # tens of milliseconds with many labels
        return web.Response(body=body, headers={"Content-Type": content_type})

    app.router.add_get("/livez", livez)
    app.router.add_get("/readyz", readyz)
    app.router.add_get("/metrics", metrics)
