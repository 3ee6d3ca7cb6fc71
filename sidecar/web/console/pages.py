"""The console's pages: the same verbs and the same shapes as the API's, asked for one look at a time."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from sidecar.domain.delivery import Reason, State
from sidecar.domain.errors import NotFound, StoreUnavailable
from sidecar.domain.event import EventType
from sidecar.domain.listing import DeliveryFilter, EventFilter, QuarantineFilter
from sidecar.domain.record import QuarantineReason
from sidecar.domain.refusals import REFUSALS
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.walks import Walks
from sidecar.web import shapes
from sidecar.web.console import rendering
from sidecar.web.console.forms import DONE, Forms
from sidecar.web.console.frame import HEADERS, Frame, attachment
from sidecar.web.console.rendering import moment, part
from sidecar.web.console.standing import notices, standing
from sidecar.web.exchange import (
    before_of,
    instant_of,
    limit_of,
    next_of,
    number_of,
    query_of,
    states_of,
)
from sidecar.web.problems import sentence
from sidecar.web.walks import shown as shown_walks

Lanes = Callable[[], Awaitable[list[dict[str, Any]]]]

STATES = tuple(one.name.lower() for one in State)
REFRESH = 10  # seconds between two looks, for who asks for it


class Pages:
    """Handlers of GET. `lanes` gives every subscription as the API shows it."""

    def __init__(
        self, frame: Frame, forms: Forms, operations: Operations, lanes: Lanes, walks: Walks | None = None
    ) -> None:
        self._frame = frame
        self._forms = forms
        self._operations = operations
        self._lanes = lanes
        self._walks = walks

    def add_to(self, app: web.Application) -> None:
        for path, handler in (
            ("/", self._overview),
            ("/console/subscriptions/{name}", self._subscription),
            ("/console/events", self._events),
            ("/console/events/{id}", self._event),
            ("/console/deliveries", self._deliveries),
            ("/console/deliveries/{id}", self._delivery),
            ("/console/deliveries/{id}/body", self._delivery_body),
            ("/console/undelivered", self._undelivered),
            ("/console/quarantine", self._quarantine),
            ("/console/quarantine/{id}", self._quarantined),
            ("/console/quarantine/{id}/body", self._quarantined_body),
            ("/console/walks", self._walks_page),
            ("/console/{rest:.*}", self._else),
        ):
            app.router.add_get(path, self._frame.handled(handler))

    # --- all at once ------------------------------------------------------------------------------------------------

    async def _overview(self, request: web.Request) -> web.StreamResponse:
        """Everything of which a part may be missing: with the store away there is still something to say."""
        query = query_of(request, {"refresh"})
        lanes: list[dict[str, Any]] = []
        walks: list[dict[str, Any]] = []
        oldest: dict[str, str | None] = {}
        quarantined: dict[str, Any] | None = None
        missing = ""
        try:
            lanes = await self._lanes()
            _, counts = await self._operations.undelivered(DeliveryFilter(limit=1))
            owed = {one["name"]: one for one in lanes}
            oldest = {
                one.subscription: shapes.count(one, owed[one.subscription])["oldest"]
                for one in counts
                if one.subscription in owed
            }
            walks = await self._walked()
            newest = await self._operations.quarantined(QuarantineFilter(limit=1))
            quarantined = shapes.quarantined(newest[0]) if newest else None
        except StoreUnavailable as error:
            missing = sentence(error)
        status = self._frame.status()
        return await self._frame.page(
            request,
            "overview.html",
            lanes=[{**one, "oldest": oldest.get(one["name"]), "standing": standing(one)} for one in lanes],
            notices=notices(status, lanes, walks, quarantined=quarantined is not None),
            walks=walks,
            quarantined=quarantined,
            missing=missing,
            refresh=REFRESH if query.get("refresh") else 0,
        )

    async def _walked(self) -> list[dict[str, Any]]:
        return [shown_walks(one) for one in await self._walks.views()] if self._walks is not None else []

    async def _walks_page(self, request: web.Request) -> web.StreamResponse:
        query_of(request, set())
        return await self._frame.page(request, "walks.html", walks=await self._walked())

    async def _else(self, request: web.Request) -> web.StreamResponse:
        """The style sheet; nothing else is here."""
        name, sheet = rendering.style()
        if request.match_info["rest"] == f"style-{name}.css":  # its name changes with it, so it may be kept
            headers = HEADERS | {"Cache-Control": "private, max-age=31536000, immutable"}
            return web.Response(body=sheet, content_type="text/css", charset="utf-8", headers=headers)
        raise NotFound(f"there is no page {request.path}")

    # --- subscriptions ----------------------------------------------------------------------------------------------

    async def _subscription(self, request: web.Request) -> web.StreamResponse:
        query = query_of(request, {"done", "test"})
        name = request.match_info["name"]
        lane = {one["name"]: one for one in await self._lanes()}.get(name)
        if lane is None:
            raise NotFound(f"there is no subscription {name}")
        _, counts = await self._operations.undelivered(DeliveryFilter(limit=1))
        recent = await self._operations.deliveries(DeliveryFilter(subscription=name, limit=20))
        test = query.get("test", "")
        return await self._frame.page(
            request,
            "subscription.html",
            lane=lane,
            standing=standing(lane),
            oldest=next((shapes.count(one, lane)["oldest"] for one in counts if one.subscription == name), None),
            recent=[shapes.delivery(one) for one in recent],
            tested=bool(test),
            test=self._forms.tests.get((name, int(test))) if _is_number(test) else None,
            done=DONE.get(query.get("done", "")),
        )

    # --- events -----------------------------------------------------------------------------------------------------

    async def _events(self, request: web.Request) -> web.StreamResponse:
        query = query_of(request, {"registry", "repository", "type", "since"})
        where = EventFilter(
            registry=query.get("registry", ""),
            repository=query.get("repository", ""),
            type=query.get("type", ""),
            since=instant_of(moment(query.get("since", ""))),
            before=before_of(query),
            limit=limit_of(query),
        )
        found = await self._operations.events(where)
        return await self._frame.page(
            request,
            "events.html",
            events=[shapes.event_row(one) for one in found],
            query=fields(query, "registry", "repository", "type", "since"),
            older=older(request, query, next_of(found, where.limit, "number")),
            types=[one.value for one in EventType],
        )

    async def _event(self, request: web.Request) -> web.StreamResponse:
        query_of(request, set())
        event, parts, others = await self._operations.explain(request.match_info["id"])
        return await self._frame.page(
            request,
            "event.html",
            event=shapes.event(event),
            parts=[shapes.explanation(one) for one in parts],
            others=[shapes.delivery(one) for one in others],
            waits=[shapes.waits(one) for one in await self._operations.waits(event.id)],
            refusals=REFUSALS,
        )

    # --- deliveries -------------------------------------------------------------------------------------------------

    async def _deliveries(self, request: web.Request) -> web.StreamResponse:
        query = query_of(request, {"subscription", "state", "reason", "event"})
        where = DeliveryFilter(
            subscription=query.get("subscription", ""),
            states=states_of(query.get("state", "")),
            reason=query.get("reason", ""),
            event=query.get("event", ""),
            before=before_of(query),
            limit=limit_of(query),
        )
        found = await self._operations.deliveries(where)
        return await self._frame.page(
            request,
            "deliveries.html",
            deliveries=[shapes.delivery(one) for one in found],
            query=fields(query, "subscription", "state", "reason", "event"),
            older=older(request, query, next_of(found, where.limit, "id")),
            subscriptions=[one["name"] for one in await self._lanes()],
            states=STATES,
            reasons=[one.value for one in Reason],
        )

    async def _delivery(self, request: web.Request) -> web.StreamResponse:
        query = query_of(request, {"done"})
        row, message, attempts = await self._operations.delivery(number_of(request))
        sent = self._operations.shown(row, message, attempts)
        return await self._frame.page(
            request,
            "delivery.html",
            delivery=shapes.whole_delivery(row, message, attempts, await self._operations.companions(row.id)),
            sent=shapes.request(sent) if sent is not None else None,
            size=len(message.body) if message is not None else None,
            done=DONE.get(query.get("done", "")),
        )

    async def _delivery_body(self, request: web.Request) -> web.StreamResponse:
        row, message, _ = await self._operations.delivery(number_of(request))
        if message is None:
            raise NotFound(f"delivery {row.id} has no body: it could not be rendered, or retention has taken it")
        return attachment(message.body, f"delivery-{row.id}.body")

    async def _undelivered(self, request: web.Request) -> web.StreamResponse:
        query = query_of(request, {"subscription"})
        where = DeliveryFilter(
            subscription=query.get("subscription", ""), before=before_of(query), limit=limit_of(query)
        )
        found, counts = await self._operations.undelivered(where)
        lanes = {one["name"]: one for one in await self._lanes()}
        return await self._frame.page(
            request,
            "undelivered.html",
            deliveries=[shapes.delivery(one) for one in found],
            counts=[
                {**shapes.count(one, lanes[one.subscription]), "standing": standing(lanes[one.subscription])}
                for one in counts
                if one.subscription in lanes
            ],
            query=fields(query, "subscription"),
            older=older(request, query, next_of(found, where.limit, "id")),
            subscriptions=list(lanes),
        )

    # --- quarantine -------------------------------------------------------------------------------------------------

    async def _quarantine(self, request: web.Request) -> web.StreamResponse:
        query = query_of(request, {"reason", "registry", "done"})
        where = QuarantineFilter(
            reason=query.get("reason", ""),
            registry=query.get("registry", ""),
            before=before_of(query),
            limit=limit_of(query),
        )
        found = await self._operations.quarantined(where)
        return await self._frame.page(
            request,
            "quarantine.html",
            items=[shapes.quarantined(one) for one in found],
            query=fields(query, "reason", "registry"),
            older=older(request, query, next_of(found, where.limit, "id")),
            reasons=[one.value for one in QuarantineReason],
            done=DONE.get(query.get("done", "")),
        )

    async def _quarantined(self, request: web.Request) -> web.StreamResponse:
        query = query_of(request, {"done"})
        row, body = await self._operations.quarantined_body(number_of(request))
        return await self._frame.page(
            request, "quarantined.html", item=shapes.quarantined_body(row, body), done=DONE.get(query.get("done", ""))
        )

    async def _quarantined_body(self, request: web.Request) -> web.StreamResponse:
        row, body = await self._operations.quarantined_body(number_of(request))
        return attachment(body, f"quarantine-{row.id}.body")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19


def fields(query: Mapping[str, str], *known: str) -> dict[str, str]:
    """What the page's form holds: everything that it knows, and where the page begins."""
    return {**dict.fromkeys((*known, "before"), ""), **query}


def older(request: web.Request, query: Mapping[str, str], before: str | None) -> str | None:
    """The path of the page after this one, with the same filters."""
    if before is None:
        return None
    kept = {name: value for name, value in query.items() if value and name not in {"before", "done"}}
    return f"{request.path}?" + "&".join(f"{name}={part(value)}" for name, value in {**kept, "before": before}.items())
