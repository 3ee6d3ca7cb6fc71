"""Harbor's API in the table of who may do what: its rows, and the API itself."""

import json

from sidecar.pipeline.muting import Muting
from sidecar.web.vendors.harbor.api import HarborApi
from sidecar.web.vendors.harbor.system import Installation

POLICY = {
    "name": "ci",
    "event_types": ["PUSH_ARTIFACT"],
    "targets": [{"type": "http", "address": "https://example.com"}],
}
LIBRARY = {"project_name": "library"}  # is there already
WEBHOOK = "/projects/{project}/webhook"
# Method, path, where it is asked, body, and the statuses: of an admin, of a manager of `prj`, of somebody who manages
# nothing, of one with wrong credentials, of nobody. `library` is the only project there is; `prj` is not there yet.
_WEBHOOKS = (
    ("GET", "/policies", "/policies", None),
    ("POST", "/policies", "/policies", POLICY),
    ("POST", "/policies/test", "/policies/test", POLICY),
    ("GET", "/policies/{policy}", "/policies/7", None),
    ("PUT", "/policies/{policy}", "/policies/7", POLICY),
    ("DELETE", "/policies/{policy}", "/policies/7", None),
    ("GET", "/policies/{policy}/executions", "/policies/7/executions", None),
    ("GET", "/policies/{policy}/executions/{execution}/tasks", "/policies/7/executions/7/tasks", None),
    ("GET", "/policies/{policy}/executions/{execution}/tasks/{task}/log", "/policies/7/executions/7/tasks/7/log", None),
    ("GET", "/events", "/events", None),
    ("GET", "/lasttrigger", "/lasttrigger", None),
    ("GET", "/jobs", "/jobs?policy_id=7", None),
)
_ROWS = (
    ("GET", "/projects", "/projects", None, 200, 200, 200, 401, 200),
    ("POST", "/projects", "/projects", LIBRARY, 409, 403, 403, 401, 401),
    ("GET", "/projects/{project}", "/projects/prj", None, 404, 404, 403, 401, 401),
    ("PUT", "/projects/{project}", "/projects/prj", LIBRARY, 404, 404, 403, 401, 401),
    ("DELETE", "/projects/{project}", "/projects/library", None, 412, 403, 403, 401, 401),
    ("GET", "/projects/{project}/scanner", "/projects/library/scanner", None, 404, 403, 403, 401, 401),
    ("GET", "/projects/{project}/repositories", "/projects/library/repositories", None, 200, 403, 403, 401, 401),
    ("GET", "/users/current", "/users/current", None, 200, 200, 200, 401, 401),
    ("GET", "/configurations", "/configurations", None, 200, 403, 403, 401, 401),
    ("PUT", "/configurations", "/configurations", {"read_only": False}, 200, 403, 403, 401, 401),
    ("GET", "/systeminfo", "/systeminfo", None, 200, 200, 200, 200, 200),
    ("GET", "/health", "/health", None, 200, 200, 200, 200, 200),
    ("GET", "/ping", "/ping", None, 200, 200, 200, 200, 200),
)


def rows():
    """By method and canonical path: where it is asked, its body, and the statuses of the five roles.

    "*" is every other method, which nobody may, and which tells nothing. HEAD is not in the table.
    """
    found = {}

    def add(method, path, ask, body, *statuses):
        raw = json.dumps(body).encode() if body else b""
        found[method, f"/api/v2.0{path}"] = (f"/api/v2.0{ask}", raw, statuses)
        found["*", f"/api/v2.0{path}"] = (f"/api/v2.0{ask}", b"", [405] * 5)

    for row in _ROWS:
        add(*row)
    for method, path, ask, body in _WEBHOOKS:
        add(method, WEBHOOK + path, f"/projects/prj/webhook{ask}", body, 404, 404, 403, 401, 401)
    found["*", "/api/v2.0{rest}"] = ("/api/v2.0/robots", b"", [404] * 5)
    return found


def harbor_api(house, operations, clock):
    """The API over a house's subscriptions; nothing is delivered."""
    return HarborApi(
        subscribing=house.subscribing,
        operations=operations,
        places=house.store,
        flags=house.store,
        muting=Muting(house.store, house.observer),
        clock=clock,
        observer=house.observer,
        installation=Installation,
        unready=lambda: (),
    )
