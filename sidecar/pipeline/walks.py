"""When registries are walked, and what operators make of walks that are held.

A walk is wanted when a registry process shows itself that was never seen before, when we begin after a gap, when the
time has come, and when an operator says so. What is wanted is written down before it is waited for. One walk of a
registry at a time; the first is a silent one, because nothing is known that could be missing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

import msgspec

from sidecar.domain import instant
from sidecar.domain.errors import Conflict, NotFound, StoreUnavailable
from sidecar.domain.registry import Reconcile, Registry
from sidecar.domain.walk import DEBOUNCE, Cause, Memory, Step, Walk, WalkState, missed, start_of
from sidecar.pipeline.walker import Walker, WalkStore, tell
from sidecar.ports import Clock, Observer, RegistryApi

ALIVE_EVERY = 30.0  # seconds between two notes that we run
LOOK_AGAIN = 60.0  # seconds after which a wait looks at the clock again: it may have been set
AFTER_FAULT = 60.0  # seconds before a walk that failed for a fault of ours goes on
RETRY_FIRST, RETRY_MOST = 1.0, 60.0  # seconds between attempts while the store is unavailable

T = TypeVar("T")


class Plan(msgspec.Struct, frozen=True):
    """How a registry can be walked; without `reconcile` on command only, at the usual rate."""

    api: RegistryApi
    reconcile: Reconcile | None = None


def plans(registries: Iterable[Registry], apis: Mapping[str, RegistryApi]) -> dict[str, Plan | None]:
    """How each registry can be walked: with a client of its API, where one is configured."""
    return {one.name: Plan(apis[one.name], one.reconcile) if one.name in apis else None for one in registries}


class View(msgspec.Struct, frozen=True, kw_only=True):
    """A registry's walks as an operator sees them: the one that waits or is under way, the held one, the last over."""

    registry: str
    current: Walk | None = None
    held: Walk | None = None
    last: Walk | None = None


class _Track:
    """One registry: its plan, and its walks."""

    def __init__(self, registry: str) -> None:
        self.registry = registry
        self.plan: Plan | None = None
        self.waiting: Walk | None = None
        self.unfinished: list[Walk] = []  # begun before we were
        self.walker: Walker | None = None
        self.held: Walk | None = None
        self.last: Walk | None = None
        self.wake = asyncio.Event()
        self.task: asyncio.Task[None] | None = None

    @property
    def never_walked(self) -> bool:
        return self.held is None and self.last is None

    def put_back(self, walk: Walk | None) -> None:
        """A walk that could not be begun waits on, unless another is wanted by now."""
        self.waiting = self.waiting or walk

    @property
    def last_start(self) -> int:
        return max((one.started for one in (self.held, self.last) if one is not None), default=0)

    @property
    def current(self) -> Walk | None:
        if self.walker is not None:
            return self.walker.walk
        return self.unfinished[0] if self.unfinished else self.waiting


