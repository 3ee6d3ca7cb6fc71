"""Sending spans to a collector, by OTLP over HTTP: never on the path of an event, and never at its cost.

Spans wait in a bounded queue. While the collector is away or slow, new ones are dropped and counted; nothing else feels
it. The guard has no say here: the operator wrote the collector's address, and it may well be loopback.
"""

import asyncio
import contextlib
import random
import time
from collections import deque
from collections.abc import Callable
from typing import Protocol

import aiohttp
from yarl import URL

from sidecar import __version__
from sidecar.domain import instant
from sidecar.domain.retry import parse_retry_after
from sidecar.domain.trace import Span
from sidecar.outbound import otlp
from sidecar.outbound.failures import explain
from sidecar.outbound.resolver import Resolver

WAITING = 2048  # spans in memory, besides those of the request under way
BATCH = 256  # spans of one request
BREATH = 32  # spans that are encoded between two chances for the loop to do something else
COMPANY = 1.0  # seconds that a span waits for others
TIMEOUT = 10.0  # seconds for one request
RETRY_FIRST, RETRY_MOST = 1.0, 30.0  # seconds between tries
GIVE_UP = 300.0  # seconds after which the spans of a request are dropped and the next ones get their turn
FAREWELL = 2.0  # seconds for what waits when the exporter is closed
_ANSWER = 64 * 1024  # bytes of an answer that are looked at
_AGAIN = frozenset({429, 502, 503, 504})  # as the protocol has it; any other failure is for good
_TROUBLE = (aiohttp.ClientError, OSError, ValueError, RuntimeError)


class SpanHearer(Protocol):
    """Who is told what became of spans."""

    def exported(self, count: int) -> None:
        """The collector took them."""

    def dropped(self, count: int) -> None:
        """They were never taken: the collector was away for too long, or slower than spans come."""

    def rejected(self, count: int) -> None:
        """The collector answered that it does not want them."""

    def collector(self, sentence: str) -> None:
        """The collector takes no spans, with the reason, or (with "") takes them again."""


class SpanExporter:
    """Takes spans, sends them in batches. Made and closed inside a running loop.

    `endpoint` is what stands before /v1/traces; `chance` a number in [0, 1) that keeps retries of many apart.
    """

    def __init__(self, endpoint: str, hearer: SpanHearer, *, chance: Callable[[], float] = random.random) -> None:
        self._url = URL(endpoint.rstrip("/") + otlp.PATH, encoded=True)
        self._shown = f"{self._url.scheme}://{self._url.host_port_subcomponent}"
        self._hearer = hearer
        self._chance = chance
        self._waiting: deque[Span] = deque()
        self._some, self._enough = asyncio.Event(), asyncio.Event()
        self._closing = asyncio.Event()
        self._told = ""
        self._resolver = Resolver()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(resolver=self._resolver),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=TIMEOUT),
            trust_env=False,
            headers={"User-Agent": f"registry-sidecar/{__version__}", "Content-Type": otlp.CONTENT_TYPE},
        )
        self._task = asyncio.create_task(self._run(), name="spans")

    def offer(self, span: Span) -> None:
        """Take a span, or drop it when too many wait. Costs an append."""
        if len(self._waiting) >= WAITING:
            self._hearer.dropped(1)
            return
        self._waiting.append(span)
        self._some.set()
        if len(self._waiting) >= BATCH:
            self._enough.set()

    async def close(self) -> None:
        """Send what waits, for a moment; drop the rest."""
        self._closing.set()
        self._some.set()
        self._enough.set()
        await asyncio.wait([self._task], timeout=FAREWELL)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        if self._waiting:
            self._hearer.dropped(len(self._waiting))
            self._waiting.clear()
        await self._session.close()
        await self._resolver.close()

    async def _run(self) -> None:
        while self._waiting or not self._closing.is_set():
            await self._some.wait()
            if not self._closing.is_set():
                await self._within(self._enough, COMPANY)
            batch = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
            if not self._waiting:
                self._some.clear()
            if len(self._waiting) < BATCH:
                self._enough.clear()
            settled = not batch
            try:
                settled = settled or await self._deliver(batch)
            finally:
                if not settled:
                    self._hearer.dropped(len(batch))

    async def _deliver(self, batch: list[Span]) -> bool:
        """Have a batch taken, or refused for good; False when that is given up."""
        encoded = []
        for at, span in enumerate(batch):
            if at % BREATH == 0:
                await asyncio.sleep(0)
            encoded.append(otlp.span(span))
        body = otlp.request(encoded)
        loop = asyncio.get_running_loop()
        until, delay = loop.time() + GIVE_UP, RETRY_FIRST
        while True:
            wait = await self._post(body, len(batch))
            if wait is None:
                return True
            if self._closing.is_set() or loop.time() >= until:
                return False
            await self._within(self._closing, min(max(wait, delay * (0.5 + self._chance() / 2)), GIVE_UP))
            delay = min(delay * 2, RETRY_MOST)

    async def _post(self, body: bytes, count: int) -> float | None:
        """One request. None when it is settled, else how many seconds the collector wants to be left alone."""
        try:
            async with self._session.post(self._url, data=body, allow_redirects=False) as response:
                said = await _head(response.content) if response.status == 200 else b""
                status, again = response.status, response.headers.get("Retry-After", "")
        except _TROUBLE as error:
            self._tell(explain(error, self._shown).detail)
            return 0.0
        if status in _AGAIN:
            self._tell(f"{self._shown} answered {status}.")
            return parse_retry_after(again, now=time.time_ns()) / instant.SECOND if again else 0.0
        if not 200 <= status < 300:
            self._hearer.rejected(count)
            self._tell(f"{self._shown} answered {status}: correct `tracing.endpoint`, or the collector.")
            return None
        refused, why = otlp.rejected(said)
        refused = min(max(refused, 0), count)
        if refused:
            self._hearer.rejected(refused)
        self._hearer.exported(count - refused)
        self._tell(f"{self._shown} refuses spans: {why[:200]}" if refused else "")
        return None

    def _tell(self, sentence: str) -> None:
        """Tell when it changes: a collector that is away is away for many requests."""
        if sentence != self._told:
            self._told = sentence
            self._hearer.collector(sentence)

    @staticmethod
    async def _within(event: asyncio.Event, seconds: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await event.wait()


async def _head(content: aiohttp.StreamReader) -> bytes:
    """An answer, as far as it is looked at."""
    head = bytearray()
    while len(head) < _ANSWER and (block := await content.read(_ANSWER - len(head))):
        head += block
    return bytes(head)
