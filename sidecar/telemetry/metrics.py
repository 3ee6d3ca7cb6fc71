"""Metrics for Prometheus. Their names, labels and label values are a contract with dashboards and alerts.

Labels are bounded: registries and subscriptions are those of the configuration, all else comes from closed sets; names
of images, events or destinations never appear. Every set of labels that is to be expected exists at zero, so that a
rate or an alert has something to start from. Gauges are told their values; nothing is asked of the store at a scrape.
"""

import itertools
import platform
from collections.abc import Collection, Iterable, Sequence
from typing import Protocol

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder

from sidecar import __version__
from sidecar.domain import instant
from sidecar.domain.delivery import Delivery, Outcome, Reason, Settlement, State
from sidecar.domain.event import Event
from sidecar.domain.made import label_of
from sidecar.domain.person import Visit
from sidecar.domain.record import Quarantined, QuarantineReason
from sidecar.domain.registry import Asked
from sidecar.domain.trace import Tracing, trace_id
from sidecar.domain.walk import OPEN, Walk, WalkState
from sidecar.telemetry.labels import (
    INTAKE_OUTCOMES,
    INTAKE_ROUTES,
    SPAN_OUTCOMES,
    Asking,
    Lane,
    Rounds,
    Source,
)

UNKNOWN = "unknown"  # the label of a registry that the configuration does not name

_ACK = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
_COMMIT = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0)
_BATCH = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)
_ATTEMPT = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_END_TO_END = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0, 300.0, 3600.0, 86400.0)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for every counter, that the text format cannot even tell apart


class Cycle(Protocol):
    """What a store tells of a transaction: how many items, how long it took, how long each verb held the writer."""

    @property
    def items(self) -> int: ...

    @property
    def seconds(self) -> float: ...

    @property
    def held(self) -> tuple[tuple[str, float], ...]: ...


