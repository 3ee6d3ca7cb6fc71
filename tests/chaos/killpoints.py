"""Where a sidecar can be made to die: named points, installed from outside by wrapping real methods.

`arm(point, hit)` has the process kill itself with SIGKILL when the point is reached for the `hit`-th time. The product
knows nothing of it. Only the launcher of a campaign's victims calls this.
"""

import asyncio
import functools
import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable
from typing import Any

import msgspec
from aiohttp import client_reqrep, web_protocol

from sidecar import app
from sidecar.outbound.sender import HttpSender
from sidecar.pipeline.dispatcher import Dispatcher
from sidecar.pipeline.translator import Translator
from sidecar.stores.sqlite import commit, file, journal, queue, store, translation, upkeep

Install = Callable[[Callable[[], None]], None]  # given what to do at each hit


class Point(msgspec.Struct, frozen=True):
    """A place to die at. `within` is the greatest number of hits after which it is worth dying."""

    name: str
    what: str
    install: Install
    within: int = 10
    needs: str = ""  # what the driver must do for the point to be reached: reload, stop, throttle, rubbish, fresh


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)  # a signal to another thread's process is delivered within this


def die_soon(seconds: float) -> None:
    """Die while something else goes on: SQLite leaves the interpreter to other threads meanwhile."""

    def later() -> None:
        time.sleep(seconds)
        die()

    threading.Thread(target=later, daemon=True).start()


def arm(name: str, hit: int) -> None:
    left = hit

    def reached() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            die()

    POINTS[name].install(reached)


# --- how to wrap ------------------------------------------------------------------------------------------------------


def _before(owner: Any, name: str) -> Install:
    """At each call."""
    return lambda reached: _wrap(owner, name, before=lambda *_: reached())


def _after(owner: Any, name: str) -> Install:
    """At the return of each call; for a coroutine, when it has ended."""
    return lambda reached: _wrap(owner, name, after=lambda *_: reached())


def _wrap(
    owner: Any,
    name: str,
    *,
    before: Callable[..., None] | None = None,
    after: Callable[..., None] | None = None,
) -> None:
    original = getattr(owner, name)

    if asyncio.iscoroutinefunction(original):

        @functools.wraps(original)
        async def waiting(*args: Any, **named: Any) -> Any:
            if before is not None:
                before(*args)
            result = await original(*args, **named)
            if after is not None:
                after(*args)
            return result

        setattr(owner, name, waiting)
        return

    @functools.wraps(original)
    def wrapped(*args: Any, **named: Any) -> Any:
        if before is not None:
            before(*args)
        result = original(*args, **named)
        if after is not None:
            after(*args)
        return result

    setattr(owner, name, wrapped)


def _within(module: Any, name: str) -> Install:
    """At the return of a method of whichever class of a module has it."""
    (owner,) = [one for one in vars(module).values() if isinstance(one, type) and name in vars(one)]
    return _after(owner, name)


def _applied(verb: str) -> Install:
    """Everything of a cycle that holds the verb is in the transaction, which is not committed."""

    def install(reached: Callable[[], None]) -> None:
        _wrap(commit, "_commit", before=lambda applied: reached() if _holds(applied, verb) else None)

    return install


def _committed(verb: str) -> Install:
    """A cycle that holds the verb is committed, and nobody has heard of it."""

    def install(reached: Callable[[], None]) -> None:
        _wrap(commit, "_commit", after=lambda applied: reached() if _holds(applied, verb) else None)

    return install


def _holds(applied: Any, verb: str) -> bool:
    return any(name == verb for name, _ in applied.held)


def _answered(reached: Callable[[], None]) -> None:
    """The answer to a notification was handed to the socket."""

    def after(_handler: Any, request: Any, *_: Any) -> None:
        if request.path.startswith("/events"):
            reached()

    _wrap(web_protocol.RequestHandler, "finish_response", after=after)


def _anywhere(reached: Callable[[], None]) -> None:
    """In the middle of whatever SQLite does on the writer's connection, every few thousand of its instructions."""
    _watch_instructions("_lay_out_log", reached, every=3000)


def _migrating(reached: Callable[[], None]) -> None:
    """In the middle of a migration's statements."""
    _watch_instructions("_migrate", reached, every=40)


def _watch_instructions(before: str, reached: Callable[[], None], *, every: int) -> None:
    def watch(connection: sqlite3.Connection, *_: Any) -> None:
        connection.set_progress_handler(lambda: reached() or 0, every)

    _wrap(file, before, before=watch)


