"""From the journal to deliveries: exactly one translator, a fold over records in order from its cursor.

Events, catalogue, messages, deliveries and the cursor are committed together, so a record is translated once whatever
happens in between. A batch that cannot be committed is tried again; a record that cannot be translated is quarantined
with its reason; a record at which the process died three times is quarantined without being looked at.
"""

import asyncio
from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from sidecar.domain import instant
from sidecar.domain.catalogue import Catalogue, Changes, DeletionKey, Need, need_of
from sidecar.domain.delivery import Delivery
from sidecar.domain.errors import CursorMoved, NamespaceTaken, StoreRefused, StoreUnavailable, Unreadable
from sidecar.domain.event import EventType
from sidecar.domain.expiry import Plan
from sidecar.domain.fold import Fold
from sidecar.domain.names import split_repository
from sidecar.domain.notice import Act, Notice
from sidecar.domain.pulls import Pulls
from sidecar.domain.record import Quarantined, QuarantineReason, Record, RecordKind, set_aside
from sidecar.domain.registry import Registry
from sidecar.domain.session import Sessions
from sidecar.domain.usage import Step, UsageChanges
from sidecar.pipeline.backlog import Backlog
from sidecar.pipeline.enrichment import Enricher
from sidecar.pipeline.expiring import Expiring
from sidecar.pipeline.grouping import NONE, Gatherer
from sidecar.pipeline.handover import Handover
from sidecar.pipeline.patience import RETRY_FIRST, RETRY_MOST, Patience, give_way
from sidecar.pipeline.reading import Reading
from sidecar.pipeline.routing import Router
from sidecar.pipeline.telling import Telling, Told
from sidecar.pipeline.ticker import Ticker, apart
from sidecar.pipeline.weighing import Weigher
from sidecar.ports import Clock, Journal, Observer, PlannedEvent, Translation, WriteSet

BATCH = 100  # records per transaction: about 5 ms of the loop
BREATH = 4  # records between two chances for the loop to answer requests
CAREFUL = 256  # records translated one by one after a stop that was not orderly
POISONED = 3  # deaths while translating one record after which it is quarantined unseen
FINISHED = frozenset({"blob", "ignored", "known", "silent"})  # their bytes are not needed again
RESUME = 5 * instant.SECOND  # after a start no tick before this: what the registry kept for us meanwhile comes first

_PULL, _CHECK = Act.PULL, Act.CHECK


class Words(msgspec.Struct, frozen=True):
    """What a configuration gives the translator; swapped whole on reload. `enricher` None = no registry is asked."""

    registries: Mapping[str, Registry]
    router: Router
    subscriptions: Mapping[int, str]  # lane -> subscription name
    enricher: Enricher | None = None
    expiry: Plan = Plan()


class _Batch(msgspec.Struct, frozen=True):
    """A translated batch: what to write, and what to tell afterwards."""

    work: WriteSet
    told: Sequence[Told]
    deadline: int | None  # when the next tick is due, as far as this batch knows
    ticked: bool = False
    grouped: bool = False  # planned when somebody's events were grouped, whoever groups by the time it is committed


