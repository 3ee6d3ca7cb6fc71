"""Reading times as people write them."""

import time

import pytest

from sidecar.cli.exits import Failure
from sidecar.cli.parameters import since
from sidecar.domain import instant


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("1h", 3600), ("3d", 259_200)])
def test_a_duration_counts_back_from_now(text, seconds):
    before = time.time_ns() // instant.SECOND
    found = instant.parse_rfc3339(since(text)) // instant.SECOND
    assert before - seconds <= found <= time.time_ns() // instant.SECOND - seconds


def test_an_rfc_3339_time_is_told_in_utc():
    assert since("2026-11-22T09:30:00.5+01:00") == "2026-11-22T08:30:00.5Z"


def test_nothing_stays_nothing():
    assert since("") == ""


@pytest.mark.parametrize("text", ["yesterday", "1", "1w", "2026-11-22", "-1h"])
def test_anything_else_is_refused_with_both_forms(text):
    with pytest.raises(Failure, match=r"neither a duration such as 30m, 1h or 3d nor an RFC 3339 time"):
        since(text)
