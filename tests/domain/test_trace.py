"""Traces: ids as W3C Trace Context wants them, made of what is known anyway, and the sampling that goes by them."""

import re
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.event import ordered_uuid
from sidecar.domain.trace import Tracing, span_id, trace_id

# The grammar of the specification, level 1, for version 00: HEXDIGLC is 0-9 and a-f; ids of zeros alone are invalid.
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-(00|01)")
EVENT = "01a20085-bf37-83c8-b153-04e83db291a8"

events = st.builds(ordered_uuid, st.integers(0, 2**62), st.text(max_size=20))


@given(events, st.text(max_size=60), st.integers(1, 10_000), st.sampled_from([0.0, 0.3, 1.0]))
def test_the_header_is_what_the_specification_says(event, webhook_id, attempt, sample):
    assert TRACEPARENT.fullmatch(Tracing(sample=sample).header(event, webhook_id, attempt))


@given(st.text(max_size=60))
def test_what_is_no_event_s_has_a_trace_of_its_own(webhook_id):
    found = TRACEPARENT.fullmatch(Tracing().header("", webhook_id, 1))
    assert found
    assert found[1] != TRACEPARENT.fullmatch(Tracing().header("", webhook_id + "x", 1))[1]


@given(events)
def test_a_trace_is_the_16_bytes_of_its_event_s_uuid(event):
    assert bytes.fromhex(trace_id(event)) == uuid.UUID(event).bytes
    assert Tracing().header(event, "msg_1", 1).split("-")[1] == uuid.UUID(event).hex


def test_each_attempt_of_each_delivery_is_a_span_of_its_own_and_the_same_one_whenever_it_is_asked():
    headers = {
        (one, number): Tracing().header(EVENT, one, number) for one in ("msg_1", "msg_2") for number in (1, 2, 12)
    }
    assert len({header.split("-")[2] for header in headers.values()}) == len(headers)
    assert len({header.split("-")[1] for header in headers.values()}) == 1
    assert headers["msg_1", 12] == Tracing().header(EVENT, "msg_1", 12)
    assert span_id("a", "1") != span_id("a1")


@pytest.mark.parametrize(
    ("ending", "sample", "sampled"),
    [
        # OpenTelemetry keeps a trace when the last 56 bits of its id are at least (1 - probability) * 2^56.
        ("80000000000000", 0.5, True),
        ("7fffffffffffff", 0.5, False),
        ("c0000000000000", 0.25, True),
        ("bfffffffffffff", 0.25, False),
        ("00000000000000", 1.0, True),
        ("ffffffffffffff", 0.0, False),
    ],
)
def test_sampling_goes_by_the_end_of_the_id(ending, sample, sampled):
    assert Tracing(sample=sample).sampled("0" * 17 + "1" + ending) is sampled


def test_the_part_that_is_sampled_is_the_part_that_was_asked_for():
    """Of 20,000 events a tenth is 2,000, give or take five standard deviations of 42."""
    ids = [trace_id(ordered_uuid(number * 1_000_000, "main", str(number))) for number in range(20_000)]
    few, many = ({one for one in ids if Tracing(sample=part).sampled(one)} for part in (0.1, 0.4))
    assert 1790 < len(few) < 2210
    assert few < many


@given(events, st.floats(0, 1))
def test_the_flag_is_the_same_on_every_attempt(event, sample):
    """Else a receiver would keep a part of a trace."""
    flags = {Tracing(sample=sample).header(event, "msg_1", number).split("-")[3] for number in range(1, 5)}
    assert flags == {"01" if Tracing(sample=sample).sampled(trace_id(event)) else "00"}
