"""Doubles for the ports, and a house put together from real parts around them."""

import asyncio
import contextlib
import random
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from sidecar.clock import SystemClock
from sidecar.config.binding import ConfigBinder
from sidecar.dialects import load
from sidecar.dialects.contract import Audience
from sidecar.domain.delivery import Delivery, Outcome, Reason, Settlement
from sidecar.domain.event import Event, RegistryRef
from sidecar.domain.expiry import Plan
from sidecar.domain.glob import Globs
from sidecar.domain.lane_state import LaneName
from sidecar.domain.message import Response
from sidecar.domain.person import Visit
from sidecar.domain.quota import Quota, Quotas
from sidecar.domain.record import Quarantined
from sidecar.domain.registry import Registry
from sidecar.domain.subscription import DEFAULT_EVENTS, Match, Policy, Subscription
from sidecar.domain.trace import Tracing
from sidecar.domain.transport import Transport
from sidecar.domain.walk import Walk
from sidecar.outbound.signing import Signer
from sidecar.pipeline.courier import Courier, Destination
from sidecar.pipeline.dispatcher import Dispatcher
from sidecar.pipeline.enrichment import Enricher
from sidecar.pipeline.intake import Intake
from sidecar.pipeline.routing import Route, Router
from sidecar.pipeline.subscribing import Subscribing
from sidecar.pipeline.translator import Translator, Words
from sidecar.pipeline.weighing import Weigher
from sidecar.ports import SendRequest
from sidecar.stores.sqlite import SQLiteStore

Answer = Callable[[SendRequest], Any]


class RecordingSender:
    """ports.Sender that notes every request and answers what `answer` says (Response, Outcome or awaitable)."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.requests: list[SendRequest] = []
        self.transports: dict[Transport, Any] = {}
        self.lendings: list[tuple[Transport, Any]] = []
        self.answer = answer or (lambda _request: Response(status=200))

    async def send(self, request: SendRequest) -> Response | Outcome:
        self.requests.append(request)
        result = self.answer(request)
        if asyncio.iscoroutine(result) or asyncio.isfuture(result):
            result = await result
        return result

    def configure(self, transports: Mapping[Transport, Any]) -> None:
        """Take note of the transports that are known from now on."""
        self.transports = dict(transports)

    @contextlib.contextmanager
    def lent(self, transport: Transport, tls: Any) -> Iterator[None]:
        """Take note of a transport that is known for a while."""
        self.lendings.append((transport, tls))
        yield

    def ids(self, url: str | None = None) -> list[str]:
        """The webhook ids sent, in order."""
        return [dict(one.headers)["webhook-id"] for one in self.requests if url is None or one.url == url]


class RecordingObserver:
    """ports.Observer that keeps what it hears."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.outcomes: list[str] = []
        self.attempts: list[tuple[str, Settlement, Outcome]] = []
        self.set_aside: list[Quarantined] = []
        self.lanes: list[tuple[str, str, str]] = []
        self.troubles: list[tuple[str, BaseException]] = []
        self.plans: list[tuple[str, int]] = []
        self.refusals: list[tuple[str, Reason, int]] = []
        self.requests: list[tuple[str, str, int]] = []
        self.operations: list[tuple[str, str, int, str]] = []
        self.visits: list[Visit] = []
        self.walks: list[Walk] = []

    def ingested(self, registry: str, outcome: str, events: int) -> None:
        self.requests.append((registry, outcome, events))

    def quarantined(self, item: Quarantined) -> None:
        self.set_aside.append(item)

    def translated(self, registry: str, outcome: str, events: Sequence[Event], lag: int) -> None:
        self.outcomes.append(outcome)
        self.events.extend(events)

    def planned(self, subscription: str, count: int) -> None:
        self.plans.append((subscription, count))

    def refused(self, subscription: str, reason: Reason, count: int) -> None:
        self.refusals.append((subscription, reason, count))

    def attempted(self, subscription: str, settlement: Settlement, outcome: Outcome, delivery: Delivery) -> None:
        self.attempts.append((subscription, settlement, outcome))

    def lane_changed(self, subscription: str, what: str, detail: str) -> None:
        self.lanes.append((subscription, what, detail))

    def walked(self, walk: Walk) -> None:
        self.walks.append(walk)

    def visited(self, visit: Visit) -> None:
        self.visits.append(visit)

    def operated(self, who: str, what: str, count: int, detail: str) -> None:
        self.operations.append((who, what, count, detail))

    def trouble(self, where: str, error: BaseException) -> None:
        self.troubles.append((where, error))


