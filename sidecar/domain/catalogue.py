"""The catalogue: what the registry holds, as far as we know.

Rows are written last-writer-wins by (time of the record, its number). Rows are never removed by the fold: a tag or
manifest that is gone stays as a tombstone (`live=False`), so that a later record can still find its digest.

A walk may tell of a change before the record of it comes, if it ever does. Such a row has `found`, the moment of the
look, so that the record is recognised: it says what is known already. 0 stands for everything else.

`Need` says which rows a batch of notices may touch, `Facts` are those rows as the store has them, and `Catalogue` is
the batch's working copy: it answers from its own changes first and collects them for one write.
"""

from collections.abc import Iterable, Sequence

import msgspec

from sidecar.domain.details import Scan
from sidecar.domain.event import Artifact, Kind
from sidecar.domain.expiry import Announced, Look, expires
from sidecar.domain.notice import Act, Notice
from sidecar.domain.scans import ScanKey, ScanRow
from sidecar.domain.session import Session, SessionKey
from sidecar.domain.statement import Statement

RepositoryKey = tuple[str, str]  # registry, repository
ManifestKey = tuple[str, str, str]  # registry, repository, digest
TagKey = tuple[str, str, str]  # registry, repository, tag
DeletionKey = tuple[str, str, str]  # registry, repository, request id


class NamespaceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A namespace. One id space over all registries: `library` is 1, others count up, none is used again."""

    id: int
    name: str
    public: bool = False
    created: int


class RepositoryRow(msgspec.Struct, frozen=True, kw_only=True):
    """A repository. `first_push` is None while only pulls or deletes were seen.

    `live` says that a tagged push was announced and no deletion since; `time` and `number` are the stamp of what last
    decided that, 0 while nothing did.
    """

    registry: str
    name: str
    first_push: int | None
    live: bool
    time: int
    number: int
    found: int = 0


class ManifestRow(msgspec.Struct, frozen=True, kw_only=True):
    """A manifest or index in one repository. `tags` are all that were ever pushed onto it; where they point now is
    for their own rows to say, but no other tag can point here.
    """

    registry: str
    repository: str
    artifact: Artifact
    tags: tuple[str, ...]
    live: bool
    time: int
    number: int
    found: int = 0

    @property
    def ever_tagged(self) -> bool:
        return bool(self.tags)

    @property
    def heard_of(self) -> bool:
        """Whether a record told of it being stored or deleted; else only its content is known, from a pull."""
        return self.number > 0

    @property
    def key(self) -> ManifestKey:
        return (self.registry, self.repository, self.artifact.digest)


class TagRow(msgspec.Struct, frozen=True, kw_only=True):
    """A tag. `digest` stays after the tag is gone; `pushed` is the instant of the push that linked it.

    `expires` is when it ends by its label or as it was set, 0 = not at all; `armed` the number of the record by which
    somebody set that, 0 = nobody did since the push.
    """

    registry: str
    repository: str
    tag: str
    digest: str
    pushed: int
    live: bool
    time: int
    number: int
    found: int = 0
    expires: int = 0
    armed: int = 0

    @property
    def key(self) -> TagKey:
        return (self.registry, self.repository, self.tag)


class DeletionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A digest deleted by one request, so that the tag records of that request find it.

    `parked` holds the notice of a digest we do not know, until a tag record shows that it was a manifest or `deadline`
    (our clock) passes; it is None once announced or given up.
    """

    registry: str
    repository: str
    request: str
    digest: str
    deadline: int
    parked: Notice | None

    @property
    def key(self) -> DeletionKey:
        return (self.registry, self.repository, self.request)


class PullCount(msgspec.Struct, frozen=True, kw_only=True):
    """Pulls to add to those of an artifact by one of its tags, "" for those by digest; `last` is the latest's time."""

    registry: str
    repository: str
    digest: str
    tag: str
    count: int
    last: int


