"""The composition root: build, start, reload, stop. Concrete classes are named here and one floor below.

Two kinds of parts. For the life of the process: store, HTTP client, translator, dispatcher, listeners. Swapped whole
by a reload: registries, subscriptions with their voices and destinations, tokens, guard, retention. A reload builds the
new parts completely before any old one is let go; what cannot change without a restart (listeners, store) is said so.

Our trouble is never the registry's: with a store that cannot be opened the process lives, is not ready, answers 503 and
keeps trying. Only an invalid configuration at start ends it (exit 78).
"""

import asyncio
import gc
import os
import random
import ssl
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from sidecar.clock import SystemClock
from sidecar.config.loading import load
from sidecar.config.schema import of_made
from sidecar.config.settings import ServerTls, Settings, needs_restart
from sidecar.config.watch import Watched
from sidecar.domain.errors import ConfigError, StoreUnavailable
from sidecar.domain.quota import Quotas
from sidecar.gauges import Gauges, Measured
from sidecar.managing import access, carriers, vendors
from sidecar.outbound.guard import Guard
from sidecar.outbound.mail import MailCarrier
from sidecar.outbound.registries import RegistryApis
from sidecar.outbound.sender import HttpSender
from sidecar.outbound.spans import SpanExporter
from sidecar.pipeline.courier import Courier
from sidecar.pipeline.dispatcher import Dispatcher
from sidecar.pipeline.enrichment import Enricher
from sidecar.pipeline.expiries import Expiries
from sidecar.pipeline.inbox import Inbox
from sidecar.pipeline.intake import Intake
from sidecar.pipeline.muting import Muting
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.subscribing import Subscribing
from sidecar.pipeline.translator import Translator, Words
from sidecar.pipeline.upkeep import Keeper
from sidecar.pipeline.walks import Walks, plans
from sidecar.pipeline.weighing import Weigher
from sidecar.stores.sqlite import SQLiteStore
from sidecar.telemetry.asking import Asking
from sidecar.telemetry.condition import Condition
from sidecar.telemetry.hearing import Hearing
from sidecar.telemetry.lines import get as get_log
from sidecar.telemetry.logs import Logs
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.observers import Observers
from sidecar.telemetry.traces import Traces
from sidecar.web.access import Access
from sidecar.web.api import Api
from sidecar.web.door import Door, Porter
from sidecar.web.health import Health
from sidecar.web.ingress import Ingress
from sidecar.web.server import Listeners, server_context
from sidecar.web.status import status
from sidecar.wiring import USER_AGENT, Running, Wiring, new_uuid

OWN_AGENT = "registry-sidecar/"
WATCH_EVERY = 5.0  # seconds between looks at the configuration's files
OPEN_AGAIN = 2.0  # seconds between attempts to open the store
DRAIN = 10.0  # seconds that attempts in flight get at a stop


