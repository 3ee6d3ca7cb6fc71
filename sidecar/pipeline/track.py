"""One lane's memory in this process: its window, what is under way, and when to look at it again."""

import asyncio
from collections import deque
from collections.abc import Callable

import msgspec

from sidecar.domain.delivery import Delivery
from sidecar.domain.lane import Lane
from sidecar.domain.lane_state import Pause
from sidecar.pipeline.courier import Destination
from sidecar.ports import Clock

LONGEST_WAIT = 60.0  # seconds: a wall clock that steps is noticed within this time
SHORTEST_WAIT = 0.001  # seconds: what comes sooner is waited for together, instead of turning the loop in circles


class LaneView(msgspec.Struct, frozen=True, kw_only=True):
    """What metrics and operators see of a lane. `pending` counts what is not delivered, dead or cancelled.

    `paused_until` is 0 unless it is paused; `probe_at`, the instant of the next probe, unless the breaker is open.
    """

    lane: int
    name: str
    pending: int
    limit: int
    in_flight: int
    paused_until: int
    held: bool
    probe_at: int = 0


class Track:
    """A lane with its deliveries on their way, and one timer. `woken` is called when the timer ends."""

    __slots__ = (
        "_clock",
        "_timer_at",
        "_woken",
        "backlog",
        "destination",
        "dirty",
        "due_at",
        "held_total",
        "id",
        "in_flight",
        "lane",
        "looked",
        "name",
        "read_to",
        "refill",
        "settling",
        "stale",
        "stopped",
        "timer",
        "unsaved",
        "window",
    )

    def __init__(self, lane_id: int, name: str, clock: Clock, woken: "Callable[[Track], None]") -> None:
        self._clock = clock
        self._woken = woken
        self.id = lane_id
        self.name = name
        self.destination: Destination | None = None
        self.lane = Lane(ceiling=1, limit=1)
        self.held_total = 0
        self.window: deque[Delivery] = deque()
        self.in_flight: set[int] = set()
        self.settling: set[int] = set()
        self.backlog = True  # more may be due on disk than the window shows
        self.dirty = False  # something was left on disk while a read was under way
        self.stale = False  # what a read under way finds is no longer so
        self.read_to = 0  # the highest id that a read has shown: a read may see a commit before it is offered
        self.refill: asyncio.Task[None] | None = None
        self.looked = -LONGEST_WAIT  # when due times were last looked at for ones too far away
        self.unsaved: list[Pause] = []  # what the store is still to be told of
        self.due_at = 0  # when the disk is to be looked at again, 0 = not known
        self.timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self.stopped = False

    def busy(self) -> set[int]:
        """What a read must not bring again."""
        return {one.id for one in self.window} | self.in_flight | self.settling

    def view(self, pending: int) -> LaneView:
        """The lane as others may see it."""
        return LaneView(
            lane=self.id,
            name=self.name,
            pending=pending,
            limit=self.lane.limit,
            in_flight=len(self.in_flight),
            paused_until=self.lane.paused_until if self.lane.paused_until > self._clock.now() else 0,
            held=self.lane.held,
            probe_at=self.lane.probe_at,
        )

    def look_at(self, due: int) -> None:
        """Look at the disk at this instant, or sooner if that was arranged already."""
        if not self.due_at or due < self.due_at:
            self.due_at = due
            self.wake_at(due)

    def wake_at(self, instant: int) -> None:
        """Wake at this instant, or sooner if that was arranged already."""
        self.wake_in(max(0, instant - self._clock.now()) / 1e9)

    def wake_in(self, seconds: float) -> None:
        """Wake after so many seconds, or sooner if that was arranged already."""
        if self.stopped:
            return
        loop = asyncio.get_running_loop()
        at = loop.time() + min(max(seconds, SHORTEST_WAIT), LONGEST_WAIT)
        if self.timer is not None:
            if self._timer_at <= at:
                return
            self.timer.cancel()
        self._timer_at = at
        self.timer = loop.call_at(at, self._alarm)

    def stop(self) -> None:
        """Wake no more."""
        self.stopped = True
        if self.timer is not None:
            self.timer.cancel()

    def _alarm(self) -> None:
        self.timer = None
        if self.due_at:
            if self.due_at <= self._clock.now():
                self.due_at = 0
                self.backlog = self.dirty = True
            else:
                self.wake_at(self.due_at)
        self._woken(self)
