"""What the pipeline asks of the world, as narrow protocols. Adapters implement them; `app` joins the two.

Every store verb is one transaction, committed when its await returns: killing the process loses nothing of it. What
somebody is told to be safe (entries, quarantine, operators' changes) is flushed as well, so that a power cut loses
nothing either; translations and results of attempts may be made again after one. Any verb may raise StoreUnavailable,
which means: nothing was written, the same call may succeed later.
"""

from collections.abc import Callable, Collection, Coroutine, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from sidecar.domain.catalogue import Changes, Facts, Need
from sidecar.domain.delivery import Delivery, Outcome, Reason, Settlement, State
from sidecar.domain.event import Event
from sidecar.domain.lane_state import LaneName, LaneState, Pause
from sidecar.domain.listing import (
    AttemptRow,
    Companion,
    DeliveryFilter,
    DeliveryRow,
    EventFilter,
    EventRow,
    PullFilter,
    PullRow,
    QuarantineFilter,
    QuarantineRow,
    ScanFilter,
    ScannedRow,
    UndeliveredCount,
    WaitingGroup,
)
from sidecar.domain.message import Message, Response
from sidecar.domain.person import Visit
from sidecar.domain.record import Entry, Quarantined, Record
from sidecar.domain.selection import Cursor, Pick, Selection, Tally
from sidecar.domain.transport import Transport
from sidecar.domain.usage import UsageChanges
from sidecar.domain.walk import Walk
from sidecar.ports.authorized import AuthorizedEmails as AuthorizedEmails
from sidecar.ports.expiries import Ends as Ends
from sidecar.ports.expiries import Expiries as Expiries
from sidecar.ports.groups import Closing as Closing
from sidecar.ports.groups import Groups as Groups
from sidecar.ports.groups import PlannedJoin as PlannedJoin
from sidecar.ports.groups import Stored as Stored
from sidecar.ports.inbox import Inboxes as Inboxes
from sidecar.ports.madebook import Madebook as Madebook
from sidecar.ports.mail import Mail as Mail
from sidecar.ports.places import Flags as Flags
from sidecar.ports.places import Places as Places
from sidecar.ports.registries import RegistryApi as RegistryApi
from sidecar.ports.usage import Scales as Scales
from sidecar.ports.walks import Itinerary as Itinerary
from sidecar.ports.walks import Walkbook as Walkbook


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

    With `message` None the delivery is written dead with reason `render_failed` and `detail`; with `refused`, for that
    reason. It waits for every unfinished delivery of its lane that was planned before it with the same `order_key`.
    """

    lane: int
    message: int | None  # index into PlannedEvent.messages
    webhook_id: str
    word: str
    detail: str = ""
    order_key: str = ""
    refused: Reason | None = None


class PlannedEvent(msgspec.Struct, frozen=True):
    """An event with its rendered messages, the deliveries it owes, and the groups that it waits in.

    With `stored` the event was written before, and what is owed now is what its group comes to.
    """

    event: Event
    messages: tuple[Message, ...]
    deliveries: tuple[PlannedDelivery, ...]
    joins: tuple[PlannedJoin, ...] = ()
    stored: Stored | None = None


class WriteSet(msgspec.Struct, frozen=True, kw_only=True):
    """Everything one translated batch writes, in one transaction.

    `finished` are numbers of records whose bytes are no longer needed (blobs, own traffic), `closed` the groups that
    are told now: those of them that somebody has ended meanwhile are left out, with what they come to.
    """

    expected: int  # the cursor before
    cursor: int  # the cursor after
    events: Sequence[PlannedEvent]
    changes: Changes
    finished: Sequence[int]
    quarantined: Sequence[Quarantined]
    now: int
    usage: UsageChanges | None = None  # of namespaces under a quota
    closed: Sequence[Closing] = ()


class Position(msgspec.Struct, frozen=True):
    """Where the translator stands."""

    cursor: int
    clean: bool  # the last stop was orderly


class Translation(Ends, Groups, Protocol):
    """The translator's verbs. There is exactly one translator."""

    async def begin(self) -> Position:
        """Note that translation starts here and return the position."""

    async def attempt(self) -> int:
        """Note that the record after the cursor is now being translated by itself.

        Returns how often the process died before at this record, as far as anybody can tell.
        """

    async def end(self) -> None:
        """Note an orderly stop."""

    async def look(self, need: Need) -> Facts:
        """The catalogue rows that a batch may touch."""

    async def commit(self, work: WriteSet) -> Sequence[Delivery]:
        """Write a batch and return its due deliveries in order. Raises CursorMoved when `expected` is not current."""

    def pending(self, lane: int) -> int:
        """How many deliveries of a lane are due, now or later, as of the last commit. From memory."""


