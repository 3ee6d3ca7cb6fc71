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
from sidecar.config.schema import of_made
from sidecar.config.settings import Settings
from sidecar.domain.quota import Quotas
from sidecar.pipeline.expiries import Expiries
from sidecar.pipeline.inbox import Inbox
from sidecar.pipeline.intake import Intake
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.subscribing import Subscribing
from sidecar.pipeline.walks import Walks
from sidecar.pipeline.weighing import weighed
from sidecar.stores.sqlite import SQLiteStore
from sidecar.telemetry.observers import Observers
from sidecar.web.api import Api
from sidecar.web.door import Door
from sidecar.web.health import Health
from sidecar.web.server import Listeners
from sidecar.web.status import status
from sidecar.wiring import new_uuid, shown

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
        subscribing = Subscribing(store, clock, observer, new_uuid=new_uuid)
        await shown(settings, store, operations, subscribing)
        health = Health(stalled=lambda: 0.0, unready=lambda: (_STOPPED,), render_metrics=lambda: (b"", "text/plain"))
        namespaces = {one.name: one.default_namespace for one in settings.registries}
        walks = Walks(store, clock, observer)
        walks.configure(dict.fromkeys(one.name for one in settings.registries))
        quotas = Quotas(settings.quotas, {one.name: one for one in settings.registries})
        api = Api(
            operations,
            lambda: _status(store, settings),
            health,
            store.care.backup,
            subscribing=subscribing,
            walks=walks,
            forms=of_made,
            expiries=Expiries(store, clock, observer, lambda: namespaces),
            inbox=Inbox(store, clock, observer, lambda: settings.management.accounts),
            usage=lambda: weighed(store, quotas),
        )
        with tempfile.TemporaryDirectory(prefix="registry-sidecar-") as folder:
            path = Path(folder) / "offline.sock"
            await listeners.serve_socket(api.app(Door.SOCKET), path)
            try:
                yield path
            finally:
                await listeners.stop()
    finally:
        await store.close()


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
