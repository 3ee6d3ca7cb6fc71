"""Which way a message goes: over HTTP, or by another carrier, as its URL's scheme says."""

from collections.abc import Coroutine, Mapping
from typing import Any

from sidecar.domain.delivery import Outcome
from sidecar.domain.message import Response
from sidecar.ports import Sender, SendRequest


class Carriers:
    """Implements `ports.Sender` by those of each scheme."""

    def __init__(self, http: Sender, others: Mapping[str, Sender]) -> None:
        self._http = http
        self._others = others

    def send(self, request: SendRequest) -> Coroutine[Any, Any, Response | Outcome]:
        """As the carrier of the URL's scheme answers. No coroutine of its own: every delivery would pay for it."""
        if request.url.startswith("http"):
            return self._http.send(request)
        carrier = self._others.get(request.url.partition(":")[0])
        return self._http.send(request) if carrier is None else carrier.send(request)
