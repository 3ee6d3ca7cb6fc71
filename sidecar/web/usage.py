"""GET /v1/usage: what namespaces under a quota hold."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from aiohttp import web

from sidecar.domain.usage import Stage, percent
from sidecar.pipeline.weighing import Weighed
from sidecar.web.calls import join
from sidecar.web.exchange import answer, checked_query, person_of

Usage = Callable[[], Awaitable[Sequence[Weighed]]]


def add_usage(app: web.Application, usage: Usage) -> None:
    """Answer with the namespaces that whoever asks manages."""

    async def get(request: web.Request) -> web.Response:
        query = checked_query(request)
        person = person_of(request)
        return answer(
            {
                "usage": [
                    shown(one)
                    for one in await usage()
                    if person.manages(one.row.namespace)
                    and (query.get("registry") or one.row.registry) == one.row.registry
                    and (query.get("namespace") or one.row.namespace) == one.row.namespace
                ]
            }
        )

    join(app, {"listUsage": get})


def shown(one: Weighed) -> dict[str, Any]:
    """A namespace as JSON. `unknown` counts manifests of which nobody told what they hold."""
    return {
        "registry": one.row.registry,
        "namespace": one.row.namespace,
        "bytes": one.row.used,
        "limit": one.quota.limit,
        "percent": percent(one.row.used, one.quota.limit),
        "warnAt": list(one.quota.warn_at),
        "counting": one.row.stage is Stage.COUNTING,
        "unknown": one.row.unknown,
    }