def registry(name: str = "main", **changes: Any) -> Registry:
    """A registry as most tests need it."""
    return Registry(ref=RegistryRef(name=name, hostname="registry.example.com"), **changes)


def subscription(name: str = "one", **changes: Any) -> Subscription:
    """A subscription as most tests need it."""
    given: dict[str, Any] = {"name": name, "format": "harbor", "url": f"http://receiver.example/{name}", **changes}
    return Subscription(**given)


def match(repositories: Iterable[str] = (), **changes: Any) -> Match:
    return Match(repositories=Globs.of(repositories, segments=True), **changes)


def route(one: Subscription, lane: int, policy: int = 0, **options: Any) -> Route:
    """A subscription with the voice that the configuration would give it."""
    dialect = load()[one.format]
    events = [name for name in one.events if one.events != DEFAULT_EVENTS or dialect.says(name, dialect.example)]
    return Route(one, dialect.bind(dialect.options(**options), events), lane, Audience(one.name, policy))


class House:
    """A store, an intake, a translator and a dispatcher: everything but listeners, configuration and telemetry."""

    def __init__(
        self,
        path: Path,
        clock: Any,
        sender: RecordingSender,
        subscriptions: Sequence[Subscription],
        *,
        inline: bool = True,
        seed: int = 1,
        registries: Sequence[Registry] | None = None,
        store: Any = None,
        apis: Mapping[str, Any] | None = None,
        tracing: Tracing | None = None,
        expiry: Plan | None = None,
        days: Mapping[str, int] | None = None,
        quotas: Sequence[Quota] | None = None,
    ) -> None:
        """`quotas` None = nothing can be weighed."""
        self.clock = clock
        self.tracing = tracing
        self.expiry = expiry or Plan()
        self.days = days or {}
        self.sender = sender
        self.observer = RecordingObserver()
        self.store = store or SQLiteStore(path, inline=inline)
        self.intake = Intake(self.store, clock, self.observer)
        self.subscribing = Subscribing(self.store, clock, self.observer, new_uuid=lambda: str(uuid.uuid4()))
        self.subscribing.take(ConfigBinder(registries or [registry()]), ())
        self.courier = Courier(sender, clock, random.Random(seed))
        self.dispatcher = Dispatcher(
            self.store, self.courier, clock=clock, chance=random.Random(seed + 1), observer=self.observer
        )
        self.destinations: dict[str, Destination] = {}
        self.registries = {one.name: one for one in registries or [registry()]}
        self.subscriptions = list(subscriptions)
        self.enricher = Enricher(self.observer) if apis is not None else None
        if self.enricher is not None:
            self.enricher.configure(apis or {})
        self.apis = apis or {}
        self.quotas = quotas
        self.weigher = Weigher(self.store, clock, self.observer) if quotas is not None else None
        self._weighing: asyncio.Task[None] | None = None
        self.translator: Translator | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        await self.store.open()
        if isinstance(self.clock, SystemClock):
            self.clock.not_before(self.store.newest)
        words = await self.configure(self.subscriptions)
        self.translator = Translator(
            self.store,
            self.store,
            words,
            clock=self.clock,
            observer=self.observer,
            offer=self.dispatcher.offer,
            own_agent="registry-sidecar/",
            weigher=self.weigher,
        )
        self.weigh(self.quotas)
        self._task = asyncio.create_task(self.translator.run())
        if self.weigher is not None:
            self._weighing = asyncio.create_task(self.weigher.run())

    def weigh(self, quotas: Sequence[Quota] | None) -> None:
        """Go by these quotas from now on, as after a reload."""
        self.quotas = quotas
        if self.weigher is not None:
            known = Quotas(quotas or (), self.registries)
            self.weigher.configure(known, self.apis)
            if self.enricher is not None:
                self.enricher.configure(self.apis, known.weighs)

    async def configure(self, subscriptions: Sequence[Subscription]) -> Words:
        """Give these subscriptions their lanes, as a reload does."""
        self.subscriptions = list(subscriptions)
        names = [LaneName(name=one.name, format=one.format, formerly=one.formerly) for one in subscriptions]
        states = await self.store.register(names, self.clock.now())
        by_name = {one.name: one for one in states}
        routes = [
            route(
                one,
                by_name[one.name].id,
                by_name[one.name].policy,
                **({"days": self.days[one.name]} if one.name in self.days else {}),
            )
            for one in subscriptions
        ]
        destinations = {
            one.lane: Destination.of(
                one.subscription, one.voice, Signer.of(one.subscription.signing), "registry-sidecar/0", self.tracing
            )
            for one in routes
        }
        self.dispatcher.configure(destinations, states)
        self.destinations = {one.subscription.name: one for one in destinations.values()}
        names = {one.id: one.name for one in states}
        words = Words(self.registries, Router(routes), names, self.enricher, self.expiry)
        if self.translator is not None:
            self.translator.configure(words)
        return words

    async def quiet(self, seconds: float = 3600.0) -> None:
        """Wait until nothing is owed any more, at most so many (virtual) seconds."""
        loop = asyncio.get_running_loop()
        begun = loop.time()
        until = begun + seconds
        while loop.time() < until:
            assert self.translator is not None
            if self.translator.lag == 0 and not await self.owed():
                return
            await asyncio.sleep(0.05 if loop.time() < begun + 10 else 1.0)
        raise AssertionError(f"still owed after {seconds} s: {await self.store.undelivered()}")

    async def owed(self) -> int:
        """How many deliveries are still due, and events that wait in groups."""
        return sum(one.due + one.waiting for one in await self.store.undelivered())

    async def stop(self) -> None:
        """An orderly stop."""
        assert self.translator is not None
        assert self._task is not None
        self.translator.stop()
        await self._task
        await self._stop_weighing()
        await self.dispatcher.stop(5.0)
        await self.store.close()

    async def _stop_weighing(self) -> None:
        if self._weighing is not None:
            self._weighing.cancel()
            await asyncio.gather(self._weighing, return_exceptions=True)

    async def kill(self) -> None:
        """An end without any order: what is not committed is gone, and nothing is told to anybody."""
        await self._stop_weighing()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        for task in (*self.dispatcher._workers, *self.dispatcher._tasks):
            task.cancel()
        for track in self.dispatcher._tracks.values():
            if track.timer is not None:
                track.timer.cancel()
        self.dispatcher._stopping = True
        await asyncio.gather(*self.dispatcher._workers, *self.dispatcher._tasks, return_exceptions=True)
        if self.translator is not None:
            self.translator._stopped.set()
            self.translator.ticker.stop()
        await abandon(self.store)


async def abandon(store: SQLiteStore) -> None:
    """Leave a store as the end of its process leaves it: nothing finished, nothing checkpointed, the lock released."""
    connection, store._connection = store._connection, None
    if store._loop is not None:
        store._loop.disconnect("killed")
    readers, store._readers = store._readers, []
    for reader in readers:
        await reader.close()
    if store._runner is not None:
        store._runner.close()
    if connection is not None:
        connection.close()
    store._lock.close()


def policy(**changes: Any) -> Policy:
    return Policy(**changes)
