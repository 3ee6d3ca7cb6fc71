"""`traceparent` on what is sent: one trace for each event, another span for each attempt, over whatever happens."""

import asyncio
import re
import time
import uuid

import pytest
from standardwebhooks import Webhook

from doubles import House, RecordingSender, policy, route, subscription
from notifications import envelope, push
from sidecar.domain.delivery import State
from sidecar.domain.instant import SECOND
from sidecar.domain.listing import EventFilter
from sidecar.domain.message import Message, Response
from sidecar.domain.secret import Secret
from sidecar.domain.subscription import Retry, Signing, SignScheme
from sidecar.domain.trace import Tracing
from sidecar.outbound.signing import Signer
from sidecar.pipeline.courier import Destination
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.routing import Router
from virtual_time import VirtualClock, simulated

FORM = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-(0[01])")  # W3C Trace Context, version 00
KEY = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
FAILED, TAKEN = Response(status=500), Response(status=200)
EVENT = "01a20085-bf37-83c8-b153-04e83db291a8"
NOW = 1_795_219_200_000_000_000


def house(path, *subscriptions, answer=None, tracing=Tracing()):  # noqa: B008 - a frozen value
    return House(path, VirtualClock(), RecordingSender(answer), subscriptions, tracing=tracing)


def said(request):
    """Trace, span and flag of a request."""
    return FORM.fullmatch(dict(request.headers)["traceparent"]).groups()


def message(body):
    return Message(word="PUSH_ARTIFACT", content_type="application/json", body=body)


def destination(tracing, **changes):
    one = subscription(**changes)
    return Destination.of(one, route(one, 1).voice, Signer.of(one.signing), "registry-sidecar/0", tracing)


@simulated
async def test_all_that_an_event_comes_to_is_one_trace_which_is_the_event_s_id(path):
    one = house(path, subscription("one"), subscription("two", format="dtr"))
    await one.start()
    await one.intake.accept("main", envelope(push("a"), push("b")))
    await one.quiet()
    traces = {}
    for request in one.sender.requests:
        trace, span, flag = said(request)
        traces.setdefault(trace, set()).add(span)
        assert flag == "01"
    ids = {row.event.id for row in await one.store.events(EventFilter(type="artifact.pushed"))}
    assert traces.keys() == {uuid.UUID(one).hex for one in ids}
    assert [len(spans) for spans in traces.values()] == [2, 2]
    await one.stop()


@simulated
async def test_retries_restarts_and_replays_stay_in_the_trace_with_a_span_of_their_own(path):
    """The process is killed between two attempts, and the delivery replayed after it arrived."""
    slow = subscription("one", policy=policy(retry=Retry(initial=60 * SECOND)))
    first = house(path, slow, answer=lambda _request: FAILED)
    await first.start()
    await first.intake.accept("main", envelope(push("a")))
    await asyncio.sleep(1)
    assert len(first.sender.requests) == 1
    await first.kill()

    second = house(path, slow)
    await second.start()
    await second.quiet()
    (number,) = [settlement.delivery for _, settlement, _ in second.observer.attempts]
    await second.store.replay([number], [State.DELIVERED], second.clock.now())
    second.dispatcher.changed([1])
    await second.quiet()
    requests = [*first.sender.requests, *second.sender.requests]
    assert [settlement.attempt for _, settlement, _ in second.observer.attempts] == [2, 3]
    assert len({dict(one.headers)["webhook-id"] for one in requests}) == 1
    assert len({said(one)[0] for one in requests}) == 1
    assert len({said(one)[1] for one in requests}) == len(requests) == 3
    await second.stop()


def test_without_tracing_requests_are_as_they_always_were():
    """The same headers in the same order, and `traceparent` behind them where it is wanted: no receiver sees more."""
    signing = Signing(scheme=SignScheme.STANDARD, secrets=(Secret(KEY),))
    plain, traced, hidden = (
        destination(tracing, signing=signing).request("msg_1", message(b"{}"), NOW, event_id=str(uuid.UUID(int=7)))
        for tracing in (None, Tracing(), Tracing(propagate=False))
    )
    assert plain.headers == traced.headers[:-1] == hidden.headers
    assert traced.headers[-1][0] == "traceparent"


@pytest.mark.parametrize("scheme", SignScheme)
def test_the_signature_is_of_the_body_alone(scheme):
    signing = Signing(scheme=scheme, secrets=(Secret(KEY),))
    plain, traced = (
        dict(destination(tracing, signing=signing).request("msg_1", message(b"{}"), NOW).headers)
        for tracing in (None, Tracing())
    )
    assert traced.pop("traceparent")
    assert traced == plain


def test_a_receiver_verifies_what_carries_a_trace():
    """By the library that others wrote for Standard Webhooks."""
    signing = Signing(scheme=SignScheme.STANDARD, secrets=(Secret(KEY),))
    request = destination(Tracing(), signing=signing).request("msg_1", message(b'{"a": 1}'), time.time_ns())
    assert Webhook(KEY).verify(request.body, dict(request.headers)) == {"a": 1}


def test_a_subscription_s_own_header_takes_the_place_of_ours():
    request = destination(Tracing(), headers=(("TraceParent", Secret("mine")),)).request("msg_1", message(b""), NOW)
    assert [(name, value) for name, value in request.headers if name.lower() == "traceparent"] == [
        ("TraceParent", "mine")
    ]


@simulated
async def test_what_is_not_sampled_says_so(path):
    """Receivers that trace leave it out then, as we do."""
    one = house(path, subscription("one"), tracing=Tracing(sample=0.0))
    await one.start()
    await one.intake.accept("main", envelope(push("a")))
    await one.quiet()
    assert [said(request)[2] for request in one.sender.requests] == ["00"]
    await one.stop()


@simulated
async def test_an_operator_is_shown_the_trace_that_was_or_would_be_sent(path):
    """Of what was sent: that of the last attempt."""
    answers = iter([FAILED, TAKEN, TAKEN])
    one = house(path, subscription("one"), answer=lambda _request: next(answers))
    await one.start()
    operations = Operations(one.store, one.intake, one.clock, one.observer)
    operations.connect(
        Router([route(subscription("one"), 1), route(subscription("late"), 9)]),
        {**one.destinations, "late": destination(Tracing(), name="late")},
        one.dispatcher,
        one.courier,
    )
    await one.intake.accept("main", envelope(push("a")))
    await one.quiet()
    (row,) = await one.store.events(EventFilter(type="artifact.pushed"))
    _, (sent, unsent), _ = await operations.explain(row.event.id)
    (was,), (would_be,) = sent.requests, unsent.requests
    assert said(was) == said(one.sender.requests[1]) != said(one.sender.requests[0])
    assert said(would_be)[0] == uuid.UUID(row.event.id).hex

    tried = await operations.test("one", "", "me")
    assert said(tried.request) == said(one.sender.requests[2]), "a sample is no event's: it has a trace of its own"
    assert said(tried.request)[0] != said(was)[0]
    await one.stop()