class App:
    """One sidecar. `start` returns when it listens; the store may still be on its way."""

    def __init__(self, settings: Settings, *, environ: Mapping[str, str] | None = None) -> None:
        self.settings = settings
        self._environ = os.environ if environ is None else environ
        self._clock = SystemClock()
        self._metrics = Metrics()
        self._log = get_log()
        logs = Logs()
        self._observer = Observers(self._metrics, logs, failed=logs.failed)
        self._store = SQLiteStore(settings.store, retention=settings.retention, report=self._metrics.cycle)
        self._traces = Traces(self._observer, logs, self._metrics, self._store, clock=self._clock, export=SpanExporter)
        self._condition = Condition(self._store.care, self._metrics, self._observer)
        self._guard = Guard(settings.guard_allow, settings.guard_deny)
        self._apis = RegistryApis(USER_AGENT, Asking(self._metrics))
        self._enricher = Enricher(self._observer)
        self._intake = Intake(self._store, self._clock, self._observer)
        self._ingress = Ingress(
            self._intake,
            Access((), {}),
            max_body=settings.ingest.max_body,
            observer=self._observer,
            acked=self._metrics.acknowledged,
            heard=Hearing(self._metrics).heard,
        )
        self._mail = MailCarrier(self._clock, USER_AGENT)
        self._porter = Porter(self._observer.visited, monotonic=self._clock.monotonic)
        self._admit(settings)
        self._ingest_listeners = Listeners()
        self._management_listeners = Listeners()
        self._watched = Watched(settings.stamps)
        self._sender: HttpSender | None = None
        self._translator: Translator | None = None
        self._dispatcher: Dispatcher | None = None
        self._keeper: Keeper | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._stopping = False
        self._config_error = ""
        self._socket_app: web.Application | None = None
        self.ingest_ports: list[int] = []
        self.management_ports: list[int] = []
        self.operations = Operations(self._store, self._intake, self._clock, self._observer)
        self.walks = Walks(self._store, self._clock, self._observer)
        self.inbox = Inbox(self._store, self._clock, self._observer, lambda: self.settings.management.accounts)
        self.weigher = Weigher(self._store, self._clock, self._observer)
        self.subscribing = Subscribing(self._store, self._clock, self._observer, new_uuid=new_uuid)
        self._muting = Muting(self._store, self._observer)
        self._wiring = Wiring(
            self._store, self._clock, self._observer, self.operations, self.subscribing, muting=self._muting
        )
        self._gauges = Gauges(
            self._store,
            self._condition,
            self._metrics,
            self._described,
            self.weigher,
            clock=self._clock,
            observer=self._observer,
        )

    # --- start and stop ----------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Listen, and bring up the rest in the background as soon as the store opens."""
        self._describe(self.settings)
        self._metrics.reloaded(success=True, now=self._clock.now())
        self._spawn(self._bring_up(), "bring-up")
        await self._listen()
        self._spawn(self._watch(), "watch")
        self._spawn(self._gauges.run(), "gauges")

    async def _listen(self) -> None:
        ingest, management = self.settings.ingest, self.settings.management
        context = self._tls("ingest.tls", ingest.tls)
        self.ingest_ports = await self._ingest_listeners.serve(
            self._ingress.handle, [(one.host, one.port) for one in ingest.listen], context
        )
        health = Health(stalled=self._store.stalled, unready=self.unready, render_metrics=self._metrics.render)
        api = Api(
            self.operations,
            self.status,
            health,
            self._store.care.backup,
            subscribing=self.subscribing,
            porter=self._porter,
            walks=self.walks,
            forms=of_made,
            expiries=Expiries(self._store, self._clock, self._observer, lambda: self._store.default_namespaces),
            vendors=vendors(
                self._store,
                self.operations,
                self.subscribing,
                self._muting,
                self.inbox,
                clock=self._clock,
                observer=self._observer,
                settings=lambda: self.settings,
                mail=self._mail.mail,
                unready=self.unready,
            ),
            inbox=self.inbox,
            usage=self.weigher.usage,
        )
        context = self._tls("management.tls", management.tls)
        for address in management.listen:
            door = Door.LOOPBACK if address.loopback else Door.CLOSED
            self.management_ports += await self._management_listeners.serve_app(
                api.app(door), [(address.host, address.port)], context
            )
        self._socket_app = api.app(Door.SOCKET)
        await self._serve_socket()

    def _tls(self, key: str, tls: ServerTls | None) -> ssl.SSLContext | None:
        if tls is None:
            return None
        return server_context(tls.cert_file, tls.key_file, tls.client_ca_file, named=f"{self.settings.source}: {key}")

    async def _serve_socket(self) -> None:
        """Serve the command line's way in; without a directory for it, that is done when the store has opened."""
        path = self.settings.management.socket
        if path is not None and self._socket_app is not None and path.parent.is_dir():
            app, self._socket_app = self._socket_app, None
            await self._management_listeners.serve_socket(app, path)

    async def _bring_up(self) -> None:
        """Open the store however long it takes, then start the pipeline."""
        said = ""
        while True:
            try:
                await self._store.open()
                break
            except StoreUnavailable as error:
                if str(error) != said:  # the same sentence every two seconds helps nobody
                    said = str(error)
                    self._observer.trouble("store", error)
                await asyncio.sleep(OPEN_AGAIN)
        await self._serve_socket()
        self._clock.not_before(self._store.newest)
        self._condition.opened(self._store.notes)
        if self._store.unclean:
            self._spawn(self._condition.examine(), "examination")
        self._sender = HttpSender(self._guard)
        courier = Courier(carriers(self._sender, self._mail, self._store, self._clock), self._clock, random)
        self._dispatcher = Dispatcher(self._store, courier, clock=self._clock, chance=random, observer=self._observer)
        self._wiring.connect(Running(self._sender, courier, self._dispatcher), self._rerouted)
        while not await self._wiring.begin(lambda: self.settings):  # noqa: ASYNC110 - there is nobody to set an event
            await asyncio.sleep(OPEN_AGAIN)
        self._rerouted()
        self._translator = Translator(
            self._store,
            self._store,
            self._words(self.settings),
            clock=self._clock,
            observer=self._observer,
            offer=self._dispatcher.offer,
            own_agent=OWN_AGENT,
            met=self.walks.met,
            weigher=self.weigher,
        )
        self._keeper = Keeper(self._store, self._clock, self._observer)
        self._spawn(self._translator.run(), "translator")
        self._spawn(self._keeper.run(), "upkeep")
        self._spawn(self.walks.run(), "walks")
        self._spawn(self.weigher.run(), "weighing")
        self._gauges.running = Measured(self._translator, self._dispatcher, self._keeper)
        await self._gauges.measure()
        gc.set_threshold(50_000, 20, 100)  # values die by reference count; looking for cycles often costs much
        gc.collect()
        gc.freeze()  # what lives for ever need not be looked at by every collection

    async def stop(self, *, drain: float = DRAIN) -> None:
        """Not ready, doors closed, commits and attempts in flight finished (bounded). Safe to call twice.

        The management listeners stay until the end: a probe is told "stopping", and an operator can watch.
        """
        self._stopping = True
        await self._ingest_listeners.stop()
        if self._translator is not None:
            self._translator.stop()
        if self._keeper is not None:
            self._keeper.stop()
        ending = [task for task in self._tasks if task.get_name() in {"translator", "upkeep"}]
        if ending:
            await asyncio.wait(ending, timeout=drain)
        if self._dispatcher is not None:
            cut = await self._dispatcher.stop(drain)
            if cut:
                self._log.warning("attempts were cut off, they are due again at the next start", count=cut)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.walks.stop()
        self.subscribing.stop()
        if self._sender is not None:
            await self._sender.close()
        await self._apis.close()
        await self._mail.close()
        await self._traces.close()
        await self._management_listeners.stop()
        self._porter.login.close()
        await self._store.close()

    def _spawn(self, work: Any, name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._observer.trouble(task.get_name(), error)

    # --- configuration -----------------------------------------------------------------------------------------------

    async def reload(self) -> str:
        """Read the configuration again; returns "" or the sentence why the old one stays."""
        async with self.subscribing.lock:
            try:
                settings = await asyncio.to_thread(load, self.settings.source, self._environ)
                await self._take(settings)
            except ConfigError as error:
                self._watched = Watched(getattr(error, "stamps", self.settings.stamps))
                self._config_error = str(error)
                self._metrics.reloaded(success=False, now=self._clock.now())
                self._log.error("configuration refused, the old one stays", detail=str(error))
                return str(error)
            fixed = needs_restart(self.settings, settings)
            self._admit(settings)
            self._store.set_retention(settings.retention)
            self._guard = Guard(settings.guard_allow, settings.guard_deny)
            if self._sender is not None:
                self._sender.guard = self._guard
            self._describe(settings)  # first: what follows may tell of a registry that was not there before
            if self._translator is not None:
                self._translator.configure(self._words(settings))
            self.settings = settings
            self._config_error = ""
            self._metrics.reloaded(success=True, now=self._clock.now())
            self._log.info("configuration loaded", subscriptions=len(settings.subscriptions), restart_needed_for=fixed)
            return ""

    async def _take(self, settings: Settings) -> None:
        """Give the new subscriptions their lanes. Raises ConfigError when the store cannot just now."""
        self._watched = Watched(settings.stamps)
        if not await self._wiring.register(settings):
            raise ConfigError(f"the new configuration waits: {self._store.down}")

    def _admit(self, settings: Settings) -> None:
        """Who may post what, who may use the APIs, which repositories are whose, and where mail is handed in."""
        self._mail.configure(settings.mail, settings.mail_tls)
        self._ingress.access = access(settings)
        self._ingress.max_body = settings.ingest.max_body
        self._porter.configure(settings.management.accounts, settings.management.public_url)
        self._store.default_namespaces = {one.name: one.default_namespace for one in settings.registries}

    def _words(self, settings: Settings) -> Words:
        """What the translator goes by. Asks the network's parts to be as the settings say."""
        apis = self._apis.configure(settings.registries, settings.contexts)
        registries = {one.name: one for one in settings.registries}
        quotas = Quotas(settings.quotas, registries)
        self._enricher.configure(apis, quotas.weighs if quotas else None)
        self.weigher.configure(quotas, apis)
        self.walks.configure(plans(settings.registries, apis))
        return Words(
            registries=registries,
            router=self._wiring.router,
            subscriptions=self._wiring.names,
            enricher=self._enricher if self._apis.clients else None,
            expiry=settings.expiry,
        )

    def _rerouted(self) -> None:
        """Events go elsewhere from now on, since somebody changed a subscription."""
        self._metrics.subscribed(*self._wiring.described(self.settings))
        if self._translator is not None:
            self._translator.reroute(self._wiring.router, self._wiring.names)

    def _described(self) -> dict[str, str]:
        """The formats of all that is subscribed, by name."""
        return dict(self._wiring.described(self.settings)[0])

    def _describe(self, settings: Settings) -> None:
        self._metrics.configure(
            [one.name for one in settings.registries],
            *self._wiring.described(settings),
            [one.name for one in settings.registries if one.api is not None],
        )
        self._traces.configure(settings.tracing)
        for warning in settings.warnings:
            self._log.warning("configuration", detail=warning)

    async def _watch(self) -> None:
        """Reload when the file or a secret's file changed."""
        while True:
            await asyncio.sleep(WATCH_EVERY)
            try:
                if self._watched.changed():
                    await self.reload()
            except Exception as error:  # noqa: BLE001 - a watch that ended would never see the mended file
                self._observer.trouble("watch", error)

    # --- what is shown -----------------------------------------------------------------------------------------------

    def unready(self) -> list[str]:
        """Sentences why this sidecar should not be sent anything just now; none when all is well."""
        reasons = []
        if self._stopping:
            reasons.append("stopping")
        if self._store.down:
            reasons.append(f"store: {self._store.down}")
        elif self._translator is None:
            reasons.append("starting")
        return reasons

    def status(self) -> dict[str, Any]:
        """The sidecar in one look, for `GET /v1/status`."""
        return status(
            unready=self.unready(),
            source=self.settings.source,
            error=self._config_error,
            store=self.settings.store,
            down=self._store.down,
            sizes=self._store.sizes,
            translator=self._translator,
            last=self._store.last,
            registries=[one.name for one in self.settings.registries],
            last_events=self._metrics.last_events(),
        )
