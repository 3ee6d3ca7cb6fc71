"""Asking registries for what their notifications do not tell, between reading a batch and folding it.

Asked is only what a subscription's words read of an event that its filters admit, and only once: answers go into the
catalogue with the batch, and stay in memory for other repositories that have the same digest. A batch waits half a
second at the most. What has not come by then is told as unknown, and a registry that lets a batch wait in vain a few
times is left alone for a while: nobody's events may depend on how some registry feels.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from sidecar.domain.catalogue import Catalogue, DeletionKey, ManifestKey, deletion_request
from sidecar.domain.enrichment import NOTHING, Fact, asks_config, asks_manifest, merged, missing
from sidecar.domain.errors import RegistryUnavailable
from sidecar.domain.event import Artifact, Event, EventType, Kind, Repository
from sidecar.domain.fold import PARKING
from sidecar.domain.notice import Act, Notice
from sidecar.domain.registry import Registry
from sidecar.pipeline.routing import Router
from sidecar.ports import Observer, RegistryApi
from sidecar.registry.manifests import with_config, with_manifest

BOUND = 0.5  # seconds that one batch waits
CONFIG_LIMIT = 1024**2  # bytes of a config blob; a larger one is not read
KEPT = 1000  # digests whose answers are kept in memory
LONG = 200  # references; what has more is not kept there
ABSENT_FOR = 60.0  # seconds for which "no such manifest" is believed
STRIKES = 3  # batches in a row that waited for a registry in vain
REST = 30.0  # seconds for which it is then left alone

_HELD = frozenset({Fact.REFERENCES})
_Key = tuple[str, str]  # registry, digest
# A deletion can no longer be asked about: what its words read must be known from the push.
_SAID_OF = {
    Act.PUSH: (EventType.PUSHED, EventType.DELETED, EventType.TAG_DELETED, EventType.EXPIRING),
    Act.PULL: (EventType.PULLED, EventType.EXPIRING),  # what could not be asked when it was pushed
    Act.CHECK: (EventType.PULLED, EventType.CHECKED),  # a pull is told under the digest that its HEAD was answered with
    Act.FOUND: (EventType.PUSHED, EventType.DELETED, EventType.TAG_DELETED, EventType.EXPIRING),
}


class _Question(msgspec.Struct):
    """What is wanted of one digest; `artifact` grows with the answers."""

    registry: str
    api: RegistryApi
    repository: str
    artifact: Artifact
    wanted: frozenset[Fact]


class _Slow(msgspec.Struct):
    """How a registry stands with us. `until` on the loop's clock."""

    strikes: int = 0
    until: float = 0.0


