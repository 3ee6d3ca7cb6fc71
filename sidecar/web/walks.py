"""The native API's walks of the registries: how they stand, begin one, and decide over one that is held."""

from typing import Annotated, Any

import msgspec
from aiohttp import web

from sidecar.domain.instant import rfc3339
from sidecar.domain.walk import Walk
from sidecar.pipeline.walks import View, Walks
from sidecar.web.calls import join
from sidecar.web.exchange import answer, body_of, named, who


class WalkBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a walk is made."""

    silent: Annotated[bool, msgspec.Meta(description="learn what there is, and announce nothing: a backfill")] = False


class WalkRoutes:
    """Handlers over `Walks`. Everything answers with the registry's walks as they are then."""

    def __init__(self, walks: Walks) -> None:
        self._walks = walks

    def add_to(self, app: web.Application) -> None:
        join(
            app,
            {
                "listWalks": self._list,
                "getWalks": self._get,
                "startWalk": self._start,
                "acceptWalk": self._accept,
                "rejectWalk": self._reject,
            },
        )

    async def _list(self, _request: web.Request) -> web.Response:
        return answer({"walks": [shown(one) for one in await self._walks.views()]})

    async def _get(self, request: web.Request) -> web.Response:
        return await self._answer(named(request, "name"))

    async def _start(self, request: web.Request) -> web.Response:
        name, given = named(request, "name"), await body_of(request, WalkBody)
        await self._walks.start(name, silent=given.silent, who=who(request))
        return await self._answer(name)

    async def _accept(self, request: web.Request) -> web.Response:
        await self._walks.accept(named(request, "name"), who(request))
        return await self._answer(named(request, "name"))

    async def _reject(self, request: web.Request) -> web.Response:
        await self._walks.reject(named(request, "name"), who(request))
        return await self._answer(named(request, "name"))

    async def _answer(self, name: str) -> web.Response:
        return answer(shown(await self._walks.view(name)))


def shown(view: View) -> dict[str, Any]:
    """A registry's walks as JSON."""
    return {
        "registry": view.registry,
        "current": _walk(view.current),
        "held": _walk(view.held),
        "last": _walk(view.last),
    }


def _walk(one: Walk | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "id": one.id,
        "state": one.state.value,
        "cause": one.cause.value,
        "silent": one.silent,
        "due": _when(one.due),
        "started": _when(one.started),
        "ended": _when(one.ended),
        "repositories": one.repositories,
        "repositoriesDone": one.done,
        "listed": one.listed,
        "seen": one.seen,
        "known": one.known,
        "changes": one.changes,
        "deletions": one.deletions,
        "why": one.why,
    }


def _when(instant: int) -> str | None:
    return rfc3339(instant) if instant else None
