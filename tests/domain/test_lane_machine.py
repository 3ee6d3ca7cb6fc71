"""A lane under whatever happens: time, starts, answers, reloads. What must hold, holds after every step."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from effort import examples
from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.instant import HOUR, MILLISECOND, MINUTE, SECOND
from sidecar.domain.lane import Lane
from sidecar.domain.subscription import Rate, Retry

RATES = st.sampled_from(
    [None, Rate(1), Rate(3), Rate(50), Rate(1000), Rate(7, MINUTE), Rate(90, MINUTE), Rate(2, HOUR)]
)
RETRIES = st.builds(
    Retry,
    initial=st.sampled_from([MILLISECOND, SECOND]),
    factor=st.sampled_from([1.0, 3.0]),
    max_delay=st.sampled_from([SECOND, MINUTE]),
)
JITTER = st.floats(0, 1, exclude_max=True)
FAILURES = st.one_of(
    st.builds(
        Outcome,
        reason=st.sampled_from([Reason.UNREACHABLE, Reason.TIMED_OUT, Reason.DISCONNECTED]),
        retryable=st.just(True),
    ),
    st.builds(
        Outcome,
        reason=st.just(Reason.THROTTLED),
        status=st.sampled_from([429, 503]),
        retryable=st.just(True),
        retry_after=st.sampled_from([0, SECOND, 10**30]),
    ),
    st.builds(Outcome, reason=st.just(Reason.SERVER_ERROR), status=st.just(500), retryable=st.just(True)),
    st.builds(Outcome, reason=st.just(Reason.CLIENT_ERROR), status=st.just(400)),
)
OK = Outcome(reason=Reason.OK, status=200)
DOWN = Outcome(reason=Reason.UNREACHABLE, retryable=True)


class LaneMachine(RuleBasedStateMachine):
    """Starts only what there is room for, and keeps an account of its own."""

    @initialize(ceiling=st.integers(1, 8), rate=RATES, retry=RETRIES)
    def begin(self, ceiling, rate, retry):
        self.now = 1000 * HOUR
        self.ceiling, self.rate, self.retry = ceiling, rate, retry
        self.lane = Lane(ceiling=ceiling, limit=ceiling).configured(
            ceiling=ceiling, rate=rate, retry=retry, now=self.now
        )
        self.in_flight = 0
        self.starts = []  # since the rate is what it is
        self.row = 0  # failures that count, without an answer between them
        self.opened_with = 0  # in flight when the breaker opened
        self.probes = 0

    @rule(nanoseconds=st.one_of(st.integers(0, 2 * SECOND), st.sampled_from([20 * MILLISECOND, MINUTE, 2 * HOUR])))
    def time_passes(self, nanoseconds):
        self.now += nanoseconds

    @rule()
    def time_passes_until_something_may_start(self):
        self.now = max(self.now, self.lane.waits_until(self.now))

    @rule(most=st.integers(1, 8))
    def start(self, most):
        room = self.lane.room(now=self.now, in_flight=self.in_flight)
        for _ in range(min(most, room)):
            if self.lane.open:
                self.probes += 1
            self.lane = self.lane.started(now=self.now)
            self.in_flight += 1
            self.starts.append(self.now)

    @precondition(lambda self: self.in_flight)
    @rule()
    def one_succeeds(self):
        self.end(OK)

    @precondition(lambda self: self.in_flight)
    @rule(outcome=FAILURES, jitter=JITTER)
    def one_fails(self, outcome, jitter):
        self.end(outcome, jitter)

    @precondition(lambda self: self.in_flight)
    @rule(jitter=JITTER)
    def all_fail(self, jitter):
        """As they do where nobody is."""
        while self.in_flight:
            self.end(DOWN, jitter)

    def end(self, outcome, jitter=0.5):
        self.in_flight -= 1
        before, self.lane = self.lane, self.lane.after(outcome, now=self.now, jitter=jitter)
        self.row = 0 if 0 < outcome.status < 500 else self.row + 1
        assert self.lane.paused_until >= before.paused_until
        assert self.lane.paused_until <= max(before.paused_until, self.now + HOUR)
        if before.open:
            self.probes = 0
        if not before.open and self.lane.open:
            assert self.row >= 10
            self.opened_with = self.in_flight
        assert self.lane.open is (before.open or self.row >= 10) if self.row else not self.lane.open

    @rule(ceiling=st.integers(1, 8), rate=RATES, retry=RETRIES)
    def reload(self, ceiling, rate, retry):
        if rate != self.rate:
            self.starts = []
        self.ceiling, self.rate, self.retry = ceiling, rate, retry
        self.lane = self.lane.configured(ceiling=ceiling, rate=rate, retry=retry, now=self.now)

    @invariant()
    def the_limit_is_never_below_one_nor_above_the_ceiling(self):
        if hasattr(self, "lane"):
            assert 1 <= self.lane.limit <= self.ceiling

    @invariant()
    def no_more_is_in_flight_than_the_limit_leaves(self):
        if hasattr(self, "lane"):
            room = self.lane.room(now=self.now, in_flight=self.in_flight)
            assert room == 0 or self.in_flight + room <= self.lane.limit

    @invariant()
    def an_open_lane_has_one_probe_at_the_most(self):
        if hasattr(self, "lane") and self.lane.open:
            assert self.probes <= 1
            assert self.lane.room(now=self.now, in_flight=1) == 0

    @invariant()
    def no_window_holds_more_than_the_rate_allows(self):
        """In any time there start at most its share, and what the bucket holds: one second's worth, at least one."""
        if not hasattr(self, "lane") or self.rate is None:
            return
        held = max(self.rate.per, self.rate.count * SECOND)
        recent = self.starts[-200:]
        for first, begin in enumerate(recent):
            cost = (len(recent) - first) * self.rate.per
            assert cost <= held + (recent[-1] - begin) * self.rate.count

    def teardown(self):
        """Once the destination recovers, one more is attempted within the longest wait there can be, and succeeds."""
        if not hasattr(self, "lane"):
            return
        while self.in_flight:
            self.end(OK)
        begun = self.now
        for _ in range(3):
            until = self.lane.waits_until(self.now)
            if until:
                self.now = until
            if self.lane.room(now=self.now, in_flight=0):
                break
        assert self.lane.room(now=self.now, in_flight=0) >= 1
        assert self.now - begun <= HOUR + self.retry.max_delay + HOUR
        self.lane = self.lane.started(now=self.now)
        self.in_flight = 1
        self.end(OK)
        assert not self.lane.open


LaneMachine.TestCase.settings = settings(max_examples=examples(150), stateful_step_count=60, deadline=None)
TestLane = LaneMachine.TestCase
