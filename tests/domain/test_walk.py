"""What walks decide: when they begin, how fast they go, and when what they found is held."""

import pytest

from sidecar.domain.event import Artifact
from sidecar.domain.instant import HOUR, MINUTE
from sidecar.domain.notice import Act
from sidecar.domain.observation import Observation
from sidecar.domain.walk import Cause, Walk, missed, start_of, verdict, weigh


def seen(saw, *, tag="", digest=""):
    return Observation(saw=saw, looked=1, after=0, repository="app", tag=tag, artifact=Artifact(digest=digest))


@pytest.mark.parametrize(
    ("changes", "deletions", "known", "held"),
    [
        (0, 0, 0, False),
        (500, 0, 10_000, False),
        (501, 0, 10_000, True),
        (10, 10, 100, False),  # a tenth is not above a tenth
        (11, 11, 100, True),
        (5, 5, 6, False),  # few, in a small registry
        (6, 6, 7, True),
        (2, 2, 2, True),  # all that there was
        (1, 1, 1, False),  # the only tag may go
        (101, 100, 1000, False),
    ],
)
def test_too_much_is_held(changes, deletions, known, held):
    assert bool(verdict(changes=changes, deletions=deletions, known=known)) is held


def test_the_reason_names_figures_and_limits():
    assert verdict(changes=501, deletions=0, known=9) == "it would announce 501 changes, more than 500"
    assert verdict(changes=40, deletions=40, known=100) == "40 of 100 known tags are gone, more than 10 %"


def test_what_an_observation_announces_is_counted_over_what_is_known():
    tags = {"a": "1", "b": "1", "c": "2", "d": "3"}
    assert weigh(seen(Act.FOUND, tag="a", digest="1"), tags) == (0, 0)
    assert weigh(seen(Act.FOUND, tag="a", digest="9"), tags) == (1, 0)
    assert weigh(seen(Act.MANIFEST_GONE, digest="1"), tags) == (2, 1)  # `a` has moved on
    assert weigh(seen(Act.MANIFEST_GONE, digest="1"), tags) == (0, 0)
    assert weigh(seen(Act.TAG_GONE, tag="c"), tags) == (1, 1)
    assert weigh(seen(Act.TAG_GONE, tag="c"), tags) == (0, 0)
    assert tags == {"a": "9", "d": "3"}
    assert weigh(seen(Act.REPOSITORY_GONE), tags) == (3, 2)
    assert tags == {}


@pytest.mark.parametrize(
    ("alive", "orderly", "now", "gap"),
    [
        (0, False, HOUR, False),  # never ran: the first walk is another matter
        (HOUR, True, HOUR + MINUTE, False),
        (HOUR, True, HOUR + MINUTE + 1, True),
        (HOUR, False, HOUR + 1, True),
    ],
)
def test_a_gap_is_a_long_stop_or_one_without_order(alive, orderly, now, gap):
    assert missed(alive=alive, orderly=orderly, now=now) is gap


def test_two_starts_lie_ten_minutes_apart_commands_excepted():
    waiting = Walk(registry="main", cause=Cause.INSTANCE, due=HOUR)
    command = Walk(registry="main", cause=Cause.COMMAND, due=HOUR)
    assert start_of(waiting, 0) == HOUR
    assert start_of(waiting, HOUR - MINUTE) == HOUR + 9 * MINUTE
    assert start_of(waiting, HOUR - 20 * MINUTE) == HOUR
    assert start_of(command, HOUR - MINUTE) == HOUR
