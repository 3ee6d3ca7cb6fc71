"""Deliveries: one message owed to one subscription, and everything that can become of it."""

import enum

import msgspec

from sidecar.domain.message import Headers


class State(enum.IntEnum):
    """Where a delivery stands. In flight is not a state of the store: at start everything DUE is simply due."""

    DUE = 0
    DELIVERED = 1
    DEAD = 2
    CANCELLED = 3


class Move(msgspec.Struct, frozen=True):
    """One allowed change of state: who makes it, and when."""

    before: State
    after: State
    who: str
    why: str


MOVES = (
    Move(State.DUE, State.DELIVERED, "courier", "the destination accepted it"),
    Move(State.DUE, State.DUE, "courier", "the attempt failed and a later one may succeed"),
    Move(State.DUE, State.DEAD, "courier", "no later attempt can succeed, or the horizon has ended"),
    Move(State.DUE, State.DUE, "operator", "deliveries retry: now, and not only when its turn comes"),
    Move(State.DUE, State.CANCELLED, "operator", "deliveries cancel"),
    Move(State.DEAD, State.DUE, "operator", "replay or deliveries retry, with a fresh horizon"),
    Move(State.DELIVERED, State.DUE, "operator", "replay: the same bytes and webhook-id once more"),
    Move(State.CANCELLED, State.DUE, "operator", "replay: it is wanted after all"),
)


class Reason(enum.StrEnum):
    """Why an attempt or a delivery ended as it did. Closed: log field, metric label and column."""

    OK = "ok"
    UNREACHABLE = "unreachable"  # no connection: refused, no route, no such name
    TIMED_OUT = "timed_out"
    TLS_FAILED = "tls_failed"
    DISCONNECTED = "disconnected"  # the connection broke before an answer
    PROTOCOL_ERROR = "protocol_error"  # what came back is not HTTP
    REDIRECTED = "redirected"  # 3xx: never followed
    UNAUTHORIZED = "unauthorized"  # 401, 403
    THROTTLED = "throttled"  # 429, 503
    CLIENT_ERROR = "client_error"  # any other 4xx
    SERVER_ERROR = "server_error"  # any other 5xx
    GONE = "gone"  # 410: also pauses the subscription
    UNEXPECTED_STATUS = "unexpected_status"  # 1xx, or a 2xx that `success` does not name
    REFUSED_BY_GUARD = "refused_by_guard"
    BAD_DESTINATION = "bad_destination"  # the URL cannot be dialled at all
    RENDER_FAILED = "render_failed"
    BACKLOG_FULL = "backlog_full"  # its lane had too much pending when it was made
    EXPIRED = "expired"  # the horizon ended
    CANCELLED = "cancelled"


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What we conclude from one attempt.

    `retry_after` (nanoseconds) is what the destination asked for, 0 when it did not. `detail` is a sentence without
    secrets. `slow` marks what halves a lane's limit: 429, 503 and timeouts.
    """

    reason: Reason
    retryable: bool = False
    status: int = 0
    retry_after: int = 0
    detail: str = ""
    answer: bytes = b""  # the first KiB of the response body

    @property
    def delivered(self) -> bool:
        return self.reason is Reason.OK

    @property
    def slow(self) -> bool:
        return self.reason in {Reason.THROTTLED, Reason.TIMED_OUT}


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """A delivery that is due, with the bytes to send. Instants in nanoseconds.

    `webhook_id` is the same on every attempt and replay. `held_base` is the lane's held time when the delivery was
    made, so that paused time does not count towards the horizon. A replay lowers it by the delivery's age, below zero
    if need be: the horizon then begins at the replay.
    """

    id: int
    lane: int
    event: int
    webhook_id: str
    word: str
    content_type: str
    body: bytes
    due: int
    created: int
    attempts: int = 0
    held_base: int = 0
    event_id: str = ""  # the event's UUID, so that log lines can be joined
    order_key: str = ""  # it waits for every earlier delivery of its lane with the same key; "" = for none
    headers: Headers = ()  # of the message itself
    url: str = ""  # where this message goes, "" = to its subscription's URL


class Settlement(msgspec.Struct, frozen=True, kw_only=True):
    """The result of one attempt, to be written: the attempt itself and the delivery's new state and due time.

    `ordered` says that other deliveries may wait for this one.
    """

    delivery: int
    lane: int
    attempt: int  # counts from 1
    state: State
    due: int
    started: int
    took: int  # nanoseconds
    reason: Reason
    status: int = 0
    detail: str = ""
    answer: bytes = b""
    ordered: bool = False
