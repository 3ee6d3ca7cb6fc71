"""What operators look at: which rows they ask for, and the rows they get. Lists are newest first and bounded."""

import msgspec

from sidecar.domain.catalogue import TagRow
from sidecar.domain.delivery import State
from sidecar.domain.event import Artifact, Event
from sidecar.domain.scans import ScanRow


class EventFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which events to list, newest first. Empty strings and zeros do not filter; `before` is an EventRow's number."""

    registry: str = ""
    repository: str = ""
    type: str = ""
    since: int = 0
    before: int = 0
    limit: int = 50


class EventRow(msgspec.Struct, frozen=True, kw_only=True):
    """An event in a list, with how many of its deliveries are in which state, and in how many groups it waits."""

    number: int
    event: Event
    due: int = 0
    delivered: int = 0
    dead: int = 0
    cancelled: int = 0
    waiting: int = 0


class DeliveryFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which deliveries to list, newest first. Empty values do not filter; `before` is a delivery's id."""

    id: int = 0
    event: str = ""
    subscription: str = ""
    states: tuple[State, ...] = ()
    reason: str = ""
    before: int = 0
    limit: int = 50


class DeliveryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery in a list. Instants in nanoseconds; `done` None while it is due."""

    id: int
    event: str
    type: str
    repository: str
    subscription: str
    word: str
    webhook_id: str
    state: State
    due: int
    created: int
    attempts: int
    reason: str
    status: int
    detail: str
    done: int | None


class AttemptRow(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt as it was written."""

    number: int
    started: int
    took: int
    reason: str
    status: int
    detail: str
    answer: bytes


class UndeliveredCount(msgspec.Struct, frozen=True, kw_only=True):
    """How much a subscription is owed. `oldest` is the creation of its oldest due delivery, None without any.

    `waiting` are the events that wait in groups, to be told together.
    """

    subscription: str
    due: int
    dead: int
    oldest: int | None
    waiting: int = 0


class WaitingGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group in which an event waits: in which word it will be told there, until when, and with how many in all.

    `whole` = with all that the subscription hears of, otherwise with what happens to its repository.
    """

    subscription: str
    word: str
    whole: bool
    until: int
    size: int


class Companion(msgspec.Struct, frozen=True, kw_only=True):
    """One of the events that a single message tells of. `time` in nanoseconds."""

    event: str
    type: str
    registry: str
    repository: str
    time: int
    word: str


class QuarantineFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which quarantined items to list, newest first."""

    registry: str = ""
    reason: str = ""
    before: int = 0
    limit: int = 50


class QuarantineRow(msgspec.Struct, frozen=True, kw_only=True):
    """A quarantined item in a list, without its bytes."""

    id: int
    at: int
    registry: str
    reason: str
    detail: str
    content_type: str
    record: str
    size: int


class ScanFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which artifacts' scans to list, the last scanned first. Empty values do not filter; `before` is a row's id.

    With `tag` only what that tag points to now.
    """

    registry: str = ""
    repository: str = ""
    digest: str = ""
    tag: str = ""
    report: str = ""
    type: str = ""
    since: int = 0
    before: int = 0
    limit: int = 50


class ScannedRow(msgspec.Struct, frozen=True, kw_only=True):
    """The last scan of an artifact, and its tags now. `live` is False once it is known deleted."""

    id: int
    row: ScanRow
    tags: tuple[str, ...]
    live: bool


class PullFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which pulled artifacts to list, the last pulled first. Empty values do not filter; `before` is a PullRow's id.

    With `tag` only pulls by that tag count.
    """

    registry: str = ""
    repository: str = ""
    digest: str = ""
    tag: str = ""
    since: int = 0
    before: int = 0
    limit: int = 50


class TagPulls(msgspec.Struct, frozen=True, kw_only=True):
    """Pulls of an artifact by one of its tags, "" for those by digest."""

    tag: str
    count: int
    last: int


class PullRow(msgspec.Struct, frozen=True, kw_only=True):
    """How often an artifact was pulled, and when last (the record's time). `live` is False once it is known deleted."""

    id: int
    registry: str
    repository: str
    artifact: Artifact
    live: bool
    count: int
    last: int
    tags: tuple[TagPulls, ...]


class ExpiringFilter(msgspec.Struct, frozen=True, kw_only=True):
    """Which tags with an end to list, the earliest first, after `skip` others. Empty values do not filter.

    Those that end after now and by `until` (0 = ever); with `over` those that have ended and are still there.
    """

    registry: str = ""
    repository: str = ""
    until: int = 0
    over: bool = False
    skip: int = 0
    limit: int = 50


class ExpiringRow(msgspec.Struct, frozen=True, kw_only=True):
    """A tag and its end; `told` names the lanes that were told of it."""

    tag: TagRow
    told: tuple[str, ...] = ()
