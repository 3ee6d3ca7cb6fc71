"""Tracing of a whole sidecar: a registry posts, a receiver and a real collector hear of it."""

import asyncio
import json
import re

import aiohttp
import pytest
from aiohttp import web

from notifications import envelope, push
from otlp_oracle import attributes
from sidecar import app as root
from sidecar.config.loading import load
from sidecar.outbound import spans
from span_collector import Collector
from test_app import configuration, ready, until

DEAD = "http://127.0.0.1:9"  # the discard port: nobody listens there


class Receiver:
    """A webhook receiver that keeps the headers of what it is sent, and answers 500 to the first `bad` of it."""

    def __init__(self, bad=0):
        self._bad = bad
        self.headers = []

    async def __aenter__(self):
        application = web.Application()
        application.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/hook"
        return self

    async def __aexit__(self, *_):
        await self._runner.cleanup()

    async def _take(self, request):
        self.headers.append(request.headers)
        return web.Response(status=500 if len(self.headers) <= self._bad else 200)

    async def has(self, count):
        async def arrived():
            return len(self.headers) >= count

        await until(arrived)
        return self.headers


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    monkeypatch.setattr(spans, "COMPANY", 0.02)
    monkeypatch.setattr(spans, "FAREWELL", 0.2)


@pytest.fixture
async def running(tmp_path):
    """Starts sidecars with these sections, and stops them."""
    (tmp_path / "data").mkdir()
    started = []

    async def start(receiver, **sections):
        delivery = {"retry": {"initial": "1ms"}}
        one = {"name": "argocd", "format": "harbor", "url": receiver.url, "delivery": delivery}
        sidecar = root.App(load(configuration(tmp_path, subscriptions=[one], **sections), {}))
        started.append(sidecar)
        await sidecar.start()
        await until(lambda: ready(sidecar))
        return sidecar

    yield start
    for one in started:
        await one.stop()


async def post(sidecar, *identities):
    async with aiohttp.ClientSession() as http:
        body = envelope(*(push(one) for one in identities))
        async with http.post(f"http://127.0.0.1:{sidecar.ingest_ports[0]}/events", data=body) as answer:
            assert answer.status == 202


async def scraped(sidecar):
    async with (
        aiohttp.ClientSession() as http,
        http.get(f"http://127.0.0.1:{sidecar.management_ports[0]}/metrics") as answer,
    ):
        return await answer.text()


async def test_an_event_can_be_followed_from_its_acceptance_into_the_receiver(running):
    """Each request names the span of its own attempt, which the collector has; a failed one is seen as such."""
    async with Collector() as collector, Receiver(bad=1) as receiver:
        sidecar = await running(receiver, tracing={"endpoint": collector.url})
        await post(sidecar, "a")
        headers = [one["traceparent"] for one in await receiver.has(2)]
        await collector.has(6)
    found = [one for one in collector.spans if one.trace_id.hex() == headers[0].split("-")[1]]
    assert len(collector.spans) == len(found) + 2, "the repository's beginning is an event too, that nobody hears of"
    assert sorted(one.name for one in found) == ["accept", "deliver", "deliver", "translate"]
    delivered = sorted((one for one in found if one.name == "deliver"), key=lambda one: one.start_time_unix_nano)
    assert headers == [f"00-{one.trace_id.hex()}-{one.span_id.hex()}-01" for one in delivered]
    assert [attributes(one)["registry_sidecar.outcome"] for one in delivered] == ["retried", "delivered"]
    assert [attributes(one)["http.response.status_code"] for one in delivered] == [500, 200]
    (accept,) = [one for one in found if one.name == "accept"]
    assert {one.parent_span_id for one in found if one is not accept} == {accept.span_id}
    assert attributes(accept)["registry_sidecar.repository"] == "prj/app"
    assert accept.end_time_unix_nano > accept.start_time_unix_nano, "the commit was heard of"


async def test_without_the_key_a_receiver_sees_no_change(running):
    async with Receiver() as receiver:
        sidecar = await running(receiver)
        await post(sidecar, "a")
        (headers,) = await receiver.has(1)
        assert 'spans_total{outcome="exported"} 0.0' in await scraped(sidecar)
    assert not [name for name in headers if name.lower().startswith("trace")]


async def test_a_collector_that_is_away_costs_nothing_but_its_spans(running):
    """Everything is accepted and delivered, the stop is no longer, and what was lost is counted."""
    async with Receiver() as receiver:
        sidecar = await running(receiver, tracing={"endpoint": DEAD})
        for number in range(20):
            await post(sidecar, f"event-{number}")
        headers = await receiver.has(20)
        assert len({one["traceparent"] for one in headers}) == len({one["webhook-id"] for one in headers}) == 20
        assert not sidecar.unready()
        async with asyncio.timeout(5):
            await sidecar.stop()
        text = sidecar._metrics.render()[0].decode()
    lost = re.search(r'spans_total\{outcome="dropped"\} ([0-9.]+)', text)
    assert float(lost[1]) == 62, "three of each push, two of the repository's beginning"


async def test_a_collector_that_hangs_costs_nothing_but_its_spans(running):
    async def never(_number):
        await asyncio.sleep(3600)

    async with Collector(never) as collector, Receiver() as receiver:
        sidecar = await running(receiver, tracing={"endpoint": collector.url})
        for number in range(20):
            await post(sidecar, f"event-{number}")
        await receiver.has(20)
        async with asyncio.timeout(5):
            await sidecar.stop()


async def test_a_reload_turns_it_on_and_off(running, tmp_path):
    async with Collector() as collector, Receiver() as receiver:
        sidecar = await running(receiver)
        path = tmp_path / "config.yml"
        off = json.loads(path.read_text())
        for number, tracing in enumerate(({"endpoint": collector.url}, {"propagate": False}, None), 1):
            path.write_text(json.dumps({**off, **({"tracing": tracing} if tracing else {})}))
            assert await sidecar.reload() == ""
            await post(sidecar, f"event-{number}")
            await receiver.has(number)
        await collector.has(5)
        await sidecar.stop()
    first, second, third = receiver.headers
    assert ["traceparent" in one for one in (first, second, third)] == [True, False, False]
    traces = {one.trace_id.hex() for one in collector.spans if one.name == "deliver"}
    assert traces == {first["traceparent"].split("-")[1]}
    assert len(collector.spans) == 5, "a push and the repository's beginning, and nothing of what came later"
