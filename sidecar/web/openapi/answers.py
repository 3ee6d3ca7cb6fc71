"""What the native API answers, field by field, for the document alone: the answers themselves are made in `shapes`.

A test asks every call and compares: a field that is here and not there, or there and not here, fails it.
"""

from typing import Annotated, Any

from msgspec import Meta, Struct

from sidecar.domain.event import EventType, Kind
from sidecar.web.openapi.fields import (
    REASONS,
    Breaker,
    Count,
    Digest,
    Hold,
    Instant,
    Milliseconds,
    Next,
    ReasonWord,
    StateWord,
    Status,
    one_of,
    said,
)


class ProblemError(Struct):
    """One thing that is wrong with a request."""

    path: Annotated[str, said('the parameter, or the place in the body, such as match.tags[0]; "" = the whole')]
    detail: Annotated[str, said("what is wrong with it, and what to write instead")]


class Problem(Struct):
    """An error as of RFC 9457."""

    type: Annotated[str, one_of("about:blank")]
    title: Annotated[str, said("the status in words")]
    status: Annotated[int, Meta(extra_json_schema={"minimum": 400, "maximum": 599})]
    detail: Annotated[str, said("one sentence for people: what is wrong, and what to do")]
    errors: Annotated[list[ProblemError], said("with 400 and 422: everything that is wrong")] = []


# --- the whole -------------------------------------------------------------------------------------------------------


class ConfigStatus(Struct):
    source: Annotated[str, said("the configuration file")]
    error: Annotated[str, said('why the last reload was refused; "" = it was not')]


class StoreStatus(Struct, rename="camel"):
    path: str
    down: Annotated[str, said('why the store cannot be used; "" = it can')]
    size_bytes: Count
    used_bytes: Annotated[Count, said("in use within the file")]
    wal_bytes: Annotated[Count, said("of the write-ahead log")]
    free_bytes: Annotated[Count, said("left on its disk")]


class TranslatorStatus(Struct, rename="camel"):
    cursor: Annotated[int | None, said("the last record that was translated; null = nothing translates")]
    last: Annotated[Count, said("the last record that there is")]
    lag_seconds: Annotated[float, said("how long the next record has waited")]


class SidecarStatus(Struct, rename="camel"):
    """The sidecar in one look."""

    version: str
    ready: bool
    unready: Annotated[list[str], said("sentences why it should not be sent anything just now")]
    config: ConfigStatus
    store: StoreStatus
    translator: TranslatorStatus
    registries: list[str]
    last_events: Annotated[dict[str, Instant], said("of each registry that had an event since the start")]


# --- events and deliveries -------------------------------------------------------------------------------------------


class RegistryName(Struct):
    name: str
    hostname: str
    scheme: Annotated[str, one_of("http", "https")]


class RepositoryOfEvent(Struct, rename="camel"):
    path: Annotated[str, said("the whole name, without host")]
    namespace: str
    name: str
    namespace_id: int
    public: bool
    created: Annotated[Instant | None, said("the first push that was seen")]


class ArtifactOfEvent(Struct, rename="camel"):
    digest: Digest
    media_type: str
    size: Annotated[Count, said("bytes of the manifest itself; 0 = not known")]
    kind: Kind
    references: Annotated[list[dict[str, Any]], said("descriptors as of the OCI image specification")]


class RequestOfEvent(Struct, rename="camel"):
    """The client's request at the registry."""

    id: str
    client: str
    host: str
    method: str
    user_agent: str


class Event(Struct, rename="camel"):
    """Everything that is known of an event."""

    id: str
    type: EventType
    time: Annotated[Instant, said("when it happened, as the registry says")]
    accepted: Annotated[Instant, said("when it was written down here")]
    registry: RegistryName
    repository: RepositoryOfEvent
    artifact: ArtifactOfEvent
    tags: list[str]
    previous_digest: Annotated[str | None, said("what the tag held before; null = it cannot be known")]
    changed: Annotated[bool | None, said("whether a push changed the tag; null = it cannot be known")]
    recovered: Annotated[bool, said("whether a walk of the registry found it, and no notification told it")]
    actor: Annotated[str, said('the user; "" = anonymous')]
    request: RequestOfEvent
    record: Annotated[str, said("the registry's own id of it")]


class EventRow(Struct):
    """An event in a list, with how many of its deliveries are in which state."""

    id: str
    type: EventType
    time: Instant
    accepted: Instant
    registry: str
    repository: str
    tags: list[str]
    digest: Digest
    kind: Kind
    actor: str
    due: Count
    delivered: Count
    dead: Count
    cancelled: Count
    waiting: Annotated[Count, said("in how many groups it waits, to be told with others")]


