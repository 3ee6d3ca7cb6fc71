"""What others than registries tell, as metrics and log lines."""

from sidecar.telemetry.lines import get
from sidecar.telemetry.metrics import Metrics


class Hearing:
    """Hears of every request to the intake. Made after `logs.configure`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = get()
        self._last = ("", "", "")

    def heard(self, route: str, outcome: str, why: str) -> None:
        """A request was answered; `why` is the sentence of one that was refused."""
        self._metrics.told(route, outcome)
        before, self._last = self._last, (route, outcome, why)
        if outcome in {"accepted", "duplicate"}:
            self._log.debug("intake", route=route, outcome=outcome)
        elif before != self._last:  # who is refused tends to come again
            self._log.warning("intake refused", route=route, outcome=outcome, detail=why)
