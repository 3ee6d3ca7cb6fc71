"""The table of a delivery's states: what may become of it, and by whom."""

import pytest

from sidecar.domain.delivery import MOVES, Outcome, Reason, State


def after(state: State) -> set[tuple[State, str]]:
    return {(move.after, move.who) for move in MOVES if move.before is state}


def test_a_due_delivery_is_delivered_tried_again_given_up_or_cancelled():
    assert after(State.DUE) == {
        (State.DELIVERED, "courier"),
        (State.DUE, "courier"),
        (State.DUE, "operator"),
        (State.DEAD, "courier"),
        (State.CANCELLED, "operator"),
    }


@pytest.mark.parametrize("state", [State.DEAD, State.DELIVERED, State.CANCELLED])
def test_only_an_operator_brings_a_finished_delivery_back(state):
    assert after(state) == {(State.DUE, "operator")}


def test_no_move_is_written_twice():
    assert len({(move.before, move.after, move.who) for move in MOVES}) == len(MOVES)


def test_stored_states_keep_their_numbers():
    """They are a column of files that already exist."""
    assert {state.name: int(state) for state in State} == {"DUE": 0, "DELIVERED": 1, "DEAD": 2, "CANCELLED": 3}


@pytest.mark.parametrize("reason", list(Reason))
def test_only_ok_is_delivered_and_only_throttling_and_timeouts_are_slow(reason):
    outcome = Outcome(reason=reason)
    assert outcome.delivered is (reason is Reason.OK)
    assert outcome.slow is (reason in {Reason.THROTTLED, Reason.TIMED_OUT})