class Need(msgspec.Struct):
    """Keys of the rows that a batch may touch.

    Of `followed` tags the manifests they point to are wanted too; `whole` repositories with all they have. `sessions`
    asks for every open session of pulls. Of `scanned` manifests the scans are wanted, and of `scanned_tags` those of
    the manifests that they point to, and these manifests' other tags.
    """

    repositories: set[RepositoryKey] = msgspec.field(default_factory=set)
    manifests: set[ManifestKey] = msgspec.field(default_factory=set)
    tags: set[TagKey] = msgspec.field(default_factory=set)
    followed: set[TagKey] = msgspec.field(default_factory=set)
    tags_of: set[ManifestKey] = msgspec.field(default_factory=set)
    deletions: set[DeletionKey] = msgspec.field(default_factory=set)
    whole: set[RepositoryKey] = msgspec.field(default_factory=set)
    namespaces: set[str] = msgspec.field(default_factory=set)
    parked: bool = False
    sessions: bool = False
    scanned: set[ManifestKey] = msgspec.field(default_factory=set)
    scanned_tags: set[TagKey] = msgspec.field(default_factory=set)


class Facts(msgspec.Struct):
    """What the store knows of a Need.

    `tags` holds every tag asked for and every live tag of a digest in `tags_of`; `manifests` also those that the
    followed tags, the live tags of `whole` repositories and the deletions found point to. `next_namespace` is the id
    for the next new namespace. With `parked`, `deletions` holds every parked deletion.
    """

    repositories: list[RepositoryRow] = msgspec.field(default_factory=list)
    manifests: list[ManifestRow] = msgspec.field(default_factory=list)
    tags: list[TagRow] = msgspec.field(default_factory=list)
    deletions: list[DeletionRow] = msgspec.field(default_factory=list)
    namespaces: list[NamespaceRow] = msgspec.field(default_factory=list)
    next_namespace: int = 2
    sessions: list[Session] = msgspec.field(default_factory=list)
    scans: list[ScanRow] = msgspec.field(default_factory=list)


class Changes(msgspec.Struct):
    """Rows to write over what the store has; `pulls` are added to it, and `closed` sessions go.

    Of `disarmed` tags it is forgotten who was told of their end.
    """

    repositories: list[RepositoryRow]
    manifests: list[ManifestRow]
    tags: list[TagRow]
    deletions: list[DeletionRow]
    namespaces: list[NamespaceRow]
    pulls: list[PullCount] = msgspec.field(default_factory=list)
    sessions: list[Session] = msgspec.field(default_factory=list)
    closed: list[SessionKey] = msgspec.field(default_factory=list)
    looks: Sequence[Look] = ()
    announced: Sequence[Announced] = ()
    disarmed: Sequence[TagKey] = ()
    scans: list[ScanRow] = msgspec.field(default_factory=list)


def deletion_request(notice: Notice) -> str:
    """The id that joins a digest's deletion with the tag records of the same request."""
    return notice.request.id or f"record:{notice.origin.record}"


def need_of(notices: Iterable[tuple[Notice, str]], *, watching: bool = False) -> Need:
    """The rows that these notices, each with its namespace, may touch; `watching`: somebody is told of ends of tags."""
    need = Need()
    blob, nothing = Act.BLOB, Act.NONE  # compared by identity: hashing a member costs more than all the rest here
    for notice, namespace in notices:
        if notice.act is blob or notice.act is nothing:
            continue
        place = (notice.registry, notice.repository)
        digest = (*place, notice.artifact.digest)
        need.repositories.add(place)
        need.namespaces.add(namespace)
        if notice.act in {Act.DROP, Act.REPOSITORY_GONE}:
            need.whole.add(place)
        elif notice.act is Act.EXPIRE:
            need.tags.add((*place, notice.tag))
        elif notice.act is Act.TAG_GONE:
            need.tags.add((*place, notice.tag))
            need.followed.add((*place, notice.tag))
        elif notice.act is Act.UNTAG:
            need.tags.add((*place, notice.tag))
            need.followed.add((*place, notice.tag))
            need.deletions.add((*place, deletion_request(notice)))
        else:
            need.manifests.add(digest)
            if notice.act in {Act.PUSH, Act.FOUND} and notice.tag:
                need.tags.add((*place, notice.tag))
            elif notice.act is Act.MANIFEST_GONE or (watching and notice.act is Act.PULL):
                need.tags_of.add(digest)
            elif notice.act is Act.DELETE:
                need.tags_of.add(digest)
                need.deletions.add((*place, deletion_request(notice)))
            elif notice.statement is not None:
                _need_stated(need, notice, notice.statement)
    return need


