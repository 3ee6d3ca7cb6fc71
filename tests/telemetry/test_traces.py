"""What the pipeline does, as spans: which there are, how they hang together, and that nothing is done without."""

import asyncio
import uuid

import msgspec
import pytest
import structlog

from sidecar.dialects.contract import sample
from sidecar.domain.delivery import Delivery, Outcome, Reason, Settlement, State
from sidecar.domain.instant import MILLISECOND, SECOND
from sidecar.domain.record import Record, RecordKind
from sidecar.domain.trace import SpanKind, Tracing
from sidecar.telemetry.logs import Logs
from sidecar.telemetry.metrics import Metrics
from sidecar.telemetry.observers import Observers
from sidecar.telemetry.traces import REMEMBERED, Tracer, Traces

EVENT = sample()
EVENT = msgspec.structs.replace(EVENT, origin=msgspec.structs.replace(EVENT.origin, number=7))
DELIVERY = Delivery(
    event_id=EVENT.id,
    id=70,
    lane=1,
    event=3,
    webhook_id="msg_7",
    word="PUSH_ARTIFACT",
    content_type="",
    body=b"{}",
    due=0,
    created=0,
)


class Watch:
    """A clock that shows what it is set to."""

    def __init__(self, at=EVENT.accepted):
        self.at = at

    def now(self):
        return self.at


def record(number):
    return Record(number, RecordKind.REGISTRY, "main", str(number), EVENT.accepted, b"{}")


def settlement(state=State.DELIVERED, reason=Reason.OK, **changes):
    given = {"delivery": 70, "lane": 1, "attempt": 1, "due": 0, "started": 5 * SECOND, "took": 3 * MILLISECOND}
    return Settlement(**{**given, "state": state, "reason": reason, "status": 200, **changes})


@pytest.fixture
def clock():
    return Watch()


@pytest.fixture
def kept():
    return []


@pytest.fixture
def tracer(kept, clock):
    return Tracer(Tracing(), kept.append, clock)


def attributes(span):
    return {name.removeprefix("registry_sidecar."): value for name, value in span.attributes}


def test_an_event_is_a_trace_that_begins_with_its_acceptance(tracer, kept, clock):
    """Accepted until its record is committed, translated until what it owes is; the attempts hang from the first."""
    clock.at = EVENT.accepted + 600_000
    tracer.heard([record(7)])
    tracer.translated("main", "announced", [EVENT], 4 * MILLISECOND)
    tracer.attempted("argocd", settlement(), Outcome(reason=Reason.OK), DELIVERY)
    accept, translate, deliver = kept
    assert {one.trace for one in kept} == {uuid.UUID(EVENT.id).hex}
    assert len({one.id for one in kept}) == 3
    assert (accept.parent, translate.parent, deliver.parent) == ("", accept.id, accept.id)
    assert [(one.name, one.kind) for one in kept] == [
        ("accept", SpanKind.SERVER),
        ("translate", SpanKind.INTERNAL),
        ("deliver", SpanKind.CLIENT),
    ]
    assert (accept.start, accept.end) == (EVENT.accepted, EVENT.accepted + 600_000)
    assert (translate.start, translate.end) == (EVENT.accepted + 600_000, EVENT.accepted + 4 * MILLISECOND)
    assert (deliver.start, deliver.end) == (5 * SECOND, 5 * SECOND + 3 * MILLISECOND)
    assert attributes(accept) == {
        "event_id": EVENT.id,
        "event_type": "artifact.pushed",
        "registry": "main",
        "repository": "prj/web/app",
        "tags": ("1.4.2",),
        "digest": EVENT.artifact.digest,
        "record": EVENT.origin.record,
    }


def test_an_attempt_s_span_is_the_one_that_its_request_named(tracer, kept):
    tracer.attempted("argocd", settlement(attempt=3), Outcome(reason=Reason.OK), DELIVERY)
    assert Tracing().header(EVENT.id, "msg_7", 3) == f"00-{kept[0].trace}-{kept[0].id}-01"


def test_an_attempt_says_whose_it_is_and_what_came_of_it(tracer, kept):
    failed = settlement(State.DUE, Reason.SERVER_ERROR, attempt=2, status=502, detail="answered 502")
    tracer.attempted("argocd", failed, Outcome(reason=Reason.SERVER_ERROR), DELIVERY)
    tracer.attempted("argocd", settlement(attempt=3), Outcome(reason=Reason.OK), DELIVERY)
    bad, good = kept
    assert attributes(bad) == {
        "subscription": "argocd",
        "word": "PUSH_ARTIFACT",
        "webhook_id": "msg_7",
        "delivery": 70,
        "attempt": 2,
        "outcome": "retried",
        "reason": "server_error",
        "http.request.method": "POST",
        "http.response.status_code": 502,
        "error.type": "server_error",
    }
    assert bad.error == "answered 502"
    assert (attributes(good)["outcome"], attributes(good)["reason"], good.error) == ("delivered", "ok", "")
    assert "error.type" not in attributes(good)


