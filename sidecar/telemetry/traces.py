"""What the pipeline does, as spans: one trace for each event, with its acceptance, its translation and every attempt.

    accept                    from its acceptance to the commit of its record
      translate               from there to the commit of what it owes
      deliver                 one attempt, as often as there are any

Where nothing is traced none of this is in the way: the observer joins the others only while spans have somewhere to go.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sidecar.domain.delivery import Delivery, Outcome, Reason, Settlement, State
from sidecar.domain.event import Event
from sidecar.domain.person import Visit
from sidecar.domain.record import Quarantined, Record
from sidecar.domain.trace import Span, SpanKind, Tracing, Value, span_id, trace_id
from sidecar.domain.walk import Walk
from sidecar.ports import Clock, Journal
from sidecar.telemetry.labels import STATES
from sidecar.telemetry.lines import get
from sidecar.telemetry.logs import Logs
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.observers import Observers

REMEMBERED = 2048  # records whose commit is remembered until they are translated

_OURS = "registry_sidecar."


class Exporter(Protocol):
    """Takes spans to where they belong."""

    def offer(self, span: Span) -> None:
        """Take a span, or drop it; never waits."""

    async def close(self) -> None: ...


class Tracer:
    """Implements `ports.Observer` for one configuration of tracing."""

    def __init__(self, tracing: Tracing, offer: Callable[[Span], None], clock: Clock) -> None:
        self._tracing = tracing
        self._offer = offer
        self._clock = clock
        self._committed: OrderedDict[int, int] = OrderedDict()

    def heard(self, records: Sequence[Record]) -> None:
        """Records were committed just now."""
        now = self._clock.now()
        for record in records:
            self._committed[record.number] = now
        while len(self._committed) > REMEMBERED:
            self._committed.popitem(last=False)

    def translated(self, registry: str, outcome: str, events: Sequence[Event], lag: int) -> None:  # noqa: ARG002 - what makes events is announced
        for event in events:
            trace = trace_id(event.id)
            if self._tracing.sampled(trace):
                self._begin(trace, event, registry, lag)

    def _begin(self, trace: str, event: Event, registry: str, lag: int) -> None:
        accepted, told = event.accepted, event.accepted + max(lag, 0)
        committed = min(max(self._committed.get(event.origin.number, accepted), accepted), told)
        root = span_id(event.id, "accept")
        self._offer(
            Span(
                trace=trace,
                id=root,
                name="accept",
                kind=SpanKind.INTERNAL if event.recovered else SpanKind.SERVER,  # a walk found what nobody posted
                start=accepted,
                end=committed,
                attributes=(
                    (_OURS + "event_id", event.id),
                    (_OURS + "event_type", event.type.value),
                    (_OURS + "registry", registry),
                    (_OURS + "repository", event.repository.path),
                    (_OURS + "tags", event.tags),
                    (_OURS + "digest", event.artifact.digest),
                    (_OURS + "record", event.origin.record),
                ),
            )
        )
        self._offer(
            Span(
                trace=trace,
                id=span_id(event.id, "translate"),
                parent=root,
                name="translate",
                kind=SpanKind.INTERNAL,
                start=committed,
                end=told,
            )
        )

    def attempted(self, subscription: str, settlement: Settlement, outcome: Outcome, delivery: Delivery) -> None:
        trace = trace_id(delivery.event_id)
        if not self._tracing.sampled(trace):
            return
        failed = settlement.state is not State.DELIVERED
        attributes: tuple[tuple[str, Value], ...] = (
            (_OURS + "subscription", subscription),
            (_OURS + "word", delivery.word),
            (_OURS + "webhook_id", delivery.webhook_id),
            (_OURS + "delivery", delivery.id),
            (_OURS + "attempt", settlement.attempt),
            (_OURS + "outcome", STATES[settlement.state]),
            (_OURS + "reason", settlement.reason.value),
            ("http.request.method", "POST"),
        )
        if settlement.status:
            attributes = (*attributes, ("http.response.status_code", settlement.status))
        if failed:
            attributes = (*attributes, ("error.type", settlement.reason.value))
        self._offer(
            Span(
                trace=trace,
                id=span_id(delivery.webhook_id, str(settlement.attempt)),
                parent=span_id(delivery.event_id, "accept"),
                name="deliver",
                kind=SpanKind.CLIENT,
                start=settlement.started,
                end=settlement.started + settlement.took,
                attributes=attributes,
                error=(settlement.detail or outcome.detail or settlement.reason.value) if failed else "",
            )
        )

    def ingested(self, registry: str, outcome: str, events: int) -> None:
        """Nothing: an envelope is no trace, each of its events is one."""

    def quarantined(self, item: Quarantined) -> None:
        """Nothing: what nobody could read made no event."""

    def planned(self, subscription: str, count: int) -> None:
        """Nothing: attempts are told."""

    def refused(self, subscription: str, reason: Reason, count: int) -> None:
        """Nothing: no attempt was made."""

    def lane_changed(self, subscription: str, what: str, detail: str) -> None:
        """Nothing: that is no event's."""

    def operated(self, who: str, what: str, count: int, detail: str) -> None:
        """Nothing: that is no event's."""

    def visited(self, visit: Visit) -> None:
        """Nothing: that is no event's."""

    def walked(self, walk: Walk) -> None:
        """Nothing: that is no event's."""

    def trouble(self, where: str, error: BaseException) -> None:
        """Nothing: that is no event's."""


