"""When to try again: exponential, full jitter, the horizon, and what a destination asks for."""

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.instant import DAY, HOUR, MINUTE, SECOND
from sidecar.domain.retry import next_due, parse_retry_after
from sidecar.domain.subscription import Retry

NOW = 1000 * DAY
ALMOST_ONE = 0.999999999


@pytest.mark.parametrize(
    ("attempts", "ceiling"), [(1, 1), (2, 3), (3, 9), (4, 27), (8, 2187), (9, 3600), (10, 3600), (5000, 3600)]
)
def test_the_wait_grows_threefold_up_to_an_hour(attempts, ceiling):
    due = next_due(Retry(), attempts=attempts, now=NOW, born=NOW, retry_after=0, jitter=ALMOST_ONE)
    assert due is not None
    assert (due - NOW) / SECOND == pytest.approx(ceiling, rel=1e-6)


@pytest.mark.parametrize(("jitter", "wait"), [(0.0, 0), (0.25, 2.25 * SECOND), (0.5, 4.5 * SECOND)])
def test_the_jitter_is_full(jitter, wait):
    assert next_due(Retry(), attempts=3, now=NOW, born=NOW, retry_after=0, jitter=jitter) == NOW + wait


def test_what_the_destination_asks_for_is_the_least_wait():
    assert next_due(Retry(), attempts=1, now=NOW, born=NOW, retry_after=5 * MINUTE, jitter=0.5) == NOW + 5 * MINUTE
    assert next_due(Retry(), attempts=4, now=NOW, born=NOW, retry_after=SECOND, jitter=0.5) == NOW + 13.5 * SECOND


def test_nothing_is_tried_after_the_horizon():
    retry = Retry(horizon=DAY)
    kwargs = {"attempts": 1, "retry_after": HOUR, "jitter": 0.0}
    assert next_due(retry, now=NOW, born=NOW + HOUR - DAY, **kwargs) == NOW + HOUR
    assert next_due(retry, now=NOW, born=NOW + HOUR - DAY - 1, **kwargs) is None


@given(
    st.integers(1, 10_000),
    st.integers(0, 10_000 * DAY),
    st.floats(0, 1, exclude_max=True),
    st.floats(1, 10),
    st.integers(0, 2 * HOUR),
)
def test_no_due_time_lies_in_the_past_or_more_than_an_hour_beyond_the_longest_wait(
    attempts, retry_after, jitter, factor, max_delay
):
    retry = Retry(factor=factor, max_delay=max_delay, horizon=100_000 * DAY)
    due = next_due(retry, attempts=attempts, now=NOW, born=NOW, retry_after=retry_after, jitter=jitter)
    assert due is not None
    assert NOW <= due <= NOW + max_delay + HOUR


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("120", 120),
        (" 7 ", 7),
        ("0", 0),
        ("Sun, 22 Nov 2026 00:02:00 GMT", 120),
        ("Sat, 21 Nov 2026 23:00:00 GMT", 0),
        ("Sunday, 22-Nov-26 00:02:00 GMT", 120),  # RFC 850's form: two digits of the year
        ("Sun Nov 22 00:02:00 2026", 120),  # asctime's form: no zone, and UTC by RFC 9110
        ("Sun, 22 Nov 2026 00:02:00 -0000", 120),
        ("Sun, 22 Nov 2026 02:02:00 +0200", 120),
        ("Sunday, 06-Nov-94 08:49:37 GMT", 0),
        ("0" * 30 + "120", 120),
        ("1" + "0" * 30, 10**9),
        ("+5", 0),
        ("5 seconds", 0),
        ("Thu, 32 Nov 2026 00:02:00 GMT", 0),
        ("", 0),
        ("soon", 0),
        ("-5", 0),
        ("1.5", 0),
        ("\u0661", 0),
        ("9" * 400, 10**9),
    ],
)
def test_retry_after_is_seconds_or_a_date(text, seconds):
    now = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp()) * SECOND
    assert parse_retry_after(text, now=now) == seconds * SECOND


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "America/New_York"])
def test_a_date_without_a_zone_does_not_depend_on_where_the_machine_stands(zone, monkeypatch):
    now = int(datetime(2026, 11, 22, tzinfo=UTC).timestamp()) * SECOND
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert parse_retry_after("Sun Nov 22 00:02:00 2026", now=now) == 120 * SECOND
    finally:
        monkeypatch.undo()
        time.tzset()


@given(
    st.text(max_size=40) | st.from_regex(r"\A[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{1,5} \d\d:\d\d:\d\d [+-]\d{4}\Z")
)
def test_no_retry_after_text_breaks_anything(text):
    assert parse_retry_after(text, now=NOW) >= 0