def _need_stated(need: Need, notice: Notice, statement: Statement) -> None:
    """What a statement may be completed with, beyond its repository and manifest."""
    place = (notice.registry, notice.repository)
    if statement.namespace:
        need.namespaces.add(statement.namespace)
    if statement.digest:
        need.tags_of.add((*place, statement.digest))
        if isinstance(statement.details, Scan):
            need.scanned.add((*place, statement.digest))
    elif statement.tags:
        asked = {(*place, tag) for tag in statement.tags}
        need.tags |= asked
        need.followed |= asked
        if isinstance(statement.details, Scan):
            need.scanned_tags |= asked


class Catalogue:
    """The working copy of one batch. `watching`: somebody is told of ends of tags."""

    def __init__(self, facts: Facts, *, watching: bool = False) -> None:
        self.watching = watching
        self._repositories = {(row.registry, row.name): row for row in facts.repositories}
        self._manifests = {row.key: row for row in facts.manifests}
        self._tags = {row.key: row for row in facts.tags}
        self._deletions = {row.key: row for row in facts.deletions}
        self._namespaces = {row.name: row for row in facts.namespaces}
        self._next_namespace = facts.next_namespace
        self._changed_repositories: set[RepositoryKey] = set()
        self._changed_manifests: set[ManifestKey] = set()
        self._changed_tags: set[TagKey] = set()
        self._changed_deletions: set[DeletionKey] = set()
        self._changed_namespaces: set[str] = set()
        self._scans = {row.key: row for row in facts.scans}
        self._changed_scans: dict[ScanKey, None] = {}  # in the order of their last change, in which they are listed
        self._pulls: dict[tuple[str, str, str, str], PullCount] = {}
        self._disarmed: list[TagKey] = []
        # What `put_manifest` changed, before and after, for whoever takes it away; None = nobody does.
        self.moves: list[tuple[ManifestRow | None, ManifestRow]] | None = None
        self._by_digest: dict[ManifestKey, set[TagKey]] = {}
        for row in facts.tags:
            self._by_digest.setdefault((row.registry, row.repository, row.digest), set()).add(row.key)

    def repository(self, registry: str, name: str) -> RepositoryRow | None:
        return self._repositories.get((registry, name))

    def manifest(self, registry: str, repository: str, digest: str) -> ManifestRow | None:
        return self._manifests.get((registry, repository, digest))

    def tag(self, registry: str, repository: str, tag: str) -> TagRow | None:
        return self._tags.get((registry, repository, tag))

    def deletion(self, registry: str, repository: str, request: str) -> DeletionRow | None:
        return self._deletions.get((registry, repository, request))

    def scan(self, key: ScanKey) -> ScanRow | None:
        return self._scans.get(key)

    def tags_of(self, registry: str, repository: str, digest: str) -> list[TagRow]:
        """The live tags of a digest, newest push first."""
        keys = self._by_digest.get((registry, repository, digest), ())
        rows = [self._tags[key] for key in keys]
        return sorted((row for row in rows if row.live), key=lambda row: (-row.pushed, -row.number, row.tag))

    def admit(self, rows: Iterable[ManifestRow]) -> None:
        """Take in more rows of the store, where nothing is known of them yet."""
        for row in rows:
            self._manifests.setdefault(row.key, row)

    def expires(self, registry: str, repository: str, artifact: Artifact, pushed: int) -> int:
        """When a tag that was pushed onto this artifact ends by its label, 0 for not at all."""
        if artifact.labels is None and artifact.annotations is None and artifact.kind is not Kind.INDEX:
            return 0  # nearly always

        def child(digest: str) -> Artifact | None:
            row = self._manifests.get((registry, repository, digest))
            return row.artifact if row is not None else None

        return expires(artifact, pushed, child)

    def manifests_of(self, registry: str, repository: str) -> list[ManifestRow]:
        """The live manifests of a repository that was asked for whole, newest first."""
        rows = [row for key, row in self._manifests.items() if key[:2] == (registry, repository) and row.live]
        return sorted(rows, key=lambda row: (-row.time, -row.number, row.artifact.digest))

    def tags_in(self, registry: str, repository: str) -> list[TagRow]:
        """The live tags of a repository that was asked for whole, wherever they point, by name."""
        rows = [row for key, row in self._tags.items() if key[:2] == (registry, repository) and row.live]
        return sorted(rows, key=lambda row: row.tag)

    def parked(self) -> list[DeletionRow]:
        """Deletions still waiting to be classified, oldest first."""
        rows = [row for row in self._deletions.values() if row.parked is not None]
        return sorted(rows, key=lambda row: (row.deadline, row.key))

    def namespace(self, name: str, *, at: int) -> NamespaceRow:
        """The namespace's row, made on the spot when it is new."""
        row = self._namespaces.get(name)
        if row is None:
            row = NamespaceRow(id=self._next_namespace, name=name, created=at)
            self._next_namespace += 1
            self._namespaces[name] = row
            self._changed_namespaces.add(name)
        return row

    def put_repository(self, row: RepositoryRow) -> None:
        self._repositories[row.registry, row.name] = row
        self._changed_repositories.add((row.registry, row.name))

    def put_manifest(self, row: ManifestRow) -> None:
        if self.moves is not None:
            self.moves.append((self._manifests.get(row.key), row))
        self._manifests[row.key] = row
        self._changed_manifests.add(row.key)

    def put_tag(self, row: TagRow) -> None:
        before = self._tags.get(row.key)
        if before is not None:
            self._by_digest.get((before.registry, before.repository, before.digest), set()).discard(row.key)
            if before.live and not row.live and (before.expires or self.watching):
                self._disarmed.append(row.key)
        self._tags[row.key] = row
        self._by_digest.setdefault((row.registry, row.repository, row.digest), set()).add(row.key)
        self._changed_tags.add(row.key)

    def end_tag(self, row: TagRow, notice: Notice) -> None:
        """Make a tag a tombstone, by a record."""
        self.put_tag(msgspec.structs.replace(row, live=False, time=notice.time, number=notice.origin.number, found=0))

    def put_deletion(self, row: DeletionRow) -> None:
        self._deletions[row.key] = row
        self._changed_deletions.add(row.key)

    def put_scan(self, row: ScanRow) -> None:
        self._scans[row.key] = row
        self._changed_scans.pop(row.key, None)
        self._changed_scans[row.key] = None

    def count_pull(self, registry: str, repository: str, digest: str, tag: str, *, time: int) -> None:
        """One more pull of an artifact by this tag, "" for one by digest."""
        key = (registry, repository, digest, tag)
        before = self._pulls.get(key)
        self._pulls[key] = PullCount(
            registry=registry,
            repository=repository,
            digest=digest,
            tag=tag,
            count=before.count + 1 if before is not None else 1,
            last=max(before.last, time) if before is not None else time,
        )

    def changes(self) -> Changes:
        """Everything put since the start."""
        return Changes(
            repositories=[self._repositories[key] for key in self._changed_repositories],
            manifests=[self._manifests[key] for key in self._changed_manifests],
            tags=[self._tags[key] for key in self._changed_tags],
            deletions=[self._deletions[key] for key in self._changed_deletions],
            namespaces=[self._namespaces[name] for name in self._changed_namespaces],
            pulls=list(self._pulls.values()),
            disarmed=self._disarmed,
            scans=[self._scans[key] for key in self._changed_scans],
        )
