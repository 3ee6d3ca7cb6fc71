"""DTR's API in the table of who may do what: its rows, and the API itself with nothing behind its subscriptions."""

import json

from sidecar.config.binding import ConfigBinder
from sidecar.config.loading import load
from sidecar.domain.delivery import Outcome, Reason
from sidecar.pipeline.subscribing import Subscribing
from sidecar.web.vendors.dtr import DtrApi

WEBHOOK = {"type": "TAG_PUSH", "key": "prj/app", "endpoint": "https://example.com"}
# Method, path, where it is asked, body, and what these get: admin, manager of `prj`, somebody who manages nothing.
_ROWS = (
    ("GET", "/webhooks", "/webhooks", None, 200, 200, 200),
    ("POST", "/webhooks", "/webhooks", WEBHOOK, 201, 201, 403),
    ("POST", "/webhooks/update", "/webhooks/update", {"id": "none", "inactive": True}, 404, 404, 404),
    ("POST", "/webhooks/test", "/webhooks/test", WEBHOOK, 200, 200, 200),
    ("DELETE", "/webhooks/{webhook}", "/webhooks/none", None, 404, 404, 404),
    ("GET", "/accounts/{namespace}/webhooks", "/accounts/prj/webhooks", None, 200, 200, 403),
    ("GET", "/repositories/{namespace}/webhooks", "/repositories/prj/webhooks", None, 200, 200, 403),
    ("GET", "/repositories/{namespace}/{name}/webhooks", "/repositories/prj/app/webhooks", None, 200, 200, 403),
)


def rows():
    """By method and canonical path: where it is asked, its body, and the statuses of the three who are somebody.

    "*" is every other method: whoever is somebody is told that there is no such call.
    """
    found = {}
    for method, path, ask, body, *statuses in _ROWS:
        for slash in ("", "/"):
            raw = json.dumps(body).encode() if body else b""
            found[method, f"/api/v0{path}{slash}"] = (f"/api/v0{ask}{slash}", raw, statuses)
            found["*", f"/api/v0{path}{slash}"] = (f"/api/v0{ask}{slash}", b"", [405, 405, 405])
    found["*", "/api/v0{rest}"] = ("/api/v0/none", b"", [404, 404, 404])
    return found


class DtrSide:
    """The API over a store. `begin` once that is open: endpoints accept every trial, and nothing is delivered."""

    def __init__(self, store, clock, observer):
        uuids = iter(f"00000000-0000-4000-8000-{number:012}" for number in range(10**6))
        self._subscribing = Subscribing(store, clock, observer, new_uuid=uuids.__next__)
        self.api = DtrApi(self._subscribing, store, clock=clock, observer=observer, legacy=lambda: False)

    def begin(self, folder):
        file = folder / "dtr.yml"
        file.write_text("registries: [{name: main, hostname: registry.example.com}]")
        self._subscribing.take(ConfigBinder(load(file, {})), [])
        self._subscribing.connect(self._apply, self._try)

    async def _apply(self, _before, _after):
        pass

    async def _try(self, _bound, _message, _serial):
        return None, Outcome(reason=Reason.OK, status=200), 1
