"""A house with the configuration's and the APIs' subscriptions, joined by the real wiring: everything but listeners."""

import asyncio
import itertools
import json
import random

from doubles import RecordingObserver, RecordingSender, abandon
from notifications import envelope, push
from sidecar.config.loading import load
from sidecar.domain.glob import Globs
from sidecar.domain.made import Api, Draft
from sidecar.domain.message import Response
from sidecar.domain.person import Person
from sidecar.pipeline.courier import Courier
from sidecar.pipeline.dispatcher import Dispatcher
from sidecar.pipeline.intake import Intake
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.subscribing import Subscribing
from sidecar.pipeline.translator import Translator, Words
from sidecar.stores.sqlite import SQLiteStore
from sidecar.wiring import Running, Wiring
from virtual_time import VirtualClock

ADA = Person(name="ada", admin=True)
MIA = Person(name="mia", namespaces=Globs.of(["prj"]))
URL = "https://hooks.example/ci"


def draft(key="ci", *, url=URL, form="dtr", api=Api.NATIVE, namespace="prj", targets=None, **more):
    """A subscription as most tests ask for it. `more` are keys of its one target, or fields of the draft."""
    fields = {name: more.pop(name) for name in ("repository", "name", "enabled", "document", "uuid") if name in more}
    given = targets or ({"format": form, "url": url, **more},)
    return Draft(api=api, key=key, namespace=namespace, targets=tuple(given), **fields)


class MadeHouse:
    """One process after another over one store; `configured` writes the file that the next reads."""

    def __init__(self, folder, answer=None, **sections):
        self.folder = folder
        self.clock = VirtualClock()
        self.sender = RecordingSender(answer or (lambda _request: Response(status=200)))
        self.observer = RecordingObserver()
        self.pushed = itertools.count()
        self.settings = self.configured(**sections)

    def configured(self, **sections):
        path = self.folder / "config.yml"
        given = {
            "store": f"sqlite:///{self.folder}/sidecar.db",
            "registries": [{"name": "main", "hostname": "registry.example.com"}],
            **sections,
        }
        path.write_text(json.dumps(given))
        return load(path, {})

    async def start(self):
        self.store = SQLiteStore(self.folder / "sidecar.db", inline=True)
        await self.store.open()
        self.intake = Intake(self.store, self.clock, self.observer)
        courier = Courier(self.carriers(), self.clock, random.Random(1))
        self.dispatcher = Dispatcher(
            self.store, courier, clock=self.clock, chance=random.Random(2), observer=self.observer
        )
        self.operations = Operations(self.store, self.intake, self.clock, self.observer)
        serials = itertools.count(1)
        self.subscribing = Subscribing(
            self.store, self.clock, self.observer, new_uuid=lambda: f"00000000-0000-4000-8000-{next(serials):012}"
        )
        self.wiring = Wiring(self.store, self.clock, self.observer, self.operations, self.subscribing)
        self.wiring.connect(Running(self.sender, courier, self.dispatcher), self._rerouted)
        assert await self.wiring.begin(lambda: self.settings)
        self.translator = Translator(
            self.store,
            self.store,
            self._words(),
            clock=self.clock,
            observer=self.observer,
            offer=self.dispatcher.offer,
            own_agent="registry-sidecar/",
        )
        self.task = asyncio.create_task(self.translator.run())
        return self

    def carriers(self):
        """What messages are sent by, once the store is open."""
        return self.sender

    def _words(self):
        registries = {one.name: one for one in self.settings.registries}
        return Words(registries, self.wiring.router, self.wiring.names)

    def _rerouted(self):
        self.translator.reroute(self.wiring.router, self.wiring.names)

    async def reload(self, **sections):
        """As the running sidecar does it."""
        settings = self.configured(**sections)
        async with self.subscribing.lock:
            done = await self.wiring.register(settings)
            self.settings = settings
            self.translator.configure(self._words())
            return done

    async def push(self, *repositories):
        names = [f"push-{next(self.pushed)}" for _ in repositories]
        records = [push(name, repository=path) for name, path in zip(names, repositories, strict=True)]
        await self.intake.accept("main", envelope(*records))

    async def settled(self):
        """Wait until all is translated, and nothing is owed or under way."""
        async with asyncio.timeout(10):
            while True:
                busy = self.translator.lag or any(one.in_flight for one in self.dispatcher.views())
                if not busy and not any(one.due for one in await self.store.undelivered()):
                    return
                await asyncio.sleep(0.002)

    def told(self, url=URL):
        """How many requests went there."""
        return sum(one.url == url for one in self.sender.requests)

    async def until(self, true):
        """Wait until it is so."""
        async with asyncio.timeout(10):
            while not true():  # noqa: ASYNC110 - it waits for what others do, and they set no event
                await asyncio.sleep(0.002)

    async def kill(self):
        """Nothing is finished, nothing told."""
        self.subscribing.stop()
        self.dispatcher._stopping = True
        tasks = [self.task, *self.dispatcher._workers, *self.dispatcher._tasks]
        for track in self.dispatcher._tracks.values():
            track.stop()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.translator.ticker.stop()
        await abandon(self.store)

    async def stop(self):
        self.subscribing.stop()
        self.translator.stop()
        await self.task
        await self.dispatcher.stop(5.0)
        await self.store.close()