def test_an_attempt_without_an_answer_has_no_status(tracer, kept):
    gone = settlement(State.DEAD, Reason.EXPIRED, status=0, detail="")
    tracer.attempted("argocd", gone, Outcome(reason=Reason.UNREACHABLE, detail="No connection."), DELIVERY)
    assert "http.response.status_code" not in attributes(kept[0])
    assert (attributes(kept[0])["outcome"], kept[0].error) == ("dead", "No connection.")


def test_what_a_walk_found_was_posted_by_nobody(tracer, kept):
    tracer.translated("main", "announced", [msgspec.structs.replace(EVENT, recovered=True)], 5)
    assert kept[0].kind is SpanKind.INTERNAL


@pytest.mark.parametrize("lag", [4 * MILLISECOND, 0, -5])
def test_times_never_go_backwards(tracer, kept, clock, lag):
    """A clock that is set back in the middle, and a record whose commit is not remembered any more."""
    for committed in (EVENT.accepted - SECOND, EVENT.accepted + SECOND):
        clock.at = committed
        tracer.heard([record(7)])
        tracer.translated("main", "announced", [EVENT], lag)
    tracer.heard([record(number) for number in range(100, 100 + REMEMBERED)])
    tracer.translated("main", "announced", [EVENT], lag)
    assert len(kept) == 6
    for accept, translate in zip(kept[::2], kept[1::2], strict=True):
        assert EVENT.accepted == accept.start <= accept.end == translate.start <= translate.end
    assert (kept[4].end, kept[5].end) == (EVENT.accepted, EVENT.accepted + max(lag, 0))


def test_what_is_not_sampled_makes_no_span(kept, clock):
    tracer = Tracer(Tracing(sample=0.0), kept.append, clock)
    tracer.translated("main", "announced", [EVENT], 5)
    tracer.attempted("argocd", settlement(), Outcome(reason=Reason.OK), DELIVERY)
    assert kept == []


# --- as the configuration has it -------------------------------------------------------------------------------------


class Export:
    """Makes exporters that keep what they are offered."""

    def __init__(self):
        self.made = []

    def __call__(self, endpoint, hearer):
        self.made.append(self.One(endpoint, hearer))
        return self.made[-1]

    class One:
        def __init__(self, endpoint, hearer):
            self.endpoint, self.hearer = endpoint, hearer
            self.spans, self.closed = [], False
            self.offer = self.spans.append

        async def close(self):
            self.closed = True


class Journal:
    def __init__(self):
        self.listeners = []

    def listen(self, heard):
        self.listeners.append(heard)


@pytest.fixture
def parts():
    logs, metrics, export, journal = Logs(), Metrics(), Export(), Journal()
    observers = Observers(metrics, logs)
    traces = Traces(observers, logs, metrics, journal, clock=Watch(), export=export)
    return observers, logs, metrics, journal, export, traces


async def test_without_the_key_nothing_is_in_the_way(parts):
    observers, logs, metrics, journal, export, traces = parts
    before = observers._attempted
    traces.configure(None)
    assert observers._attempted == before
    assert (logs.traced, metrics.tracing, journal.listeners, export.made) == (False, None, [], [])
    await traces.close()


async def test_without_an_endpoint_lines_name_traces_and_no_span_is_made(parts):
    observers, logs, metrics, journal, export, traces = parts
    before = observers._attempted
    traces.configure(Tracing())
    assert observers._attempted == before
    assert (logs.traced, metrics.tracing, journal.listeners, export.made) == (True, Tracing(), [], [])
    await traces.close()


async def test_a_reload_changes_the_collector_or_the_sample_or_ends_it(parts):
    """The exporter stays while its endpoint does; one that is replaced is closed, which sends what waits in it."""
    observers, logs, _, journal, export, traces = parts
    for tracing in (
        Tracing(endpoint="http://one"),
        Tracing(endpoint="http://one", sample=0.0),
        Tracing(endpoint="http://two"),
        None,
        Tracing(endpoint="http://one"),
    ):
        traces.configure(tracing)
        for heard in journal.listeners:
            heard([record(7)])
        observers.translated("main", "silent", [EVENT], 5)
        await asyncio.sleep(0)
    await traces.close()
    assert [(one.endpoint, len(one.spans), one.closed) for one in export.made] == [
        ("http://one", 2, True),
        ("http://two", 2, True),
        ("http://one", 2, True),
    ]
    assert len(journal.listeners) == 1
    assert logs.traced


async def test_what_becomes_of_spans_is_counted_and_told_when_it_changes(parts):
    _, _, metrics, _, _, traces = parts
    with structlog.testing.capture_logs() as lines:
        traces.exported(5)
        traces.dropped(2)
        traces.rejected(1)
        traces.collector("The collector is away.")
        traces.collector("")
    text = metrics.render()[0].decode()
    for outcome, count in {"exported": 5, "dropped": 2, "rejected": 1}.items():
        assert f'registry_sidecar_spans_total{{outcome="{outcome}"}} {count}.0' in text
    assert [(one["log_level"], one["event"], one.get("detail")) for one in lines] == [
        ("warning", "spans are not taken", "The collector is away."),
        ("info", "spans are taken again", None),
    ]
