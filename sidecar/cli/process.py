"""The process around the sidecar: its event loop, its signals, its exit code."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable

from sidecar.app import App
from sidecar.config.settings import Settings
from sidecar.domain.errors import ConfigError, SidecarError

EXIT_OK = 0
EXIT_FORCED = 130


def run(settings: Settings, *, ready: Callable[[App], None] | None = None) -> int:
    """Serve until told to stop; returns the exit code. A second signal ends the process at once."""
    sys.setswitchinterval(1e-4)  # the writer's thread must not wait 5 ms for the interpreter
    factory = None
    with contextlib.suppress(ImportError):
        import uvloop

        factory = uvloop.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        return runner.run(_serve(settings, ready))


async def _serve(settings: Settings, ready: Callable[[App], None] | None) -> int:
    app = App(settings)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def told() -> None:
        if stop.is_set():
            os._exit(EXIT_FORCED)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told)
    reloads: set[asyncio.Task[str]] = set()

    def hangup() -> None:
        task = asyncio.create_task(app.reload())
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, hangup)
    try:
        await app.start()
    except ConfigError:
        await app.stop(drain=0)
        raise
    except OSError as error:
        await app.stop(drain=0)
        raise SidecarError(f"cannot listen: {error}") from error
    if ready is not None:
        ready(app)
    await stop.wait()
    await app.stop()
    return EXIT_OK
