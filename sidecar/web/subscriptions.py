"""The native API's subscriptions: list, read, make, replace, remove. What the configuration file says is only read.

A body is one entry of the file's `subscriptions`, with `namespace` and `repository` that bound what it hears of. What
is secret in it is answered as a mask, and a mask that is sent back stands for what it was.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final
from urllib.parse import quote

from aiohttp import hdrs, web

from sidecar.domain.errors import Conflict, NotFound, Problem, Stale, Unusable
from sidecar.domain.made import Api, Draft, Made, Tree
from sidecar.domain.masking import masked, unmasked
from sidecar.pipeline.operations import Operations
from sidecar.pipeline.subscribing import Subscribing
from sidecar.web import shapes
from sidecar.web.calls import join
from sidecar.web.exchange import BadArgument, answer, json_of, named, person_of, raw_body

_OURS: Final = ("name", "namespace", "repository")
Lanes = Callable[[], Awaitable[list[dict[str, Any]]]]


class SubscriptionRoutes:
    """Handlers over the verbs of `Subscribing`. `lanes` lists every lane as it is shown."""

    def __init__(self, subscribing: Subscribing, operations: Operations, lanes: Lanes) -> None:
        self._subscribing = subscribing
        self._operations = operations
        self._lanes = lanes

    def add_to(self, app: web.Application) -> None:
        join(
            app,
            {
                "listSubscriptions": self._list,
                "createSubscription": self._create,
                "getSubscription": self._get,
                "replaceSubscription": self._replace,
                "removeSubscription": self._remove,
            },
        )

    async def _list(self, request: web.Request) -> web.Response:
        """Every one, or of somebody who is no administrator those that are theirs to manage."""
        person = person_of(request)
        lanes = await self._lanes()
        if not person.admin:
            mine = await self._subscribing.list(person, limit=len(lanes))
            names = {target.name for one in mine.items for target in one.targets}
            lanes = [one for one in lanes if one["name"] in names]
        return answer({"subscriptions": lanes})

    async def _create(self, request: web.Request) -> web.Response:
        made = await self._subscribing.create(person_of(request), _draft(await _body(request), {}))
        response = await self._shown(made, status=201)
        response.headers[hdrs.LOCATION] = f"/v1/subscriptions/{quote(made.key, safe='')}"
        return response

    async def _get(self, request: web.Request) -> web.Response:
        made = await self._made(request)
        if made is not None:
            return await self._shown(made)
        name = named(request, "name")
        found = [one for one in await self._lanes() if one["name"] == name]
        if not found or not person_of(request).admin:
            raise NotFound(f"there is no subscription {name}")
        return answer(found[0])

    async def _replace(self, request: web.Request) -> web.Response:
        body = await _body(request)
        made = await self._own(request)
        if made.api is not Api.NATIVE:
            raise Conflict(f"subscription {made.key} was made through the API of {made.api.value}: change it there")
        old = made.targets[0].subscription
        draft = _draft({**body, "name": body.get("name", made.key)}, old)
        changed = await self._subscribing.replace(person_of(request), made, draft, revision=_expected(request, made))
        return await self._shown(changed)

    async def _remove(self, request: web.Request) -> web.Response:
        made = await self._own(request)
        await self._subscribing.remove(person_of(request), made, revision=_expected(request, made))
        return web.Response(status=204)

    async def _made(self, request: web.Request) -> Made | None:
        """The one of this name, None when it is of the configuration file or not there."""
        name = named(request, "name")
        number = self._subscribing.number_of(name)
        return await self._subscribing.get(person_of(request), number=number) if number else None

    async def _own(self, request: web.Request) -> Made:
        """One that can be changed here."""
        made = await self._made(request)
        if made is not None:
            return made
        name = named(request, "name")
        if person_of(request).admin and any(one.subscription.name == name for one in self._operations.routes):
            raise Conflict(f"subscription {name} is of the configuration file: change it there")
        raise NotFound(f"there is no subscription {name}")

    async def _shown(self, made: Made, *, status: int = 200) -> web.Response:
        names = {one.name for one in made.targets}
        lanes = [one for one in await self._lanes() if one["name"] in names]
        response = answer(shapes.made(made, [masked(one) for one in _written(made)], lanes))
        response.headers[hdrs.ETAG] = f'"{_tag(made)}"'
        response.set_status(status)
        return response


def _tag(made: Made) -> str:
    """Of one that is made anew under an old name it is another."""
    return f"{made.id}-{made.revision}"


def _expected(request: web.Request, made: Made) -> int | None:
    """The revision that a change goes by, None when it goes by whichever there is. Raises Stale."""
    wanted = request.headers.get(hdrs.IF_MATCH)
    if wanted is None or wanted.strip() == "*":
        return None
    if f'"{_tag(made)}"' not in [one.strip() for one in wanted.split(",")]:
        raise Stale("the subscription is not as If-Match says any more: read it again, and decide anew")
    return made.revision


def _written(made: Made) -> list[Tree]:
    """Each target as it would be asked for."""
    ours = {"name": made.key, "namespace": made.namespace, "repository": made.repository, "enabled": made.enabled}
    return [{**ours, **one.subscription} for one in made.targets]


async def _body(request: web.Request) -> Tree:
    value = json_of(await raw_body(request))
    if not isinstance(value, dict):
        raise BadArgument("the body must be a JSON object")
    return value


def _draft(body: Tree, old: Tree) -> Draft:
    """What is asked for, in the words of the verbs. Raises Unusable."""
    texts = {key: body.get(key, "") for key in _OURS}
    problems = [Problem(key, f"{key} must be text") for key, value in texts.items() if not isinstance(value, str)]
    if problems:
        raise Unusable(problems)
    repository = texts["repository"]
    head, slash, _ = repository.partition("/")
    tree = {key: value for key, value in body.items() if key not in _OURS}
    enabled = tree.pop("enabled") if isinstance(tree.get("enabled"), bool) else True
    return Draft(
        api=Api.NATIVE,
        targets=(unmasked(tree, old),),
        key=texts["name"],
        namespace=texts["namespace"] or (head if slash else ""),
        repository=repository,
        name=texts["name"],
        enabled=enabled,
    )