Settled = Callable[[Sequence[Settlement], BaseException | None], None]


class Queue(Protocol):
    """The dispatcher's verbs. Reading does not claim: what is in flight is known to the dispatcher alone."""

    async def due(self, lane: int, limit: int, excluding: Collection[int], now: int) -> Sequence[Delivery]:
        """Up to `limit` deliveries of the lane that are due at `now`, without the excluded ids.

        Earliest first. Of those with an order key only the head is given: the one of the lowest id that is not
        finished, if it is due and not excluded; keys take turns. Fewer than `limit` means that there are no more.
        """

    async def next_due(self, lane: int, after: int) -> int | None:
        """The earliest due time of the lane that lies after `after`, or None."""

    async def cap_due(self, lane: int, latest: int, now: int) -> int:
        """Move what is due after `latest` before it, in its order: a clock that ran ahead had put it there.

        Returns how many were moved.
        """

    def settle(self, settlement: Settlement, heard: Settled) -> None:
        """Queue the result of one attempt for writing.

        `heard` is called on the loop, once for all that were written together: with None when they are committed, or
        with the error for which none of them was.
        """

    def pending(self, lane: int) -> int:
        """How many deliveries of a lane are due, now or later, as of the last commit. From memory."""

    async def register(self, lanes: Sequence[LaneName], now: int) -> Sequence[LaneState]:
        """Make the lanes of a configuration, and return every lane there is.

        A new name gets a lane; a name with `formerly` takes over that lane and what it owes; a lane whose name is not
        given is orphaned, and one whose name returns is no longer. Of the lanes that come with subscriptions made
        through APIs those are named that can be used.
        """

    async def pause(self, pause: Pause, now: int) -> LaneState:
        """Pause or hold a lane, or release it, so that it survives a restart. Returns the lane as it is then."""


class LaneRow(msgspec.Struct, frozen=True, kw_only=True):
    """A lane in a list. `waiting` are the events that wait in its groups."""

    state: LaneState
    dead: int
    last_success: int
    failures: int
    waiting: int = 0


class Ledger(Protocol):
    """The operator's view of the store. Reads never wait for the writer; every list is bounded."""

    async def events(self, where: EventFilter) -> Sequence[EventRow]: ...

    async def event(self, uuid: str) -> Event | None: ...

    async def deliveries(self, where: DeliveryFilter) -> Sequence[DeliveryRow]: ...

    async def attempts(self, delivery: int) -> tuple[Message | None, Sequence[AttemptRow]]:
        """A delivery's message (None if it could not be rendered) and its attempts, oldest first."""

    async def undelivered(self) -> Sequence[UndeliveredCount]: ...

    async def lanes(self) -> Sequence[LaneRow]: ...

    async def pulls(self, where: PullFilter) -> Sequence[PullRow]: ...

    async def scans(self, where: ScanFilter) -> Sequence[ScannedRow]: ...

    async def quarantined(self, where: QuarantineFilter) -> Sequence[QuarantineRow]: ...

    async def quarantined_body(self, number: int) -> tuple[QuarantineRow, bytes] | None: ...

    async def release(self, number: int) -> None:
        """Take an item out of quarantine."""

    async def waits(self, uuid: str) -> Sequence[WaitingGroup]:
        """The groups in which an event waits."""

    async def companions(self, delivery: int) -> Sequence[Companion]:
        """The events that a delivery tells of in one message, oldest first; none when it is of one by itself."""


