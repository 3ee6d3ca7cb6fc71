"""What the pipeline asks of the world, as narrow protocols. Adapters implement them; `app` joins the two.

Every store verb is one transaction, durable when its await returns. Any of them may raise StoreUnavailable, which
means: nothing was written, the same call may succeed later.
"""

from collections.abc import Callable, Collection, Sequence
from typing import Protocol

import msgspec

from sidecar.domain.catalogue import Changes, Facts, Need
from sidecar.domain.delivery import Delivery, Outcome, Settlement
from sidecar.domain.event import Event
from sidecar.domain.message import Message, Response
from sidecar.domain.record import Entry, Quarantined, Record


class Journal(Protocol):
    """The durable list of accepted records. Used by intake, the translator and the quarantine's retry."""

    @property
    def last(self) -> int:
        """The number of the last committed record, 0 when there is none."""

    def listen(self, heard: Callable[[Sequence[Record]], None]) -> None:
        """Have `heard` called on the loop with every committed batch, in order, after its appends were answered."""

    async def append(self, entries: Sequence[Entry]) -> int:
        """Make entries durable; returns how many were new. A repeat of (registry, id) is a no-op.

        Raises StoreBusy when too much is waiting already.
        """

    async def read(self, after: int, limit: int) -> Sequence[Record]:
        """Up to `limit` records with numbers above `after` that still have their bytes, in order."""

    async def quarantine(self, item: Quarantined) -> None:
        """Set aside what cannot be read."""


class PlannedDelivery(msgspec.Struct, frozen=True):
    """A delivery to be written: for which lane, which of the write set's messages, and its stable id.

    With `message` None the delivery is written dead with reason `render_failed` and `detail`.
    """

    lane: int
    message: int | None  # index into PlannedEvent.messages
    webhook_id: str
    word: str
    detail: str = ""


class PlannedEvent(msgspec.Struct, frozen=True):
    """An event with its rendered messages and the deliveries it owes."""

    event: Event
    messages: tuple[Message, ...]
    deliveries: tuple[PlannedDelivery, ...]


class WriteSet(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one translated batch writes, in one transaction.

    `finished` are numbers of records whose bytes are no longer needed (blobs, own traffic).
    """

    expected: int  # the cursor before
    cursor: int  # the cursor after
    events: Sequence[PlannedEvent]
    changes: Changes
    finished: Sequence[int]
    quarantined: Sequence[Quarantined]
    now: int


class Position(msgspec.Struct, frozen=True):
    """Where the translator stands. `deaths` counts how often the process died at this very cursor."""

    cursor: int
    deaths: int
    clean: bool  # the last stop was orderly


class Translation(Protocol):
    """The translator's verbs. There is exactly one translator."""

    async def begin(self) -> Position:
        """Note that translation starts here and return the position."""

    async def end(self) -> None:
        """Note an orderly stop."""

    async def look(self, need: Need) -> Facts:
        """The catalogue rows that a batch may touch."""

    async def commit(self, work: WriteSet) -> Sequence[Delivery]:
        """Write a batch and return its due deliveries in order. Raises CursorMoved when `expected` is not current."""


class Queue(Protocol):
    """The dispatcher's verbs. Reading does not claim: what is in flight is known to the dispatcher alone."""

    async def due(self, lane: int, limit: int, excluding: Collection[int], now: int) -> Sequence[Delivery]:
        """Up to `limit` deliveries of the lane that are due at `now`, earliest first, without the excluded ids."""

    async def next_due(self, lane: int, after: int) -> int | None:
        """The earliest due time of the lane that lies after `after`, or None."""

    async def settle(self, settlement: Settlement) -> None:
        """Write the result of one attempt."""

    async def save_lane(self, lane: "LaneState") -> None:
        """Write a lane's pause and hold, so that they survive a restart."""


class LaneState(msgspec.Struct, frozen=True, kw_only=True):
    """What the store remembers of a lane. `held_total` is nanoseconds spent held; `held_since` 0 = not held now.

    `hold` says why it is held: "", `operator`, `gone`; `orphaned` is kept apart, because a name may return.
    """

    id: int
    name: str
    format: str
    policy: int  # Harbor's integer policy id
    paused_until: int = 0
    hold: str = ""
    orphaned: bool = False
    held_since: int = 0
    held_total: int = 0
    pending: int = 0

    @property
    def held(self) -> bool:
        return bool(self.hold) or self.orphaned


class Upkeep(Protocol):
    """Housekeeping in small slices."""

    async def step(self, now: int) -> bool:
        """Do one slice of what is due (retention, checkpoint); True when more is waiting."""


class SendRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request to make: exactly this URL, these headers (in order), this body. `timeout` in nanoseconds."""

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    timeout: int


class Sender(Protocol):
    """Makes one attempt; never retries, never follows a redirect, never raises for network trouble."""

    async def send(self, request: SendRequest) -> Response | Outcome:
        """The destination's answer, or an Outcome that says why there is none."""


class Clock(Protocol):
    """Time: UTC nanoseconds for what is stored, monotonic nanoseconds for waits and durations."""

    def now(self) -> int: ...

    def monotonic(self) -> int: ...

    async def sleep(self, nanoseconds: int) -> None: ...


class Chance(Protocol):
    """The only source of randomness."""

    def random(self) -> float:
        """A number in [0, 1)."""


class Observer(Protocol):
    """Hears what the pipeline does; telemetry turns it into metrics and log lines. Must never raise or wait."""

    def ingested(self, registry: str, outcome: str, events: int) -> None:
        """An envelope was answered. Outcomes: accepted, duplicate, quarantined, unauthorized, unavailable."""

    def quarantined(self, item: Quarantined) -> None:
        """Something was set aside."""

    def translated(self, registry: str, outcome: str, events: Sequence[Event], lag: int) -> None:
        """One record was folded; `outcome` is a word of domain.fold.OUTCOMES, `lag` nanoseconds since acceptance."""

    def planned(self, subscription: str, count: int) -> None:
        """Deliveries were queued for a subscription."""

    def attempted(self, subscription: str, settlement: Settlement, outcome: Outcome, delivery: Delivery) -> None:
        """One attempt ended."""

    def lane_changed(self, subscription: str, what: str, detail: str) -> None:
        """A lane was paused, held, released or orphaned."""

    def trouble(self, where: str, error: BaseException) -> None:
        """A part of the pipeline failed and will try again."""