class Metrics:
    """Implements `ports.Observer`, and takes what the pipeline does not tell observers through methods of its own.

    All calls are cheap enough for every event and delivery; rendering is not: it may run in a thread.
    """

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        counter, gauge = self._counter, self._gauge

        self._events = counter("events", "Registry records by what they came to.", "registry", "outcome")
        self._requests = counter("ingest_requests", "Envelopes by how they were answered.", "registry", "outcome")
        self._stated = counter("intake_requests", "What other senders told, by the answer.", "route", "outcome")
        self._last_event = gauge("last_event_timestamp_seconds", "When the last event was accepted.", "registry")
        self._quarantine = counter("quarantined", "What was set aside because it could not be read.", "reason")
        self._troubles = counter("trouble", "Failures inside the program that it tries again.", "where")

        self._ack = self._histogram("ack_seconds", "From the whole request to its answer.", _ACK)
        self._batch = self._histogram("commit_batch_size", "Items in one commit.", _BATCH)
        self._commit = self._histogram("commit_seconds", "One commit, disk flush included.", _COMMIT)
        self._hold = self._histogram("writer_hold_seconds", "How long a verb held the writer.", _COMMIT, "verb")
        self._lag = gauge("translator_lag_seconds", "How long the oldest record not yet translated has waited.")

        self._deliveries = counter(
            "deliveries", "Attempts by what became of the delivery.", "subscription", "format", "outcome", "reason"
        )
        self._plan = counter("deliveries_planned", "Deliveries that were queued.", "subscription")
        self._attempts = self._histogram("attempt_seconds", "One attempt.", _ATTEMPT, "subscription")
        self._end_to_end = self._histogram(
            "end_to_end_seconds", "From a delivery's making to its success.", _END_TO_END, "subscription"
        )
        self._backlog = gauge("lane_backlog", "Deliveries not yet made.", "subscription")
        self._oldest = gauge("oldest_due_seconds", "How long the oldest due delivery has waited.", "subscription")
        self._paused = gauge("lane_paused", "1 while nothing is sent.", "subscription")
        self._unverified = gauge("tls_unverified", "1 while whoever answers is believed.", "subscription")
        self._broken = gauge("breaker_open", "1 while only probes are sent.", "subscription")
        self._orphaned = gauge("subscriptions_orphaned", "Queues whose subscription left the configuration.")

        self._asked = counter(
            "registry_requests", "Requests to a registry's API by what they came to.", "registry", "outcome"
        )
        self._asking = self._histogram(
            "registry_request_seconds", "One request to a registry's API.", _ATTEMPT, "registry"
        )
        self._left_alone = gauge(
            "registry_breaker_open", "1 while a registry's API is left alone because it fails.", "registry"
        )
        self._rounds_of = (
            gauge("walk_running", "1 while the registry is walked.", "registry"),
            gauge("walk_held", "1 while what a walk found waits for an operator.", "registry"),
            gauge("walk_seen", "Tags that the newest walk has looked at.", "registry"),
            gauge("walk_changes", "Changes that the newest walk has found.", "registry"),
            gauge("walk_finished_timestamp_seconds", "When a walk last finished, 0 = never.", "registry"),
        )
        spans = counter("spans", "Spans for the collector by what became of them.", "outcome")
        self._spans = {outcome: spans.labels(outcome) for outcome in SPAN_OUTCOMES}
        self.tracing: Tracing | None = None  # attempts name their trace, where it is sampled
        self._weighed = (
            gauge("namespace_used_bytes", "What a namespace with a quota holds.", "registry", "namespace"),
            gauge("namespace_limit_bytes", "What it may hold.", "registry", "namespace"),
        )
        self._namespaces: set[tuple[str, str]] = set()
        self.inbox = gauge("inbox_open", "In-app notifications that nobody dismissed for everybody.")
        self._store_up = gauge("store_up", "1 while the store can commit.")
        self._store_size = gauge("store_size_bytes", "The store's file.")
        self._wal_size = gauge("wal_size_bytes", "The store's write-ahead log.")
        self._disk_free = gauge("disk_free_bytes", "Free space where the store lies.")
        self._used = gauge(
            "store_used_bytes", "Pages of the store's file that hold something; free ones are used again."
        )
        self._full = gauge(
            "store_over_size", "1 while the store is over retention.max_size with nothing left to remove."
        )
        self._corrupt = gauge("store_corrupt", "1 while the store's file is known to be damaged.")
        self._held = gauge("retention_held", "1 while retention does not believe a clock that leapt ahead.")
        self._reload = gauge("config_reload_success", "1 when the newest configuration is in use.")
        self._reloaded = gauge("config_reload_timestamp_seconds", "When a configuration was last taken into use.")
        info = Info("registry_sidecar_build", "The program.", registry=self._registry)
        info.info({"version": __version__, "python": platform.python_version()})
        for route, outcome in itertools.product(INTAKE_ROUTES, INTAKE_OUTCOMES):
            self._stated.labels(route, outcome)
        for reason in QuarantineReason:
            self._quarantine.labels(reason.value)
        self._sources: dict[str, Source] = {}
        self._askings: dict[str, Asking] = {}
        self._lanes: dict[str, Lane] = {}  # by label
        self._told: dict[str, Lane] = {}  # by subscription
        self._rounds: dict[str, Rounds] = {}
        self._holds: dict[str, Histogram] = {}
        self.configure((), ())

    # --- what the configuration names -------------------------------------------------------------------------------

    def configure(
        self,
        registries: Iterable[str],
        subscriptions: Sequence[tuple[str, str]],
        unverified: Collection[str] = (),
        asked: Collection[str] = (),
    ) -> None:
        """Have a set of labels for each registry and each (subscription, format); drop those of what is gone.

        `unverified` are the subscriptions whose destinations' certificates are not verified, `asked` the registries
        whose API can be asked.
        """
        names = {*registries, UNKNOWN}
        for name in self._sources.keys() - names:
            self._sources.pop(name).drop()
        for name in names - self._sources.keys():
            self._sources[name] = Source(name, self._events, self._requests, self._last_event)
        for name in self._askings.keys() - set(asked):
            self._askings.pop(name).drop()
        for name in set(asked) - self._askings.keys():
            self._askings[name] = Asking(name, self._asked, self._asking, self._left_alone)
        for name in self._rounds.keys() - names:
            self._rounds.pop(name).drop()
        for name in names - self._rounds.keys() - {UNKNOWN}:
            self._rounds[name] = Rounds(name, self._rounds_of)
        self.subscribed(subscriptions, unverified)

    def subscribed(self, subscriptions: Sequence[tuple[str, str]], unverified: Collection[str] = ()) -> None:
        """As `configure`, for the subscriptions alone. Those made through APIs share a label for each format."""
        labels = {name: label_of(name, form) for name, form in subscriptions}
        formats = {labels[name]: form for name, form in subscriptions}
        for name in [name for name, lane in self._lanes.items() if formats.get(name) != lane.format]:
            self._lanes.pop(name).drop()
        for name in formats.keys() - self._lanes.keys():
            self._lanes[name] = Lane(
                name,
                formats[name],
                self._deliveries,
                (self._plan, self._attempts, self._end_to_end),
                (self._backlog, self._oldest, self._paused, self._unverified, self._broken),
            )
        believed = {labels.get(name, name) for name in unverified}
        for name, lane in self._lanes.items():
            lane.unverified.set(name in believed)
        self._told = {name: self._lanes[label] for name, label in labels.items()}

    # --- the pipeline's observer ------------------------------------------------------------------------------------

    def ingested(self, registry: str, outcome: str, events: int) -> None:  # noqa: ARG002 - translation counts events
        self._source(registry).requests[outcome].inc()

    def quarantined(self, item: Quarantined) -> None:
        self._quarantine.labels(item.reason).inc()

    def translated(self, registry: str, outcome: str, events: Sequence[Event], lag: int) -> None:  # noqa: ARG002 - `set_lag` tells what still waits, which is what an alert asks
        source = self._source(registry)
        source.events[outcome].inc()
        if events:
            source.last_event.set(events[-1].accepted / instant.SECOND)

    def last_events(self) -> dict[str, str]:
        """When the last event of each registry was accepted (RFC 3339), of those that had one since the start."""
        (family,) = self._last_event.collect()
        return {
            one.labels["registry"]: instant.rfc3339_seconds(int(one.value) * instant.SECOND)
            for one in family.samples
            if one.value
        }

    def planned(self, subscription: str, count: int) -> None:
        lane = self._told.get(subscription)
        if lane is not None:
            lane.planned.inc(count)

    def refused(self, subscription: str, reason: Reason, count: int) -> None:
        lane = self._told.get(subscription)
        if lane is not None:
            lane.count(State.DEAD, reason).inc(count)

    def attempted(self, subscription: str, settlement: Settlement, outcome: Outcome, delivery: Delivery) -> None:  # noqa: ARG002 - the settlement says what became of it
        lane = self._told.get(subscription)
        if lane is None:
            return  # it left the configuration while this was under way
        lane.count(settlement.state, settlement.reason).inc()
        exemplar = None
        if self.tracing is not None:
            trace = trace_id(delivery.event_id)
            exemplar = {"trace_id": trace} if self.tracing.sampled(trace) else None
        lane.attempts.observe(settlement.took / instant.SECOND, exemplar)
        if settlement.state is State.DELIVERED:
            waited = settlement.started + settlement.took - delivery.created
            lane.end_to_end.observe(max(waited, 0) / instant.SECOND, exemplar)

    def lane_changed(self, subscription: str, what: str, detail: str) -> None:
        """Nothing: `set_lane` says whether a lane is paused."""

    def operated(self, who: str, what: str, count: int, detail: str) -> None:
        """Nothing: who did what is for the log."""

    def visited(self, visit: Visit) -> None:
        """Nothing: as before."""

    def walked(self, walk: Walk) -> None:
        rounds = self._rounds.get(walk.registry)
        if rounds is None:
            return  # it left the configuration while this was under way
        if walk.state is WalkState.HELD:
            rounds.held.set(1)
        elif walk.state not in OPEN or walk.state is WalkState.TELLING:
            rounds.held.set(0)
        rounds.running.set(walk.state in {WalkState.WALKING, WalkState.TELLING})
        if walk.started:
            rounds.seen.set(walk.seen)
            rounds.changes.set(walk.changes)
        if walk.state is WalkState.FINISHED:
            rounds.finished.set(walk.ended / instant.SECOND)

    def trouble(self, where: str, error: BaseException) -> None:  # noqa: ARG002 - the log says what it was
        self._troubles.labels(where).inc()

    # --- what others tell -------------------------------------------------------------------------------------------

    def acknowledged(self, seconds: float) -> None:
        """An envelope was answered so long after it was read."""
        self._ack.observe(seconds)

    def told(self, route: str, outcome: str) -> None:
        """Somebody else than a registry told something."""
        self._stated.labels(route, outcome).inc()

    def asked(self, registry: str, outcome: Asked, seconds: float) -> None:
        """A registry's API was asked, or (`skipped`) left alone."""
        asking = self._askings.get(registry)
        if asking is not None:
            asking.requests[outcome].inc()
            if outcome is not Asked.SKIPPED:
                asking.seconds.observe(seconds)

    def breaker(self, registry: str, *, opened: bool) -> None:
        """A registry's API is left alone from now on, or asked again."""
        asking = self._askings.get(registry)
        if asking is not None:
            asking.breaker.set(opened)

    def cycle(self, report: Cycle) -> None:
        """One cycle of the commit loop."""
        if report.items:
            self.committed(report.items, report.seconds)
        for verb, seconds in report.held:
            self.held(verb, seconds)

    def committed(self, items: int, seconds: float) -> None:
        """One transaction with so many items took so long."""
        self._batch.observe(items)
        self._commit.observe(seconds)

    def held(self, verb: str, seconds: float) -> None:
        """A store verb (one of a closed set) held the writer so long."""
        hold = self._holds.get(verb)
        if hold is None:
            hold = self._holds[verb] = self._hold.labels(verb)
        hold.observe(seconds)

    def spans(self, outcome: str, count: int) -> None:
        """What became of spans, a word of SPAN_OUTCOMES."""
        self._spans[outcome].inc(count)

    def set_lane(
        self, subscription: str, *, backlog: int, oldest_due: float, paused: bool, breaker_open: bool = False
    ) -> None:
        """`subscription` is its label; `oldest_due` for how many seconds the oldest due delivery has waited, or 0."""
        lane = self._lanes.get(subscription)
        if lane is not None:
            lane.backlog.set(backlog)
            lane.oldest.set(oldest_due)
            lane.paused.set(paused)
            lane.broken.set(breaker_open)

    def set_usage(self, weighed: Iterable[tuple[str, str, int, int]]) -> None:
        """Registry, namespace, bytes used and their limit of each namespace that a quota names; all others are gone."""
        told = set()
        for registry, namespace, used, limit in weighed:
            for gauge, value in zip(self._weighed, (used, limit), strict=True):
                gauge.labels(registry, namespace).set(value)
            told.add((registry, namespace))
        for place in self._namespaces - told:
            for gauge in self._weighed:
                gauge.remove(*place)
        self._namespaces = told

    def set_store(self, *, up: bool, size: int, wal: int, disk_free: int) -> None:
        """Sizes in bytes."""
        self._store_up.set(up)
        self._store_size.set(size)
        self._wal_size.set(wal)
        self._disk_free.set(disk_free)

    def set_condition(self, *, used: int, full: bool, damaged: bool) -> None:
        """How the store's file does. `used` in bytes."""
        self._used.set(used)
        self._full.set(full)
        self._corrupt.set(damaged)

    def set_retention(self, *, held: bool) -> None:
        """Whether retention goes by an earlier time, because the clock leapt."""
        self._held.set(held)

    def set_lag(self, seconds: float) -> None:
        """How long the oldest record that is not yet translated has waited."""
        self._lag.set(seconds)

    def set_orphaned(self, count: int) -> None:
        self._orphaned.set(count)

    def reloaded(self, *, success: bool, now: int) -> None:
        """A configuration was taken into use, or refused. `now` in nanoseconds."""
        self._reload.set(success)
        if success:
            self._reloaded.set(now / instant.SECOND)

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """The text for a scrape and its content type; OpenMetrics where the Accept header asks for it."""
        encode, content_type = choose_encoder(accept)
        return encode(self._registry), content_type

    # --- making them ------------------------------------------------------------------------------------------------

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"registry_sidecar_{name}", text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(f"registry_sidecar_{name}", text, labels, registry=self._registry)

    def _histogram(self, name: str, text: str, buckets: Sequence[float], *labels: str) -> Histogram:
        return Histogram(f"registry_sidecar_{name}", text, labels, buckets=buckets, registry=self._registry)

    def _source(self, registry: str) -> Source:
        return self._sources.get(registry) or self._sources[UNKNOWN]
