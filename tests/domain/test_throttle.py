"""Tries for each key: as many as were said, back one by one, in bounded memory."""

from sidecar.domain.throttle import Throttle

S = 10**9


def taken(throttle, key, times, now):
    for _ in range(times):
        assert throttle.wait(key, now) == 0
        throttle.take(key, now)


def test_a_key_has_so_many_tries_and_then_waits_for_each():
    throttle = Throttle(3, 10 * S, 100)
    taken(throttle, "a", 3, 5)
    assert throttle.wait("a", 5) == 10 * S
    assert throttle.wait("a", 5 + 4 * S) == 6 * S
    taken(throttle, "a", 1, 5 + 10 * S)
    assert throttle.wait("a", 5 + 10 * S) == 10 * S
    taken(throttle, "a", 2, 5 + 30 * S)
    assert throttle.wait("a", 5 + 30 * S) == 10 * S


def test_keys_do_not_know_each_other():
    throttle = Throttle(1, 10 * S, 100)
    taken(throttle, "a", 1, 0)
    taken(throttle, "b", 1, 0)
    assert (throttle.wait("a", 0), throttle.wait("c", 0)) == (10 * S, 0)


def test_a_bucket_never_holds_more_than_it_did_at_first():
    throttle = Throttle(2, 10 * S, 100)
    taken(throttle, "a", 1, 0)
    taken(throttle, "a", 2, 10_000 * S)
    assert throttle.wait("a", 10_000 * S) == 10 * S


def test_what_is_taken_beyond_the_last_try_is_not_owed_for_ever():
    throttle = Throttle(2, 10 * S, 100)
    for _ in range(50):
        throttle.take("a", 0)
    assert throttle.wait("a", 0) == 10 * S


def test_a_try_that_is_given_back_was_never_taken():
    throttle = Throttle(2, 10 * S, 100)
    taken(throttle, "a", 2, 0)
    throttle.give_back("a", 0)
    taken(throttle, "a", 1, 0)
    assert throttle.wait("a", 0) == 10 * S
    throttle.give_back("a", 0)
    throttle.give_back("a", 0)
    throttle.give_back("a", 0)
    assert len(throttle) == 0
    taken(throttle, "a", 2, 0)


def test_many_keys_take_no_more_memory_than_was_said_and_the_longest_unused_is_forgotten():
    throttle = Throttle(1, 10 * S, 3)
    for key in "abcd":
        throttle.take(key, 0)
    assert len(throttle) == 3
    assert throttle.wait("a", 0) == 0
    assert throttle.wait("b", 0) > 0


def test_keys_whose_tries_are_all_back_are_forgotten_as_others_come():
    throttle = Throttle(1, 10 * S, 1000)
    for key in range(10):
        throttle.take(str(key), 0)
    for later in range(10):
        throttle.take("other", (20 + later * 20) * S)
    assert len(throttle) == 1