class Walks:
    """Every registry's walks. `run` makes them; looking, accepting and rejecting work without it as well."""

    def __init__(self, store: WalkStore, clock: Clock, observer: Observer) -> None:
        self._store = store
        self._clock = clock
        self._observer = observer
        self._plans: Mapping[str, Plan | None] = {}
        self._tracks: dict[str, _Track] = {}
        self._instances: set[tuple[str, str]] = set()
        self._memory: Memory | None = None
        self._recalling = asyncio.Lock()
        self._running = False
        self._tasks: set[asyncio.Task[None]] = set()

    # --- life -------------------------------------------------------------------------------------------------------

    def configure(self, plans: Mapping[str, Plan | None]) -> None:
        """Walk by these plans from now on; None for a registry whose API is not configured."""
        back = [self._tracks[one] for one in plans.keys() - self._plans.keys() if one in self._tracks]
        self._plans = dict(plans)
        for track in back:  # who watches has forgotten how the walks of a registry stand that left and came back
            for walk in (track.last, track.held, track.current):
                if walk is not None:
                    self._observer.walked(walk)
        if self._running:
            self._assign()

    async def run(self) -> None:
        """Walk until cancelled."""
        memory = await self._patiently(self._recall)
        if missed(alive=memory.alive, orderly=memory.orderly, now=self._clock.now()):
            for registry, plan in self._plans.items():
                if plan is not None and plan.reconcile is not None:
                    await self._patiently(lambda: self._want(registry, Cause.START))  # noqa: B023 - awaited at once
        self._running = True
        self._assign()
        try:
            while True:
                if any(plan is not None and plan.reconcile is not None for plan in self._plans.values()):
                    await self._patiently(lambda: self._store.note_alive(self._clock.now(), orderly=False))
                await asyncio.sleep(ALIVE_EVERY)
        finally:
            self._running = False

    async def stop(self) -> None:
        """Leave every walk where it is: the next start goes on with it. Call after `run` was cancelled."""
        tasks = [track.task for track in self._tracks.values() if track.task is not None]
        for task in (*tasks, *self._tasks):
            task.cancel()
        await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)
        if self._memory is not None:
            try:
                await self._store.note_alive(self._clock.now(), orderly=True)
            except StoreUnavailable as error:
                self._observer.trouble("walk", error)

    def _assign(self) -> None:
        """Give every registry that can be walked somebody who does it; take it from the others."""
        for registry, plan in self._plans.items():
            track = self._track(registry)
            if plan == track.plan and (plan is None or track.task is not None):
                continue
            track.plan = plan
            self._dismiss(track)
            if plan is not None:
                track.task = asyncio.create_task(self._tend(track, plan))
        for registry in self._tracks.keys() - self._plans.keys():
            self._tracks[registry].plan = None
            self._dismiss(self._tracks[registry])

    def _dismiss(self, track: _Track) -> None:
        """Stop walking; what was begun is gone on with by whoever comes next."""
        if track.task is not None:
            track.task.cancel()
            track.task = None
        if track.walker is not None:
            track.unfinished.insert(0, track.walker.saved)
            track.walker = None

    async def _recall(self) -> Memory:
        """What earlier runs have left, once."""
        async with self._recalling:
            if self._memory is None:
                memory = await self._store.recall_walks()
                self._instances |= memory.instances
                for walk in memory.walks:
                    self._place(walk)
                self._memory = memory
            return self._memory

    def _place(self, walk: Walk) -> None:
        track = self._track(walk.registry)
        if walk.state is WalkState.WAITING:
            track.waiting = walk
        elif walk.state is WalkState.HELD:
            track.held = walk
        elif walk.open:
            track.unfinished.insert(0, walk)  # they come newest first
        else:
            track.last = walk
        self._observer.walked(walk)

    def _track(self, registry: str) -> _Track:
        if registry not in self._tracks:
            self._tracks[registry] = _Track(registry)
        return self._tracks[registry]

    # --- what makes a walk necessary --------------------------------------------------------------------------------

    def met(self, registry: str, instance: str) -> None:
        """A process of a registry showed itself. If it was never seen before, what another had queued may be lost."""
        plan = self._plans.get(registry)
        if not instance or plan is None or plan.reconcile is None or (registry, instance) in self._instances:
            return
        self._instances.add((registry, instance))
        task = asyncio.create_task(self._patiently(lambda: self._note(registry, instance)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _note(self, registry: str, instance: str) -> None:
        """The walk first: dying in between, we meet the process again."""
        memory = await self._recall()
        if (registry, instance) not in memory.instances:
            await self._want(registry, Cause.INSTANCE)
            await self._store.meet(registry, instance)

    async def _want(self, registry: str, cause: Cause) -> None:
        """Have a walk begin soon, after the last of several reasons."""
        track = self._track(registry)
        due = self._clock.now() + DEBOUNCE
        if track.waiting is None:
            first = track.never_walked and not track.unfinished and track.walker is None
            walk = Walk(registry=registry, cause=Cause.FIRST if first else cause, due=due)
        elif track.waiting.cause is Cause.COMMAND or cause is not Cause.INSTANCE:
            return  # only one new process after another puts it off: starts of ours may follow each other for ever
        else:
            walk = msgspec.structs.replace(track.waiting, due=max(due, track.waiting.due))
        track.waiting = await self._store.keep_walk(walk, Step())
        track.wake.set()

    # --- walking ----------------------------------------------------------------------------------------------------

    async def _tend(self, track: _Track, plan: Plan) -> None:
        """Make one walk of a registry after another."""
        while True:
            try:
                if not track.unfinished:
                    await self._begin(track, plan)
                await self._walk(track, plan)
            except StoreUnavailable as error:
                self._observer.trouble("walk", error)
                await asyncio.sleep(RETRY_FIRST)
            except Exception as error:  # noqa: BLE001 - a registry that is walked no more would look like one that is well
                self._observer.trouble("walk", error)
                await asyncio.sleep(AFTER_FAULT)

    async def _begin(self, track: _Track, plan: Plan) -> None:
        """Wait until a walk is due, and begin it."""
        if plan.reconcile is not None and track.never_walked and track.waiting is None:
            await self._want(track.registry, Cause.FIRST)
        while True:
            now = self._clock.now()
            at = self._when(track, plan)
            if at is not None and at <= now:
                break
            track.wake.clear()
            wait = LOOK_AGAIN if at is None else min(LOOK_AGAIN, (at - now) / instant.SECOND)
            try:
                async with asyncio.timeout(wait):
                    await track.wake.wait()
            except TimeoutError:
                continue
        waiting, track.waiting = track.waiting, None  # what is wanted from here on is a walk of its own
        walk = waiting or Walk(registry=track.registry, cause=Cause.SCHEDULE, due=now)
        silent = walk.silent or track.never_walked
        walk = msgspec.structs.replace(walk, state=WalkState.WALKING, started=now, silent=silent)
        try:
            walk = await self._store.keep_walk(walk, Step())
        except BaseException:
            track.put_back(waiting)
            raise
        track.unfinished.append(walk)
        self._observer.walked(walk)

    def _when(self, track: _Track, plan: Plan) -> int | None:
        """When the next walk may begin, None when none is to come."""
        if track.waiting is not None:
            return start_of(track.waiting, track.last_start)
        if plan.reconcile is None:
            return None
        return track.last_start + plan.reconcile.every

    async def _walk(self, track: _Track, plan: Plan) -> None:
        rate = (plan.reconcile or Reconcile()).rate
        walk = track.unfinished[0]
        track.walker = Walker(walk, plan.api, rate, store=self._store, clock=self._clock, observer=self._observer)
        track.unfinished.pop(0)
        try:
            over = await track.walker.run()
        except Exception:
            track.unfinished.insert(0, track.walker.saved)
            track.walker = None
            raise
        track.walker = None
        self._end(track, over)
        await self._store.forget_walks(track.registry)

    def _end(self, track: _Track, walk: Walk) -> None:
        """What a walk leaves takes the place of what an earlier one left."""
        if walk.state is WalkState.HELD:
            track.held = walk
        else:
            if track.held is None or track.held.id <= walk.id:
                track.held = None
            track.last = walk
        self._observer.walked(walk)

    # --- operators --------------------------------------------------------------------------------------------------

    async def views(self) -> list[View]:
        """Every registry that can be walked, or was."""
        await self._recall()
        views = [await self.view(registry) for registry in self._plans]
        return [one for one in views if self._plans[one.registry] is not None or one.current or one.held or one.last]

    async def view(self, registry: str) -> View:
        """One registry's walks. Raises NotFound."""
        self._known(registry)
        await self._recall()
        track = self._track(registry)
        return View(registry=registry, current=track.current, held=track.held, last=track.last)

    async def start(self, registry: str, *, silent: bool, who: str = "") -> Walk:
        """Begin a walk now. Raises NotFound, and Conflict while one is under way or when none can be made."""
        self._known(registry)
        await self._recall()
        if self._plans[registry] is None or not self._running:
            missing = "it has no `api`" if self._plans[registry] is None else "the sidecar is stopped"
            raise Conflict(f"registry {registry} cannot be walked: {missing}")
        track = self._track(registry)
        if track.walker is not None or track.unfinished:
            raise Conflict(f"a walk of registry {registry} is under way; wait for its end")
        walk = track.waiting or Walk(registry=registry, cause=Cause.COMMAND)
        walk = msgspec.structs.replace(walk, cause=Cause.COMMAND, due=self._clock.now(), silent=silent)
        track.waiting = await self._store.keep_walk(walk, Step())
        track.wake.set()
        self._observer.operated(who, "backfill" if silent else "reconcile", 1, f"registry={registry}")
        return track.waiting

    async def accept(self, registry: str, who: str = "") -> Walk:
        """Announce what a held walk found. Raises NotFound, and Conflict when none is held."""
        track, walk = await self._held(registry)
        walk = msgspec.structs.replace(walk, state=WalkState.TELLING)
        track.held = await self._store.keep_walk(walk, Step())
        self._observer.operated(who, "reconcile accept", walk.changes, f"registry={registry} walk={walk.id}")
        walk = await tell(walk, self._store, self._clock)
        self._end(track, walk)
        await self._store.forget_walks(registry)
        return walk

    async def reject(self, registry: str, who: str = "") -> Walk:
        """Throw away what a held walk found: nobody is told, the next walk finds it again. Raises as `accept`."""
        track, walk = await self._held(registry)
        walk = msgspec.structs.replace(walk, state=WalkState.REJECTED)
        walk = await self._store.keep_walk(walk, Step())
        self._observer.operated(who, "reconcile reject", walk.changes, f"registry={registry} walk={walk.id}")
        self._end(track, walk)
        await self._store.forget_walks(registry)
        return walk

    async def _held(self, registry: str) -> tuple[_Track, Walk]:
        self._known(registry)
        await self._recall()
        track = self._track(registry)
        if track.held is None:
            raise Conflict(f"no walk of registry {registry} is held")
        return track, track.held

    def _known(self, registry: str) -> None:
        if registry not in self._plans:
            raise NotFound(f"there is no registry {registry}")

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        delay = RETRY_FIRST
        while True:
            try:
                return await attempt()
            except StoreUnavailable as error:
                self._observer.trouble("walk", error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_MOST)
