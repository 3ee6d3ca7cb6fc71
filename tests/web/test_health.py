"""/livez, /readyz and /metrics."""

import aiohttp
import pytest
from aiohttp import web

from sidecar.web.health import STALLED, Health, add_health
from sidecar.web.server import Listeners


class State:
    """What the probes are told."""

    def __init__(self):
        self.seconds, self.reasons, self.scrapes = 0.0, [], 0

    def metrics(self):
        self.scrapes += 1
        return b"up 1\n", "application/openmetrics-text; version=1.0.0; charset=utf-8"


@pytest.fixture
async def site():
    state, listeners, app = State(), Listeners(), web.Application()
    add_health(
        app,
        Health(stalled=lambda: state.seconds, unready=lambda: state.reasons, render_metrics=state.metrics),
    )
    (port,) = await listeners.serve_app(app, [("127.0.0.1", 0)], None)
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        yield state, session
    await listeners.stop()


async def ask(session, path):
    async with session.get(path) as answer:
        return answer.status, await answer.text()


async def test_it_lives_as_long_as_its_writer_does(site):
    state, session = site
    assert await ask(session, "/livez") == (200, "ok\n")
    state.seconds = STALLED
    assert await ask(session, "/livez") == (200, "ok\n")
    state.seconds = 61.4
    assert await ask(session, "/livez") == (503, "the store's writer has not answered for 61 s\n")


async def test_trouble_of_the_store_is_no_reason_to_be_killed(site):
    state, session = site
    state.reasons = ["store: disk I/O error"]
    assert (await ask(session, "/livez"))[0] == 200


async def test_it_is_ready_when_nothing_speaks_against_it(site):
    state, session = site
    assert await ask(session, "/readyz") == (200, "ok\n")
    state.reasons = ["stopping", "store: database or disk is full"]
    assert await ask(session, "/readyz") == (503, "stopping\nstore: database or disk is full\n")


async def test_metrics_come_as_they_were_rendered(site):
    state, session = site
    async with session.get("/metrics") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
        assert await answer.read() == b"up 1\n"
    assert state.scrapes == 1
