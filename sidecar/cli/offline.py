"""The API without a sidecar: the store's file, opened here under its exclusive lock.

The same API answers as in a running sidecar, on a socket in a directory of our own, so that every command means the
same in both cases.
"""

import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sidecar.cli.exits import ExitCode, Failure
from sidecar.clock import SystemClock
from sidecar.config.settings import Settings
from sidecar.dialects.contract import Audience
from sidecar.outbound.signing import Signer
from sidecar.pipeline.courier import Destination
from sidecar.pipeline.intake import Intake
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.routing import Route, Router
from sidecar.pipeline.walks import Walks
from sidecar.stores.sqlite import SQLiteStore
from sidecar.telemetry.observers import Observers
from sidecar.web.api import Api
from sidecar.web.door import Door
from sidecar.web.health import Health
from sidecar.web.server import Listeners
from sidecar.web.status import status
from sidecar.wiring import USER_AGENT

_STOPPED = "the sidecar is stopped: this is its store, opened offline"


@contextlib.asynccontextmanager
async def serve_offline(settings: Settings) -> AsyncIterator[Path]:
    """The API on a socket, until the context ends. Raises StoreUnavailable while a sidecar runs on the store."""
    if not settings.store.is_file():
        raise Failure(f"there is no store at {settings.store}: no sidecar has run there yet", ExitCode.UNAVAILABLE)
    store = SQLiteStore(settings.store, retention=settings.retention, inline=True)
    listeners = Listeners(shutdown_timeout=1.0)
    try:
        await store.open()
        clock = SystemClock()
        clock.not_before(store.newest)
        observer = Observers()
        operations = Operations(store, Intake(store, clock, observer), clock, observer)
        operations.connect(await _router(store, settings), _destinations(settings))
        health = Health(stalled=lambda: 0.0, unready=lambda: (_STOPPED,), render_metrics=lambda: (b"", "text/plain"))
        walks = Walks(store, clock, observer)
        walks.configure(dict.fromkeys(one.name for one in settings.registries))
        api = Api(operations, lambda: _status(store, settings), health, store.care.backup, walks=walks)
        with tempfile.TemporaryDirectory(prefix="registry-sidecar-") as folder:
            path = Path(folder) / "offline.sock"
            await listeners.serve_socket(api.app(Door.SOCKET), path)
            try:
                yield path
            finally:
                await listeners.stop()
    finally:
        await store.close()


async def _router(store: SQLiteStore, settings: Settings) -> Router:
    """The configuration's routes, with the lanes that the store has for them: nothing is registered by looking."""
    lanes = {row.state.name: row.state for row in await store.lanes()}
    routes = []
    for bound in settings.subscriptions:
        name = bound.subscription.name
        state = lanes.get(name)
        lane, policy = (state.id, state.policy) if state is not None else (0, 0)
        routes.append(Route(bound.subscription, bound.voice, lane, Audience(name, policy)))
    return Router(routes)


def _destinations(settings: Settings) -> dict[str, Destination]:
    """Where everything would go: nothing is sent from here, but it can be shown."""
    return {
        one.subscription.name: Destination.of(
            one.subscription, one.voice, Signer.of(one.subscription.signing), USER_AGENT
        )
        for one in settings.subscriptions
    }


def _status(store: SQLiteStore, settings: Settings) -> dict[str, Any]:
    return status(
        unready=[_STOPPED],
        source=settings.source,
        error="",
        store=settings.store,
        down=store.down,
        sizes=store.sizes,
        translator=None,
        last=store.last,
        registries=[one.name for one in settings.registries],
    )
