"""Docker Trusted Registry's webhook API under /api/v0, as its manual (2.2 to 2.9, MSR 3) and reference have it.

Lists are plain arrays, errors `{"errors": [...]}`. Updates are `POST /webhooks/update`: DTR has no PUT, no PATCH and no
GET of one webhook. Every path is also answered with a slash at its end.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from aiohttp import hdrs, web

from sidecar.dialects import dtr_samples
from sidecar.domain.delivery import Reason
from sidecar.domain.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Stale,
    StoreUnavailable,
    Taken,
    Unauthenticated,
    Unusable,
)
from sidecar.domain.made import Api, Made
from sidecar.domain.message import Message
from sidecar.domain.person import Person
from sidecar.pipeline.subscribing import MOST, Subscribing
from sidecar.ports import Clock, Observer, Places
from sidecar.web.exchange import answer, person_of
from sidecar.web.vendors.dtr_errors import Code, Refusal, refused
from sidecar.web.vendors.dtr_forms import (
    CreateForm,
    TrialForm,
    UpdateForm,
    Webhook,
    changed,
    document_of,
    draft_of,
    form_of,
    kept_of,
    told,
    webhook,
)
from sidecar.web.vendors.dtr_keys import GLOBAL, TYPES, key_of

BASE: Final = "/api/v0"
ANY: Final = "any"
Handler = Callable[[web.Request, Person], Awaitable[web.StreamResponse]]


class DtrApi:
    """The routes. `legacy` tells whether the statuses are those from before DTR 2.7."""

    def __init__(
        self,
        subscribing: Subscribing,
        places: Places,
        *,
        clock: Clock,
        observer: Observer,
        legacy: Callable[[], bool],
    ) -> None:
        self._subscribing = subscribing
        self._places = places
        self._clock = clock
        self._observer = observer
        self._legacy = legacy

    def add_to(self, app: web.Application) -> None:
        self._route(app, "/webhooks", GET=self._list, POST=self._create)
        self._route(app, "/webhooks/update", POST=self._update)
        self._route(app, "/webhooks/test", POST=self._test)
        self._route(app, "/webhooks/{webhook}", DELETE=self._delete)
        self._route(app, "/accounts/{namespace}/webhooks", GET=self._of_namespace)
        self._route(app, "/repositories/{namespace}/webhooks", GET=self._of_namespace)
        self._route(app, "/repositories/{namespace}/{name:.+}/webhooks", GET=self._of_repository)
        app.router.add_route("*", BASE + "{rest:(?:/.*)?}", self._answering(_unknown))

    def _route(self, app: web.Application, path: str, **methods: Handler) -> None:
        allowed = ", ".join(methods)
        for whole in (BASE + path, BASE + path + "/"):
            for method, handler in methods.items():
                app.router.add_route(method, whole, self._answering(handler))
            app.router.add_route("*", whole, self._answering(_not_allowed, allowed))

    # --- looking -----------------------------------------------------------------------------------------------------

    async def _list(self, request: web.Request, person: Person) -> web.Response:
        """Everything to an administrator, to others what they have made themselves."""
        kind = request.query.get("webhookType") or ANY
        if kind != ANY and kind not in TYPES:
            raise Refusal(Code.INVALID_PARAMETERS, f"webhookType is {ANY} or one of {', '.join(TYPES)}")
        page = await self._subscribing.list(person, Api.DTR, limit=MOST)
        return await self._shown(
            person,
            [
                one
                for one in page.items
                if kind in (ANY, kept_of(one).type) and (person.admin or one.creator == person.name)
            ],
        )

    async def _of_namespace(self, request: web.Request, person: Person) -> web.Response:
        """Everybody's webhooks whose key is the namespace."""
        key = key_of(request.match_info["namespace"])
        page = await self._subscribing.list(person, Api.DTR, namespace=key.namespace, limit=MOST)
        if person.admin and not page.items and await self._places.namespace(key.namespace) is None:
            raise Refusal(Code.NO_SUCH_ACCOUNT, f"nothing was ever pushed to {key}, and no webhook waits for it")
        return await self._shown(person, [one for one in page.items if not one.repository])

    async def _of_repository(self, request: web.Request, person: Person) -> web.Response:
        """Everybody's webhooks whose key is the repository."""
        key = key_of(f"{request.match_info['namespace']}/{request.match_info['name']}")
        page = await self._subscribing.list(person, Api.DTR, namespace=key.namespace, repository=str(key), limit=MOST)
        if not page.items and not await self._places.repository(str(key)):
            raise Refusal(Code.NO_SUCH_REPOSITORY, f"nothing was ever pushed to {key}, and no webhook waits for it")
        return await self._shown(person, page.items)

    # --- changing ----------------------------------------------------------------------------------------------------

    async def _create(self, request: web.Request, person: Person) -> web.Response:
        document, key = document_of(form_of(await _body(request), CreateForm))
        if document.type == GLOBAL and not key.everything:
            code = Code.INVALID_JSON if person.admin else Code.NOT_AUTHORIZED
            raise Refusal(code, f"{GLOBAL} concerns no repository: only an administrator subscribes, without a key")
        draft = draft_of(document, key)
        try:
            made = await self._subscribing.create(person, draft)
        except Taken:  # the id says all that a webhook is: whoever asks for it again has it
            made = await self._subscribing.get(person, Api.DTR, key=draft.key)
        (shown,) = await self._webhooks(person, [made])
        response = answer(shown)
        response.set_status(200 if self._legacy() else 201)
        return response

    async def _update(self, request: web.Request, person: Person) -> web.Response:
        form = form_of(await _body(request), UpdateForm)
        while True:
            made = await self._subscribing.get(person, Api.DTR, key=form.id or "")
            draft = changed(made, form)
            try:
                if draft.document == made.document:  # can be switched off even where it can no longer be used
                    made = await self._subscribing.enable(person, made, draft.enabled, revision=made.revision)
                else:
                    made = await self._subscribing.replace(person, made, draft, revision=made.revision)
                break
            except Stale:  # somebody else was quicker; what this form leaves out is as they left it
                continue
        (shown,) = await self._webhooks(person, [made])
        return answer(shown)

    async def _delete(self, request: web.Request, person: Person) -> web.Response:
        made = await self._subscribing.get(person, Api.DTR, key=request.match_info["webhook"])
        await self._subscribing.remove(person, made)
        return web.Response(status=200 if self._legacy() else 204)

    async def _test(self, request: web.Request, person: Person) -> web.Response:
        """Answered once the endpoint has answered."""
        document, key = document_of(form_of(await _body(request), TrialForm))
        body = dtr_samples.payload(document.type, self._clock.now())
        message = Message(word=document.type, content_type="application/json", body=body)
        outcome = await self._subscribing.say(person, draft_of(document, key), message)
        if outcome.reason is not Reason.OK:
            raise Refusal(Code.WEBHOOK_TEST_FAILED, outcome.detail or outcome.reason.value)
        return web.Response()

    # --- within ------------------------------------------------------------------------------------------------------

    async def _shown(self, person: Person, items: Sequence[Made]) -> web.Response:
        return answer(await self._webhooks(person, items))

    async def _webhooks(self, person: Person, items: Sequence[Made]) -> Sequence[Webhook]:
        health = await self._subscribing.health(person, items)
        return [
            webhook(one, max((health[at.lane].last_success for at in one.targets if at.lane in health), default=0))
            for one in items
        ]

    def _answering(self, handler: Handler, allowed: str = "") -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """The handler for those who said who they are, with DTR's words for everything that it raises."""

        async def answering(request: web.Request) -> web.StreamResponse:
            try:
                return await handler(request, _admitted(request))
            except Exception as error:  # noqa: BLE001 - what it is decides the answer, what is none of ours is told
                refusal = _refusal(error)
                if refusal is None:
                    self._observer.trouble("dtr-api", error)
                    refusal = Refusal(Code.INTERNAL_ERROR)
                response = refused(refusal.code, refusal.detail)
                if refusal.code is Code.NOT_ALLOWED:
                    response.headers[hdrs.ALLOW] = allowed
                return response

        return answering


