"""Lanes at work: who may send now, and when to look again.

Each lane has a small window of due deliveries in memory; its backlog stays on disk. A lane wakes on new work, when an
attempt ends, and when time brings something: a due delivery, a token, the end of a pause, a probe; nothing is polled.
In flight is known only here: the store reads what is due and claims nothing, so whatever is in the window, in flight,
or sent but not yet written is excluded, as it was before a read and as it is after it; otherwise a row that was just
committed could be sent twice.

    offer / refill -> window -> in flight -> settling -> written

Deliveries with an order key never come by an offer: the store alone knows which of them is the head of its key, and
while that one is anywhere on this way, it gives no other.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence

import msgspec

from sidecar.domain.delivery import Delivery, Outcome, Settlement, State
from sidecar.domain.errors import SidecarError, StoreUnavailable
from sidecar.domain.lane import MAX_PAUSE
from sidecar.domain.lane_state import LaneState, Pause
from sidecar.domain.retry import SLACK
from sidecar.pipeline.courier import Courier, Destination, broken
from sidecar.pipeline.settling import Settling
from sidecar.pipeline.track import LONGEST_WAIT, LaneView, Track
from sidecar.ports import Chance, Clock, Observer, Queue

WINDOW = 256  # deliveries read at once
OFFERED = 256  # deliveries a window may grow to before the rest is left on disk
STORE_RETRY = 1.0  # seconds between attempts to read, or to store a pause, while the store is away


class Dispatcher:
    """Paces all lanes. Lives on one event loop."""

    def __init__(self, queue: Queue, courier: Courier, *, clock: Clock, chance: Chance, observer: Observer) -> None:
        self._queue = queue
        self._courier = courier
        self._clock = clock
        self._chance = chance
        self._observer = observer
        self._tracks: dict[int, Track] = {}
        self._leaving: dict[int, Track] = {}  # gone, with attempts under way or not yet written
        self._workers: set[asyncio.Task[None]] = set()
        self._stopping = False
        self._stalled = False  # a lane stood still because the store takes no outcomes
        self._settling = Settling(queue, observer, written=self._written, refused=self._refused)
        self._tasks: set[asyncio.Task[None]] = set()
        self._saves: set[asyncio.Task[None]] = set()

    # --- what the composition root says ------------------------------------------------------------------------------

    def configure(self, destinations: Mapping[int, Destination], states: Sequence[LaneState]) -> None:
        """Use these lanes from now on. Attempts in flight end as they began."""
        for state in states:
            track = self._tracks.get(state.id)
            if track is None:
                track = self._tracks[state.id] = Track(state.id, state.name, self._clock, self._pump)
            track.name = state.name
            before, track.destination = track.destination, destinations.get(state.id)
            if track.destination is not None:
                self._take_policy(track, before, track.destination)
            self._take_state(track, state)
            self.changed((state.id,))

    def retire(self, lanes: Collection[int]) -> None:
        """Send nothing more for lanes that are gone for good. Attempts in flight end as they began."""
        for lane in lanes:
            track = self._tracks.pop(lane, None)
            if track is None:
                continue
            track.destination = None
            track.window.clear()
            track.unsaved.clear()
            track.stop()
            if track.busy():
                self._leaving[lane] = track

    def _take_policy(self, track: Track, before: Destination | None, after: Destination) -> None:
        policy = after.subscription.policy
        if before is None or before.subscription != after.subscription:
            self._close(track, "the subscription was changed")
        if track.lane.ceiling == 1 and not track.lane.failures:
            track.lane = msgspec.structs.replace(track.lane, limit=policy.concurrency)
        track.lane = track.lane.configured(
            ceiling=policy.concurrency, rate=policy.rate, retry=policy.retry, now=self._clock.now()
        )

    def _close(self, track: Track, why: str) -> None:
        """Close the breaker: somebody may have mended what was broken, and wants to see it tried."""
        if track.lane.open:
            self._observer.lane_changed(track.name, "closed", why)
        track.lane = track.lane.closed()

    def apply(self, state: LaneState) -> None:
        """Take over a lane's pause or release as the store has it, after an operator changed it."""
        track = self._tracks.get(state.id)
        if track is not None:
            if not state.held:
                self._close(track, "the subscription was released")
                track.unsaved.clear()
            self._take_state(track, state)
            self.changed((state.id,))

    def _take_state(self, track: Track, state: LaneState) -> None:
        now = self._clock.now()
        held = state.held or track.destination is None or any(one.hold for one in track.unsaved)
        track.held_total = state.held_total + (max(0, now - state.held_since) if state.held_since else 0)
        paused_until = min(state.paused_until, now + MAX_PAUSE)  # it was stored by a clock that has been set back since
        paused_until = max(paused_until, *(one.until for one in track.unsaved), 0)
        track.lane = msgspec.structs.replace(track.lane, held=held, paused_until=paused_until)
        if held:
            track.window.clear()

    def changed(self, lanes: Collection[int]) -> None:
        """Read what is due in these lanes anew: deliveries were cancelled, replayed or moved in the store.

        What the windows show may be owed no longer, or may no longer be the head of its key.
        """
        for lane in lanes:
            track = self._tracks.get(lane)
            if track is not None:
                track.window.clear()
                track.backlog = track.dirty = True
                track.stale = track.refill is not None
                self._pump(track)

    def offer(self, deliveries: Sequence[Delivery]) -> None:
        """Take deliveries that were just committed and are due."""
        touched: dict[int, Track] = {}
        for delivery in deliveries:
            track = self._tracks.get(delivery.lane)
            if track is None:
                continue
            if (
                track.backlog
                or track.lane.held
                or len(track.window) >= OFFERED
                or delivery.id <= track.read_to
                or delivery.order_key
            ):
                track.backlog = track.dirty = True  # it is on disk; a read will find it in its turn, or has found it
            else:
                track.window.append(delivery)
            touched[track.id] = track
        for track in touched.values():
            self._pump(track)

    def views(self) -> list[LaneView]:
        """All lanes as they stand."""
        return [one.view(self._queue.pending(one.id)) for one in self._tracks.values()]

    @property
    def under_way(self) -> frozenset[int]:
        """The deliveries that an attempt is being made of, or was and is not yet settled."""
        return frozenset().union(*(one.in_flight | one.settling for one in self._tracks.values()))

    async def stop(self, grace: float) -> int:
        """Start nothing more, wait up to `grace` seconds for attempts in flight; returns how many were cut off."""
        self._stopping = True
        for track in self._tracks.values():
            track.stop()
        if self._workers:
            await asyncio.wait(self._workers, timeout=grace)
        if self._saves:
            await asyncio.wait(self._saves, timeout=STORE_RETRY)
        cut = [one for one in self._workers if not one.done()]
        for task in (*cut, *self._tasks):
            task.cancel()
        await asyncio.gather(*cut, *self._tasks, return_exceptions=True)
        self._settling.stop()
        return len(cut)

    # --- one lane ----------------------------------------------------------------------------------------------------

    def _pump(self, track: Track) -> None:
        """Start what may start now; arrange to be called again when more may."""
        if self._stopping or track.destination is None:
            return
        if self._settling.away:  # a restart would send again what cannot be written
            self._stalled = True
            return
        now = self._clock.now()
        room = track.lane.room(now=now, in_flight=len(track.in_flight)) if track.window else 0
        while room > 0 and track.window:
            delivery = track.window.popleft()
            track.in_flight.add(delivery.id)
            track.lane = track.lane.started(now=now)
            self._workers.add(asyncio.create_task(self._work(track, track.destination, delivery)))
            room -= 1
        lane = track.lane
        if lane.held or not (track.window or track.backlog):
            return
        until = lane.waits_until(now)
        if until:
            track.wake_at(until)
        elif track.backlog and len(track.window) < lane.limit and track.refill is None:
            track.refill = asyncio.create_task(self._fill(track))
            self._tasks.add(track.refill)
            track.refill.add_done_callback(self._tasks.discard)

    async def _work(self, track: Track, destination: Destination, delivery: Delivery) -> None:
        """Deliver, then go on with the window as long as the lane has room: one task serves many deliveries."""
        try:
            while True:
                try:
                    outcome, settlement = await self._courier.attempt(
                        delivery, destination, held_total=track.held_total
                    )
                except Exception as error:  # noqa: BLE001 - a fault of ours ends one attempt, never the lane
                    self._trouble("courier", track, error)
                    outcome, settlement = broken(delivery, self._clock.now(), error)
                finally:
                    track.in_flight.discard(delivery.id)
                now = self._clock.now()
                if outcome.delivered and not track.lane.failures:
                    track.lane = track.lane.after(outcome, now=now)
                    self._observer.attempted(track.name, settlement, outcome, delivery)
                else:
                    self._take_outcome(track, outcome, settlement, delivery, now)
                track.settling.add(delivery.id)
                self._settling.write(settlement)
                lane = track.lane
                if (
                    not track.window
                    or lane.room(now=now, in_flight=len(track.in_flight)) <= 0
                    or self._stopping
                    or self._settling.away
                    or track.destination is None
                ):
                    break
                destination = track.destination
                delivery = track.window.popleft()
                track.in_flight.add(delivery.id)
                track.lane = lane.started(now=now)
                if track.backlog and len(track.window) < lane.limit:
                    self._pump(track)
        finally:
            self._workers.discard(asyncio.current_task())
        self._pump(track)

    def _take_outcome(
        self, track: Track, outcome: Outcome, settlement: Settlement, delivery: Delivery, now: int
    ) -> None:
        """What a failure, or the first success after one, does to the lane."""
        before = track.lane
        track.lane = before.after(outcome, now=now, jitter=self._chance.random())
        self._observer.attempted(track.name, settlement, outcome, delivery)
        if track.lane.open != before.open:
            if track.lane.open:
                detail = f"{track.lane.failures} attempts in a row failed; the last one: {outcome.detail}"
                self._observer.lane_changed(track.name, "opened", detail)
            else:
                self._observer.lane_changed(track.name, "closed", "the destination answers again")
        if track.lane.held and not before.held:
            self._observer.lane_changed(track.name, "held", "the destination answered 410 Gone")
            self._remember(track, Pause(lane=track.id, hold="gone"))
        elif track.lane.paused_until > before.paused_until:
            self._observer.lane_changed(track.name, "paused", outcome.detail)
            self._remember(track, Pause(lane=track.id, until=track.lane.paused_until))

    def _remember(self, track: Track, pause: Pause) -> None:
        if track.id in self._leaving:
            return
        track.unsaved.append(pause)
        task = asyncio.create_task(self._save(track, pause))
        for tasks in (self._tasks, self._saves):
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    async def _save(self, track: Track, pause: Pause) -> None:
        """Store a pause, so that it survives a restart; again and again while the store is away."""
        while pause in track.unsaved:  # else an operator released it meanwhile
            try:
                state = await self._queue.pause(pause, self._clock.now())
            except SidecarError as error:
                self._trouble("pause", track, error)
                if not isinstance(error, StoreUnavailable) or self._stopping:
                    return
                await asyncio.sleep(STORE_RETRY)
            else:
                if pause in track.unsaved:
                    track.unsaved.remove(pause)
                else:
                    self.apply(state)  # it came behind the release: what is shown must be what is done

    # --- outcomes that are written -----------------------------------------------------------------------------------

    def _written(self, settlements: Sequence[Settlement]) -> None:
        """These are in the store: they need not be kept out of reads any more, and may have freed what waited."""
        freed: set[Track] = set()
        for one in settlements:
            track = self._track(one.lane)
            track.settling.discard(one.delivery)
            if one.lane in self._leaving:
                if not track.busy():
                    del self._leaving[one.lane]
            elif track.destination is None:
                freed.update(self._heirs())
            elif one.state is State.DUE:
                track.look_at(one.due)
            elif one.ordered:
                track.backlog = track.dirty = True
                freed.add(track)
        if self._stalled and not self._settling.away:
            self._stalled = False
            freed.update(self._tracks.values())
        for track in freed:
            self._pump(track)

    def _heirs(self) -> list[Track]:
        """The lanes that may hold what a lane without a destination had under way: a reload may have moved it."""
        heirs = [one for one in self._tracks.values() if one.destination is not None]
        for one in heirs:
            one.backlog = one.dirty = True
        return heirs

    def _refused(self, settlement: Settlement, error: BaseException) -> None:
        """It stays among the unwritten until it can be written: due on disk, it must not be sent over and over."""
        self._trouble("settling", self._track(settlement.lane), error)

    def _track(self, lane: int) -> Track:
        track = self._tracks.get(lane)
        return self._leaving[lane] if track is None else track

    # --- reading what is due -----------------------------------------------------------------------------------------

    async def _fill(self, track: Track) -> None:
        """Refill the window from disk, and learn when to look again."""
        try:
            await self._cap_due(track)
            track.dirty = track.stale = False
            now = self._clock.now()
            found = await self._queue.due(track.id, WINDOW, self._busy(track), now)
            if track.lane.held or track.stale:
                return
            track.read_to = max(track.read_to, *(one.id for one in found), 0)
            busy = self._busy(track)
            track.window.extend(one for one in found if one.id not in busy)
            if len(found) < WINDOW and not track.dirty:
                track.backlog = False
                next_due = await self._queue.next_due(track.id, now)
                if next_due is not None:
                    track.look_at(next_due)
        except StoreUnavailable as error:
            self._trouble("reading", track, error)
            track.backlog = True
            track.wake_in(STORE_RETRY)
            return
        finally:
            track.refill = None
            if track.stale:
                self._pump(track)
        if track.window or track.backlog:
            self._pump(track)

    async def _cap_due(self, track: Track) -> None:
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

    def _busy(self, track: Track) -> set[int]:
        """What a read of this lane must not bring: its own, and what is under way from lanes that are gone.

        A subscription may have taken over the queue of one that left while it was sending.
        """
        busy = track.busy()
        for one in self._tracks.values():
            if one.destination is None and one is not track:
                busy |= one.in_flight | one.settling
        return busy

    def _trouble(self, where: str, track: Track, error: BaseException) -> None:
        error.add_note(f"in subscription {track.name}")
        self._observer.trouble(where, error)