class Translator:
    """Runs until stopped. `offer` receives the deliveries that are due, once they are committed."""

    def __init__(
        self,
        journal: Journal,
        translation: Translation,
        words: Words,
        *,
        clock: Clock,
        observer: Observer,
        offer: Callable[[Sequence[Delivery]], None],
        own_agent: str,
        met: Callable[[str, str], None] | None = None,
        weigher: Weigher | None = None,
    ) -> None:
        """`met` hears which registry process a record comes from, whenever it is another than before.

        Without a weigher nothing is known of what namespaces hold.
        """
        self._journal = journal
        self._translation = translation
        self._clock = clock
        self._observer = observer
        self._telling = Telling(observer, clock, words.subscriptions)
        self._backlog = Backlog(translation.pending, self._telling.full)
        self.ticker = Ticker(journal, clock, observer)
        self._expiring = Expiring(translation, translation.look)
        self._gatherer = Gatherer(translation)
        self.configure(words)
        self._offer = offer
        self._reading = Reading(own_agent, met)
        self._weigher = weigher
        self._handover = Handover(journal, clock)
        self._sessions = Sessions()
        self._cursor = 0
        self._careful = 0
        self._behind_since = 0
        self._stopped = asyncio.Event()
        self._patience = Patience(self._stopped, lambda error: observer.trouble("translator", error))

    @property
    def cursor(self) -> int:
        """The number of the last translated record."""
        return self._cursor

    @property
    def lag(self) -> int:
        """How many record numbers the journal is ahead."""
        return max(0, self._journal.last - self._cursor)

    def lag_seconds(self) -> float:
        """For how long the oldest record we know of has waited to be translated; 0 when none waits."""
        return max(0, self._clock.now() - self._behind_since) / 1e9 if self.lag and self._behind_since else 0.0

    def configure(self, words: Words) -> None:
        """Use another configuration from the next batch on."""
        self._words = msgspec.structs.replace(words, router=self._gatherer.configure(words.router))
        self._telling.names = words.subscriptions
        self._backlog.bounds = {one.lane: one.subscription.policy.backlog for one in words.router.routes}
        self._expiring.configure(words.router, words.expiry, words.registries)
        self.ticker.by(self._due())

    def reroute(self, router: Router, names: Mapping[int, str]) -> None:
        """Use other routes from the next batch on, and all else as before."""
        self.configure(msgspec.structs.replace(self._words, router=router, subscriptions=names))

    def stop(self) -> None:
        """Have `run` return after the batch at hand."""
        self._stopped.set()
        self._handover.wake()

    async def run(self) -> None:
        """Translate until stopped."""
        await self._begin()
        while not self._stopped.is_set():
            try:
                records = await self._handover.take(1 if self._careful else BATCH)
                if records:
                    self._behind_since = records[0].accepted
                    if self._careful:
                        await self._carefully(records[0])
                    else:
                        await self._in_parts(records)
            except Exception as error:  # noqa: BLE001 - a translator that ends would leave everything behind it for ever
                self._observer.trouble("translator", error)
                self._handover.start(self._cursor)
                await self._patience.pause(RETRY_MOST)
        self.ticker.stop()
        try:
            await self._translation.end()
        except StoreUnavailable as error:
            self._observer.trouble("translator", error)

    async def _begin(self) -> None:
        delay = RETRY_FIRST
        while not self._stopped.is_set():
            try:
                position = await self._translation.begin()
                self._cursor = position.cursor
                self._behind_since = self._clock.now()  # of what waits already, only the start of the wait is known
                self._careful = 0 if position.clean else CAREFUL
                self._handover.start(self._cursor)
                facts = await self._translation.look(Need(parked=True, sessions=True))
                self._sessions = Sessions(facts.sessions)
                await self._expiring.begin()
                await self._renew()
                waiting = [*(row.deadline for row in facts.deletions), *(row.deadline for row in facts.sessions)]
                waiting += [one for one in (self._due(),) if one is not None]
                self.ticker.forget()
                self.ticker.by(max(min(waiting), self._clock.now() + RESUME) if waiting else None)
                return
            except StoreUnavailable as error:
                self._observer.trouble("translator", error)
                await self._patience.pause(delay)
                delay = min(delay * 2, RETRY_MOST)

    async def _in_parts(self, records: Sequence[Record]) -> None:
        for part in apart(records, self._due()):
            await self._translate(part)
            if self._cursor != part[-1].number:
                return  # somebody else was here: what follows is read again

    def _due(self) -> int | None:
        """From when on a tick has more to do than to end what waits in the fold."""
        return min((one for one in (self._expiring.due(), self._gatherer.due()) if one is not None), default=None)

    async def _renew(self) -> None:
        router = await self._gatherer.renew()
        self._words = msgspec.structs.replace(self._words, router=router)  # which may be others by now

    async def _carefully(self, record: Record) -> None:
        """After a stop that was not orderly: one record at a time, and none that the process keeps dying of.

        Each attempt is noted before it is made, so that being killed for other reasons is no evidence.
        """
        self._careful -= 1
        try:
            deaths = await self._patience.until(self._translation.attempt)
            if deaths < POISONED:
                await self._translate([record])
                return
            detail = f"the process died {deaths} times while translating this record; it was set aside unread"
            batch = self._set_aside(record, QuarantineReason.POISON, detail)
            await self._patience.until(lambda: self._translation.commit(batch.work))
            self._cursor = batch.work.cursor
            self._telling.batch(batch.told, batch.work)
        except StoreUnavailable as error:
            self._observer.trouble("translator", error)  # stopped while the store is away

    async def _translate(self, records: Sequence[Record]) -> None:
        """Translate and commit a batch, however often the store makes us try; gives up only when stopped."""
        weigher = self._weigher
        try:
            if weigher is None:
                await self._attempt(records)
            else:
                if weigher.outdated:
                    await self._patience.until(weigher.renew)
                async with weigher.turn:
                    await self._attempt(records)
        except StoreUnavailable as error:
            self._observer.trouble("translator", error)  # stopped while the store is away: the batch waits on disk
        except CursorMoved as error:
            self._observer.trouble("translator", error)
            await self._begin()

    async def _attempt(self, records: Sequence[Record]) -> None:
        try:
            batch = await self._patience.until(lambda: self._fold(records))
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not stop the records behind it
            if len(records) > 1:
                for record in records:
                    await self._attempt([record])
                return
            self._observer.trouble("translator", error)
            detail = f"translating failed: {type(error).__name__}: {error}"[:500]
            batch = self._set_aside(records[0], QuarantineReason.UNTRANSLATABLE, detail)
        try:
            due = await self._patience.until(lambda: self._translation.commit(batch.work))
        except NamespaceTaken:
            await self._attempt(records)  # the events carry the namespace's id: fold them again with the one it has
            return
        except StoreRefused as error:
            if len(records) > 1:
                for record in records:
                    await self._attempt([record])
                return
            self._observer.trouble("translator", error)
            batch = self._set_aside(records[0], QuarantineReason.UNTRANSLATABLE, str(error)[:500])
            due = await self._patience.until(lambda: self._translation.commit(batch.work))
        self._cursor = batch.work.cursor
        self._sessions.take(batch.work.changes.sessions, batch.work.changes.closed)
        self._expiring.take(batch.work.changes.looks)
        self._telling.batch(batch.told, batch.work)
        if due:
            self._offer(due)
        if batch.grouped or not self._gatherer.idle:
            router = self._gatherer.committed(batch.work)
            if router is not self._words.router:
                self._words = msgspec.structs.replace(self._words, router=router)
            if batch.ticked:
                await self._patience.until(self._renew)
        self.ticker.by(batch.deadline)
        if batch.ticked or not self._gatherer.idle:
            self.ticker.by(self._due())

    async def _fold(self, records: Sequence[Record]) -> _Batch:
        """What these records come to. Writes nothing."""
        words = self._words
        now = self._clock.now()
        notices: list[Notice | None] = []
        quarantined: list[Quarantined] = []
        ticked = 0
        for record in records:
            notice: Notice | None = None
            if record.kind is RecordKind.TICK:
                ticked = max(ticked, record.accepted)
            else:
                try:
                    notice = self._reading.notice(record, words.registries)
                except Unreadable as trouble:
                    quarantined.append(set_aside(record, trouble.reason, trouble.detail, now))
            notices.append(notice)
        pulls = Pulls(self._sessions, words.registries, checks=words.router.hears(EventType.CHECKED))
        heads = pulls.ending(ticked) if ticked else []
        touching = [one for one in notices if one is not None and (one.act is not _CHECK or pulls.window(one))]
        placed = (
            (one, split_repository(one.repository, words.registries[one.registry].default_namespace)[0])
            for one in (*touching, *heads)  # what a tick ends is told, also when the registry's window is 0 by now
        )
        need = need_of(placed, watching=self._expiring.watching)
        need.parked = ticked > 0
        for asking in touching:
            if asking.act is _PULL or asking.act is _CHECK:
                need.manifests.update(pulls.need(asking))
        looked = await self._expiring.slice(records[0]) if ticked and len(records) == 1 else None
        if looked is not None:
            looked.need(need, words.registries)
        together = await self._gatherer.close(records[0]) if ticked and len(records) == 1 else NONE
        catalogue = Catalogue(await self._translation.look(need), watching=self._expiring.watching)
        standing: Collection[DeletionKey] = ()
        if words.enricher is not None:
            notices, standing = await words.enricher.enrich(
                notices, catalogue, words.router, words.registries, until=ticked or None
            )
        await self._expiring.complete(notices, catalogue)
        fold = Fold(catalogue, words.registries, pulls)
        steps: list[Step] = []
        weigher = self._weigher if self._weigher is not None and self._weigher.at_work else None
        if weigher is not None:
            catalogue.moves = []
        planned: list[PlannedEvent] = [*together.planned]
        told: list[Told] = []
        finished: list[int] = []
        for at, (record, notice) in enumerate(zip(records, notices, strict=True)):
            if at and (at % BREATH == 0 or words.router.strained):
                await give_way(self._clock)
            if notice is None:
                if record.kind is RecordKind.TICK:
                    told.extend([Told(record, "overtaken")] * fold.overtaken(standing, record.accepted))
                    ended = fold.tick(record.accepted)
                    told.extend([Told(record, "unclassified")] * ended.unclassified)
                    told.extend(Told(record, "announced", (one,), one.registry.name) for one in ended.events)
                    planned.extend(words.router.plan(event) for event in ended.events)
                else:
                    told.append(Told(record, "quarantined"))
                finished.append(record.number)
                continue
            folded = fold.notice(notice)
            if weigher is not None:
                steps.extend(weigher.steps(len(told), notice, catalogue))
            told.append(Told(record, folded.outcome, folded.events))
            if folded.outcome in FINISHED:
                finished.append(record.number)
            planned.extend(words.router.plan(event) for event in folded.events)
        usage: UsageChanges | None = None
        if weigher is not None and steps:
            usage, crossed = await weigher.weigh(steps, fold.make)
            for at, events in crossed:
                told[at] = Told(told[at].record, "announced", (*told[at].events, *events))
                planned.extend(words.router.plan(event) for event in events)
        ending, announced = looked.tell(fold, catalogue, words.registries) if looked is not None else ((), ())
        told.extend(Told(records[0], "announced", (one.event,), one.event.registry.name) for one in ending)
        planned.extend(ending)
        changes = catalogue.changes()
        changes.looks, changes.announced = looked.looks if looked is not None else (), announced
        changes.sessions, changes.closed = pulls.changes()
        work = WriteSet(
            expected=self._cursor,
            cursor=records[-1].number,
            events=self._backlog.admit(planned),
            changes=changes,
            finished=finished,
            quarantined=quarantined,
            now=now,
            usage=usage,
            closed=together.closed,
        )
        deadlines = [row.deadline for row in catalogue.parked()]
        deadlines += [one for one in (pulls.deadline(whole=ticked > 0),) if one is not None]
        return _Batch(work, told, min(deadlines, default=None), ticked > 0, words.router.groups)

    def _set_aside(self, record: Record, reason: str, detail: str) -> _Batch:
        """A batch of one record that goes to quarantine instead."""
        now = self._clock.now()
        work = WriteSet(
            expected=self._cursor,
            cursor=record.number,
            events=(),
            changes=Changes([], [], [], [], []),
            finished=(record.number,),
            quarantined=(set_aside(record, reason, detail, now),),
            now=now,
        )
        return _Batch(work, (Told(record, "quarantined"),), None)
