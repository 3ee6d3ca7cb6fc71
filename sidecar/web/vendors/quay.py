"""Quay's management API under /api/v1: notifications of repositories and namespaces, and what clients ask beside them.

Requests and answers are those of Quay 3.15, so that what was written for Quay works unchanged. Where Quay is wrong in a
way that nobody can rely on, this is right: docs/quay.md lists the differences.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec
from aiohttp import hdrs, web

from sidecar import dialects
from sidecar.dialects import quay as words
from sidecar.domain.account import Accounts
from sidecar.domain.errors import Conflict, Forbidden, NotFound, StoreUnavailable, TooSoon, Unauthenticated, Unusable
from sidecar.domain.event import RegistryRef, Repository
from sidecar.domain.made import Api, Made
from sidecar.domain.names import split_repository
from sidecar.domain.person import Person
from sidecar.pipeline.authorizing import Authorizing
from sidecar.pipeline.inbox import Inbox
from sidecar.pipeline.sampling import Sampling
from sidecar.pipeline.subscribing import MOST, Subscribing
from sidecar.ports import Clock, Observer, Places
from sidecar.web.exchange import person_of
from sidecar.web.problems import sentence
from sidecar.web.vendors import quay_accounts
from sidecar.web.vendors.quay_answers import (
    CROSS_ORIGIN,
    NOT_ALLOWED,
    Bare,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    Missing,
    Refusal,
    TooMany,
    answer,
    bare,
    description,
    nothing,
    refused,
    unavailable,
)
from sidecar.web.vendors.quay_emails import QuayEmails
from sidecar.web.vendors.quay_forms import Form, draft_of, form_of, refusal_of, shown
from sidecar.web.vendors.quay_inbox import QuayInbox
from sidecar.web.vendors.quay_paths import Named, Thing, named
from sidecar.web.vendors.quay_targets import Targets

BASE: Final = "/api/v1/"
# What only those may ask about who manage the namespace it lies in.
_MANAGED: Final = frozenset({Thing.REPOSITORY, Thing.NOTIFICATIONS, Thing.NOTIFICATION, Thing.TEST, Thing.EMAIL})
Handler = Callable[[web.Request, Named, Person], Awaitable[web.Response]]


class Surroundings(msgspec.Struct, frozen=True, kw_only=True):
    """What the API takes from the configuration that runs. The first registry is the usual one.

    `public_url` is scheme and host under which clients reach this API, "" = those of their request. HipChat's and
    Flowdock's are the addresses that notifications by these methods are sent below.
    """

    accounts: Accounts
    registries: tuple[RegistryRef, ...]
    public_url: str = ""
    hipchat_url: str = words.Options().hipchat_url
    flowdock_url: str = words.Options().flowdock_url


class QuayApi:
    """The routes."""

    def __init__(
        self,
        subscribing: Subscribing,
        sampling: Sampling,
        places: Places,
        surroundings: Callable[[], Surroundings],
        *,
        authorizing: Authorizing,
        inbox: Inbox,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self._subscribing = subscribing
        self._sampling = sampling
        self._places = places
        self._around = surroundings
        self._authorizing = authorizing
        self._clock = clock
        self._observer = observer
        self._handlers: dict[tuple[Thing, str], Handler] = {
            (Thing.USER, "GET"): self._get_user,
            (Thing.ROBOT, "GET"): self._get_robot,
            (Thing.ENTITIES, "GET"): self._get_entities,
            (Thing.ORGANIZATION, "GET"): self._get_organization,
            (Thing.REPOSITORY, "GET"): self._get_repository,
            (Thing.NOTIFICATIONS, "GET"): self._list,
            (Thing.NOTIFICATIONS, "POST"): self._create,
            (Thing.NOTIFICATION, "GET"): self._get,
            (Thing.NOTIFICATION, "DELETE"): self._delete,
            (Thing.NOTIFICATION, "POST"): self._reset,
            (Thing.TEST, "POST"): self._test,
            **QuayEmails(authorizing).handlers,
            **QuayInbox(inbox).handlers,
        }

    def add_to(self, app: web.Application) -> None:
        """Answer everything under /api/v1/: names with slashes in them are no affair of a router's."""
        app.router.add_route("*", BASE + "{path:.*}", self._answer)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        base = self._around().public_url or f"{request.scheme}://{request.host}"
        try:
            response = await self._routed(request, base)
        except Exception as error:  # noqa: BLE001 - every error has an answer in Quay's shape; our own are told as well
            response = self._answer_to(error, base)
        response.headers.update(CROSS_ORIGIN)
        return response

    async def _routed(self, request: web.Request, base: str) -> web.Response:
        what = named(request.path.removeprefix(BASE))
        if what is None:
            raise Missing
        method = "GET" if request.method == "HEAD" else request.method
        allow: dict[str, str] = {hdrs.ALLOW: ", ".join(what.thing.allowed)}
        if method == "OPTIONS":
            return web.Response(headers=allow)
        if method not in what.thing.methods:
            return bare(405, NOT_ALLOWED, allow)
        if what.thing is Thing.ELSEWHERE:
            return _elsewhere(request)
        if what.thing is Thing.ERROR:
            return answer(description(what.name, base))
        person = person_of(request)
        if not person.known:
            raise InvalidToken
        if what.own:
            what = Named(thing=what.thing, namespace=person.name, own=True, name=what.name)
        if what.thing in _MANAGED and not person.manages(what.namespace):
            raise InsufficientScope
        if what.thing is Thing.NOTIFICATIONS and not (what.own or what.repository):
            await self._demand_organization(what.namespace)
        try:
            return await self._handlers[what.thing, method](request, what, person)
        except NotFound:
            raise _unfound(what) from None

    # --- what surrounds notifications --------------------------------------------------------------------------------

    async def _get_user(self, _request: web.Request, _what: Named, person: Person) -> web.Response:
        return answer(quay_accounts.user(person))

    async def _get_robot(self, _request: web.Request, _what: Named, _person: Person) -> web.Response:
        raise Bare(400, quay_accounts.NO_ROBOT)

    async def _get_entities(self, _request: web.Request, what: Named, _person: Person) -> web.Response:
        return answer(quay_accounts.entities(what.name, self._around().accounts))

    async def _get_organization(self, _request: web.Request, what: Named, person: Person) -> web.Response:
        await self._demand_organization(what.namespace)
        return answer(quay_accounts.organization(what.namespace, person, self._around().accounts))

    async def _demand_organization(self, name: str) -> None:
        """Raises Missing unless something was pushed there, or the configuration names it."""
        if name not in self._around().accounts.namespaces and await self._places.namespace(name) is None:
            raise Missing

    async def _get_repository(self, _request: web.Request, what: Named, _person: Person) -> web.Response:
        rows = await self._places.repository(what.repository)
        known = await self._places.namespace(what.namespace)
        view = quay_accounts.repository(what.namespace, what.repository.partition("/")[2], rows, known)
        if view is None:
            raise Missing
        return answer(view)

    # --- notifications -----------------------------------------------------------------------------------------------

    async def _list(self, _request: web.Request, what: Named, person: Person) -> web.Response:
        page = await self._subscribing.list(
            person, Api.QUAY, namespace=what.namespace, repository=what.repository, limit=MOST
        )
        failures = await self._failures(person, page.items)
        return answer({"notifications": [shown(one, failures[one.id]) for one in page.items]})

    async def _create(self, request: web.Request, what: Named, person: Person) -> web.Response:
        form = form_of(request.content_type, await request.read())
        dialect = dialects.load()[words.DIALECT.name]
        draft = draft_of(
            form,
            dialect,
            namespace=what.namespace,
            repository=what.repository,
            targets=await self._targets(form, what),
        )
        try:
            made = await self._subscribing.create(person, draft)
        except Unusable as error:
            raise refusal_of(error.problems, form.method) from None
        return answer(shown(made, 0), 201)

    async def _targets(self, form: Form, what: Named) -> Targets:
        """What is known of where a notification is to go."""
        around, config = self._around(), form.config
        target, email = config.get("target"), config.get("email")
        organization = verified = False
        if form.method == "quay_notification" and isinstance(target, dict) and isinstance(target.get("name"), str):
            name = target["name"]
            organization = name in around.accounts.namespaces or await self._places.namespace(name) is not None
        if form.method == "email" and isinstance(email, str):
            verified = await self._authorizing.confirmed(what.namespace, what.repository, email)
        return Targets(
            namespace=what.namespace,
            accounts=around.accounts,
            organization=organization,
            verified=verified,
            hipchat_url=around.hipchat_url,
            flowdock_url=around.flowdock_url,
        )

    async def _get(self, _request: web.Request, what: Named, person: Person) -> web.Response:
        made = await self._of(what, person)
        if made is None:
            raise Missing
        failures = await self._failures(person, [made])
        return answer(shown(made, failures[made.id]))

    async def _delete(self, _request: web.Request, what: Named, person: Person) -> web.Response:
        await self._subscribing.remove(person, await self._found(what, person))
        return nothing()

    async def _reset(self, _request: web.Request, what: Named, person: Person) -> web.Response:
        made = await self._by_uuid(what, person)
        if made is not None and what.repository and not _lies(made, what):
            raise Bare(400, f"No repository notification found with uuid: {what.name}")
        await self._subscribing.forget_failures(person, await self._found(what, person))
        return nothing()

    async def _test(self, _request: web.Request, what: Named, person: Person) -> web.Response:
        """Answered at once: whoever asked looks at the receiver, or at the count of failures."""
        made = await self._found(what, person)
        event, settings = made.document["event"], made.document["eventConfig"]
        voices = [bound.voice for one in self._subscribing.standing if one.made.id == made.id for bound in one.bound]
        if voices and not words.filters_sample(event, voices[0]):  # without one it cannot be used just now
            registry, place = await self._place(what)
            now, options = self._clock.now(), voices[0].options
            try:
                message = words.sample(
                    event, registry, place, settings=settings, now=now, options=options, performer=person.name
                )
            except ValueError as error:
                raise InvalidRequest(str(error)) from None
            await self._sampling.queue(person, made, message, registry=registry, repository=place)
        return answer({})

    # --- within ------------------------------------------------------------------------------------------------------

    async def _by_uuid(self, what: Named, person: Person) -> Made | None:
        """The notification of that uuid, if it is there and the person's to manage."""
        try:
            return await self._subscribing.get(person, Api.QUAY, uuid=what.name)
        except (NotFound, Forbidden):
            return None

    async def _of(self, what: Named, person: Person) -> Made | None:
        """The same if it belongs to the repository or namespace of the path: another's is none."""
        made = await self._by_uuid(what, person)
        return made if made is not None and _lies(made, what) else None

    async def _found(self, what: Named, person: Person) -> Made:
        """The same. Raises NotFound."""
        made = await self._of(what, person)
        if made is None:
            raise NotFound("there is no such notification")
        return made

    async def _failures(self, person: Person, items: Sequence[Made]) -> Mapping[int, int]:
        """Failed attempts in a row, by notification."""
        health = await self._subscribing.health(person, items)
        return {one.id: sum(health[each.lane].failures for each in one.targets if each.lane in health) for one in items}

    async def _place(self, what: Named) -> tuple[RegistryRef, Repository]:
        """Where a sample is to have happened: in the registry that has the repository, else in the first one."""
        rows = await self._places.repository(what.repository) if what.repository else ()
        usual, *_ = known = self._around().registries
        registries = {one.name: one for one in known}
        for row in rows:
            if row.registry in registries:
                return registries[row.registry], _repository(row.name, what.namespace)
        return usual, _repository(what.repository, what.namespace)

    def _answer_to(self, error: Exception, base: str) -> web.Response:
        match error:
            case Refusal():
                return refused(error, base)
            case Bare():
                return bare(error.status, error.message)
            case Unauthenticated():
                return refused(InvalidToken(), base)
            case Forbidden():
                return refused(InsufficientScope(), base)
            case Unusable():
                return refused(refusal_of(error.problems), base)
            case TooSoon():
                return refused(TooMany(sentence(error)), base)
            case Conflict():
                return refused(InvalidRequest(sentence(error)), base)
            case StoreUnavailable():
                return unavailable(sentence(error))
            case web.HTTPException():
                return bare(error.status, error.reason)
        self._observer.trouble("quay-api", error)
        return bare(500, "Internal Server Error")


def _unfound(what: Named) -> Refusal:
    """What Quay says of a notification that is not there: it depends on whose it would be."""
    if what.thing is Thing.ITEM or not what.repository:
        return Missing()
    namespace, _, name = what.repository.partition("/")
    return InvalidRequest(f"No repository notification found for: {namespace}, {name}, {what.name}")


def _lies(made: Made, what: Named) -> bool:
    return (made.namespace, made.repository) == (what.namespace, what.repository)


def _repository(path: str, namespace: str) -> Repository:
    _, name = split_repository(path, namespace)
    return Repository(path=path, namespace=namespace, name=name)


def _elsewhere(request: web.Request) -> web.Response:
    """To the same path with a slash at its end. The method stays; the host is left to whoever followed it so far."""
    query = f"?{request.rel_url.raw_query_string}" if request.rel_url.raw_query_string else ""
    return web.Response(status=308, headers={hdrs.LOCATION: f"{request.rel_url.raw_path}/{query}"})
