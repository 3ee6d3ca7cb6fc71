"""The breaker's table: when it opens, who may probe, and how long it waits."""

import pytest

from sidecar.domain.breaker import FIRST, MOST, THRESHOLD, Breaker


def failing(times, *, now=0.0):
    breaker = Breaker()
    for _ in range(times):
        breaker = breaker.asked(now).failed(now)
    return breaker


def test_it_opens_with_the_failure_that_is_one_too_many():
    assert not failing(THRESHOLD - 1).open
    assert failing(THRESHOLD - 1).wait(0.0) == 0
    assert failing(THRESHOLD).open
    assert failing(THRESHOLD).wait(0.0) == FIRST


def test_only_failures_in_a_row_count():
    breaker = failing(THRESHOLD - 1).succeeded()
    assert not breaker.asked(0.0).failed(0.0).open


def test_one_probe_is_let_through_and_its_success_closes_it():
    breaker = failing(THRESHOLD)
    assert breaker.wait(FIRST) == 0
    probing = breaker.asked(FIRST)
    assert probing.wait(FIRST) == FIRST
    assert probing.succeeded() == Breaker()


def test_each_failed_probe_doubles_the_wait_up_to_the_most():
    breaker, now, waits = failing(THRESHOLD), 0.0, []
    for _ in range(8):
        waits.append(breaker.wait(now))
        now += waits[-1]
        breaker = breaker.asked(now).failed(now)
    assert waits == [2.0, 4.0, 8.0, 16.0, 32.0, MOST, MOST, MOST]


def test_what_was_under_way_when_it_opened_does_not_lengthen_the_wait():
    breaker = failing(THRESHOLD)
    assert breaker.failed(1.0) == breaker


def test_a_probe_that_never_came_back_is_followed_by_another():
    assert failing(THRESHOLD).asked(FIRST).wait(2 * FIRST) == 0


@pytest.mark.parametrize("times", [0, THRESHOLD])
def test_a_pause_that_was_asked_for_outlasts_success_and_failure(times):
    breaker = failing(times).paused(100.0).paused(50.0)
    assert breaker.succeeded().wait(60.0) == 40
    assert breaker.asked(60.0).failed(60.0).wait(60.0) == 40
    assert breaker.succeeded().wait(100.0) == 0
