"""The lane's table: how a queue paces itself after each outcome."""

import pytest

from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.instant import HOUR, MINUTE, SECOND
from sidecar.domain.lane import Lane

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
def test_any_other_failure_leaves_the_lane_as_it_is(reason):
    lane = Lane(ceiling=4, limit=3)
    assert lane.after(Outcome(reason=reason), now=NOW) == lane


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
