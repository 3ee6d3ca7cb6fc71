"""The lane's table: how a queue paces itself after each outcome."""

import pytest

from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.instant import HOUR, MILLISECOND, MINUTE, SECOND
from sidecar.domain.lane import BREAKER, Lane
from sidecar.domain.statuses import reason_of
from sidecar.domain.subscription import Rate, Retry

NOW = 1000 * HOUR
OK = Outcome(reason=Reason.OK, status=200)


def test_a_success_raises_the_limit_by_one_up_to_the_ceiling():
    lane = Lane(ceiling=3, limit=1)
    limits = []
    for _ in range(4):
        lane = lane.after(OK, now=NOW)
        limits.append(lane.limit)
    assert limits == [2, 3, 3, 3]


@pytest.mark.parametrize("reason", [Reason.THROTTLED, Reason.TIMED_OUT])
def test_throttling_and_timeouts_halve_the_limit_but_leave_one(reason):
    lane = Lane(ceiling=8, limit=7)
    limits = []
    for _ in range(4):
        lane = lane.after(Outcome(reason=reason, retryable=True), now=NOW)
        limits.append(lane.limit)
    assert limits == [3, 1, 1, 1]


@pytest.mark.parametrize("reason", sorted(set(Reason) - {Reason.OK, Reason.THROTTLED, Reason.TIMED_OUT, Reason.GONE}))
def test_any_other_failure_leaves_limit_and_pause_as_they_are(reason):
    lane = Lane(ceiling=4, limit=3).after(Outcome(reason=reason), now=NOW)
    assert (lane.limit, lane.paused_until, lane.held) == (3, 0, False)


def test_retry_after_pauses_the_whole_lane_and_only_ever_later():
    lane = Lane(ceiling=4, limit=4).after(Outcome(reason=Reason.SERVER_ERROR, retry_after=5 * MINUTE), now=NOW)
    assert lane.paused_until == NOW + 5 * MINUTE
    sooner = lane.after(Outcome(reason=Reason.SERVER_ERROR, retry_after=SECOND), now=NOW)
    assert sooner.paused_until == NOW + 5 * MINUTE
    later = lane.after(Outcome(reason=Reason.SERVER_ERROR, retry_after=6 * MINUTE), now=NOW)
    assert later.paused_until == NOW + 6 * MINUTE


def test_no_retry_after_is_believed_beyond_an_hour():
    lane = Lane(ceiling=4, limit=4).after(Outcome(reason=Reason.THROTTLED, retry_after=1000 * HOUR), now=NOW)
    assert lane.paused_until == NOW + HOUR


def test_a_success_does_not_end_a_pause():
    lane = Lane(ceiling=4, limit=2, paused_until=NOW + MINUTE)
    assert lane.after(OK, now=NOW).paused_until == NOW + MINUTE


def test_gone_holds_the_lane_until_somebody_releases_it():
    lane = Lane(ceiling=4, limit=4).after(Outcome(reason=Reason.GONE, status=410), now=NOW)
    assert lane.held
    assert lane.room(now=NOW + 1000 * HOUR, in_flight=0) == 0
    assert lane.after(OK, now=NOW).held


def test_a_410_that_the_subscription_tries_again_holds_nothing():
    gone = Outcome(reason=Reason.GONE, status=410, retryable=True)
    assert not Lane(ceiling=4, limit=4).after(gone, now=NOW).held


@pytest.mark.parametrize("asked", [0, -5 * SECOND])
def test_a_retry_after_that_asks_for_nothing_changes_no_pause(asked):
    lane = Lane(ceiling=4, limit=4, paused_until=NOW + MINUTE)
    assert lane.after(Outcome(reason=Reason.THROTTLED, retry_after=asked), now=NOW).paused_until == NOW + MINUTE


@pytest.mark.parametrize(
    ("lane", "in_flight", "room"),
    [
        (Lane(ceiling=4, limit=4), 0, 4),
        (Lane(ceiling=4, limit=4), 3, 1),
        (Lane(ceiling=4, limit=1), 3, 0),  # the limit was halved while three were under way
        (Lane(ceiling=4, limit=4, held=True), 0, 0),
        (Lane(ceiling=4, limit=4, paused_until=NOW + 1), 0, 0),
        (Lane(ceiling=4, limit=4, paused_until=NOW), 0, 4),  # a pause ends at its instant
    ],
)
def test_how_many_more_may_start(lane, in_flight, room):
    assert lane.room(now=NOW, in_flight=in_flight) == room


