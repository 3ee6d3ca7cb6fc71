"""Instants: every form of time that a registry writes is read to the nanosecond and printed back."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.instant import SECOND, parse_rfc3339, rfc3339, rfc3339_seconds

BASE = int(datetime(2026, 11, 21, 23, 50, 22, tzinfo=UTC).timestamp()) * SECOND


@pytest.mark.parametrize(
    ("fraction", "nanoseconds"),
    [
        ("", 0),
        (".1", 100_000_000),
        (".12", 120_000_000),
        (".123", 123_000_000),
        (".1234", 123_400_000),
        (".12345", 123_450_000),
        (".123456", 123_456_000),
        (".1234567", 123_456_700),
        (".12345678", 123_456_780),
        (".123456789", 123_456_789),
        (".000000001", 1),
        (".1234567899", 123_456_789),  # more than nanoseconds: cut, not rounded
    ],
)
def test_a_fraction_of_any_length_is_read(fraction, nanoseconds):
    assert parse_rfc3339(f"2026-11-21T23:50:22{fraction}Z") == BASE + nanoseconds


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-11-22T08:49:51.619267134+09:00", "2026-11-21T23:49:51.619267134Z"),  # captured under TZ=Asia/Tokyo
        ("2026-11-21T20:19:51.5-03:30", "2026-11-21T23:49:51.5Z"),
        ("2026-11-21T23:49:51+00:00", "2026-11-21T23:49:51Z"),
        ("2026-11-21T23:49:51-00:00", "2026-11-21T23:49:51Z"),
        ("2026-11-21t23:49:51z", "2026-11-21T23:49:51Z"),
        ("2026-11-21 23:49:51Z", "2026-11-21T23:49:51Z"),
    ],
)
def test_offsets_and_spellings_are_the_same_instant(text, same):
    assert parse_rfc3339(text) == parse_rfc3339(same)
    assert rfc3339(parse_rfc3339(text)) == same


def test_a_leap_second_is_the_first_instant_of_the_next_minute():
    assert parse_rfc3339("2016-12-31T23:59:60Z") == parse_rfc3339("2017-01-01T00:00:00Z")


def test_gos_zero_time_is_read_and_lies_before_1970():
    assert parse_rfc3339("0001-01-01T00:00:00Z") == -62_135_596_800 * SECOND


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-21",
        "2026-11-21T23:50:22",
        "2026-11-21T23:50Z",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-11-21T24:00:00Z",
        "2026-11-21T23:60:00Z",
        "2026-11-21T23:50:61Z",
        "2026-11-21T23:50:22.Z",
        "2026-11-21T23:50:22,5Z",
        "2026-11-21T23:50:22+0900",
        " 2026-11-21T23:50:22Z",
        "2026-11-21T23:50:22Z\n",
        "\uff12\uff10\uff12\uff16-11-21T23:50:22Z",
        "0000-01-01T00:00:00Z",
        "1795304991",
    ],
)
def test_what_is_no_time_is_refused(text):
    with pytest.raises(ValueError):
        parse_rfc3339(text)


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1, "1970-01-01T00:00:00.000000001Z"),
        (BASE, "2026-11-21T23:50:22Z"),
        (BASE + 120_000_000, "2026-11-21T23:50:22.12Z"),
        (BASE + 10, "2026-11-21T23:50:22.00000001Z"),
        (2**63 - 1, "2262-04-11T23:47:16.854775807Z"),
    ],
)
def test_trailing_zeros_are_trimmed_as_go_does(nanoseconds, text):
    assert rfc3339(nanoseconds) == text


def test_whole_seconds_round_down():
    assert rfc3339_seconds(BASE + SECOND - 1) == "2026-11-21T23:50:22Z"


@given(st.integers(0, 2**63 - 1))
def test_any_instant_prints_and_reads_back(nanoseconds):
    assert parse_rfc3339(rfc3339(nanoseconds)) == nanoseconds


@given(st.datetimes(min_value=datetime(1970, 1, 2), max_value=datetime(2261, 1, 1)), st.integers(-23 * 60, 23 * 60))  # noqa: DTZ001 - the zone is drawn beside it
def test_the_standard_library_agrees_to_the_microsecond(when, minutes):
    zoned = when.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    since = zoned - datetime(1970, 1, 1, tzinfo=UTC)
    assert parse_rfc3339(zoned.isoformat()) == (since // timedelta(microseconds=1)) * 1000


@given(st.text(max_size=40))
def test_any_text_is_a_time_or_a_value_error(text):
    try:
        read = parse_rfc3339(text)
    except ValueError:
        return
    assert isinstance(read, int)
