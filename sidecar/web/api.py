"""The native API under /v1: JSON in camelCase, instants as RFC 3339 in UTC, errors as problem+json.

The console is served beside it. Who may use them is decided at the door; `errors` says what an error is over HTTP,
`calls` where each call is, and `openapi` describes them all.
"""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from aiohttp import web

from sidecar.domain.listing import DeliveryFilter, EventFilter, PullFilter
from sidecar.pipeline.expiries import Expiries
from sidecar.pipeline.inbox import Inbox
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.subscribing import Subscribing
from sidecar.pipeline.walks import Walks
from sidecar.web import shapes
from sidecar.web.backup import Backup, add_backup
from sidecar.web.calls import join
from sidecar.web.console.console import Console
from sidecar.web.door import Door, Porter
from sidecar.web.errors import BODY_LIMIT, as_problems
from sidecar.web.exchange import (
    answer,
    before_of,
    checked_query,
    instant_of,
    limit_of,
    named,
    next_of,
    number_of,
    states_of,
)
from sidecar.web.expiries import ExpiryRoutes
from sidecar.web.health import Health, add_health
from sidecar.web.inbox import InboxRoutes
from sidecar.web.openapi.routes import DocumentRoutes, Forms
from sidecar.web.quarantine import QuarantineRoutes
from sidecar.web.scans import add_scans
from sidecar.web.subscriptions import SubscriptionRoutes
from sidecar.web.usage import Usage, add_usage
from sidecar.web.verbs import Verbs
from sidecar.web.walks import WalkRoutes


class Vendor(Protocol):
    """Another registry's management API."""

    def add_to(self, app: web.Application) -> None:
        """Add its routes; it answers for its own errors."""