async def _not_allowed(request: web.Request, _person: Person) -> web.StreamResponse:
    raise Refusal(Code.NOT_ALLOWED, f"{request.method} is not for this address")


async def _unknown(_request: web.Request, _person: Person) -> web.StreamResponse:
    raise Refusal(Code.NOT_FOUND, f"of {BASE} only webhooks are served here")


def _refusal(error: Exception) -> Refusal | None:
    """What an error is in DTR's words, None when it is none that was raised on purpose."""
    match error:
        case Refusal():
            return error
        case Unauthenticated():
            return Refusal(Code.NOT_AUTHENTICATED)
        case Forbidden():
            return Refusal(Code.NOT_AUTHORIZED, str(error))
        case NotFound():
            return Refusal(Code.NO_SUCH_WEBHOOK)
        case Unusable():
            return Refusal(Code.INVALID_JSON, "; ".join(map(told, error.problems)))
        case Conflict() | StoreUnavailable():
            return Refusal(Code.UNAVAILABLE, str(error))
        case web.HTTPRequestEntityTooLarge():
            return Refusal(Code.TOO_LARGE)
        case _:
            return None


def _admitted(request: web.Request) -> Person:
    """Who asks. Raises Refusal when nobody was recognised, and for an `Accept` that leaves no JSON."""
    person = person_of(request)
    if not person.known:
        raise Refusal(Code.NOT_AUTHENTICATED)
    accepted = request.headers.getall(hdrs.ACCEPT, [])
    ranges = [one.partition(";")[0].strip().lower() for line in accepted for one in line.split(",")]
    if any(ranges) and not {"*/*", "application/*", "application/json"} & set(ranges):
        raise Refusal(Code.NOT_ACCEPTABLE, "this API answers in application/json")
    return person


async def _body(request: web.Request) -> bytes:
    """The body of a request. Raises Refusal for one that says it is something else than JSON."""
    if hdrs.CONTENT_TYPE in request.headers and request.content_type != "application/json":
        raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, "send the body as application/json")
    return await request.read()
