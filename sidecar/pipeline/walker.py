"""One walk over one registry: its list of repositories, then tag after tag, at the pace that was asked for.

What was found is kept beside the progress, in one transaction, and told when everything has been seen. So a walk goes
on where it stopped, and whether it tells too much is known before anything is told. A silent walk has nothing to tell
anybody: what it found goes into the journal as it goes.
"""

import asyncio
import functools
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from sidecar.domain import instant
from sidecar.domain.errors import RegistryUnavailable, SidecarError, StoreUnavailable
from sidecar.domain.event import Artifact
from sidecar.domain.lane import Bucket
from sidecar.domain.notice import Act
from sidecar.domain.observation import Observation, encode
from sidecar.domain.record import Entry, RecordKind
from sidecar.domain.subscription import Rate
from sidecar.domain.walk import SETTLE, Place, Step, Walk, WalkState, verdict, weigh
from sidecar.ports import Clock, Itinerary, Journal, Observer, RegistryApi, Walkbook
from sidecar.registry.kinds import kind_of
from sidecar.registry.manifests import with_manifest

PAGE = 100  # names that a registry is asked for at a time
SIDE_BY_SIDE = 4  # tags that are looked at together, so that a slow registry does not slow the walk below its rate
SAVE_AFTER = 100  # tags looked at between two notes of progress ...
SAVE_EVERY = 5.0  # ... or seconds
TOLD_AT_ONCE = 64  # observations that go into the journal together
RETRY_FIRST, RETRY_MOST = 1.0, 60.0  # seconds between attempts while registry or store are unavailable

_NOTHING = Artifact()
T = TypeVar("T")


class WalkStore(Walkbook, Itinerary, Journal, Protocol):
    """Everything that walks ask of a store."""


class Gone(SidecarError):
    """The registry has no such tag."""


