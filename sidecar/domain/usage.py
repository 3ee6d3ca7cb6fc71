"""Usage: how many bytes each namespace under a quota holds, and which thresholds that passes. Pure.

A namespace holds its manifests and the blobs that they name, config and layers, each digest once however many of its
repositories have it. What counts is a manifest that was told of and not deleted: one that lost its tag still lies in
the registry. Layers that are kept elsewhere (foreign, non-distributable) are not in it. An index holds itself alone:
its children are manifests, and count for themselves.

For every blob stands how many of the namespace's manifests hold it, so that a deletion takes away what nobody else
holds. A namespace that comes under a quota with all it has is counted in slices, in the order of (repository, digest):
what changes meanwhile counts at once where the count has been, and is met later where it has not.

A threshold is told once when it is passed, and again only after usage had fallen 5 % below it: pushes and deletions
around a threshold are no news.
"""

import enum
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec

from sidecar.domain.catalogue import ManifestRow
from sidecar.domain.details import Quota as Told
from sidecar.domain.enrichment import Fact, missing
from sidecar.domain.event import Artifact, Event, EventType, Kind
from sidecar.domain.notice import Act, Notice
from sidecar.domain.quota import Place, Quota, Quotas

LIMIT = 0  # stands for the limit itself among the percentages that were told
_FOREIGN = ("application/vnd.docker.image.rootfs.foreign.", "application/vnd.oci.image.layer.nondistributable.")

Move = tuple[ManifestRow | None, ManifestRow]  # a manifest's row before and after
BlobKey = tuple[Place, str]
Gap = tuple[Place, str, str]  # place, repository, digest
Contents = Mapping[str, int]  # bytes by digest


class Stage(enum.IntEnum):
    """How far a namespace's count is. LEAVING: no longer under this quota; what is noted of it is being removed."""

    COUNTED = 0
    COUNTING = 1
    LEAVING = 2


class UsageRow(msgspec.Struct, frozen=True, kw_only=True):
    """What a namespace holds. `told` are the percentages that were told and not armed since, LIMIT among them.

    While it is counted, everything up to (`repository`, `digest`) is in `used`. `single` says that repositories named
    by one segment belong to it. `unknown` is how many manifests are in it of which nobody told what they hold.
    """

    registry: str
    namespace: str
    single: bool = False
    used: int = 0
    told: tuple[int, ...] = ()
    stage: Stage = Stage.COUNTED
    repository: str = ""
    digest: str = ""
    unknown: int = 0

    @property
    def place(self) -> Place:
        return (self.registry, self.namespace)


class Held(msgspec.Struct, frozen=True):
    """A blob in a namespace: its bytes, and how many manifests hold it."""

    size: int
    holders: int


class Step(msgspec.Struct, frozen=True):
    """What one notice moved; `at` is the notice's place in its batch."""

    at: int
    notice: Notice
    place: Place
    moves: tuple[Move, ...]


class UsageFacts(msgspec.Struct):
    """What the store knows of the places, blobs and children that a batch asks for; `present` are live manifests."""

    rows: dict[Place, UsageRow] = msgspec.field(default_factory=dict)
    blobs: dict[BlobKey, Held] = msgspec.field(default_factory=dict)
    present: set[tuple[str, str, str]] = msgspec.field(default_factory=set)


class UsageChanges(msgspec.Struct, frozen=True):
    """What to write: rows whole, blobs whole (nobody holds it = remove), gaps that are new and that are closed."""

    rows: Sequence[UsageRow] = ()
    blobs: Sequence[tuple[BlobKey, Held]] = ()
    gaps: Collection[Gap] = ()
    closed: Collection[Gap] = ()


def counts(row: ManifestRow | None) -> bool:
    """Whether a manifest lies in the registry as far as records and walks told."""
    return row is not None and row.live and row.heard_of


def contents(artifact: Artifact) -> dict[str, int]:
    """The bytes that a manifest holds, by digest: its own and those of what it names."""
    held = {artifact.digest: max(0, artifact.size)}
    if artifact.kind is not Kind.INDEX:
        for one in artifact.references:
            if not one.media_type.startswith(_FOREIGN):
                held[one.digest] = max(0, one.size)
    return held


def obscure(artifact: Artifact) -> bool:
    """Whether nobody told what a manifest holds, and its registry may know."""
    return Fact.REFERENCES in missing(artifact)


def children(artifact: Artifact) -> tuple[str, ...]:
    return tuple(one.digest for one in artifact.references) if artifact.kind is Kind.INDEX else ()


