"""Time as the sidecar tells it: it never goes back, and it never stands still."""

from sidecar.clock import SystemClock
from sidecar.domain.instant import HOUR, SECOND

START = 1_795_219_200 * SECOND


class Machine:
    """A machine's two clocks, both moved by hand."""

    def __init__(self):
        self.wall, self.monotonic = START, 5 * SECOND

    def pass_by(self, nanoseconds):
        self.wall += nanoseconds
        self.monotonic += nanoseconds

    def clock(self):
        return SystemClock(lambda: self.wall, lambda: self.monotonic)


def test_it_is_the_wall_clock_while_that_goes_on():
    machine = Machine()
    clock = machine.clock()
    for passed in (0, SECOND, 3 * HOUR):
        machine.pass_by(passed)
        assert clock.now() == clock.wall() == machine.wall
    machine.wall += 5 * HOUR
    assert clock.now() == machine.wall, "a step ahead is taken at once"


def test_set_back_it_goes_on_at_half_its_pace_until_the_wall_clock_has_caught_up():
    machine = Machine()
    clock = machine.clock()
    stood = clock.now()
    machine.wall -= 6 * HOUR
    assert clock.now() == stood
    assert clock.wall() == START - 6 * HOUR, "others compare with their own clocks: they get the machine's"
    for hours in range(1, 13):
        machine.pass_by(HOUR)
        assert clock.now() == stood + hours * HOUR // 2
    machine.pass_by(HOUR)
    assert clock.now() == machine.wall, "12 hours later both agree"


def test_after_a_restart_it_goes_on_from_the_newest_stored_time():
    """It used to stand still there, and no retry was due until the wall clock had come so far."""
    machine = Machine()
    clock = machine.clock()
    clock.not_before(START + 6 * HOUR)
    assert clock.now() == START + 6 * HOUR
    machine.pass_by(2 * SECOND)
    assert clock.now() == START + 6 * HOUR + SECOND


def test_looking_often_does_not_slow_it_further():
    machine = Machine()
    clock = machine.clock()
    clock.not_before(START + HOUR)
    for _ in range(1000):
        machine.pass_by(1)
        clock.now()
    assert clock.now() == START + HOUR + 500
