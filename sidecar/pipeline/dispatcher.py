"""Lanes at work: who may send now, and when to look again.

Each lane has a small window of due deliveries in memory; its backlog stays on disk. A lane wakes on new work, when an
attempt ends, and at the time its next delivery is due; nothing is polled. In flight is known only here: the store reads
what is due and claims nothing, so whatever is in the window, in flight, or sent but not yet written is excluded, as it
was before a read and as it is after it; otherwise a row that was just committed could be sent twice.

    offer / refill -> window -> in flight -> settling -> written
"""

import asyncio
from collections import deque
from collections.abc import Collection, Mapping, Sequence

import msgspec

from sidecar.domain.delivery import Delivery, Outcome, Reason, Settlement, State
from sidecar.domain.errors import SidecarError, StoreUnavailable
from sidecar.domain.lane import MAX_PAUSE, Lane
from sidecar.domain.retry import SLACK
from sidecar.pipeline.courier import Courier, Destination
from sidecar.ports import Clock, LaneState, Observer, Pause, Queue

WINDOW = 64  # deliveries read at once
OFFERED = 256  # deliveries a window may grow to before the rest is left on disk
LONGEST_WAIT = 60.0  # seconds: a wall clock that steps is noticed within this time
STORE_RETRY = 1.0  # seconds between attempts to write outcomes while the store is away


class LaneView(msgspec.Struct, frozen=True, kw_only=True):
    """What metrics and operators see of a lane. `pending` counts what is not delivered, dead or cancelled."""

    lane: int
    name: str
    pending: int
    limit: int
    in_flight: int
    paused_until: int
    held: bool


class _Track:
    """One lane's memory in this process."""

    def __init__(self, lane_id: int, name: str) -> None:
        self.id = lane_id
        self.name = name
        self.destination: Destination | None = None
        self.lane = Lane(ceiling=1, limit=1)
        self.held_total = 0
        self.pending = 0
        self.window: deque[Delivery] = deque()
        self.in_flight: dict[int, Delivery] = {}
        self.settling: dict[int, Settlement] = {}
        self.backlog = True  # more may be due on disk than the window shows
        self.dirty = False  # something was left on disk while a read was under way
        self.read_to = 0  # the highest id that a read has shown: a read may see a commit before it is offered
        self.epoch = 0  # goes up when an operator changes deliveries: a read that began before may show what was
        self.withdrawn: set[int] = set()  # cancelled under way: owed no longer, whatever comes of the attempt
        self.refill: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.timer_at = 0.0
        self.looked = -LONGEST_WAIT  # when due times were last looked at for ones too far away

    def busy(self) -> set[int]:
        return {one.id for one in self.window} | self.in_flight.keys() | self.settling.keys()


