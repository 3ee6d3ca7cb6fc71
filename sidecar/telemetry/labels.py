"""The label sets of one registry or one subscription: made at zero, looked up once, dropped together.

Looking a set up by its label values costs more than counting in it.
"""

from prometheus_client import Counter, Gauge, Histogram

from sidecar.domain.delivery import Reason, State
from sidecar.domain.fold import OUTCOMES
from sidecar.domain.registry import Asked

EVENT_OUTCOMES = (*OUTCOMES, "quarantined")  # what a record came to: folded, or set aside before that
SPAN_OUTCOMES = ("exported", "dropped", "rejected")
INGEST_OUTCOMES = ("accepted", "duplicate", "quarantined", "unauthorized", "unavailable")
INTAKE_ROUTES = ("events", "scans", "builds")  # where others than registries post, below /intake/
INTAKE_OUTCOMES = ("accepted", "duplicate", "refused", "unauthorized", "unavailable")

STATES = {State.DELIVERED: "delivered", State.DUE: "retried", State.DEAD: "dead", State.CANCELLED: "cancelled"}
_RETRIED = (
    Reason.UNREACHABLE,
    Reason.TIMED_OUT,
    Reason.TLS_FAILED,
    Reason.DISCONNECTED,
    Reason.PROTOCOL_ERROR,
    Reason.UNAUTHORIZED,
    Reason.THROTTLED,
    Reason.CLIENT_ERROR,
    Reason.SERVER_ERROR,
)
_DEAD = (
    Reason.REDIRECTED,
    Reason.CLIENT_ERROR,
    Reason.SERVER_ERROR,
    Reason.GONE,
    Reason.UNEXPECTED_STATUS,
    Reason.REFUSED_BY_GUARD,
    Reason.BAD_DESTINATION,
    Reason.RENDER_FAILED,
    Reason.BACKLOG_FULL,
    Reason.EXPIRED,
)
_EXPECTED = (
    (State.DELIVERED, Reason.OK),
    *((State.DUE, reason) for reason in _RETRIED),
    *((State.DEAD, reason) for reason in _DEAD),
)


class Source:
    """A registry's label sets, looked up once."""

    __slots__ = ("_families", "_name", "events", "last_event", "requests")

    def __init__(self, name: str, events: Counter, requests: Counter, last_event: Gauge) -> None:
        self._name = name
        self._families = (events, requests, last_event)
        self.events = {outcome: events.labels(name, outcome) for outcome in EVENT_OUTCOMES}
        self.requests = {outcome: requests.labels(name, outcome) for outcome in INGEST_OUTCOMES}
        self.last_event = last_event.labels(name)

    def drop(self) -> None:
        events, requests, last_event = self._families
        for outcome in self.events:
            events.remove(self._name, outcome)
        for outcome in self.requests:
            requests.remove(self._name, outcome)
        last_event.remove(self._name)


class Asking:
    """The label sets of a registry that can be asked, looked up once."""

    __slots__ = ("_families", "_name", "breaker", "requests", "seconds")

    def __init__(self, name: str, requests: Counter, seconds: Histogram, breaker: Gauge) -> None:
        self._name = name
        self._families = (requests, seconds, breaker)
        self.requests = {outcome: requests.labels(name, outcome.value) for outcome in Asked}
        self.seconds = seconds.labels(name)
        self.breaker = breaker.labels(name)

    def drop(self) -> None:
        requests, seconds, breaker = self._families
        for outcome in self.requests:
            requests.remove(self._name, outcome.value)
        seconds.remove(self._name)
        breaker.remove(self._name)


class Lane:
    """A subscription's label sets, looked up once."""

    __slots__ = (
        "_counts",
        "_deliveries",
        "_families",
        "_name",
        "attempts",
        "backlog",
        "broken",
        "end_to_end",
        "format",
        "oldest",
        "paused",
        "planned",
        "unverified",
    )

    def __init__(
        self,
        name: str,
        format: str,  # noqa: A002 - the word of the configuration
        deliveries: Counter,
        families: tuple[Counter, Histogram, Histogram],
        gauges: tuple[Gauge, Gauge, Gauge, Gauge, Gauge],
    ) -> None:
        self._name = name
        self._deliveries = deliveries
        self._families = (*families, *gauges)
        self.format = format
        planned, attempts, end_to_end = families
        backlog, oldest, paused, unverified, broken = gauges
        self.planned = planned.labels(name)
        self.attempts = attempts.labels(name)
        self.end_to_end = end_to_end.labels(name)
        self.backlog = backlog.labels(name)
        self.oldest = oldest.labels(name)
        self.paused = paused.labels(name)
        self.unverified = unverified.labels(name)
        self.broken = broken.labels(name)
        self._counts: dict[tuple[State, Reason], Counter] = {}
        for state, reason in _EXPECTED:
            self.count(state, reason)

    def count(self, state: State, reason: Reason) -> Counter:
        found = self._counts.get((state, reason))
        if found is None:
            found = self._deliveries.labels(self._name, self.format, STATES[state], reason.value)
            self._counts[state, reason] = found
        return found

    def drop(self) -> None:
        for state, reason in self._counts:
            self._deliveries.remove(self._name, self.format, STATES[state], reason.value)
        for family in self._families:
            family.remove(self._name)


class Rounds:
    """The gauges of a registry's walks, looked up once."""

    __slots__ = ("_families", "_name", "changes", "finished", "held", "running", "seen")

    def __init__(self, name: str, families: tuple[Gauge, Gauge, Gauge, Gauge, Gauge]) -> None:
        self._name = name
        self._families = families
        self.running, self.held, self.seen, self.changes, self.finished = (one.labels(name) for one in families)

    def drop(self) -> None:
        for family in self._families:
            family.remove(self._name)