# --- the breaker -----------------------------------------------------------------------------------------------------

DOWN = Outcome(reason=Reason.UNREACHABLE, retryable=True)
RETRY = Retry(initial=SECOND, factor=2.0, max_delay=MINUTE)


def broken(lane=None, times=10, now=NOW, jitter=0.5):
    """A lane after so many failures, one after the other."""
    lane = lane or Lane(ceiling=4, limit=4, retry=RETRY)
    for _ in range(times):
        lane = lane.after(DOWN, now=now, jitter=jitter)
    return lane


def test_the_tenth_failure_in_a_row_opens_the_lane():
    assert not broken(times=9).open
    assert broken(times=10).open
    again = broken(times=9).after(OK, now=NOW)
    assert not broken(again, times=9).open


COUNTED = {
    (Reason.UNREACHABLE, 0),
    (Reason.TIMED_OUT, 0),
    (Reason.TLS_FAILED, 0),
    (Reason.DISCONNECTED, 0),
    (Reason.PROTOCOL_ERROR, 0),
    (Reason.THROTTLED, 503),
    (Reason.SERVER_ERROR, 500),
    (Reason.SERVER_ERROR, 501),
    (Reason.SERVER_ERROR, 504),
}
NOT_COUNTED = {
    (Reason.THROTTLED, 429),
    (Reason.UNAUTHORIZED, 401),
    (Reason.CLIENT_ERROR, 404),
    (Reason.CLIENT_ERROR, 400),
    (Reason.REDIRECTED, 302),
    (Reason.UNEXPECTED_STATUS, 204),
    (Reason.REFUSED_BY_GUARD, 0),
    (Reason.BAD_DESTINATION, 0),
}


@pytest.mark.parametrize(("reason", "status"), sorted(COUNTED | NOT_COUNTED))
def test_what_counts_towards_the_breaker(reason, status):
    """No connection, no answer in time, no HTTP, 5xx. What answers below 500 is there."""
    lane = Lane(ceiling=4, limit=4, retry=RETRY)
    for _ in range(10):
        lane = lane.after(Outcome(reason=reason, status=status, retryable=True), now=NOW, jitter=0.5)
    assert lane.open is ((reason, status) in COUNTED)


def test_every_reason_has_its_bearing():
    assert set(BREAKER) == set(Reason)


@pytest.mark.parametrize("status", [200, 302, 404, 429])
def test_an_answer_interrupts_the_row(status):
    reason = Reason.OK if status == 200 else reason_of(status)
    lane = broken(times=9).after(Outcome(reason=reason, status=status), now=NOW)
    assert not broken(lane, times=9).open


def test_a_refusal_of_our_own_neither_counts_nor_interrupts():
    lane = broken(times=9).after(Outcome(reason=Reason.REFUSED_BY_GUARD), now=NOW)
    assert not lane.open
    assert broken(lane, times=1).open


def test_an_open_lane_has_one_probe_for_each_back_off():
    """1 s, 2 s, 4 s, ... up to a minute, each multiplied by the jitter."""
    lane, now, waits = broken(), NOW, []
    for _ in range(9):
        wait = lane.probe_at - now
        waits.append(wait / SECOND)
        assert lane.room(now=lane.probe_at - 1, in_flight=0) == 0
        now = lane.probe_at
        assert lane.room(now=now, in_flight=0) == 1
        lane = lane.started(now=now)
        assert lane.room(now=now, in_flight=1) == 0
        lane = lane.after(DOWN, now=now, jitter=0.5)
    assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


def test_what_was_under_way_when_it_opened_is_no_probe():
    lane = broken()
    assert lane.after(DOWN, now=NOW + SECOND, jitter=0.5) == lane
    assert lane.room(now=lane.probe_at, in_flight=1) == 0


@pytest.mark.parametrize("probe", [True, False])
def test_the_first_success_closes_it_and_the_limit_climbs_from_one(probe):
    lane = broken()
    lane = lane.started(now=lane.probe_at) if probe else lane
    lane = lane.after(OK, now=lane.probe_at)
    assert not lane.open
    limits = [lane.limit]
    for _ in range(4):
        lane = lane.after(OK, now=NOW)
        limits.append(lane.limit)
    assert limits == [1, 2, 3, 4, 4]