class Interventions(Protocol):
    """What operators change: deliveries in bounded steps, lanes one by one.

    `tally` and `pick` read: a step looks at a bounded number of rows and may find none; it returns where the next one
    begins, None at the end. The others write by id and look at the state again, so that what has changed since it was
    read is left alone; each returns the ids that it moved, by lane. They take at most a few hundred ids.
    """

    async def tally(self, where: Selection, cursor: Cursor) -> tuple[Sequence[Tally], Cursor | None]: ...

    async def pick(self, where: Selection, cursor: Cursor, limit: int) -> tuple[Sequence[Pick], Cursor | None]: ...

    async def replay(self, ids: Collection[int], states: Collection[State], now: int) -> Mapping[int, Sequence[int]]:
        """Make deliveries in these states due again, with the same bytes and webhook-id and a fresh horizon.

        Leaves those of orphaned lanes and those without bytes.
        """

    async def hasten(self, ids: Collection[int], now: int) -> Mapping[int, Sequence[int]]:
        """Make deliveries that wait for a later attempt due now. Leaves those of orphaned lanes."""

    async def cancel(self, ids: Collection[int], now: int) -> Mapping[int, Sequence[int]]:
        """Give due deliveries up for good."""

    async def held(self, subscriptions: Collection[str]) -> Mapping[str, int]:
        """The events that wait in groups for these subscriptions, by name."""

    async def disband(self, subscriptions: Collection[str], limit: int, now: int) -> Mapping[str, int]:
        """Give up at most so many of the groups that wait for these subscriptions: the events in them, by name."""

    async def pause(self, pause: Pause, now: int) -> LaneState: ...  # as Queue.pause


class Upkeep(Protocol):
    """Housekeeping in small slices."""

    async def step(self, now: int) -> bool:
        """Do one slice of what is due (retention, checkpoint); True when more is waiting."""


class BackupReport(msgspec.Struct, frozen=True, kw_only=True):
    """A backup that was made: `size` in bytes, `took` in seconds, the journal's last number in it, when it was made."""

    path: str
    size: int
    took: float
    number: int
    at: int


class SendRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request to make: exactly this URL, these headers (in order), this body. `timeout` in nanoseconds.

    `transport` None = connected to as usual; another must have been made known to the sender. `word` is what the body
    says, for those who carry it to people.
    """

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    timeout: int
    transport: Transport | None = None
    word: str = ""


class Signer(Protocol):
    """Makes the headers that identify and sign a message."""

    def headers(self, webhook_id: str, timestamp: int, body: bytes) -> tuple[tuple[str, str], ...]:
        """`webhook-id`, `webhook-timestamp` (`timestamp` in seconds) and the signature over exactly these bytes."""


class Sender(Protocol):
    """Makes one attempt; never retries, never follows a redirect, never raises for network trouble."""

    def send(self, request: SendRequest) -> Coroutine[Any, Any, Response | Outcome]:
        """The destination's answer, or an Outcome that says why there is none."""


class Clock(Protocol):
    """Time. Waits are made on the event loop's own time, which a test can make virtual."""

    def now(self) -> int:
        """UTC nanoseconds for what is stored; never before the newest stored time, nor before what it said last."""

    def wall(self) -> int:
        """UTC nanoseconds as the machine's clock shows them, which may be set back: for what others compare with."""

    def monotonic(self) -> int:
        """Nanoseconds for durations."""


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

    def refused(self, subscription: str, reason: Reason, count: int) -> None:
        """Deliveries were written dead at once."""

    def attempted(self, subscription: str, settlement: Settlement, outcome: Outcome, delivery: Delivery) -> None:
        """One attempt ended."""

    def lane_changed(self, subscription: str, what: str, detail: str) -> None:
        """A lane was paused, held, released or orphaned, its breaker opened or closed, its backlog is full or not."""

    def operated(self, who: str, what: str, count: int, detail: str) -> None:
        """An operator changed something: `who` as far as the door tells, `what` the verb, how many."""

    def visited(self, visit: Visit) -> None:
        """Somebody changed something through an API, or was refused there."""

    def walked(self, walk: Walk) -> None:
        """A walk began, went on, ended or is held."""

    def trouble(self, where: str, error: BaseException) -> None:
        """A part of the pipeline failed and will try again."""