class Api:
    """The native API over the operator's verbs, and vendors' beside it. Without a porter there are no users.

    `forms` gives the schema of a subscription as it is asked for, for the document.
    """

    def __init__(
        self,
        operations: Operations,
        status: Callable[[], dict[str, Any]],
        health: Health,
        backup: Backup | None = None,
        *,
        subscribing: Subscribing,
        porter: Porter | None = None,
        walks: Walks | None = None,
        expiries: Expiries | None = None,
        inbox: Inbox | None = None,
        vendors: Sequence[Vendor] = (),
        usage: Usage | None = None,
        forms: Forms | None = None,
    ) -> None:
        self._operations = operations
        self._subscribing = subscribing
        self._status = status
        self._health = health
        self._backup = backup
        self._porter = porter or Porter(lambda _visit: None)
        self._walks = walks
        self._expiries = expiries
        self._inbox = inbox
        self._vendors = vendors
        self._document = DocumentRoutes(forms)
        self._console = Console(operations, status, self._lanes, walks, inbox)
        self._usage = usage

    def app(self, door: Door) -> web.Application:
        """An application for one kind of listener."""
        app = web.Application(middlewares=[self._porter.at(door), as_problems], client_max_size=BODY_LIMIT)
        add_health(app, self._health)
        join(
            app,
            {
                "getStatus": self._get_status,
                "listEvents": self._get_events,
                "getEvent": self._get_event,
                "explainEvent": self._get_explanation,
                "listDeliveries": self._get_deliveries,
                "getDelivery": self._get_delivery,
                "listUndelivered": self._get_undelivered,
                "listPulls": self._get_pulls,
            },
        )
        QuarantineRoutes(self._operations).add_to(app)
        add_scans(app, self._operations)
        SubscriptionRoutes(self._subscribing, self._operations, self._lanes).add_to(app)
        Verbs(self._operations, self._subscribing).add_to(app)
        if self._backup is not None:
            add_backup(app, self._backup, on_socket=door is Door.SOCKET)
        if self._walks is not None:
            WalkRoutes(self._walks).add_to(app)
        if self._expiries is not None:
            ExpiryRoutes(self._expiries).add_to(app)
        if self._inbox is not None:
            InboxRoutes(self._inbox).add_to(app)
        self._document.add_to(app)
        for vendor in self._vendors:
            vendor.add_to(app)
        self._console.add_to(app)
        if self._usage is not None:
            add_usage(app, self._usage)
        return app

    async def _get_status(self, _request: web.Request) -> web.Response:
        return answer(self._status())

    async def _lanes(self) -> list[dict[str, Any]]:
        lanes, views = await self._operations.subscriptions()
        routes = {one.subscription.name: one for one in self._operations.routes}
        made = self._subscribing.by_lane
        return [
            shapes.lane(one, routes.get(one.state.name), views.get(one.state.name), made.get(one.state.name))
            for one in lanes
        ]

    async def _get_events(self, request: web.Request) -> web.Response:
        query = checked_query(request)
        where = EventFilter(
            registry=query.get("registry", ""),
            repository=query.get("repository", ""),
            type=query.get("type", ""),
            since=instant_of(query.get("since", "")),
            before=before_of(query),
            limit=limit_of(query),
        )
        found = await self._operations.events(where)
        return answer(
            {"events": [shapes.event_row(one) for one in found], "next": next_of(found, where.limit, "number")}
        )

    async def _get_event(self, request: web.Request) -> web.Response:
        event, deliveries = await self._operations.event(named(request, "id"))
        return answer(
            {
                "event": shapes.event(event),
                "deliveries": [shapes.delivery(one) for one in deliveries],
                "waits": [shapes.waits(one) for one in await self._operations.waits(event.id)],
            }
        )

    async def _get_explanation(self, request: web.Request) -> web.Response:
        event, parts, others = await self._operations.explain(named(request, "id"))
        return answer(
            {
                "event": shapes.event(event),
                "subscriptions": [shapes.explanation(one) for one in parts],
                "others": [shapes.delivery(one) for one in others],
                "waits": [shapes.waits(one) for one in await self._operations.waits(event.id)],
            }
        )

    async def _get_deliveries(self, request: web.Request) -> web.Response:
        query = checked_query(request)
        where = DeliveryFilter(
            subscription=self._subscribing.lane_of(query.get("subscription", "")),
            states=states_of(query.get("state", "")),
            reason=query.get("reason", ""),
            event=query.get("event", ""),
            before=before_of(query),
            limit=limit_of(query),
        )
        found = await self._operations.deliveries(where)
        return answer(
            {"deliveries": [shapes.delivery(one) for one in found], "next": next_of(found, where.limit, "id")}
        )

    async def _get_delivery(self, request: web.Request) -> web.Response:
        row, message, attempts = await self._operations.delivery(number_of(request))
        return answer(shapes.whole_delivery(row, message, attempts, await self._operations.companions(row.id)))

    async def _get_undelivered(self, request: web.Request) -> web.Response:
        query = checked_query(request)
        where = DeliveryFilter(
            subscription=self._subscribing.lane_of(query.get("subscription", "")),
            before=before_of(query),
            limit=limit_of(query),
        )
        found, counts = await self._operations.undelivered(where)
        lanes = {one["name"]: one for one in await self._lanes()}
        return answer(
            {
                "deliveries": [shapes.delivery(one) for one in found],
                "next": next_of(found, where.limit, "id"),
                "counts": [shapes.count(one, lanes[one.subscription]) for one in counts if one.subscription in lanes],
            }
        )

    async def _get_pulls(self, request: web.Request) -> web.Response:
        query = checked_query(request)
        where = PullFilter(
            registry=query.get("registry", ""),
            repository=query.get("repository", ""),
            digest=query.get("digest", ""),
            tag=query.get("tag", ""),
            since=instant_of(query.get("since", "")),
            before=before_of(query),
            limit=limit_of(query),
        )
        found = await self._operations.pulls(where)
        return answer({"pulls": [shapes.pulls(one) for one in found], "next": next_of(found, where.limit, "id")})