@pytest.mark.parametrize("status", [400, 404, 429])
def test_a_probe_that_is_answered_closes_it_too_whatever_the_answer(status):
    """The destination is there: what it refuses must not keep back what it would take."""
    lane = broken()
    lane = lane.started(now=lane.probe_at).after(Outcome(reason=reason_of(status), status=status), now=lane.probe_at)
    assert (lane.open, lane.limit) == (False, 1)


def test_a_probe_that_was_not_sent_is_followed_by_another():
    lane = broken()
    at = lane.probe_at
    lane = lane.started(now=at).after(Outcome(reason=Reason.REFUSED_BY_GUARD), now=at, jitter=0.5)
    assert lane.probe_at == at + SECOND // 2


def test_a_pause_outlasts_the_back_off_of_a_probe():
    lane = broken(times=9).after(
        Outcome(reason=Reason.THROTTLED, status=503, retryable=True, retry_after=MINUTE), now=NOW, jitter=0.5
    )
    assert lane.open
    assert lane.room(now=NOW + MINUTE - 1, in_flight=0) == 0
    assert lane.waits_until(NOW) == NOW + MINUTE
    assert lane.room(now=NOW + MINUTE, in_flight=0) == 1


def test_a_clock_that_was_set_back_does_not_put_off_a_probe():
    lane = broken()
    assert lane.room(now=NOW - 1000 * HOUR, in_flight=0) == 1


# --- the rate --------------------------------------------------------------------------------------------------------


def paced(rate, ceiling=10**6):
    return Lane(ceiling=ceiling, limit=ceiling).configured(ceiling=ceiling, rate=rate, retry=RETRY, now=NOW)


def start_all(lane, now):
    """Start whatever may start now."""
    count = lane.room(now=now, in_flight=0)
    for _ in range(count):
        lane = lane.started(now=now)
    return lane, count


def test_a_second_s_worth_may_start_at_once_and_then_one_by_one():
    lane, first = start_all(paced(Rate(50)), NOW)
    assert first == 50
    assert lane.waits_until(NOW) == NOW + 20 * MILLISECOND
    assert lane.room(now=NOW + 20 * MILLISECOND - 1, in_flight=0) == 0
    lane, next_one = start_all(lane, NOW + 20 * MILLISECOND)
    assert next_one == 1
    assert start_all(lane, NOW + HOUR)[1] == 50


def test_a_rate_below_one_a_second_has_room_for_one():
    lane, first = start_all(paced(Rate(1, 60 * SECOND)), NOW)
    assert first == 1
    assert lane.waits_until(NOW) == NOW + MINUTE


def test_a_third_of_a_second_is_counted_exactly():
    """Three a second for an hour are 10,800, not one more or less for want of a fraction of a nanosecond."""
    lane, count = start_all(paced(Rate(3)), NOW)
    now = NOW
    while now < NOW + HOUR:
        now = lane.waits_until(now)
        lane, more = start_all(lane, now)
        assert more == 1
        count += 1
    assert now == NOW + HOUR
    assert count == 3 + 3 * 3600


def test_a_reload_brings_no_tokens():
    lane, _ = start_all(paced(Rate(50)), NOW)
    same = lane.configured(ceiling=8, rate=Rate(50), retry=RETRY, now=NOW)
    assert same.room(now=NOW, in_flight=0) == 0
    other = lane.configured(ceiling=8, rate=Rate(60), retry=RETRY, now=NOW)
    assert other.room(now=NOW, in_flight=0) == 0
    assert other.configured(ceiling=8, rate=None, retry=RETRY, now=NOW).room(now=NOW, in_flight=0) == 8


def test_a_clock_that_is_set_back_stops_no_lane():
    """By less than it takes to fill the bucket, nothing is brought; by more, the bucket is full and no more."""
    lane, _ = start_all(paced(Rate(50)), NOW)
    assert lane.room(now=NOW - SECOND // 2, in_flight=0) == 0
    assert lane.waits_until(NOW - SECOND // 2) == NOW - SECOND // 2 + 20 * MILLISECOND
    lane, more = start_all(lane, NOW - HOUR)
    assert more == 50
    assert lane.room(now=NOW - HOUR, in_flight=0) == 0


def test_without_a_rate_and_a_breaker_a_start_changes_nothing():
    lane = Lane(ceiling=4, limit=4)
    assert lane.started(now=NOW) is lane
    assert lane.after(OK, now=NOW) is lane