class Walker:
    """Walks once. Cancelling it is as good as killing the process: another one goes on from what was written."""

    def __init__(
        self,
        walk: Walk,
        api: RegistryApi,
        rate: Rate,
        *,
        store: WalkStore,
        clock: Clock,
        observer: Observer,
    ) -> None:
        self.walk = walk
        self.saved = walk  # as it was last written: what another walker goes on from
        self._api = api
        self._store = store
        self._clock = clock
        self._observer = observer
        self._bucket = Bucket.full(rate, now=clock.monotonic())
        self._findings: list[Observation] = []
        self._unsaved = 0
        self._saved_at = clock.monotonic()

    async def run(self) -> Walk:
        """The walk as it is at its end: finished or held."""
        if self.walk.state is WalkState.WALKING:
            if not self.walk.listed:
                await self._list()
            while (place := await self._next_place()) is not None:
                await self._visit(place)
            await self._conclude()
        if self.walk.state is WalkState.TELLING:
            self.walk = await self._patiently(lambda: tell(self.walk, self._store, self._clock))
        return self.walk

    async def _next_place(self) -> Place | None:
        return await self._patiently(lambda: self._store.next_place(self.walk.id, self.walk.repository))

    # --- the list ---------------------------------------------------------------------------------------------------

    async def _list(self) -> None:
        """Every repository that the registry lists, then those that only we know of."""
        more = True
        while more:
            page = await self._ask(lambda: self._api.repositories(self.walk.page, PAGE))
            more = bool(page.next) and page.next != self.walk.page
            self._change(page=page.next if more else "")
            await self._save(places=tuple(Place(name, listed=True) for name in page.names))
        while names := await self._patiently(lambda: self._store.unlisted(self.walk.registry, self.walk.id, PAGE)):
            await self._save(places=tuple(Place(name, listed=False) for name in names))
        self._change(listed=True)
        await self._save()

    # --- one repository ---------------------------------------------------------------------------------------------

    async def _visit(self, place: Place) -> None:
        looked, after = self._now()
        listed = await self._tags(place.name)
        known = await self._known(place.name)
        if listed is None and not place.listed:
            gone = self._observation(Act.REPOSITORY_GONE, place.name, looked, after)
            self._note([gone], dict(known))
            self._change(known=self.walk.known + len(known))
        else:
            if not self.walk.tag:
                self._change(known=self.walk.known + len(known))
            await self._look_at_all(place.name, sorted({*(listed or ()), *known}), known)
        self._change(repository=place.name, tag="", done=self.walk.done + 1)
        await self._save_seldom()

    async def _known(self, repository: str) -> Mapping[str, str]:
        return await self._patiently(lambda: self._store.known_tags(self.walk.registry, repository))

    async def _tags(self, repository: str) -> Sequence[str] | None:
        """Every tag that the registry lists; None when it knows no such repository."""
        found: list[str] = []
        after = ""
        while True:
            page = await self._ask(functools.partial(self._api.tags, repository, after, PAGE))
            if page is None:
                return found or None
            found += page.names
            if not page.next or page.next == after:
                return found
            after = page.next

    async def _look_at_all(self, repository: str, names: Sequence[str], known: Mapping[str, str]) -> None:
        names = [name for name in names if name > self.walk.tag]
        ended: dict[str, bool] = {}
        counted = dict(known)
        for at in range(0, len(names), SIDE_BY_SIDE):
            some = names[at : at + SIDE_BY_SIDE]
            async with asyncio.TaskGroup() as group:
                looks = [group.create_task(self._look(repository, name, known.get(name, ""), ended)) for name in some]
            found = [seen for look in looks if (seen := look.result()) is not None]
            self._note(found, counted)
            self._unsaved += len(some)
            self._change(tag=some[-1], seen=self.walk.seen + len(some))
            await self._save_seldom()

    async def _look(self, repository: str, tag: str, known: str, ended: dict[str, bool]) -> Observation | None:
        """What differs from what is known of one tag. A tag that is as known costs one request and leaves no trace."""
        looked, after = self._now()
        try:
            artifact = await self._artifact(repository, tag, known)
        except Gone:
            if not known:
                return None
            if known not in ended:
                # Without `unless`: Distribution answers 304 to a digest that matches itself, be it there or not.
                ended[known] = await self._ask(lambda: self._api.head(repository, known)) is None
            if ended[known]:
                gone = Artifact(digest=known)
                return self._observation(Act.MANIFEST_GONE, repository, looked, after, artifact=gone)
            return self._observation(Act.TAG_GONE, repository, looked, after, tag=tag)
        if artifact is None:
            return None
        return self._observation(Act.FOUND, repository, looked, after, tag=tag, artifact=artifact)

    async def _artifact(self, repository: str, tag: str, known: str) -> Artifact | None:
        """What a tag points to, None where that is what is known. Raises Gone."""
        reference = tag
        if known:
            head = await self._ask(lambda: self._api.head(repository, tag, unless=known))
            if head is None:
                raise Gone(tag)
            if head.unchanged or head.digest == known:
                return None
            reference = head.digest
        document = await self._ask(lambda: self._api.manifest(repository, reference))
        if document is None:
            raise Gone(tag)
        if document.digest == known:
            return None
        named = Artifact(digest=document.digest, kind=kind_of("", tag, ()))  # an accessory, by its tag alone
        return with_manifest(named, document.media_type, document.body)

    # --- the end ----------------------------------------------------------------------------------------------------

    async def _conclude(self) -> None:
        """Decide whether what was found may be told."""
        await self._save()
        if self.walk.silent:
            self._change(state=WalkState.FINISHED, ended=self._clock.now())
            await self._save(supersede=True)
            return
        if self.walk.changes:
            await asyncio.sleep(SETTLE / instant.SECOND)
        changes, deletions = await self._weigh()
        why = verdict(changes=changes, deletions=deletions, known=self.walk.known)
        self._change(changes=changes, deletions=deletions, why=why)
        if why:
            self._change(state=WalkState.HELD, ended=self._clock.now())
        else:
            self._change(state=WalkState.TELLING)
        await self._save(supersede=True)

    async def _weigh(self) -> tuple[int, int]:
        """How many changes and deletions would be announced now: records may have told of some meanwhile."""
        changes = deletions = 0
        repository, after = "", ""
        tags: dict[str, str] = {}
        while found := await self._patiently(functools.partial(self._store.findings, self.walk.id, after, PAGE)):
            for seen in found:
                if seen.repository != repository:
                    repository, tags = seen.repository, dict(await self._known(seen.repository))
                more, gone = weigh(seen, tags)
                changes, deletions = changes + more, deletions + gone
            after = found[-1].key
        return changes, deletions

    # --- parts ------------------------------------------------------------------------------------------------------

    def _now(self) -> tuple[int, int]:
        """The moment before a look, by our clock and by the journal."""
        return self._clock.now(), self._store.last

    def _observation(
        self, saw: Act, repository: str, looked: int, after: int, *, tag: str = "", artifact: Artifact = _NOTHING
    ) -> Observation:
        return Observation(
            saw=saw,
            looked=looked,
            after=after,
            repository=repository,
            tag=tag,
            artifact=artifact,
            silent=self.walk.silent,
        )

    def _note(self, found: Sequence[Observation], tags: dict[str, str]) -> None:
        """Keep what was found, and count it over the tags that were there before it."""
        changes, deletions = self.walk.changes, self.walk.deletions
        for seen in found:
            more, gone = weigh(seen, tags)
            changes, deletions = changes + more, deletions + gone
        self._findings += found
        self._change(changes=changes, deletions=deletions)

    def _change(self, **changes: object) -> None:
        self.walk = msgspec.structs.replace(self.walk, **changes)

    async def _save_seldom(self) -> None:
        """Note progress when enough of it is at stake."""
        waited = (self._clock.monotonic() - self._saved_at) / instant.SECOND
        if self._unsaved >= SAVE_AFTER or len(self._findings) >= SAVE_AFTER or waited >= SAVE_EVERY:
            await self._save()

    async def _save(self, *, places: tuple[Place, ...] = (), supersede: bool = False) -> None:
        # In the order in which the store gives them: a tag that moved is seen before the manifest that it left is gone.
        found = tuple(sorted(self._findings, key=lambda seen: seen.key))
        if self.walk.silent:
            await self._patiently(lambda: journal(self.walk, found, self._store, self._clock))
        step = Step(places=places, findings=() if self.walk.silent else found, supersede=supersede)
        if places:
            self._change(repositories=self.walk.repositories + len(places))
        self.saved = await self._patiently(lambda: self._store.keep_walk(self.walk, step))
        self._findings.clear()
        self._unsaved = 0
        self._saved_at = self._clock.monotonic()
        self._observer.walked(self.walk)

    async def _ask(self, question: Callable[[], Awaitable[T]]) -> T:
        """One question at the registry, in its turn; asked again until it is answered."""
        while not self._bucket.tokens(now := self._clock.monotonic()):  # noqa: ASYNC110 - others may take what comes
            await asyncio.sleep((self._bucket.next_token(now) - now) / instant.SECOND)
        self._bucket = self._bucket.after_start(now)
        return await self._patiently(question)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        """Try until registry and store are there; only a cancellation ends the wait."""
        delay = RETRY_FIRST
        while True:
            try:
                return await attempt()
            except (RegistryUnavailable, StoreUnavailable) as error:
                self._observer.trouble("walk", error)
                await asyncio.sleep(delay)
                delay = min(delay * 2, RETRY_MOST)


async def tell(walk: Walk, store: WalkStore, clock: Clock) -> Walk:
    """Journal everything that a walk found, and end it. Doing it again changes nothing: the journal knows the ids."""
    after = ""
    while found := await store.findings(walk.id, after, PAGE):
        await journal(walk, found, store, clock)
        after = found[-1].key
    walk = msgspec.structs.replace(walk, state=WalkState.FINISHED, ended=clock.now())
    return await store.keep_walk(walk, Step())


async def journal(walk: Walk, found: Sequence[Observation], store: WalkStore, clock: Clock) -> None:
    """Have observations translated, each under an id that names the walk and what was looked at."""
    for at in range(0, len(found), TOLD_AT_ONCE):
        now = clock.now()
        await store.append(
            [
                Entry(RecordKind.OBSERVATION, walk.registry, f"walk:{walk.id}:{seen.key}", now, encode(seen))
                for seen in found[at : at + TOLD_AT_ONCE]
            ]
        )
