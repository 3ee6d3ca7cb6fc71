"""What asking a registry's API comes to, as metrics and log lines."""

from sidecar.domain.registry import Asked
from sidecar.telemetry.lines import get
from sidecar.telemetry.metrics import Metrics


class Asking:
    """Hears of every question. Made after `logs.configure`."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._log = get()

    def asked(self, registry: str, outcome: Asked, seconds: float) -> None:
        """A request was made, or skipped."""
        self._metrics.asked(registry, outcome, seconds)

    def breaker(self, registry: str, sentence: str) -> None:
        """A registry is left alone, with the reason, or (with "") asked again."""
        self._metrics.breaker(registry, opened=bool(sentence))
        if sentence:
            self._log.warning("registry is left alone", registry=registry, detail=sentence)
        else:
            self._log.info("registry is asked again", registry=registry)
