"""Traces: their ids, which are derived and never drawn, which of them are sampled, and spans. Pure.

An event is one trace, by the 128 bits of its UUID; every attempt is one span, by the delivery's `webhook-id` and the
attempt's number. So the ids are the same over restarts, replays and a restored backup, and nothing is kept for them.
"""

import enum
import hashlib

import msgspec

_RANDOM = (
    14  # hex digits: the 56 bits at the end that OpenTelemetry's samplers go by; of an event's id they are a digest
)
_RANGE = 1 << (4 * _RANDOM)
HEADER = "traceparent"

Value = str | int | tuple[str, ...]


class SpanKind(enum.IntEnum):
    """As OTLP numbers them."""

    INTERNAL = 1
    SERVER = 2
    CLIENT = 3


class Span(msgspec.Struct, frozen=True, kw_only=True):
    """Something that took time. `parent` "" = the root of its trace; `error` is a sentence, "" when it went well.

    Ids in lower case hex, instants in nanoseconds.
    """

    trace: str
    id: str
    parent: str = ""
    name: str
    kind: SpanKind
    start: int
    end: int
    attributes: tuple[tuple[str, Value], ...] = ()
    error: str = ""


class Tracing(msgspec.Struct, frozen=True, kw_only=True):
    """What is traced: whether requests say so, where spans go ("" = nowhere), and which part of all traces is sampled.

    `endpoint` is what stands before /v1/traces.
    """

    propagate: bool = True
    endpoint: str = ""
    sample: float = 1.0

    def sampled(self, trace: str) -> bool:
        """Whether a trace is one of those kept. Told by its id, so every attempt, restart and process says the same."""
        return self.sample >= 1 or int(trace[-_RANDOM:], 16) >= round((1 - self.sample) * _RANGE)

    def header(self, event_id: str, webhook_id: str, attempt: int) -> str:
        """The value of `traceparent` (W3C Trace Context, version 00). What is no event's has a trace of its own."""
        trace = trace_id(event_id) if event_id else hashlib.sha1(webhook_id.encode(), usedforsecurity=False).hexdigest()
        trace = trace[:32]
        return f"00-{trace}-{span_id(webhook_id, str(attempt))}-{'01' if self.sampled(trace) else '00'}"


def trace_id(event_id: str) -> str:
    """The trace of an event, by its UUID."""
    return event_id.replace("-", "")


def span_id(*parts: str) -> str:
    """The same parts always give the same span."""
    return hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).hexdigest()[:16]
