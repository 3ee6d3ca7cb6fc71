"""A house whose registry is walked: records come in as a registry posts them, or are lost."""

import asyncio
import contextlib

from doubles import House, RecordingSender, registry, subscription
from fake_registry import FakeApi, FakeRegistry
from notifications import delete, digest, envelope, push, untag
from sidecar.domain.instant import rfc3339
from sidecar.domain.registry import Reconcile
from sidecar.domain.walk import WalkState
from sidecar.pipeline.walks import Plan, Walks

MAIN = registry(reconcile=Reconcile())
ALL = subscription(
    "all", format="cloudevents", events=("artifact.pushed", "artifact.deleted", "tag.deleted", "repository.deleted")
)


class Walked:
    """A house, a registry, and its walks. `told` and `lost` say whether the registry's notification arrives."""

    def __init__(self, path, clock, *, fake=None, reconcile=MAIN.reconcile, store=None):
        self.path = path
        self.clock = clock
        self.fake = fake or FakeRegistry()
        self.api = FakeApi(self.fake)
        self.reconcile = reconcile
        self.house = House(path, clock, RecordingSender(), [ALL], registries=[MAIN], store=store)
        self.walks = Walks(self.house.store, clock, self.house.observer)
        self.count = 0
        self._task = None

    async def start(self):
        await self.house.start()
        self.house.translator._reading._met = self.walks.met
        self.walks.configure({"main": Plan(self.api, self.reconcile)})
        self._task = asyncio.create_task(self.walks.run())

    async def stop(self):
        await self._cancel()
        await self.walks.stop()
        await self.house.stop()

    async def kill(self):
        """An end without any order: nothing is noted."""
        await self._cancel()
        for track in self.walks._tracks.values():
            if track.task is not None:
                track.task.cancel()
                await asyncio.gather(track.task, return_exceptions=True)
        await self.house.kill()

    async def _cancel(self):
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task

    def again(self, **more):
        """The next process over the same file and the same registry."""
        given = {"fake": self.fake, "reconcile": self.reconcile, **more}
        other = Walked(self.path, self.clock, **given)
        other.count = self.count + 1000
        return other

    # --- what the registry's clients do ------------------------------------------------------------------------------

    async def told(self, *records):
        """The registry posts these."""
        await self.house.intake.accept("main", envelope(*records))
        await self.translated()

    async def push(self, tag, of, *, repository="prj/app", lost=False, **more):
        self.fake.push(repository, tag, of)
        record = push(self._id(), tag, repository=repository, of=of, time=rfc3339(self.clock.now()), **more)
        if not lost:
            await self.told(record)
        return record

    async def delete(self, of, *, repository="prj/app", lost=False):
        """A manifest's deletion with its tags; returns the records."""
        time, number = rfc3339(self.clock.now()), self._id()
        gone = self.fake.delete(repository, of)
        records = [delete(number, of, repository=repository, time=time, request=f"r{number}")]
        records += [
            untag(f"{number}-{tag}", tag, repository=repository, time=time, request=f"r{number}") for tag in gone
        ]
        if not lost:
            await self.told(*records)
        return records

    async def translated(self):
        """Until everything in the journal is translated."""
        while self.house.translator.lag:  # noqa: ASYNC110 - nothing is set when there is none
            await asyncio.sleep(0.01)

    def _id(self):
        self.count += 1
        return f"n{self.count}"

    # --- what came of it ---------------------------------------------------------------------------------------------

    async def walked(self, number=1, *, seconds=100_000, states=(WalkState.FINISHED, WalkState.HELD)):
        """Wait until so many walks have ended; returns the last."""
        until = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < until:
            over = {one.id: one for one in self.house.observer.walks if one.state in states}
            if len(over) >= number:
                await self.translated()
                return over[max(over)]
            await asyncio.sleep(0.5)
        raise AssertionError(f"no walk ended: {self.house.observer.walks[-3:]} {self.house.observer.troubles[-3:]}")

    async def reconcile_now(self):
        """Walk on command, to the end."""
        before = {one.id for one in self.house.observer.walks if not one.open or one.state is WalkState.HELD}
        await self.walks.start("main", silent=False)
        while True:
            await asyncio.sleep(0.5)
            for one in self.house.observer.walks:
                if one.id not in before and (not one.open or one.state is WalkState.HELD):
                    await self.translated()
                    return one

    def events(self, *, recovered=None):
        """What was announced: (type, repository, tags, digest)."""
        return [
            (str(one.type), one.repository.path, one.tags, one.artifact.digest)
            for one in self.house.observer.events
            if recovered is None or one.recovered is recovered
        ]

    async def catalogue(self, repository="prj/app"):
        return dict(await self.house.store.known_tags("main", repository))


def pushed(tag, of, repository="prj/app"):
    return ("artifact.pushed", repository, (tag,), digest(of))


def untagged(tag, of, repository="prj/app"):
    return ("tag.deleted", repository, (tag,), digest(of))


def deleted(of, *tags, repository="prj/app"):
    return ("artifact.deleted", repository, tags, digest(of))