def passed(quota: Quota, used: int, told: Collection[int]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """The thresholds that are passed and not told yet, and those told before that stay so; both lowest first.

    The limit is passed by more than it, and stands last; a warning's threshold is passed when it is reached.
    """
    fresh: list[int] = []
    kept: list[int] = []
    for one in (*sorted(set(quota.warn_at)), LIMIT):
        share = (one or 100) * quota.limit
        if one in told:
            if used * 2_000 >= share * 19:  # not 5 % below the threshold
                kept.append(one)
        elif used * 100 > share or (one and used * 100 == share):
            fresh.append(one)
    return tuple(fresh), tuple(kept)


def percent(used: int, limit: int) -> int:
    """`used` of `limit`, rounded down."""
    return used * 100 // limit


class Scale:
    """The working copy of what one batch, or one slice of a count, weighs."""

    def __init__(self, quotas: Quotas, facts: UsageFacts) -> None:
        self._quotas = quotas
        self._facts = facts
        self._rows = facts.rows
        self._blobs = facts.blobs
        self._changed_rows: set[Place] = set()
        self._changed_blobs: set[BlobKey] = set()
        self._gaps: set[Gap] = set()
        self._closed: set[Gap] = set()

    def take(self, step: Step, make: Callable[..., Event]) -> list[Event]:
        """Weigh what a notice moved; the events of the thresholds that it passed. `make` is the fold's."""
        row = self._rows[step.place]
        if row.stage is Stage.LEAVING:
            return []
        before = row.used
        for old, new in step.moves:
            if row.stage is Stage.COUNTED or (new.repository, new.artifact.digest) <= (row.repository, row.digest):
                self._move(step.place, old, new, content=step.notice.act is Act.CONTENT)
        quota = self._quotas.of(step.place)
        if row.stage is not Stage.COUNTED or quota is None:
            return []
        row = self._rows[step.place]
        fresh, kept = passed(quota, row.used, row.told)
        if step.notice.silent or row.used < before:
            fresh = ()
        told = (*kept, *fresh)
        if set(told) != set(row.told):
            self._put(msgspec.structs.replace(row, told=told))
        events = []
        for one in fresh:
            details = Told(
                namespace=row.namespace,
                used=row.used,
                limit=quota.limit,
                percent=percent(row.used, quota.limit),
                threshold=one or 100,
                asked=row.used - before,
            )
            what = EventType.QUOTA_WARNING if one else EventType.QUOTA_EXCEEDED
            events.append(_event(step, what, details, row, make))
        return events

    def begin(self, row: UsageRow) -> None:
        """Note a namespace of which nothing was noted."""
        self._put(row)

    def count(self, place: Place, row: ManifestRow) -> None:
        """Add a manifest that is there already."""
        self._move(place, None, row, content=False)

    def reached(self, place: Place, repository: str, digest: str, *, done: bool) -> UsageRow:
        """Note how far a count has come; the row as it is then."""
        stage = Stage.COUNTED if done else Stage.COUNTING
        if done:
            repository = digest = ""
        row = msgspec.structs.replace(self._rows[place], stage=stage, repository=repository, digest=digest)
        self._put(row)
        return row

    def changes(self) -> UsageChanges:
        return UsageChanges(
            rows=[self._rows[place] for place in self._changed_rows],
            blobs=[(key, self._blobs[key]) for key in self._changed_blobs],
            gaps=self._gaps,
            closed=self._closed - self._gaps,
        )

    def _put(self, row: UsageRow) -> None:
        self._rows[row.place] = row
        self._changed_rows.add(row.place)

    def _move(self, place: Place, old: ManifestRow | None, new: ManifestRow, *, content: bool) -> None:
        was = contents(old.artifact) if old is not None and counts(old) else {}
        now = contents(new.artifact) if counts(new) else {}
        used = 0
        for digest, size in now.items():
            used += self._hold((place, digest), size, again=digest in was)
        for digest in was.keys() - now.keys():
            used -= self._release((place, digest))
        if used:
            row = self._rows[place]
            self._put(msgspec.structs.replace(row, used=max(0, row.used + used)))
        key = (new.registry, new.repository, new.artifact.digest)
        if now:
            self._facts.present.add(key)
        gap = (place, new.repository, new.artifact.digest)
        if now and obscure(new.artifact):
            self._gaps.add(gap)
        elif content or (was and old is not None and obscure(old.artifact)):
            self._gaps.discard(gap)
            self._closed.add(gap)
        if now and (not was or (old is not None and not old.artifact.references)):
            for digest in children(new.artifact):
                if (new.registry, new.repository, digest) not in self._facts.present:
                    self._gaps.add((place, new.repository, digest))

    def _hold(self, key: BlobKey, size: int, *, again: bool) -> int:
        """One manifest more holds it, or the same one `again`; returns how much larger the namespace is."""
        held = self._blobs.get(key)
        if held is None or held.holders == 0:
            self._note(key, Held(size, 1))
            return size
        grown = max(size, held.size)  # 0 where nobody told
        if not again or grown != held.size:
            self._note(key, Held(grown, held.holders + (not again)))
        return grown - held.size

    def _release(self, key: BlobKey) -> int:
        held = self._blobs.get(key)
        if held is None or held.holders == 0:
            return 0
        self._note(key, Held(held.size, held.holders - 1))
        return held.size if held.holders == 1 else 0

    def _note(self, key: BlobKey, held: Held) -> None:
        self._blobs[key] = held
        self._changed_blobs.add(key)


def wanted_blobs(place: Place, moves: Iterable[Move]) -> Iterable[BlobKey]:
    """The blobs that these moves may touch."""
    for old, new in moves:
        for row in (old, new):
            if row is not None and counts(row):
                for digest in contents(row.artifact):
                    yield place, digest


def _event(step: Step, what: EventType, details: Told, row: UsageRow, make: Callable[..., Event]) -> Event:
    notice = step.notice
    whole = notice.act is Act.COUNTED  # nothing was pushed: it is the namespace's alone
    event = make(
        notice,
        what,
        artifact=Artifact() if whole else notice.artifact,
        tags=(notice.tag,) if notice.tag else (),
        mark=str(details.threshold),
    )
    place = event.repository
    if whole:
        place = msgspec.structs.replace(place, path="", name="", created=None)
    repository = msgspec.structs.replace(place, holds_single=row.single)
    recovered = event.recovered and not whole
    return msgspec.structs.replace(event, repository=repository, recovered=recovered, details=details)
