"""The native API's quarantine: what was set aside, to be looked at, taken again or removed."""

import msgspec
from aiohttp import web

from sidecar.domain.listing import QuarantineFilter
from sidecar.pipeline.operations import Operations
from sidecar.web import shapes
from sidecar.web.calls import join
from sidecar.web.exchange import answer, before_of, body_of, checked_query, limit_of, next_of, number_of, who


class QuarantineFilterBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which quarantined items are taken again; without anything all."""

    reason: str = ""
    registry: str = ""


class QuarantineRoutes:
    """Handlers over `Operations`."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    def add_to(self, app: web.Application) -> None:
        join(
            app,
            {
                "listQuarantine": self._list,
                "getQuarantined": self._get,
                "retryQuarantine": self._retry_all,
                "retryQuarantined": self._retry,
                "deleteQuarantined": self._delete,
            },
        )

    async def _list(self, request: web.Request) -> web.Response:
        query = checked_query(request)
        where = QuarantineFilter(
            reason=query.get("reason", ""),
            registry=query.get("registry", ""),
            before=before_of(query),
            limit=limit_of(query),
        )
        found = await self._operations.quarantined(where)
        return answer({"items": [shapes.quarantined(one) for one in found], "next": next_of(found, where.limit, "id")})

    async def _get(self, request: web.Request) -> web.Response:
        row, body = await self._operations.quarantined_body(number_of(request))
        return answer(shapes.quarantined_body(row, body))

    async def _retry(self, request: web.Request) -> web.Response:
        outcome = await self._operations.retry_quarantined(number_of(request), who(request))
        return answer({"outcome": outcome, "detail": shapes.RETRY_DETAIL[outcome]})

    async def _retry_all(self, request: web.Request) -> web.Response:
        where = await body_of(request, QuarantineFilterBody)
        done = await self._operations.retry_all_quarantined(
            QuarantineFilter(reason=where.reason, registry=where.registry), who(request)
        )
        return answer(msgspec.to_builtins(done))

    async def _delete(self, request: web.Request) -> web.Response:
        await self._operations.delete_quarantined(number_of(request), who(request))
        return web.Response(status=204)
