"""Durations, rates, sizes and statuses, there and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.amounts import LONGEST, duration, rate, show_duration, show_size, size, statuses
from sidecar.domain.subscription import Rate


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("500ms", 500_000_000),
        ("10s", 10_000_000_000),
        ("300m", 18_000_000_000_000),
        ("24h", 86_400_000_000_000),
        ("3d", 259_200_000_000_000),
        ("0s", 0),
    ],
)
def test_durations(text, nanoseconds):
    assert duration(text) == nanoseconds


@pytest.mark.parametrize(
    "text", ["", "10", "s", "-1s", "1.5s", "1 s", "1S", "1h30m", "10us", "\u0663s", "9" * 30 + "s"]
)
def test_what_is_no_duration(text):
    with pytest.raises(ValueError, match="must"):
        duration(text)


@given(st.integers(0, LONGEST // 1_000_000))
def test_a_shown_duration_reads_back(milliseconds):
    assert duration(show_duration(milliseconds * 1_000_000)) == milliseconds * 1_000_000


@given(st.integers(0, 2**49))
def test_a_shown_size_reads_back(count):
    assert size(show_size(count)) == count


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("50/s", Rate(50, 1_000_000_000)),
        ("600/m", Rate(600, 60_000_000_000)),
        ("10/h", Rate(10, 3_600_000_000_000)),
        ("none", None),
    ],
)
def test_rates(text, expected):
    assert rate(text) == expected


@pytest.mark.parametrize(
    "text", ["", "50", "50/", "/s", "50/d", "50 /s", "-1/s", "0/s", "1.5/s", "50/S", "\u0663/s", "9" * 8 + "/s"]
)
def test_what_is_no_rate(text):
    with pytest.raises(ValueError, match="must"):
        rate(text)


@pytest.mark.parametrize(("text", "count"), [("8MiB", 8_388_608), ("2GiB", 2_147_483_648), ("1KiB", 1024), ("7B", 7)])
def test_sizes(text, count):
    assert size(text) == count


@pytest.mark.parametrize(
    ("text", "expected"),
    [("2xx", set(range(200, 300))), ("404", {404}), ("500-503", {500, 501, 502, 503}), ("599-599", {599})],
)
def test_statuses(text, expected):
    assert statuses(text) == expected


@pytest.mark.parametrize("text", ["", "6xx", "099", "600", "2XX", "200-", "200-2xx", "200-600", "503-500"])
def test_what_is_no_status(text):
    with pytest.raises(ValueError, match="must"):
        statuses(text)