class Dispatcher:
    """Paces all lanes. Lives on one event loop."""

    def __init__(self, queue: Queue, courier: Courier, *, clock: Clock, observer: Observer) -> None:
        self._queue = queue
        self._courier = courier
        self._clock = clock
        self._observer = observer
        self._tracks: dict[int, _Track] = {}
        self._workers: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._away = False  # the store took no outcome lately: nothing new is sent until it takes one
        self._unwritten: list[tuple[_Track, Settlement]] = []
        self._rewrite: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._saves: set[asyncio.Task[None]] = set()

    # --- what the composition root says ------------------------------------------------------------------------------

    def configure(self, destinations: Mapping[int, Destination], states: Sequence[LaneState]) -> None:
        """Use these lanes from now on. Attempts in flight end as they began."""
        for state in states:
            track = self._tracks.get(state.id)
            if track is None:
                track = self._tracks[state.id] = _Track(state.id, state.name)
            track.name = state.name
            track.destination = destinations.get(state.id)
            ceiling = track.destination.subscription.policy.concurrency if track.destination is not None else 1
            fresh = track.lane.ceiling == 1 and track.lane.limit == 1
            track.lane = msgspec.structs.replace(
                track.lane,
                ceiling=ceiling,
                limit=ceiling if fresh else min(track.lane.limit, ceiling),
            )
            self._take_state(track, state)
            track.backlog = True
            self._pump(track)

    def apply(self, state: LaneState) -> None:
        """Take over a lane's pause or release as the store has it."""
        track = self._tracks.get(state.id)
        if track is not None:
            self._take_state(track, state)
            track.backlog = True
            self._pump(track)

    def refresh(self, moved: Mapping[int, Collection[int]], owed: int) -> None:
        """An operator changed these deliveries, by lane: read what is due anew.

        `owed` is what each of them adds to what is pending: 1 when it was brought back, -1 when it was cancelled.
        """
        for lane, ids in moved.items():
            track = self._tracks.get(lane)
            if track is None:
                continue
            track.pending += owed * len(ids)
            if owed < 0:
                track.withdrawn.update(one for one in ids if one in track.in_flight or one in track.settling)
            else:
                track.withdrawn.difference_update(ids)
            track.window.clear()
            track.epoch += 1
            track.backlog = track.dirty = True
            self._pump(track)

    def _take_state(self, track: _Track, state: LaneState) -> None:
        now = self._clock.now()
        held = state.held or track.destination is None
        track.pending = state.pending
        track.held_total = state.held_total + (max(0, now - state.held_since) if state.held_since else 0)
        paused_until = min(state.paused_until, now + MAX_PAUSE)  # it was stored by a clock that has been set back since
        track.lane = msgspec.structs.replace(track.lane, held=held, paused_until=paused_until)
        if held:
            track.window.clear()

    def offer(self, deliveries: Sequence[Delivery]) -> None:
        """Take deliveries that were just committed and are due."""
        touched: dict[int, _Track] = {}
        for delivery in deliveries:
            track = self._tracks.get(delivery.lane)
            if track is None:
                continue
            track.pending += 1
            if track.backlog or track.lane.held or len(track.window) >= OFFERED or delivery.id <= track.read_to:
                track.backlog = track.dirty = True  # it is on disk; a read will find it in its turn, or has found it
            else:
                track.window.append(delivery)
            touched[track.id] = track
        for track in touched.values():
            self._pump(track)

    def views(self) -> list[LaneView]:
        """All lanes as they stand."""
        return [
            LaneView(
                lane=one.id,
                name=one.name,
                pending=max(0, one.pending),
                limit=one.lane.limit,
                in_flight=len(one.in_flight),
                paused_until=one.lane.paused_until,
                held=one.lane.held,
            )
            for one in self._tracks.values()
        ]

    async def stop(self, grace: float) -> int:
        """Start nothing more, wait up to `grace` seconds for attempts in flight; returns how many were cut off."""
        self._stopping = True
        for track in self._tracks.values():
            if track.timer is not None:
                track.timer.cancel()
        if self._workers:
            await asyncio.wait(self._workers, timeout=grace)
        if self._saves:
            await asyncio.wait(self._saves, timeout=STORE_RETRY)
        cut = [one for one in self._workers if not one.done()]
        for task in (*cut, *self._tasks):
            task.cancel()
        await asyncio.gather(*cut, *self._tasks, return_exceptions=True)
        if self._rewrite is not None:
            self._rewrite.cancel()
        self._write_again()
        return len(cut)

    # --- one lane ----------------------------------------------------------------------------------------------------

    def _pump(self, track: _Track) -> None:
        """Start what may start now; arrange to be called again when more may."""
        if self._stopping or self._away or track.destination is None:
            return
        now = self._clock.now()
        room = track.lane.room(now=now, in_flight=len(track.in_flight))
        while room > 0 and track.window:
            delivery = track.window.popleft()
            track.in_flight[delivery.id] = delivery
            task = asyncio.create_task(self._work(track, track.destination, delivery))
            self._workers.add(task)
            task.add_done_callback(self._workers.discard)
            room -= 1
        if track.lane.held:
            return
        if now < track.lane.paused_until:
            self._wake_at(track, track.lane.paused_until)
        elif track.backlog and len(track.window) < track.lane.limit and track.refill is None:
            track.refill = asyncio.create_task(self._fill(track))
            self._tasks.add(track.refill)
            track.refill.add_done_callback(self._tasks.discard)

    async def _work(self, track: _Track, destination: Destination, delivery: Delivery) -> None:
        """Deliver, then go on with the window as long as the lane has room: one task serves many deliveries."""
        while True:
            await self._deliver(track, destination, delivery)
            room = track.lane.room(now=self._clock.now(), in_flight=len(track.in_flight))
            if room <= 0 or not track.window or self._stopping or self._away or track.destination is None:
                break
            destination = track.destination
            delivery = track.window.popleft()
            track.in_flight[delivery.id] = delivery
            if track.backlog and len(track.window) < track.lane.limit:
                self._pump(track)
        self._pump(track)

    async def _deliver(self, track: _Track, destination: Destination, delivery: Delivery) -> None:
        try:
            outcome, settlement = await self._courier.attempt(delivery, destination, held_total=track.held_total)
        except Exception as error:  # noqa: BLE001 - a fault of ours ends one attempt, never the lane
            self._trouble("courier", track, error)
            outcome, settlement = _broken(delivery, self._clock.now(), error)
        finally:
            track.in_flight.pop(delivery.id, None)
        before = track.lane
        track.lane = before.after(outcome, now=self._clock.now())
        self._observer.attempted(track.name, settlement, outcome, delivery)
        if track.lane.held and not before.held:
            self._observer.lane_changed(track.name, "held", "the destination answered 410 Gone")
            self._remember(track, Pause(lane=track.id, hold="gone"))
        elif track.lane.paused_until > before.paused_until:
            self._observer.lane_changed(track.name, "paused", outcome.detail)
            self._remember(track, Pause(lane=track.id, until=track.lane.paused_until))
        track.settling[delivery.id] = settlement
        self._write(track, settlement)

    def _remember(self, track: _Track, pause: Pause) -> None:
        task = asyncio.create_task(self._save(track, pause))
        for tasks in (self._tasks, self._saves):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _save(self, track: _Track, pause: Pause) -> None:
        """Store a pause, so that it survives a restart; again and again while the store is away."""
        while True:
            try:
                await self._queue.pause(pause, self._clock.now())
                return
            except SidecarError as error:
                self._trouble("pause", track, error)
                if not isinstance(error, StoreUnavailable) or self._stopping:
                    return
            await asyncio.sleep(STORE_RETRY)
            if pause.hold and not track.lane.held:
                return  # an operator released it meanwhile

    # --- writing outcomes --------------------------------------------------------------------------------------------

    def _write(self, track: _Track, settlement: Settlement) -> None:
        try:
            future = self._queue.settle(settlement)
        except StoreUnavailable as error:
            self._write_later(track, settlement, error)
            return
        future.add_done_callback(lambda done: self._written(track, settlement, done))

    def _written(self, track: _Track, settlement: Settlement, done: "asyncio.Future[None]") -> None:
        error = None if done.cancelled() else done.exception()
        if isinstance(error, StoreUnavailable):
            self._write_later(track, settlement, error)
            return
        if error is not None:
            self._trouble("settling", track, error)
            if settlement.detail or settlement.answer:  # what the destination said may be what cannot be written
                self._write(track, msgspec.structs.replace(settlement, detail="", answer=b""))
            return  # else it stays among the unsettled: due on disk, it must not be sent over and over
        track.settling.pop(settlement.delivery, None)
        if settlement.state is State.DUE:
            self._wake_at(track, settlement.due)
        elif settlement.delivery not in track.withdrawn:
            track.pending -= 1
        track.withdrawn.discard(settlement.delivery)
        if self._away and not self._unwritten:
            self._away = False
            for one in self._tracks.values():
                self._pump(one)

    def _write_later(self, track: _Track, settlement: Settlement, error: StoreUnavailable) -> None:
        """Keep an outcome until the store is back. Nothing new is sent meanwhile: a restart would send it again."""
        self._away = True
        self._unwritten.append((track, settlement))
        if self._rewrite is None and not self._stopping:
            self._observer.trouble("dispatcher", error)
            self._rewrite = asyncio.get_running_loop().call_later(STORE_RETRY, self._write_again)

    def _write_again(self) -> None:
        self._rewrite = None
        unwritten, self._unwritten = self._unwritten, []
        for track, settlement in unwritten:
            self._write(track, settlement)

    # --- reading what is due -----------------------------------------------------------------------------------------

    async def _fill(self, track: _Track) -> None:
        """Refill the window from disk, and learn when to look again."""
        try:
            await self._cap_due(track)
            busy = track.busy()
            track.dirty = False
            now, epoch = self._clock.now(), track.epoch
            found = await self._queue.due(track.id, WINDOW, busy, now)
            if track.lane.held:
                return
            if track.epoch != epoch:
                found = ()  # an operator changed something meanwhile: `dirty` says so too, and it is read again
            track.read_to = max(track.read_to, *(one.id for one in found), 0)
            busy = track.busy()
            track.window.extend(one for one in found if one.id not in busy)
            if len(found) < WINDOW and not track.dirty:
                track.backlog = False
                next_due = await self._queue.next_due(track.id, now)
                if next_due is not None:
                    self._wake_at(track, next_due)
        except StoreUnavailable as error:
            self._trouble("reading", track, error)
            self._wake_in(track, STORE_RETRY)
            return
        finally:
            track.refill = None
        if track.window or track.backlog:
            self._pump(track)

    async def _cap_due(self, track: _Track) -> None:
        """Once in a while, bring back what a clock that ran ahead has put off for longer than any wait may be."""
        loop = asyncio.get_running_loop()
        if track.destination is None or loop.time() - track.looked < LONGEST_WAIT:
            return
        track.looked = loop.time()
        now = self._clock.now()
        latest = now + track.destination.subscription.policy.retry.max_delay + SLACK
        moved = await self._queue.cap_due(track.id, latest, now)
        if moved:
            self._observer.lane_changed(track.name, "hastened", f"{moved} deliveries were due too far ahead")

    def _trouble(self, where: str, track: _Track, error: BaseException) -> None:
        error.add_note(f"in subscription {track.name}")
        self._observer.trouble(where, error)

    def _wake_at(self, track: _Track, instant: int) -> None:
        self._wake_in(track, max(0, instant - self._clock.now()) / 1e9)

    def _wake_in(self, track: _Track, seconds: float) -> None:
        """Look at the lane again then, or sooner if that was arranged already."""
        if self._stopping:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + min(seconds, LONGEST_WAIT)
        if track.timer is not None:
            if track.timer_at <= at:
                return
            track.timer.cancel()
        track.timer_at = at
        track.timer = loop.call_at(at, self._alarm, track)

    def _alarm(self, track: _Track) -> None:
        track.timer = None
        track.backlog = track.dirty = True
        self._pump(track)


def _broken(delivery: Delivery, now: int, error: Exception) -> tuple[Outcome, Settlement]:
    """The outcome of an attempt that our own fault ended: try again in a minute."""
    detail = f"the sidecar failed: {type(error).__name__}"
    outcome = Outcome(reason=Reason.PROTOCOL_ERROR, retryable=True, detail=detail)
    return outcome, Settlement(
        delivery=delivery.id,
        lane=delivery.lane,
        attempt=delivery.attempts + 1,
        state=State.DUE,
        due=now + 60_000_000_000,
        started=now,
        took=0,
        reason=outcome.reason,
        detail=detail,
    )