def _during(owner: Any, name: str, seconds: float) -> Install:
    """A moment after each call begins, while it goes on in C or waits for the disk."""

    def install(_reached: Callable[[], None]) -> None:
        _wrap(owner, name, before=lambda *_: die_soon(seconds))

    return install


_LIST = (
    # intake
    Point("intake.applied", "records in the transaction, before its commit", _applied("append"), 40),
    Point("intake.committed", "records committed, before the answer", _committed("append"), 40),
    Point("intake.numbered", "in the middle of the append", _after(journal, "append"), 40),
    Point("intake.answered", "answered, before translation", _answered, 40),
    # translator
    Point("translate.taken", "a batch taken, nothing folded", _before(Translator, "_translate"), 15),
    Point("translate.folded", "folded and rendered, nothing written", _after(Translator, "_fold"), 15),
    Point("translate.within", "in its transaction, cursor moved", _after(translation, "_catalogue"), 15),
    Point("translate.applied", "in its transaction, before the commit", _applied("translate"), 15),
    Point("translate.committed", "committed, before the offer", _committed("translate"), 15),
    Point("translate.offered", "offered to the lanes", _after(Dispatcher, "offer"), 15),
    # deliveries
    Point("send.written", "request on the wire, no answer read", _before(client_reqrep.ClientResponse, "start"), 60),
    Point("send.answered", "answer read, not judged", _after(HttpSender, "send"), 60),
    Point("settle.queued", "result queued, before its commit", _after(store.SQLiteStore, "settle"), 60),
    Point("settle.applied", "results in the transaction, before its commit", _applied("settle"), 30),
    Point("settle.committed", "results committed, nobody told", _committed("settle"), 30),
    Point("lane.pausing", "a lane's pause in the transaction", _after(queue, "pause"), 2, "throttle"),
    Point("quarantine.applied", "unreadable body in the transaction", _applied("quarantine"), 2, "rubbish"),
    # housekeeping
    Point("retention.within", "in the middle of a slice", _within(upkeep, "_deliveries"), 9),
    Point("retention.applied", "a slice done, before its commit", _applied("upkeep"), 3),
    Point("retention.committed", "a slice committed", _committed("upkeep"), 3),
    Point("checkpoint.before", "before the log is written back", _before(upkeep, "checkpoint"), 2),
    Point("checkpoint.during", "while the log is written back", _during(upkeep, "checkpoint", 0.0003), 1),
    Point("checkpoint.after", "after the log was written back", _after(upkeep, "checkpoint"), 2),
    Point("sqlite.anywhere", "in the middle of any statement", _anywhere, 60),
    # start
    Point("open.locked", "the lock taken, the file not opened", _after(file.Lock, "take"), 1),
    Point("open.configured", "opened and configured", _after(file, "_configure"), 1),
    Point("open.log", "the log laid out", _after(file, "_lay_out_log"), 1),
    Point("open.log.during", "while the log is laid out", _during(file, "_lay_out_log", 0.004), 1),
    Point("open.migrating", "in the middle of a migration", _migrating, 14, "fresh"),
    Point("open.migrated", "migrated", _after(file, "_migrate"), 1, "fresh"),
    Point("open.registered", "lanes registered", _after(queue, "register"), 1),
    Point("open.begun", "translation begins", _after(translation, "begin"), 1),
    # reload
    Point("reload.read", "a new configuration read", _before(app.App, "_take"), 1, "reload"),
    Point("reload.applied", "its lanes in the transaction", _after(queue, "register"), 2, "reload"),
    Point("reload.registered", "its lanes registered", _after(app.App, "_take"), 1, "reload"),
    Point("reload.done", "in use", _after(app.App, "reload"), 1, "reload"),
    # orderly stop
    Point("stop.begun", "told to stop", _before(app.App, "stop"), 1, "stop"),
    Point("stop.noted", "the translator's end noted", _after(translation, "end"), 1, "stop"),
    Point("stop.drained", "attempts ended", _after(Dispatcher, "stop"), 1, "stop"),
    Point("stop.closing", "the store about to close", _before(store.SQLiteStore, "close"), 1, "stop"),
    Point("stop.closed", "the store closed", _after(store.SQLiteStore, "close"), 1, "stop"),
)
POINTS = {one.name: one for one in _LIST}