class Traces:
    """Tracing as the configuration has it: who observes, whether lines and metrics name traces, where spans go.

    `export(endpoint, hearer)` makes an exporter; it is asked inside a running loop.
    """

    def __init__(
        self,
        observers: Observers,
        logs: Logs,
        metrics: Metrics,
        journal: Journal,
        *,
        clock: Clock,
        export: Callable[[str, "Traces"], Exporter],
    ) -> None:
        self._observers = observers
        self._logs = logs
        self._metrics = metrics
        self._clock = clock
        self._journal = journal
        self._export = export
        self._log = get()
        self._endpoint = ""
        self._exporter: Exporter | None = None
        self._tracer: Tracer | None = None
        self._listening = False
        self._retired: set[asyncio.Task[Any]] = set()

    def configure(self, tracing: Tracing | None) -> None:
        """Trace in this way from now on. Spans for another endpoint than before end their way beside the new ones."""
        self._logs.traced = tracing is not None
        self._metrics.tracing = tracing
        endpoint = tracing.endpoint if tracing is not None else ""
        if endpoint != self._endpoint:
            self._endpoint = endpoint
            if self._exporter is not None:
                task = asyncio.create_task(self._exporter.close(), name="close-spans")
                self._retired.add(task)
                task.add_done_callback(self._retired.discard)
            self._exporter = self._export(endpoint, self) if endpoint else None
        if tracing is None or self._exporter is None:
            self._tracer = None
            self._observers.join()
            return
        self._tracer = Tracer(tracing, self._exporter.offer, self._clock)
        self._observers.join(self._tracer)
        if not self._listening:
            self._listening = True
            self._journal.listen(self._heard)

    async def close(self) -> None:
        """Send what waits, for a moment."""
        exporter, self._exporter, self._endpoint = self._exporter, None, ""
        if exporter is not None:
            await exporter.close()
        await asyncio.gather(*self._retired)

    def _heard(self, records: Sequence[Record]) -> None:
        if self._tracer is not None:
            self._tracer.heard(records)

    # --- what became of spans ----------------------------------------------------------------------------------------

    def exported(self, count: int) -> None:
        """The collector took them."""
        self._metrics.spans("exported", count)

    def dropped(self, count: int) -> None:
        """They were never taken."""
        self._metrics.spans("dropped", count)

    def rejected(self, count: int) -> None:
        """The collector does not want them."""
        self._metrics.spans("rejected", count)

    def collector(self, sentence: str) -> None:
        """The collector takes no spans, with the reason, or (with "") takes them again."""
        if sentence:
            self._log.warning("spans are not taken", detail=sentence)
        else:
            self._log.info("spans are taken again")
