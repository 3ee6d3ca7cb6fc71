"""Looking through the tags for what ends soon, once every interval for each subscription that wants to hear of it.

A look is made at a tick of the journal and goes on from tick to tick, a bounded slice at a time: what is told, to whom,
and how far the look has come is written with the tick's batch, so that an end is told once whatever happens. All tags
of a repository are told together. Without rules the store names the tags in the order of their ends; with rules the
look goes from repository to repository, since a rule may name any tag.

Nobody who wants to hear of it: nothing is looked at, and no tick is asked for.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from sidecar.domain import expiring, instant
from sidecar.domain.catalogue import Catalogue, Facts, Need, RepositoryKey
from sidecar.domain.enrichment import merged
from sidecar.domain.event import Artifact, Event, EventType, Kind, Origin, Repository
from sidecar.domain.expiry import START, Announced, Ending, Look, Plan, Spot, endings
from sidecar.domain.fold import Fold
from sidecar.domain.names import split_repository
from sidecar.domain.notice import Act, Notice
from sidecar.domain.record import Record
from sidecar.domain.registry import Registry
from sidecar.pipeline.routing import Route, Router, plan_for
from sidecar.ports import Ends, PlannedEvent

AT_ONCE = 500  # tags that one slice tells of: a few milliseconds of the writer
PAGE = 1_000  # tags that are looked at for one slice, in the order of their ends
PLACES = 50  # repositories that are looked at for one slice, where there are rules
LANES = 32  # subscriptions that one slice looks for


class _Found(msgspec.Struct, frozen=True):
    """What one subscription is to be told of one repository."""

    route: Route
    place: RepositoryKey
    endings: Sequence[Ending]


class Slice(msgspec.Struct, frozen=True):
    """What one tick brought: `found`, and how far the looks have come."""

    tick: Record
    found: Sequence[_Found]
    looks: list[Look]

    def need(self, need: Need, registries: Mapping[str, Registry]) -> None:
        """Ask for what the events are completed with."""
        for one in self.found:
            registry, repository = one.place
            need.repositories.add(one.place)
            need.namespaces.add(split_repository(repository, registries[registry].default_namespace)[0])
            need.manifests.update((*one.place, each.tag.digest) for each in one.endings)

    def tell(
        self, fold: Fold, catalogue: Catalogue, registries: Mapping[str, Registry]
    ) -> tuple[list[PlannedEvent], list[Announced]]:
        """The events with their deliveries, and what need not be told again. A kind that is not wanted is not told."""
        planned: list[PlannedEvent] = []
        announced: list[Announced] = []
        for one in self.found:
            lane, match = one.route.lane, one.route.subscription.match
            announced += [
                Announced(
                    lane=lane,
                    registry=each.tag.registry,
                    repository=each.tag.repository,
                    tag=each.tag.tag,
                    mark=each.tag.mark,
                    ends=each.ends,
                )
                for each in one.endings
            ]
            tick = _notice(self.tick, one.place)
            draft = _draft(one.place, registries[one.place[0]])
            wanted = [
                each
                for each in one.endings
                if match.refusal(_of(draft, each.tag.tag, expiring.known(each, catalogue))) == ""
            ]
            if wanted:
                days = one.route.voice.days
                event = expiring.event(tick, wanted, days=days, lane=lane, catalogue=catalogue, make=fold.make)
                planned.append(plan_for(event, one.route))
        return planned, announced


class Expiring:
    """Which looks are due, and what each slice of them finds. `ends` and `look` are the store's part."""

    def __init__(self, ends: Ends, look: Callable[[Need], Awaitable[Facts]]) -> None:
        self._ends = ends
        self._look = look
        self._routes: Sequence[Route] = ()
        self._plan = Plan()
        self._registries: Mapping[str, Registry] = {}
        self._looks: dict[int, Look] | None = None  # as committed; None = not read yet

    @property
    def watching(self) -> bool:
        """Whether anybody wants to hear of it."""
        return bool(self._routes)

    def configure(self, router: Router, plan: Plan, registries: Mapping[str, Registry]) -> None:
        """Look for these from the next slice on."""
        self._routes = router.hearing(EventType.EXPIRING)
        self._plan = plan
        self._registries = registries

    async def begin(self) -> None:
        """Read how far the looks had come."""
        self._looks = {one.lane: one for one in await self._ends.reached()}

    def take(self, looks: Sequence[Look]) -> None:
        """These are committed."""
        if self._looks is not None:
            self._looks.update((one.lane, one) for one in looks)

    def due(self) -> int | None:
        """The instant from which the next slice may be made, None for never. Never while nothing is known."""
        if not self._routes or self._looks is None:
            return None
        return min(self._due(one.lane) for one in self._routes)

    def _due(self, lane: int) -> int:
        look = (self._looks or {}).get(lane)
        if look is None:
            return 0  # who is new is told at once
        return look.began if look.after is not None else look.began + self._plan.interval

    async def complete(self, notices: Sequence[Notice | None], catalogue: Catalogue) -> None:
        """Have the manifests of pushed indexes at hand: an index may end by the label that they share."""
        if not self._routes:
            return
        need = Need()
        for one in notices:
            if one is None or not one.tag or one.act not in {Act.PUSH, Act.FOUND}:
                continue
            known = catalogue.manifest(one.registry, one.repository, one.artifact.digest)
            artifact = one.artifact if known is None else merged(one.artifact, known.artifact)
            if artifact.kind is Kind.INDEX:
                need.manifests.update((one.registry, one.repository, child.digest) for child in artifact.references)
        if need.manifests:
            catalogue.admit((await self._look(need)).manifests)

    async def slice(self, tick: Record) -> Slice | None:
        """What the next part of the looks that are due finds, None when none is due."""
        now = tick.accepted
        due = self.due()
        if due is None or due > now:
            return None
        found: list[_Found] = []
        looks: list[Look] = []
        room = AT_ONCE
        waiting = sorted(
            (one for one in self._routes if self._due(one.lane) <= now), key=lambda one: self._due(one.lane)
        )
        for route in waiting[:LANES]:
            if room <= 0:
                break
            more, look = await self._continue(route, now, room)
            found += more
            looks.append(look)
            room -= sum(len(one.endings) for one in more)
        return Slice(tick, found, looks)

    # --- one subscription ---------------------------------------------------------------------------------------------

    async def _continue(self, route: Route, now: int, room: int) -> tuple[list[_Found], Look]:
        before = (self._looks or {}).get(route.lane)
        walking = bool(self._plan.rules or route.subscription.match.repository)
        look = Look(lane=route.lane, began=now, after=START, walking=walking)
        if before is not None and before.after is not None:  # under other rules it begins anew, and tells nothing twice
            look = before if before.walking is walking else msgspec.structs.replace(look, began=before.began)
        until = look.began + route.voice.days * instant.DAY
        if look.walking:
            found, after = await self._walk(route, look.after or START, now, until, room)
        else:
            found, after = await self._follow(route, look.after or START, now, until, room)
        return found, msgspec.structs.replace(look, after=after)

    async def _follow(
        self, route: Route, after: Spot, now: int, until: int, room: int
    ) -> tuple[list[_Found], Spot | None]:
        """Go through the tags in the order of their ends; returns after which to go on."""
        page = await self._ends.ending(route.lane, after=after, now=now, until=until, limit=PAGE)
        places = dict.fromkeys((spot[1], spot[2]) for spot in page if self._may(route, (spot[1], spot[2]), spot[3]))
        found: list[_Found] = []
        taken: set[Spot] = set()
        left: set[RepositoryKey] = set()
        for place in places:
            endings_there = await self._in(route, place, now, until) if room > 0 else []
            chosen = endings_there[: max(room, 0)]
            if chosen:
                found.append(_Found(route, place, chosen))
                room -= len(chosen)
                taken.update(one.tag.spot for one in chosen)
            if room <= 0 and (not endings_there or len(chosen) < len(endings_there)):
                left.add(place)
        for spot in page:
            if (spot[1], spot[2]) in left and spot not in taken and self._may(route, (spot[1], spot[2]), spot[3]):
                return found, after
            after = spot
        return found, after if len(page) == PAGE or left else None

    async def _walk(
        self, route: Route, after: Spot, now: int, until: int, room: int
    ) -> tuple[list[_Found], Spot | None]:
        """Go from repository to repository; returns after which to go on."""
        bound = route.subscription.match.repository
        if bound:
            places: Sequence[RepositoryKey] = sorted((name, bound) for name in self._registries)
            places = [one for one in places if one > (after[1], after[2])]
        else:
            places = await self._ends.places((after[1], after[2]), PLACES)
        found: list[_Found] = []
        for place in places:
            if not self._may(route, place):
                continue
            endings_there = await self._in(route, place, now, until)
            chosen = endings_there[:room]
            if chosen:
                found.append(_Found(route, place, chosen))
                room -= len(chosen)
            if room <= 0:
                if len(chosen) < len(endings_there):
                    return found, after
                return found, (0, *place, "")
            after = (0, *place, "")
        if bound or len(places) < PLACES:
            return found, None
        return found, (0, *places[-1], "")

    async def _in(self, route: Route, place: RepositoryKey, now: int, until: int) -> list[Ending]:
        """Of one repository what the subscription is to be told, as far as tags and their ends decide."""
        rules = [one for one in self._plan.rules if one.repositories.admits(place[1])]
        tags = await self._ends.ends_in(route.lane, place, now=now, until=until, every=bool(rules))
        return [one for one in endings(tags, rules, now=now, until=until) if self._may(route, place, one.tag.tag)]

    def _may(self, route: Route, place: RepositoryKey, tag: str = "") -> bool:
        """Whether the filters admit a repository, or a tag of it, whatever kind it is of."""
        registry = self._registries.get(place[0])
        if registry is None:
            return False
        match = route.subscription.match
        refusal = match.refusal(_of(_draft(place, registry), tag, Artifact(kind=min(match.kinds))))
        return not refusal or (refusal == "tags" and not tag)


def _draft(place: RepositoryKey, registry: Registry) -> Event:
    """As much of an event as filters look at."""
    namespace, name = split_repository(place[1], registry.default_namespace)
    return Event(
        id="",
        type=EventType.EXPIRING,
        time=0,
        accepted=0,
        registry=registry.ref,
        repository=Repository(path=place[1], namespace=namespace, name=name),
        ever_tagged=True,
    )


def _of(draft: Event, tag: str, artifact: Artifact) -> Event:
    return msgspec.structs.replace(draft, tags=(tag,) if tag else (), artifact=artifact)


def _notice(tick: Record, place: RepositoryKey) -> Notice:
    return Notice(
        act=Act.NONE,
        registry=place[0],
        repository=place[1],
        time=tick.accepted,
        accepted=tick.accepted,
        origin=Origin(record=tick.id, number=tick.number, action="tick"),
    )
