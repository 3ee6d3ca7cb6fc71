"""Every call of the native API: where it is, and which query it reads.

Its name joins the handler that answers it, and what the OpenAPI document says of it.
"""

import functools
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import msgspec
from aiohttp import web

from sidecar.web.exchange import check_query

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Call(msgspec.Struct, frozen=True):
    """One call. `query` names the parameters that it reads: any other is refused.

    `route` is how its path is found where a name in it may have slashes, "" = as it stands.
    """

    method: str
    path: str
    query: tuple[str, ...] = ()
    route: str = ""


_PAGE: Final = ("limit", "before")
_EXPIRY: Final = "/v1/registries/{registry}/repositories/{repository}/tags/{tag}/expiry"
_EXPIRY_ROUTE: Final = _EXPIRY.replace("{repository}", "{repository:.+}")
_SCANS: Final = ("registry", "repository", "digest", "tag", "report", "type", "since", "vulnerabilities")

# What each call takes and answers stands under the same names in `openapi/operations.py`, who may make it in `door.py`.
CALLS: Final[dict[str, Call]] = {
    "getStatus": Call("GET", "/v1/status"),
    "listEvents": Call("GET", "/v1/events", ("registry", "repository", "type", "since", *_PAGE)),
    "getEvent": Call("GET", "/v1/events/{id}"),
    "explainEvent": Call("GET", "/v1/events/{id}/explain"),
    "listDeliveries": Call("GET", "/v1/deliveries", ("subscription", "state", "reason", "event", *_PAGE)),
    "getDelivery": Call("GET", "/v1/deliveries/{id}"),
    "listUndelivered": Call("GET", "/v1/undelivered", ("subscription", *_PAGE)),
    "replayDeliveries": Call("POST", "/v1/deliveries/replay"),
    "retryDeliveries": Call("POST", "/v1/deliveries/retry"),
    "cancelDeliveries": Call("POST", "/v1/deliveries/cancel"),
    "retryDelivery": Call("POST", "/v1/deliveries/{id}/retry"),
    "cancelDelivery": Call("POST", "/v1/deliveries/{id}/cancel"),
    "listSubscriptions": Call("GET", "/v1/subscriptions"),
    "createSubscription": Call("POST", "/v1/subscriptions"),
    "getSubscription": Call("GET", "/v1/subscriptions/{name}"),
    "replaceSubscription": Call("PUT", "/v1/subscriptions/{name}"),
    "removeSubscription": Call("DELETE", "/v1/subscriptions/{name}"),
    "pauseSubscription": Call("POST", "/v1/subscriptions/{name}/pause"),
    "resumeSubscription": Call("POST", "/v1/subscriptions/{name}/resume"),
    "testSubscription": Call("POST", "/v1/subscriptions/{name}/test"),
    "listPulls": Call("GET", "/v1/pulls", ("registry", "repository", "digest", "tag", "since", *_PAGE)),
    "listScans": Call("GET", "/v1/scans", (*_SCANS, *_PAGE)),
    "listUsage": Call("GET", "/v1/usage", ("registry", "namespace")),
    "listExpiring": Call("GET", "/v1/expiring", ("registry", "repository", "until", "over", *_PAGE)),
    "setExpiry": Call("PUT", _EXPIRY, route=_EXPIRY_ROUTE),
    "removeExpiry": Call("DELETE", _EXPIRY, route=_EXPIRY_ROUTE),
    "listInbox": Call("GET", "/v1/inbox", ("owner", "dismissed", *_PAGE)),
    "dismissAll": Call("POST", "/v1/inbox/dismiss"),
    "dismissItem": Call("POST", "/v1/inbox/{id}/dismiss"),
    "listQuarantine": Call("GET", "/v1/quarantine", ("reason", "registry", *_PAGE)),
    "retryQuarantine": Call("POST", "/v1/quarantine/retry"),
    "getQuarantined": Call("GET", "/v1/quarantine/{id}"),
    "retryQuarantined": Call("POST", "/v1/quarantine/{id}/retry"),
    "deleteQuarantined": Call("DELETE", "/v1/quarantine/{id}"),
    "listWalks": Call("GET", "/v1/walks"),
    "getWalks": Call("GET", "/v1/registries/{name}/walk"),
    "startWalk": Call("POST", "/v1/registries/{name}/walk"),
    "acceptWalk": Call("POST", "/v1/registries/{name}/walk/accept"),
    "rejectWalk": Call("POST", "/v1/registries/{name}/walk/reject"),
    "backUp": Call("POST", "/v1/backup"),
    "getDocument": Call("GET", "/v1/openapi.json"),
    "readDocument": Call("GET", "/v1/docs"),
}


def join(app: web.Application, handlers: Mapping[str, Handler]) -> None:
    """Have calls answered by these handlers, once their query has been looked at."""
    for name, handler in handlers.items():
        call = CALLS[name]
        strict = _strict(call, handler)
        if call.method == "GET":
            app.router.add_get(call.route or _route(call.path), strict)  # and HEAD
        else:
            app.router.add_route(call.method, call.route or _route(call.path), strict)


def _strict(call: Call, handler: Handler) -> Handler:
    @functools.wraps(handler)
    async def handle(request: web.Request) -> web.StreamResponse:
        check_query(request, call.query)
        return await handler(request)

    return handle


@functools.cache
def _route(path: str) -> str:
    """The path as a route. A word that other calls have in the place of an id is none: `deliveries/retry`."""
    head, _, last = path.rpartition("/")
    others = (one.path.rpartition("/") for one in CALLS.values())
    words = sorted({word for before, _, word in others if before == head and not word.startswith("{")})
    if not words or not last.startswith("{"):
        return path
    return f"{head}/{{{last[1:-1]}:(?!(?:{'|'.join(words)})$)[^/]+}}"
