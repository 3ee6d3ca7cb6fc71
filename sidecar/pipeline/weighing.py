"""Weighing: what namespaces under a quota hold, kept with every batch; counted from the beginning where that is new.

The scales have one user at a time: whoever has the `turn`. The translator has it for a batch that may move something
in a namespace under a quota, from the look at what is noted until that is committed. Between batches a namespace that
has just come under a quota is counted slice by slice, and what is noted of one that is under none any more is removed.

What a registry did not tell of its manifests (children of an index that a walk found, pushes while its API was slow)
it is asked for at an easy pace. The answers go into the journal as observations, so that they are folded like all else.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import msgspec

from sidecar.domain.catalogue import Catalogue
from sidecar.domain.errors import RegistryUnavailable, StoreUnavailable
from sidecar.domain.event import Artifact, Event
from sidecar.domain.notice import Act, Notice
from sidecar.domain.observation import Observation, encode
from sidecar.domain.quota import NO_QUOTAS, Place, Quota, Quotas
from sidecar.domain.record import Entry, RecordKind
from sidecar.domain.usage import (
    Gap,
    Scale,
    Stage,
    Step,
    UsageChanges,
    UsageFacts,
    UsageRow,
    children,
    passed,
    wanted_blobs,
)
from sidecar.ports import Clock, Journal, Observer, RegistryApi, Scales
from sidecar.registry.manifests import with_manifest

SLICE = 50  # manifests that are counted at once: a millisecond or two
CLEARED = 500  # blobs that are removed at once
BREATH = 0.02  # seconds between two slices
PACE = 0.05  # seconds between two questions to a registry
PAGE = 100  # gaps that are read at a time
AGAIN = 60.0  # seconds until what could not be done is tried again

_FIRST: Gap = (("", ""), "", "")


class Weighed(msgspec.Struct, frozen=True, kw_only=True):
    """What a namespace holds, and what it may. `named` says that the configuration names it, not only a glob."""

    row: UsageRow
    quota: Quota
    named: bool


async def weighed(store: Scales, quotas: Quotas) -> Sequence[Weighed]:
    """Every namespace under a quota, by registry and name."""
    named = quotas.named()
    return [
        Weighed(row=row, quota=quota, named=row.place in named)
        for row in await store.usage()
        if row.stage is not Stage.LEAVING and (quota := quotas.of(row.place)) is not None
    ]


class WeighingStore(Scales, Journal, Protocol):
    """Everything that weighing asks of a store."""


class Weigher:
    """`turn` is held by whoever uses the scales; `at_work` says whether there is anything to weigh."""

    def __init__(self, store: WeighingStore, clock: Clock, observer: Observer) -> None:
        self._store = store
        self._clock = clock
        self._observer = observer
        self._apis: Mapping[str, RegistryApi] = {}
        self._wanted: Quotas | None = None
        self._woken = asyncio.Event()
        self.quotas = NO_QUOTAS
        self.turn = asyncio.Lock()

    @property
    def at_work(self) -> bool:
        return bool(self.quotas)

    @property
    def outdated(self) -> bool:
        """Whether other quotas wait to be taken into use: by `renew`, before the next batch."""
        return self._wanted is not None

    def configure(self, quotas: Quotas, apis: Mapping[str, RegistryApi]) -> None:
        """Weigh by these from the next batch on."""
        self._wanted = quotas
        self._apis = apis
        self._woken.set()

    async def usage(self) -> Sequence[Weighed]:
        """What every namespace under a quota holds."""
        return await weighed(self._store, self.quotas)

    async def renew(self) -> None:
        """Take the configured quotas into use: what comes under one is counted, what is under none is forgotten."""
        async with self.turn:
            quotas = self._wanted
            if quotas is not None:
                await self._use(quotas)
                if self._wanted is quotas:
                    self._wanted = None

    async def _use(self, quotas: Quotas) -> None:
        known = {row.place: row for row in await self._store.usage()}
        full = quotas.among(await self._store.heads()) if quotas else set()
        places = quotas.named() | full
        changed: list[UsageRow] = []
        for place, row in known.items():
            if row.stage is not Stage.LEAVING and (
                quotas.of(place) is None or quotas.holds_single(place) is not row.single
            ):
                changed.append(_at(row, Stage.LEAVING))
        for place in sorted(places - known.keys()):
            single = quotas.holds_single(place)
            stage = Stage.COUNTING if place in full else Stage.COUNTED
            changed.append(UsageRow(registry=place[0], namespace=place[1], single=single, stage=stage))
        if changed:
            await self._store.keep_usage(UsageChanges(rows=changed))
        leaving = {row.place for row in changed}
        self.quotas = quotas
        for place, row in known.items():
            if row.stage is Stage.COUNTED and place not in leaving:
                await self._have_judged(row)
        self._woken.set()

    async def gauges(self) -> Sequence[tuple[str, str, int, int]]:
        """Registry, namespace, bytes used and their limit of the namespaces that the quotas name.

        Not of those that only a glob takes: nothing bounds their number.
        """
        if not self.at_work:
            return ()
        every = await weighed(self._store, self.quotas)
        return [(*one.row.place, one.row.used, one.quota.limit) for one in every if one.named]

    # --- a batch ----------------------------------------------------------------------------------------------------

    def steps(self, at: int, notice: Notice, catalogue: Catalogue) -> Iterator[Step]:
        """What a notice moved in a namespace under a quota. Takes the moves away from the catalogue."""
        moves = catalogue.moves
        if moves or notice.act is Act.COUNTED:
            place = self.quotas.place(notice.registry, notice.repository)
            if place is not None:
                yield Step(at, notice, place, tuple(moves or ()))
            catalogue.moves = []

    async def weigh(
        self, steps: Sequence[Step], make: Callable[..., Event]
    ) -> tuple[UsageChanges, Sequence[tuple[int, Sequence[Event]]]]:
        """What these steps change, and the events of the thresholds that they pass, by the place of their notice.

        For whoever has the turn.
        """
        blobs = {key for step in steps for key in wanted_blobs(step.place, step.moves)}
        young = {
            (new.registry, new.repository, digest)
            for step in steps
            for _, new in step.moves
            for digest in children(new.artifact)
        }
        places = {step.place for step in steps}
        facts = await self._store.look_usage(places, blobs, young)
        scale = Scale(self.quotas, facts)
        for place in places - facts.rows.keys():
            scale.begin(await self._begun(place))
        crossed = [(step.at, events) for step in steps if (events := scale.take(step, make))]
        changes = scale.changes()
        if any(gap[0][0] in self._apis for gap in changes.gaps) or any(
            row.stage is Stage.COUNTING for row in changes.rows
        ):
            self._woken.set()
        return changes, crossed

    async def _begun(self, place: Place) -> UsageRow:
        """A namespace of which nothing was noted: there is nothing to count where there is nothing yet."""
        row = UsageRow(registry=place[0], namespace=place[1], single=self.quotas.holds_single(place))
        manifests, reached = await self._store.manifests_after(row, 1)
        return row if not manifests and reached is None else _at(row, Stage.COUNTING)

    # --- between batches --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Count, clear and ask whenever there is something to; until cancelled."""
        while True:
            self._woken.clear()
            patience: float | None = None
            try:
                if self.outdated:
                    await self.renew()
                await self._settle()
                patience = await self._ask()
            except Exception as error:  # noqa: BLE001 - a count that ended would never become right
                self._observer.trouble("weighing", error)
                patience = AGAIN
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._woken.wait()

    async def _settle(self) -> None:
        """Count what is not counted yet, and remove what is no longer wanted."""
        async with self.turn:  # a batch that woke us is committed before its turn is over
            rows = await self._store.usage()
        for row in rows:
            if row.stage is Stage.COUNTING:
                await self._count(row)
            elif row.stage is Stage.LEAVING:
                await self._clear(row.place)

    async def _count(self, row: UsageRow) -> None:
        while True:
            async with self.turn:
                facts = await self._store.look_usage({row.place}, (), ())
                now = facts.rows.get(row.place)
                if now is None or now.stage is not Stage.COUNTING or self.outdated:
                    return
                counted = await self._slice(now)
            if counted.stage is Stage.COUNTED:
                await self._have_judged(counted)
                return
            await asyncio.sleep(BREATH)

    async def _slice(self, row: UsageRow) -> UsageRow:
        """Count the next manifests; the row as it is then."""
        place = row.place
        manifests, reached = await self._store.manifests_after(row, SLICE)
        blobs = {key for one in manifests for key in wanted_blobs(place, ((None, one),))}
        young = {(one.registry, one.repository, child) for one in manifests for child in children(one.artifact)}
        facts: UsageFacts = await self._store.look_usage({place}, blobs, young)
        scale = Scale(self.quotas, facts)
        for one in manifests:
            scale.count(place, one)
        repository, digest = reached or ("", "")
        counted = scale.reached(place, repository, digest, done=reached is None)
        await self._store.keep_usage(scale.changes())
        return counted

    async def _clear(self, place: Place) -> None:
        """Remove what is noted; a namespace that is under a quota again by then is counted anew."""
        done = False
        while not done:
            await asyncio.sleep(BREATH)
            done = await self._store.clear_usage(place, CLEARED)
        if self._wanted is None and self.quotas.of(place) is not None:
            self._wanted = self.quotas
            await self.renew()

    async def _have_judged(self, row: UsageRow) -> None:
        """Have the fold tell what a count found, or what other limits made of what was counted."""
        quota = self.quotas.of(row.place)
        if quota is None or not passed(quota, row.used, row.told)[0]:
            return
        now = self._clock.now()
        seen = Observation(saw=Act.COUNTED, looked=now, after=self._store.last, repository=f"{row.namespace}/")
        await self._journal(row.registry, f"counted:{row.namespace}:{now}", seen)

    # --- what the registries know -----------------------------------------------------------------------------------

    async def _ask(self) -> float | None:
        """Ask for every gap once; how long to wait until those that stay are asked for again."""
        after = _FIRST
        stayed = False
        down: set[str] = set()
        while self.at_work and self._apis and (found := await self._store.gaps(after, PAGE)):
            after = found[-1]
            for gap in found:
                registry = gap[0][0]
                api = self._apis.get(registry)
                if api is None or registry in down:
                    stayed = stayed or registry in down
                    continue
                try:
                    await self._close(gap, api)
                except RegistryUnavailable:  # the client has told
                    down.add(registry)
                    stayed = True
                await asyncio.sleep(PACE)
        return AGAIN if stayed else None

    async def _close(self, gap: Gap, api: RegistryApi) -> None:
        (registry, _), repository, digest = gap
        now, last = self._clock.now(), self._store.last
        document = await api.manifest(repository, digest)
        if document is None:
            await self._store.close_gap(gap)
            return
        artifact = with_manifest(Artifact(digest=digest), document.media_type, document.body)
        seen = Observation(saw=Act.CONTENT, looked=now, after=last, repository=repository, artifact=artifact)
        await self._journal(registry, f"content:{seen.key}:{now}", seen)

    async def _journal(self, registry: str, name: str, seen: Observation) -> None:
        now = self._clock.now()
        with contextlib.suppress(StoreUnavailable):  # it is asked for again after the next start
            await self._store.append([Entry(RecordKind.OBSERVATION, registry, name, now, encode(seen))])


def _at(row: UsageRow, stage: Stage) -> UsageRow:
    return UsageRow(registry=row.registry, namespace=row.namespace, single=row.single, stage=stage)
