"""The native API's ends of tags: which tags end when, and giving one another end."""

from typing import Annotated, Any

import msgspec
from aiohttp import web

from sidecar.domain.instant import rfc3339
from sidecar.domain.listing import ExpiringFilter, ExpiringRow
from sidecar.pipeline.expiries import Expiries
from sidecar.web.calls import join
from sidecar.web.exchange import (
    BadArgument,
    answer,
    before_of,
    body_of,
    checked_query,
    instant_of,
    limit_of,
    named,
    person_of,
)


class ExpiryBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When a tag ends."""

    expires: Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]


class ExpiryRoutes:
    """Handlers over `Expiries`."""

    def __init__(self, expiries: Expiries) -> None:
        self._expiries = expiries

    def add_to(self, app: web.Application) -> None:
        join(app, {"listExpiring": self._list, "setExpiry": self._put, "removeExpiry": self._delete})

    async def _list(self, request: web.Request) -> web.Response:
        query = checked_query(request)
        over = query.get("over") or "false"
        if over not in {"true", "false"}:
            raise BadArgument("over must be true or false", "over")
        limit, skip = limit_of(query), before_of(query)
        where = ExpiringFilter(
            registry=query.get("registry", ""),
            repository=query.get("repository", ""),
            until=instant_of(query.get("until", ""), "until"),
            over=over == "true",
            skip=skip,
            limit=limit,
        )
        found = await self._expiries.list(where)
        more = str(skip + limit) if len(found) == limit else None
        return answer({"tags": [_shown(one) for one in found], "next": more})

    async def _put(self, request: web.Request) -> web.Response:
        given = await body_of(request, ExpiryBody)
        if not given.expires:
            raise BadArgument("expires must be an RFC 3339 time to come; DELETE takes an end away", "expires")
        # 0 is no end at all; what lies before 1970 is as over as that.
        return await self._set(request, max(instant_of(given.expires, "expires"), 1))

    async def _delete(self, request: web.Request) -> web.Response:
        return await self._set(request, 0)

    async def _set(self, request: web.Request, expires: int) -> web.Response:
        """202: it is in the journal, and the tag has its end when that has been read up to there."""
        registry, repository, tag = (named(request, name) for name in ("registry", "repository", "tag"))
        await self._expiries.put(person_of(request), registry, repository, tag, expires)
        until = rfc3339(expires) if expires else None
        accepted = answer({"registry": registry, "repository": repository, "tag": tag, "expires": until})
        accepted.set_status(202)
        return accepted


def _shown(one: ExpiringRow) -> dict[str, Any]:
    tag = one.tag
    return {
        "registry": tag.registry,
        "repository": tag.repository,
        "tag": tag.tag,
        "digest": tag.digest,
        "pushed": rfc3339(tag.pushed),
        "expires": rfc3339(tag.expires),
        "set": tag.armed > 0,
        "told": list(one.told),
    }
