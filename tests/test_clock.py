"""Time for what is stored never goes back, whatever is done to the machine's clock, and never stands still either."""

from sidecar.clock import SystemClock
from sidecar.domain.instant import HOUR, MINUTE, SECOND

START = 1_795_219_200 * SECOND


class Machine:
    """A clock that can be set."""

    def __init__(self):
        self.time = START
        self.clock = SystemClock(wall=lambda: self.time, monotonic=lambda: 0)

    def after(self, passed, *, step=0):
        self.time += passed + step
        return self.clock.now()


def test_a_clock_that_is_right_is_believed():
    machine = Machine()
    assert [machine.after(one) for one in (0, SECOND, HOUR)] == [START, START + SECOND, START + SECOND + HOUR]


def test_a_clock_that_is_set_back_slows_time_until_it_has_caught_up():
    """Seven eighths of a minute pass in a minute, so waits end; three hours are caught up in a day."""
    machine = Machine()
    before = machine.after(0)
    now = machine.after(0, step=-3 * HOUR)
    assert now == before
    for minute in range(1, 23 * 60 + 1):
        later = machine.after(MINUTE)
        assert later - now == MINUTE * 7 // 8, minute
        now = later
    assert now - machine.time == 3 * HOUR - 23 * HOUR // 8
    assert machine.after(HOUR) == machine.time
    assert machine.after(SECOND) == machine.time


def test_nothing_before_the_newest_that_the_store_holds():
    """As at a start on a machine that has lost its clock."""
    machine = Machine()
    machine.clock.not_before(START + HOUR)
    assert machine.after(0) == START + HOUR
    assert machine.after(8 * SECOND) == START + HOUR + 7 * SECOND
    machine.clock.not_before(START)
    assert machine.after(0) == START + HOUR + 7 * SECOND


def test_steps_back_after_each_other_never_go_back_and_never_stop_time():
    machine = Machine()
    last = machine.after(0)
    for step in (-HOUR, 0, -5 * HOUR, 0, 2 * HOUR, -1, 0, -HOUR, 3 * HOUR, -MINUTE, 0):
        assert (at_once := machine.after(0, step=step)) >= last
        last = machine.after(MINUTE)
        assert last - at_once >= MINUTE * 7 // 8 - 1


def test_a_step_back_long_after_another_is_not_measured_by_that_one():
    machine = Machine()
    machine.after(0)
    machine.after(0, step=-HOUR)
    caught_up = machine.after(20 * HOUR)
    assert caught_up == machine.time
    at = machine.after(0, step=-30 * MINUTE)
    assert at == caught_up
    assert machine.after(MINUTE) == at + MINUTE * 7 // 8


def test_the_clock_as_it_is_can_be_seen_too():
    machine = Machine()
    machine.after(0)
    machine.after(0, step=-HOUR)
    assert machine.clock.wall() == START - HOUR
