"""DTR's API in the table of who may do what: its rows, and the API itself."""

import json

from sidecar.domain.delivery import Outcome, Reason
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


def dtr_api(house, clock):
    """The API over a house's subscriptions: endpoints accept every trial, and nothing is delivered."""
    house.subscribing.connect(_apply, _try)
    return DtrApi(house.subscribing, house.store, clock=clock, observer=house.observer, legacy=lambda: False)


async def _apply(_before, _after):
    pass


async def _try(_bound, _message, _serial):
    return None, Outcome(reason=Reason.OK, status=200), 1
