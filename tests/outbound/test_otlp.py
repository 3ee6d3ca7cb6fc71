"""Spans in OTLP's JSON, read by the protocol's own messages."""

import json

import pytest
from opentelemetry.proto.trace.v1 import trace_pb2

from otlp_oracle import attributes, spans_of
from sidecar import __version__
from sidecar.domain.trace import Span, SpanKind
from sidecar.outbound import otlp

TRACE = "5b8efff798038103d269b633813fc60c"
SPAN = Span(
    trace=TRACE,
    id="eee19b7ec3c1b174",
    parent="eee19b7ec3c1b173",
    name="deliver",
    kind=SpanKind.CLIENT,
    start=1_795_219_200_000_000_001,
    end=1_795_219_200_250_000_000,
    attributes=(
        ("text", 'a "quoted" ü'),
        ("number", 2**53 + 1),
        ("negative", -1),
        ("list", ("1.4", "latest")),
        ("nothing", ()),
    ),
    error="It broke.",
)


def read(*spans):
    return spans_of(otlp.request([otlp.span(one) for one in spans]))


def test_every_field_arrives():
    """Nanoseconds and large numbers to the last digit, which numbers in JSON would not keep everywhere."""
    (span,) = read(SPAN)
    assert (span.trace_id.hex(), span.span_id.hex(), span.parent_span_id.hex()) == (TRACE, SPAN.id, SPAN.parent)
    assert (span.name, span.kind) == ("deliver", trace_pb2.Span.SPAN_KIND_CLIENT)
    assert (span.start_time_unix_nano, span.end_time_unix_nano) == (SPAN.start, SPAN.end)
    assert attributes(span) == dict(SPAN.attributes)
    assert (span.status.code, span.status.message) == (trace_pb2.Status.STATUS_CODE_ERROR, "It broke.")


@pytest.mark.parametrize("kind", SpanKind)
def test_kinds_are_those_of_the_protocol(kind):
    (span,) = read(Span(trace=TRACE, id="eee19b7ec3c1b174", name="n", kind=kind, start=1, end=1))
    assert trace_pb2.Span.SpanKind.Name(span.kind) == f"SPAN_KIND_{kind.name}"
    assert span.parent_span_id == b"", "a root has no parent"
    assert not span.HasField("status"), "what went well is not said"


def test_a_request_says_who_sends_and_keeps_the_order():
    spans = [Span(trace=TRACE, id=f"{n:016x}", name="n", kind=SpanKind.INTERNAL, start=n, end=n) for n in range(1, 4)]
    assert [one.start_time_unix_nano for one in read(*spans)] == [1, 2, 3]
    (resource,) = json.loads(otlp.request([otlp.span(SPAN)]))["resourceSpans"]
    assert resource["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": "registry-sidecar"}},
        {"key": "service.version", "value": {"stringValue": __version__}},
    ]


def test_half_a_character_costs_itself_and_not_the_request():
    """Texts from outside may hold lone surrogates, which no message of protobuf can."""
    bad = Span(
        trace=TRACE,
        id="eee19b7ec3c1b174",
        name="n",
        kind=SpanKind.SERVER,
        start=1,
        end=1,
        attributes=(("text", "a\ud800b"), ("list", ("\udfff",)), ("number", 7)),
    )
    first, second = read(bad, SPAN)
    assert attributes(first) == {"text": "a?b", "list": ("?",), "number": 7}
    assert attributes(second) == dict(SPAN.attributes)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"{}", (0, "")),
        (b"", (0, "")),
        (b"<html>", (0, "")),
        (b'{"partialSuccess": {}}', (0, "")),
        (b'{"partialSuccess": null}', (0, "")),
        (b'{"partialSuccess": {"errorMessage": "slow down"}}', (0, "slow down")),
        (b'{"partialSuccess": {"rejectedSpans": "3", "errorMessage": "too old"}}', (3, "too old")),
        (b'{"partialSuccess": {"rejectedSpans": 3}}', (3, "")),
        (b'{"partialSuccess": {"rejectedSpans": "many"}}', (0, "")),
    ],
)
def test_what_a_collector_answers(body, expected):
    """64 bit integers come as strings or as numbers; a body that nobody can read says nothing."""
    assert otlp.rejected(body) == expected
