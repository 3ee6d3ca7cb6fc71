"""Sending spans, against a real server: batches, what is tried again, what is dropped; and all of it is counted."""

import asyncio
import socket
import time

import pytest

from sidecar.domain.trace import Span, SpanKind
from sidecar.outbound import spans
from sidecar.outbound.spans import SpanExporter
from span_collector import Collector

TRACE = "5b8efff798038103d269b633813fc60c"


def span(number):
    return Span(trace=TRACE, id=f"{number:016x}", name="n", kind=SpanKind.INTERNAL, start=number, end=number)


class Counts:
    """A hearer that adds up, and keeps the sentences."""

    def __init__(self):
        self.counts = {"exported": 0, "dropped": 0, "rejected": 0}
        self.sentences = []

    def exported(self, count):
        self.counts["exported"] += count

    def dropped(self, count):
        self.counts["dropped"] += count

    def rejected(self, count):
        self.counts["rejected"] += count

    def collector(self, sentence):
        self.sentences.append(sentence)

    async def settled(self, count):
        """Wait until something is known of so many spans."""
        async with asyncio.timeout(5):
            while sum(self.counts.values()) < count:  # noqa: ASYNC110 - what it waits for happens over a connection
                await asyncio.sleep(0.005)
        return self.counts


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    """Nobody waits for company, or between tries, for as long as in earnest."""
    for name, seconds in {"COMPANY": 0.02, "RETRY_FIRST": 0.02, "RETRY_MOST": 0.05}.items():
        monkeypatch.setattr(spans, name, seconds)


@pytest.fixture
def hearer():
    return Counts()


@pytest.fixture
async def exporter(hearer):
    made = []

    def start(endpoint):
        made.append(SpanExporter(endpoint, hearer, chance=lambda: 0.5))
        return made[-1]

    yield start
    for one in made:
        await one.close()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


async def test_spans_go_to_the_protocol_s_path_as_json_in_their_order(exporter, hearer):
    async with Collector() as collector:
        one = exporter(collector.url + "/")
        for number in range(1, 4):
            one.offer(span(number))
        assert [each.start_time_unix_nano for each in await collector.has(3)] == [1, 2, 3]
        assert (await hearer.settled(3))["exported"] == 3
    ((path, headers, _),) = collector.requests
    assert path == "/v1/traces"
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("registry-sidecar/")
    assert hearer.sentences == []


async def test_a_path_before_the_protocol_s_stays(exporter):
    async with Collector() as collector:
        exporter(collector.url + "/otlp").offer(span(1))
        await collector.has(1)
    assert collector.requests[0][0] == "/otlp/v1/traces"


async def test_a_stream_is_cut_into_batches(exporter, hearer, monkeypatch):
    """A full batch does not wait for company, which here would be for ever."""
    monkeypatch.setattr(spans, "COMPANY", 3600)
    async with Collector() as collector:
        one = exporter(collector.url)
        for number in range(1, 3 * spans.BATCH + 1):
            one.offer(span(number))
        await collector.has(3 * spans.BATCH)
        assert [body.count(b'"traceId"') for _, _, body in collector.requests] == [spans.BATCH] * 3
        assert (await hearer.settled(3 * spans.BATCH))["dropped"] == 0


async def test_a_few_spans_wait_for_company(exporter, monkeypatch):
    monkeypatch.setattr(spans, "COMPANY", 0.2)
    async with Collector() as collector:
        one = exporter(collector.url)
        for number in range(1, 6):
            one.offer(span(number))
            await asyncio.sleep(0.01)
        await collector.has(5)
        assert len(collector.requests) == 1


async def test_while_the_collector_is_away_memory_is_bounded_and_what_is_dropped_is_counted(exporter, hearer):
    """And when it is back, what waited arrives."""
    port = free_port()
    one = exporter(f"http://127.0.0.1:{port}")
    one.offer(span(1))
    async with asyncio.timeout(5):
        while not hearer.sentences:  # noqa: ASYNC110 - what it waits for happens over a connection
            await asyncio.sleep(0.005)
    for number in range(2, spans.WAITING + 12):
        one.offer(span(number))
    assert hearer.counts == {"exported": 0, "dropped": 10, "rejected": 0}
    async with Collector(port=port) as collector:
        arrived = await collector.has(spans.WAITING + 1)
        assert [each.start_time_unix_nano for each in arrived] == list(range(1, spans.WAITING + 2))
        assert (await hearer.settled(spans.WAITING + 11))["exported"] == spans.WAITING + 1
    assert hearer.sentences == [f"No connection to http://127.0.0.1:{port}: connection refused.", ""]