class EventPage(Struct):
    events: list[EventRow]
    next: Next


class Delivery(Struct, rename="camel"):
    """One message that is or was owed to one subscription."""

    id: int
    event: Annotated[str, said("the event's id")]
    type: EventType
    repository: str
    subscription: Annotated[str, said("the name of its queue")]
    word: Annotated[str, said("the event in the format's own word, such as PUSH_ARTIFACT")]
    webhook_id: Annotated[str, said("the same on every attempt and replay")]
    state: StateWord
    due: Annotated[Instant, said("when it is tried next, or was due last")]
    created: Instant
    attempts: Count
    reason: ReasonWord
    status: Status
    detail: str
    done: Annotated[Instant | None, said("when it ended; null while it is due")]


class Attempt(Struct, rename="camel"):
    number: Annotated[int, Meta(extra_json_schema={"minimum": 1})]
    started: Instant
    took_ms: Milliseconds
    reason: Annotated[str, one_of(*REASONS)]
    status: Status
    detail: str
    answer: Annotated[str, said("the first KiB that was answered")]


class Companion(Struct):
    """One of the events that a single message tells of."""

    event: Annotated[str, said("its id")]
    type: EventType
    time: Instant
    registry: str
    repository: str
    word: str


class DeliveryWithLog(Delivery):
    """A delivery with the bytes that it sends, and everything that was tried."""

    together: Annotated[list[Companion], said("what it tells of in one message; empty = of its event alone")]
    content_type: str
    body: str
    log: list[Attempt]


class DeliveryPage(Struct):
    deliveries: list[Delivery]
    next: Next


class Wait(Struct):
    """A group in which an event waits, to be told with others."""

    subscription: str
    word: Annotated[str, said("in which it will be told")]
    whole: Annotated[bool, said("whether with all that the subscription hears, and not with its repository alone")]
    until: Annotated[Instant, said("when the group is told")]
    events: Annotated[Count, said("how many are in it by now")]


class EventWithDeliveries(Struct):
    event: Event
    deliveries: list[Delivery]
    waits: list[Wait]


class Header(Struct):
    name: str
    value: str


class ShownRequest(Struct, rename="camel"):
    """A request without its secrets, as it was or would be sent."""

    word: str
    webhook_id: str
    method: Annotated[str, one_of("POST")]
    url: Annotated[str, said("scheme and host; ... stands for a path or query")]
    headers: list[Header]
    body: str
    base64: Annotated[bool, said("whether the body is given as base64, since it is no text")]
    delivery: Annotated[int | None, said("null = none: this would be sent")]
    state: StateWord | None
    log: list[Attempt]


class Explanation(Struct):
    """Why one subscription heard of an event, or did not."""

    subscription: str
    format: str
    fired: bool
    why: str
    words: list[str]
    requests: list[ShownRequest]
    deliveries: list[Delivery]


class EventExplained(Struct):
    event: Event
    subscriptions: list[Explanation]
    others: Annotated[list[Delivery], said("to subscriptions that are gone")]
    waits: list[Wait]


class UndeliveredCount(Struct, rename="camel"):
    """What one subscription is owed, and whether anything is sent to it."""

    subscription: str
    due: Count
    dead: Count
    oldest: Annotated[Instant | None, said("when its oldest due delivery was made")]
    waiting: Annotated[Count, said("events that wait in groups, to be told together")]
    enabled: bool
    hold: Hold
    orphaned: bool
    trouble: str
    paused_until: Instant | None
    breaker: Breaker
    next_probe: Instant | None
    in_flight: Count
    last_success: Instant | None
    failures: Count


class Undelivered(Struct):
    deliveries: list[Delivery]
    next: Next
    counts: list[UndeliveredCount]


class CountOf(Struct):
    subscription: str
    count: Count


class Step(Struct, rename="camel"):
    """One step over many deliveries."""

    count: Annotated[Count, said("how many were changed, or would be")]
    subscriptions: list[CountOf]
    without_bytes: Annotated[Count, said("how many cannot be sent: retention has taken them, or they never had bytes")]
    orphaned: Annotated[list[CountOf], said("left as they are, because their subscription is gone")]
    waiting: Annotated[list[CountOf], said("events that waited in groups, and are given up with them")]
    next: Annotated[str | None, said("the `cursor` of the step after this one; null = this was the last")]