class Enricher:
    """Keeps what was learned; `apis` may change with the configuration."""

    def __init__(self, observer: Observer) -> None:
        self._observer = observer
        self._apis: Mapping[str, RegistryApi] = {}
        self._weighs: Callable[[str, str], bool] | None = None
        self._kept: OrderedDict[_Key, Artifact] = OrderedDict()
        self._absent: OrderedDict[ManifestKey, float] = OrderedDict()  # of one repository: another may have it
        self._slow: dict[str, _Slow] = {}

    def configure(self, apis: Mapping[str, RegistryApi], weighs: Callable[[str, str], bool] | None = None) -> None:
        """Ask these, by the names of their registries, from the next batch on.

        `weighs` says whether it matters what a repository of a registry holds, whoever is told of it.
        """
        self._apis = apis
        self._weighs = weighs
        self._slow = {name: one for name, one in self._slow.items() if name in apis}

    async def enrich(
        self,
        notices: Sequence[Notice | None],
        catalogue: Catalogue,
        router: Router,
        registries: Mapping[str, Registry],
        *,
        until: int | None,
    ) -> tuple[list[Notice | None], Collection[DeletionKey]]:
        """The notices with what could be learned of their artifacts, in at most BOUND seconds. Never raises.

        With `until` (our clock, of the batch's last tick) also the parked deletions that would be given up by then,
        and whose digest is a manifest that is there.
        """
        try:
            return await self._enrich(notices, catalogue, router, registries, until)
        except Exception as error:  # noqa: BLE001 - without what a registry knows an event is still an event
            self._observer.trouble("enrichment", error)
            return list(notices), ()

    async def _enrich(
        self,
        notices: Sequence[Notice | None],
        catalogue: Catalogue,
        router: Router,
        registries: Mapping[str, Registry],
        until: int | None,
    ) -> tuple[list[Notice | None], Collection[DeletionKey]]:
        questions, places = self._questions(notices, catalogue, router, registries)
        parked = [] if until is None else list(self._overdue(notices, catalogue, until))
        standing: set[DeletionKey] = set()
        if questions or parked:
            work = [(one.registry, self._answer(one)) for one in questions.values()]
            work += [(key[0], self._look(self._apis[key[0]], key, digest, standing)) for key, digest in parked]
            await self._within_bounds(work)
        enriched = list(notices)
        for at, key in places.items():
            notice = notices[at]
            question = questions.get(key)
            content = question.artifact if question is not None else self._kept.get(key)
            if notice is not None and content is not None:
                enriched[at] = msgspec.structs.replace(notice, artifact=merged(notice.artifact, content))
        return enriched, standing

    # --- what to ask ------------------------------------------------------------------------------------------------

    def _questions(
        self,
        notices: Sequence[Notice | None],
        catalogue: Catalogue,
        router: Router,
        registries: Mapping[str, Registry],
    ) -> tuple[dict[_Key, _Question], dict[int, _Key]]:
        """One question for each digest, and which notices the answers are for."""
        questions: dict[_Key, _Question] = {}
        places: dict[int, _Key] = {}
        for at, notice in enumerate(notices):
            if notice is None or notice.silent or notice.act not in _SAID_OF or notice.registry not in self._apis:
                continue
            if notice.act is Act.CHECK and not registries[notice.registry].pull_window:
                continue  # it opens no session, so nothing is ever told of it
            known = catalogue.manifest(notice.registry, notice.repository, notice.artifact.digest)
            artifact = notice.artifact if known is None else merged(notice.artifact, known.artifact)
            if not missing(artifact):
                continue
            key = (notice.registry, notice.artifact.digest)
            content = self._kept.get(key)
            if content is not None:
                self._kept.move_to_end(key)
                places[at] = key
                artifact = merged(artifact, content)
            wanted = missing(artifact) and _wanted(notice, artifact, registries[notice.registry], router)
            if self._weighs is not None and notice.act is Act.PUSH and self._weighs(notice.registry, notice.repository):
                wanted |= missing(artifact) & _HELD
            if not wanted or not self._may_ask((notice.registry, notice.repository, notice.artifact.digest)):
                continue
            places[at] = key
            question = questions.get(key)
            if question is None:
                api = self._apis[notice.registry]
                questions[key] = _Question(notice.registry, api, notice.repository, artifact, wanted)
            else:
                question.wanted |= wanted
        return questions, places

    def _may_ask(self, key: ManifestKey) -> bool:
        now = asyncio.get_running_loop().time()
        slow = self._slow.get(key[0])
        if slow is not None and slow.until > now:
            return False
        return self._absent.get(key, 0.0) <= now

    def _overdue(
        self, notices: Iterable[Notice | None], catalogue: Catalogue, until: int
    ) -> Iterable[tuple[DeletionKey, str]]:
        """Deletions of unknown digests that are parked, or will be within this batch, and end by `until`."""
        for row in catalogue.parked():
            manifest = (row.registry, row.repository, row.digest)
            if row.deadline <= until and row.registry in self._apis and self._may_ask(manifest):
                yield row.key, row.digest
        for notice in notices:
            if notice is None or notice.act is not Act.DELETE or notice.accepted + PARKING > until:
                continue
            known = catalogue.manifest(notice.registry, notice.repository, notice.artifact.digest)
            if notice.registry in self._apis and (known is None or not known.heard_of):
                yield (notice.registry, notice.repository, deletion_request(notice)), notice.artifact.digest

    # --- asking -----------------------------------------------------------------------------------------------------

    async def _within_bounds(self, work: Sequence[tuple[str, Coroutine[Any, Any, bool]]]) -> None:
        """Do it all, side by side, as far as it goes in the time."""
        tasks = {asyncio.create_task(one, name="enrichment"): registry for registry, one in work}
        try:
            done, late = await asyncio.wait(tasks, timeout=BOUND)
        finally:
            for task in tasks:
                task.cancel()
        if late:
            await asyncio.gather(*late, return_exceptions=True)
        answered = {tasks[task] for task in done if task.exception() is None and task.result()}
        for task in done:
            error = task.exception()
            if error is not None:
                self._observer.trouble("enrichment", error)
        for registry in answered:
            self._slow.pop(registry, None)
        for registry in {tasks[task] for task in late} - answered:
            self._strike(registry)

    def _strike(self, registry: str) -> None:
        slow = self._slow.setdefault(registry, _Slow())
        slow.strikes += 1
        if slow.strikes >= STRIKES:
            slow.until = asyncio.get_running_loop().time() + REST
            self._observer.trouble(
                "enrichment",
                RegistryUnavailable(
                    f"registry {registry} takes more than {BOUND:g} s to answer: its events go on without what it knows"
                ),
            )

    async def _answer(self, question: _Question) -> bool:
        """Ask for what is wanted, step by step; True when the registry answered."""
        api = question.api
        key = (question.registry, question.artifact.digest)
        answered = False
        try:
            if asks_manifest(question.artifact, question.wanted):
                document = await api.manifest(question.repository, question.artifact.digest)
                answered = True
                if document is None:
                    self._note_absent((question.registry, question.repository, question.artifact.digest))
                    return True
                self._learn(key, question, with_manifest(question.artifact, document.media_type, document.body))
            config = asks_config(question.artifact, question.wanted)
            if config:
                body = await api.blob(question.repository, config, limit=CONFIG_LIMIT)
                answered = True
                self._learn(key, question, with_config(question.artifact, body))
        except RegistryUnavailable:
            pass  # the client has told
        return answered

    @staticmethod
    async def _look(api: RegistryApi, key: DeletionKey, digest: str, standing: set[DeletionKey]) -> bool:
        try:
            if await api.head(key[1], digest) is not None:
                standing.add(key)
        except RegistryUnavailable:
            return False
        return True

    def _learn(self, key: _Key, question: _Question, artifact: Artifact) -> None:
        question.artifact = artifact
        if len(artifact.references) > LONG:
            return
        self._kept[key] = artifact
        self._kept.move_to_end(key)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)

    def _note_absent(self, key: ManifestKey) -> None:
        self._absent[key] = asyncio.get_running_loop().time() + ABSENT_FOR
        while len(self._absent) > KEPT:
            self._absent.popitem(last=False)


def _wanted(notice: Notice, artifact: Artifact, registry: Registry, router: Router) -> frozenset[Fact]:
    """What is read of the artifact that is not known: for the event that the notice may become, and for its end."""
    facts: frozenset[Fact] = NOTHING
    for what in _SAID_OF[notice.act]:
        if router.hears(what) and (what is not EventType.TAG_DELETED or notice.tag):
            facts |= router.reads(_draft(notice, artifact, registry, what))
    childless = artifact.kind is Kind.INDEX and not artifact.references
    if childless and router.admits(_draft(notice, artifact, registry, EventType.PULLED)):
        facts |= {Fact.REFERENCES}  # so that a pull of the index and one of its children are seen as one
    return facts & missing(artifact)


def _draft(notice: Notice, artifact: Artifact, registry: Registry, what: EventType) -> Event:
    """As much of an event as filters and words look at."""
    return Event(
        id="",
        type=what,
        time=notice.time,
        accepted=notice.accepted,
        registry=registry.ref,
        repository=Repository(path=notice.repository, namespace="", name=""),
        artifact=artifact,
        tags=(notice.tag,) if notice.tag else (),
        ever_tagged=bool(notice.tag),
        actor=notice.actor,
    )
