"""Subscriptions made through APIs: one set of verbs for every management interface, whatever it calls things.

An interface says who asks (`Person`) and puts the request into our words (`Draft`); rights, uniqueness and validity are
decided here. The store has the truth; what it holds is kept in memory beside what the configuration made of it, and is
read from there. A change is written first and takes effect then: killed in between, the next start does the rest.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final, Protocol, TypeVar

import msgspec

from sidecar.dialects.contract import Audience
from sidecar.domain.delivery import Outcome
from sidecar.domain.errors import (
    Conflict,
    Forbidden,
    NotFound,
    Problem,
    Stale,
    StoreUnavailable,
    Taken,
    Unauthenticated,
    Unusable,
)
from sidecar.domain.made import Api, Draft, Health, LastTrigger, Made, MadePage, Tree, lane_name, name_problem
from sidecar.domain.message import Message
from sidecar.domain.person import Person
from sidecar.pipeline.authorizing import demand_allowed
from sidecar.pipeline.inspection import ShownRequest, rehearsed
from sidecar.pipeline.operations import Tried
from sidecar.pipeline.routing import Route
from sidecar.pipeline.standing import Apply, Binder, Bound, Standing, Trial, bind, stand, with_enabled
from sidecar.ports import AuthorizedEmails, Clock, Madebook, Observer

STORE_RETRY: Final = 1.0  # seconds
MOST: Final = 10_000  # subscriptions made through APIs
MOST_TARGETS: Final = 64  # of one of them
MOST_LABORIOUS: Final = 8  # of these that take long to be read
MOST_DOCUMENT: Final = 256 * 1024  # bytes of JSON that an API may have kept with one

T = TypeVar("T")


class Shelf(Madebook, AuthorizedEmails, Protocol):
    """The store, as far as it is asked here."""


class Subscribing:
    """The verbs. `person` is whoever asks; every change is told to the observer under that name.

    Raised by all of them: Unauthenticated when nobody was recognised, Forbidden when the person does not manage the
    namespace, StoreUnavailable. Until the store is open everything is StoreUnavailable.
    """

    def __init__(self, store: Shelf, clock: Clock, observer: Observer, *, new_uuid: Callable[[], str]) -> None:
        self._store = store
        self._clock = clock
        self._observer = observer
        self._new_uuid = new_uuid
        self._binder: Binder | None = None
        self._apply: Apply | None = None
        self._trial: Trial | None = None
        self._standing: dict[int, Standing] = {}
        self._clearing: set[asyncio.Task[None]] = set()
        self.lock = asyncio.Lock()  # changes and reloads come one after the other

    # --- what the composition root says ------------------------------------------------------------------------------

    def connect(self, apply: Apply, trial: Trial) -> None:
        """What has changes take effect, and what sends samples."""
        self._apply, self._trial = apply, trial

    def take(self, binder: Binder, standing: Iterable[Standing]) -> None:
        """Use this configuration from now on, and what it makes of everything that there is."""
        self._binder = binder
        self._standing = {one.made.id: one for one in standing}

    def stop(self) -> None:
        """Clear nothing more: the next start does."""
        for task in self._clearing:
            task.cancel()

    @property
    def standing(self) -> Sequence[Standing]:
        return list(self._standing.values())

    @property
    def by_lane(self) -> Mapping[str, Made]:
        """All of them, by the names of their lanes."""
        return {target.name: one.made for one in self._standing.values() for target in one.made.targets}

    def number_of(self, name: str) -> int:
        """The id of what people call so: a name of our own API, or a lane's. 0 = it is none of these."""
        for one in self._standing.values():
            made = one.made
            if (made.api is Api.NATIVE and made.key == name) or any(target.name == name for target in made.targets):
                return made.id
        return 0

    def lane_of(self, name: str) -> str:
        """The lane's name of what people call so."""
        standing = self._standing.get(self.number_of(name)) if name else None
        if standing is None or any(one.name == name for one in standing.made.targets):
            return name
        return standing.made.targets[0].name

    def managed(self, person: Person, name: str) -> str:
        """As `lane_of`, for somebody who may hold and try it. Raises Forbidden."""
        standing = self._standing.get(self.number_of(name))
        _may(person, standing.made.namespace if standing is not None else "")
        return self.lane_of(name)

    # --- looking -----------------------------------------------------------------------------------------------------

    async def list(
        self,
        person: Person,
        api: Api | None = None,
        *,
        namespace: str | None = None,
        repository: str | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> MadePage:
        """Those of an API (None = every one), by id: of a namespace, of a repository ("" = of no single one).

        Without a namespace: all that the person manages.
        """
        _recognised(person)
        self._running()
        if namespace is not None:
            _may(person, namespace)
        found = [
            one.made
            for one in self._standing.values()
            if (api is None or one.made.api is api)
            and (one.made.namespace == namespace if namespace is not None else person.manages(one.made.namespace))
            and (repository is None or one.made.repository == repository)
        ]
        found.sort(key=lambda one: one.id)
        return MadePage(found[offset : offset + limit], len(found))

    async def get(
        self, person: Person, api: Api | None = None, *, number: int = 0, policy: int = 0, uuid: str = "", key: str = ""
    ) -> Made:
        """The one that has all of what is given; `number` is its id. Raises NotFound."""
        _recognised(person)
        self._running()
        for one in self._standing.values():
            made = one.made
            if (
                (api is None or made.api is api)
                and number in (0, made.id)
                and policy in (0, made.policy)
                and uuid in ("", made.uuid)
                and key in ("", made.key)
                and (number or policy or uuid or key)
            ):
                _may(person, made.namespace)
                return made
        raise NotFound("there is no such subscription")

    async def last_triggers(self, person: Person, made: Made) -> Sequence[LastTrigger]:
        """When its lanes were last told something, by lane and word; kept for those made in Harbor's API."""
        _may(person, made.namespace)
        return await self._store.last_triggers([one.lane for one in made.targets])

    async def lanes(self, person: Person, made: Made) -> Sequence[Health]:
        """How its lanes do, target by target: held, paused, failures in a row, how much is pending."""
        found = await self.health(person, [made])
        return [found[one.lane] for one in made.targets if one.lane in found]

    async def health(self, person: Person, items: Iterable[Made]) -> Mapping[int, Health]:
        """How the lanes of all these do, by lane, in one look."""
        lanes = []
        for made in items:
            _may(person, made.namespace)
            lanes += [one.lane for one in made.targets]
        return {one.state.id: one for one in await self._store.lane_health(lanes)} if lanes else {}

    # --- changing ----------------------------------------------------------------------------------------------------

    async def create(self, person: Person, draft: Draft) -> Made:
        """Make one. Raises Unusable; Taken when its key is used already; Conflict when there are too many."""
        _may(person, draft.namespace)
        async with self.lock:
            draft = await self._judged(draft, self._new_uuid())
            await demand_allowed(person, draft, self._store)
            if len(self._standing) >= MOST:
                raise Conflict(f"there are {MOST} subscriptions already: remove one first")
            made = await self._store.put_made(draft, creator=person.name, now=self._clock.now())
            return await self._stands(person, None, made, "subscription create")

    async def replace(self, person: Person, made: Made, draft: Draft, *, revision: int | None = None) -> Made:
        """Have it be otherwise; `api`, `uuid` and `id` stay. `revision` None = whatever it is by now.

        Targets that go to the same place in the same format keep their lanes, and what these owe. Raises NotFound,
        Unusable, Taken, Stale.
        """
        async with self.lock:
            now = self._current(person, made, revision)
            _may(person, draft.namespace)
            draft = msgspec.structs.replace(draft, api=now.api, uuid=now.uuid, key=draft.key or now.key)
            draft = await self._judged(draft, now.uuid)
            await demand_allowed(person, draft, self._store)
            return await self._change(person, now, draft, "subscription replace")

    async def enable(self, person: Person, made: Made, enabled: bool, *, revision: int | None = None) -> Made:
        """Have it hear of events, or of none. What it owes already is delivered all the same. Raises as `replace`."""
        async with self.lock:
            now = self._current(person, made, revision)
            if now.enabled == enabled:
                return now
            draft = msgspec.structs.replace(now.draft(), enabled=enabled)
            return await self._change(person, now, draft, f"subscription {'enable' if enabled else 'disable'}")

    async def remove(self, person: Person, made: Made, *, revision: int | None = None) -> None:
        """Remove it for good, and cancel what it owes. Raises NotFound, Stale."""
        async with self.lock:
            now = self._current(person, made, revision)
            await self._store.remove_made(now.id, expected=now.revision, now=self._clock.now())
            del self._standing[now.id]
            self._observer.operated(person.name, "subscription delete", 1, _described(now))
            if self._apply is not None:
                await self._apply(now, None)
        self.clear_soon()

    async def forget_failures(self, person: Person, made: Made) -> None:
        """Count the failures in a row of its lanes from 0 again. Raises NotFound."""
        async with self.lock:
            now = self._current(person, made, None)
            for one in now.targets:
                await self._store.forget_failures(one.lane)
            self._observer.operated(person.name, "subscription reset", 1, _described(now))

    async def test(self, person: Person, what: Made | Draft, event: str = "", *, target: int = 0) -> Tried:
        """Send a sample of an event or word to one of its targets, once, whether it is enabled or not.

        Nothing is kept of it. "" = the first event subscribed. Raises Unusable; Conflict when the format cannot say the
        event or nothing is running; NotFound when there is no such target.
        """
        _may(person, what.namespace)
        bound = await self._bound(what)
        if isinstance(what, Draft):
            await demand_allowed(person, what, self._store)
        if not 0 <= target < len(bound):
            raise NotFound(f"there is no target {target}")
        one = bound[target]
        policy = what.policy if isinstance(what, Made) else 0
        audience = Audience(one.subscription.name, policy, url=one.subscription.url)
        try:
            kind, message = rehearsed(Route(one.subscription, one.voice, 0, audience), event)
        except ValueError as error:
            raise Conflict(str(error)) from None
        request, outcome, took = await self._try(person, what, one, message)
        return Tried(type=kind, request=request, outcome=outcome, took=took)

    async def say(self, person: Person, draft: Draft, message: Message) -> Outcome:
        """Send an API's own sample to where a draft's first target says, once; nothing is kept of it.

        For interfaces that have anybody try an endpoint before anything is subscribed: whoever is recognised may.
        Raises Unusable; Conflict when nothing is running.
        """
        _recognised(person)
        bound = await self._read(draft)
        await demand_allowed(person, draft, self._store)
        _, outcome, _ = await self._try(person, draft, bound[0], message)
        return outcome

    async def _try(
        self, person: Person, what: Made | Draft, bound: Bound, message: Message
    ) -> tuple[ShownRequest, Outcome, int]:
        if self._trial is None:
            raise Conflict("nothing is sent while the sidecar is stopped; start it and try again")
        done = await self._trial(bound, message, self._new_uuid())
        self._observer.operated(person.name, "test", 1, f"{_described(what)} reason={done[1].reason.value}")
        return done

    # --- within ------------------------------------------------------------------------------------------------------

    def _running(self) -> Binder:
        if self._binder is None:
            raise StoreUnavailable("the sidecar is starting: try again in a moment")
        return self._binder

    async def _bound(self, what: Made | Draft) -> Sequence[Bound]:
        if isinstance(what, Draft):
            return await self._read(what)
        binder = self._running()
        trees = [one.subscription for one in what.targets]
        return await self._beside(trees, lambda: bind(what, binder, hidden=True))

    async def _read(self, draft: Draft) -> Sequence[Bound]:
        """A draft's targets, under names that nothing else has. Raises Unusable."""
        binder = self._running()
        if binder.laborious(draft.targets) > MOST_LABORIOUS:
            sentence = f"targets has more than {MOST_LABORIOUS} with templates: make several subscriptions of them"
            raise Unusable([Problem("targets", sentence)])
        trees = [
            (lane_name(draft.api, 0, serial), with_enabled(tree, draft.enabled))
            for serial, tree in enumerate(draft.targets, start=1)
        ]
        return await self._beside(
            draft.targets, lambda: binder.bind(trees, namespace=draft.namespace, repository=draft.repository)
        )

    async def _beside(self, trees: Sequence[Tree], read: Callable[[], T]) -> T:
        """What is read of these, on a thread if that takes long."""
        return await asyncio.to_thread(read) if self._running().laborious(trees) else read()

    async def _judged(self, draft: Draft, uuid: str) -> Draft:
        """The draft with its uuid and key. Raises Unusable."""
        problems = []
        if draft.api is Api.NATIVE and (problem := name_problem(draft.key)):
            problems.append(Problem("name", f"name {problem}"))
        elif draft.api is Api.NATIVE and draft.key in self._running().names:
            raise Taken(f"there is a subscription {draft.key} in the configuration file already: choose another name")
        if not 1 <= len(draft.targets) <= MOST_TARGETS:
            problems.append(Problem("targets", f"targets must be from 1 to {MOST_TARGETS}"))
        if draft.repository and not draft.namespace:
            problems.append(Problem("repository", "repository needs the namespace that it lies in"))
        if len(msgspec.json.encode((draft.document, draft.targets))) > MOST_DOCUMENT:
            problems.append(Problem("", f"a subscription may take {MOST_DOCUMENT // 1024} KiB: make it smaller"))
        if problems:
            raise Unusable(problems)
        # A preset brings its format: it is kept with the rest, since lanes are known by it.
        pairs = zip(draft.targets, await self._read(draft), strict=True)
        targets = tuple(
            [tree if "format" in tree else {**tree, "format": one.subscription.format} for tree, one in pairs]
        )
        uuid = draft.uuid or uuid
        return msgspec.structs.replace(draft, uuid=uuid, key=draft.key or uuid, targets=targets)

    def _current(self, person: Person, made: Made, revision: int | None) -> Made:
        """What it is by now. Raises NotFound, Stale."""
        _recognised(person)
        standing = self._standing.get(made.id)
        if standing is None:
            raise NotFound("there is no such subscription any more")
        _may(person, standing.made.namespace)
        if revision is not None and standing.made.revision != revision:
            raise Stale("somebody else has changed the subscription meanwhile: read it again, and decide anew")
        return standing.made

    async def _change(self, person: Person, before: Made, draft: Draft, what: str) -> Made:
        now = self._clock.now()
        made = await self._store.change_made(before.id, draft, expected=before.revision, now=now)
        made = await self._stands(person, before, made, what)
        if {one.lane for one in before.targets} - {one.lane for one in made.targets}:
            self.clear_soon()
        return made

    async def _stands(self, person: Person, before: Made | None, made: Made, what: str) -> Made:
        binder = self._running()
        standing = await self._beside([one.subscription for one in made.targets], lambda: stand(made, binder))
        self._standing[made.id] = standing
        self._observer.operated(person.name, what, 1, _described(made))
        if self._apply is not None:
            await self._apply(before, standing)
        return standing.made

    def clear_soon(self) -> None:
        """Cancel what retired lanes still owe, step by step, beside everything else."""
        task = asyncio.create_task(self._clear())
        self._clearing.add(task)
        task.add_done_callback(self._clearing.discard)

    async def _clear(self) -> None:
        while True:
            try:
                if not await self._store.clear_retired(self._clock.now()):
                    return
            except StoreUnavailable as error:
                self._observer.trouble("clearing", error)
                await asyncio.sleep(STORE_RETRY)


def _recognised(person: Person) -> None:
    if not person.known:
        raise Unauthenticated("say who you are: name and password, or a token")


def _may(person: Person, namespace: str) -> None:
    """Raises Unauthenticated, Forbidden."""
    _recognised(person)
    if not person.manages(namespace):
        which = f"the namespace {namespace}" if namespace else "every namespace at once"
        raise Forbidden(f"user {person.name} does not manage the subscriptions of {which}")


def _described(what: Made | Draft) -> str:
    """For the log: nothing of what it holds, which may be secret."""
    number = f"{what.api.value}/{what.id}" if isinstance(what, Made) else what.api.value
    return f"subscription={number} namespace={what.namespace} targets={len(what.targets)}"