@pytest.mark.parametrize("status", [429, 502, 503, 504])
async def test_what_the_protocol_calls_retryable_is_tried_again(exporter, hearer, status):
    async with Collector(lambda number: (status if number < 3 else 200, {}, b"")) as collector:
        exporter(collector.url).offer(span(1))
        assert (await hearer.settled(1))["exported"] == 1
    assert len(collector.requests) == 3
    assert hearer.sentences == [f"{collector.url} answered {status}.", ""]


@pytest.mark.parametrize("status", [307, 400, 404, 413, 500])
async def test_every_other_failure_is_for_good(exporter, hearer, status):
    """The spans of that request are lost and counted, those of the next are tried."""
    moved = {"Location": "/elsewhere"} if status == 307 else {}
    async with Collector(lambda number: (status, moved, b"") if number == 1 else (200, {}, b"{}")) as collector:
        one = exporter(collector.url)
        one.offer(span(1))
        assert (await hearer.settled(1))["rejected"] == 1
        one.offer(span(2))
        assert (await hearer.settled(2)) == {"exported": 1, "dropped": 0, "rejected": 1}
    assert [path for path, _, _ in collector.requests] == ["/v1/traces"] * 2
    assert [bool(sentence) for sentence in hearer.sentences] == [True, False]


async def test_a_collector_that_wants_to_be_left_alone_is(exporter, hearer):
    async with Collector(
        lambda number: (503, {"Retry-After": "1"}, b"") if number == 1 else (200, {}, b"")
    ) as collector:
        begun = time.monotonic()
        exporter(collector.url).offer(span(1))
        await hearer.settled(1)
        assert time.monotonic() - begun >= 1
    assert len(collector.requests) == 2


async def test_a_part_that_is_refused_is_counted_and_not_sent_again(exporter, hearer):
    said = b'{"partialSuccess": {"rejectedSpans": "2", "errorMessage": "too old"}}'
    async with Collector(lambda _number: (200, {}, said)) as collector:
        one = exporter(collector.url)
        for number in range(1, 6):
            one.offer(span(number))
        assert (await hearer.settled(5)) == {"exported": 3, "dropped": 0, "rejected": 2}
    assert len(collector.requests) == 1
    assert hearer.sentences == [f"{collector.url} refuses spans: too old"]


async def test_one_request_is_not_tried_for_ever(exporter, hearer, monkeypatch):
    """Else what one collector cannot digest would keep all that comes after it."""
    monkeypatch.setattr(spans, "GIVE_UP", 0.1)
    poison = b'"0000000000000001"'
    async with Collector() as collector:
        collector._answer = lambda _number: (503 if poison in collector.requests[-1][2] else 200, {}, b"")
        one = exporter(collector.url)
        one.offer(span(1))
        await hearer.settled(1)
        one.offer(span(2))
        assert (await hearer.settled(2)) == {"exported": 1, "dropped": 1, "rejected": 0}


async def test_closing_sends_what_waits(hearer, monkeypatch):
    monkeypatch.setattr(spans, "COMPANY", 3600)
    async with Collector() as collector:
        one = SpanExporter(collector.url, hearer)
        for number in range(1, spans.BATCH + 2):
            one.offer(span(number))
        await one.close()
        assert len(collector.spans) == spans.BATCH + 1


async def test_closing_is_bounded_and_counts_what_is_lost(hearer, monkeypatch):
    """A collector that never answers holds up no stop."""
    monkeypatch.setattr(spans, "FAREWELL", 0.1)

    async def never(_number):
        await asyncio.sleep(3600)

    async with Collector(never) as collector:
        one = SpanExporter(collector.url, hearer)
        for number in range(1, spans.BATCH + 2):
            one.offer(span(number))
        begun = time.monotonic()
        await one.close()
        assert time.monotonic() - begun < 2
        assert hearer.counts == {"exported": 0, "dropped": spans.BATCH + 1, "rejected": 0}
    assert len(collector.requests) == 1
