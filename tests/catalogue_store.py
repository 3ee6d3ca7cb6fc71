"""A small catalogue in dictionaries that keeps its rows from batch to batch: for tests of the fold alone.

It answers a Need as narrowly as a store may, so that a fold which looks at a row that it never asked for fails here.
"""

import msgspec

from sidecar.domain.catalogue import (
    Catalogue,
    Changes,
    DeletionKey,
    DeletionRow,
    Facts,
    ManifestKey,
    ManifestRow,
    NamespaceRow,
    Need,
    PullCount,
    RepositoryKey,
    RepositoryRow,
    TagKey,
    TagRow,
    need_of,
)
from sidecar.domain.event import Event
from sidecar.domain.fold import Fold
from sidecar.domain.names import split_repository
from sidecar.domain.notice import Act, Notice
from sidecar.domain.pulls import Pulls
from sidecar.domain.registry import Registry
from sidecar.domain.scans import ScanKey, ScanRow
from sidecar.domain.session import Session, SessionKey, Sessions


class CatalogueStore:
    """Rows by key. `library` is there from the start with id 1."""

    def __init__(self) -> None:
        self.repositories: dict[RepositoryKey, RepositoryRow] = {}
        self.manifests: dict[ManifestKey, ManifestRow] = {}
        self.tags: dict[TagKey, TagRow] = {}
        self.deletions: dict[DeletionKey, DeletionRow] = {}
        self.namespaces = {"library": NamespaceRow(id=1, name="library", created=0)}
        self.sessions: dict[SessionKey, Session] = {}
        self.pulls: dict[tuple[str, str, str, str], PullCount] = {}
        self.scans: dict[ScanKey, ScanRow] = {}

    def look(self, need: Need) -> Facts:
        """The rows of a Need: what was asked for, and what that points to."""
        scanned = set(need.scanned)
        scanned.update((*key[:2], self.tags[key].digest) for key in need.scanned_tags if key in self.tags)
        tags = {
            key: row
            for key, row in self.tags.items()
            if key in need.tags
            or (row.live and (row.registry, row.repository, row.digest) in need.tags_of | scanned)
            or key[:2] in need.whole
        }
        deletions = {
            key: row
            for key, row in self.deletions.items()
            if key in need.deletions or (need.parked and row.parked is not None)
        }
        digests = set(need.manifests)
        digests.update((row.registry, row.repository, row.digest) for row in tags.values())
        digests.update((row.registry, row.repository, row.digest) for row in deletions.values())
        return Facts(
            repositories=[row for key, row in self.repositories.items() if key in need.repositories],
            manifests=[row for key, row in self.manifests.items() if key in digests or key[:2] in need.whole],
            tags=list(tags.values()),
            deletions=list(deletions.values()),
            namespaces=[row for key, row in self.namespaces.items() if key in need.namespaces],
            scans=[row for key, row in self.scans.items() if key[:3] in scanned],
            next_namespace=max(row.id for row in self.namespaces.values()) + 1,
        )

    def apply(self, changes: Changes) -> None:
        """Write rows over what is there."""
        self.repositories.update({(row.registry, row.name): row for row in changes.repositories})
        self.manifests.update({row.key: row for row in changes.manifests})
        self.tags.update({row.key: row for row in changes.tags})
        self.deletions.update({row.key: row for row in changes.deletions})
        self.namespaces.update({row.name: row for row in changes.namespaces})
        self.scans.update({row.key: row for row in changes.scans})
        for key in changes.closed:
            del self.sessions[key]
        self.sessions.update({row.key: row for row in changes.sessions})
        for row in changes.pulls:
            where = (row.registry, row.repository, row.digest, row.tag)
            before = self.pulls.get(where)
            count = row.count + (before.count if before else 0)
            last = max(row.last, before.last if before else 0)
            self.pulls[where] = msgspec.structs.replace(row, count=count, last=last)


class Tick(msgspec.Struct, frozen=True):
    """Time has passed: in a batch, between the notices."""

    now: int


class Batch(msgspec.Struct):
    """What one batch came to: its events, the word for each notice, and how many deletions were given up."""

    events: list[Event] = msgspec.field(default_factory=list)
    outcomes: list[str] = msgspec.field(default_factory=list)
    unclassified: int = 0


def fold_batch(store: CatalogueStore, registry: Registry, batch: list[Notice | Tick], *, checks: bool = False) -> Batch:
    """Fold one batch as a translator does that was started just now: one look, one working copy, one write."""
    notices = [one for one in batch if isinstance(one, Notice)]
    ticks = [one.now for one in batch if isinstance(one, Tick)]
    pulls = Pulls(Sessions(store.sessions.values()), {registry.name: registry}, checks=checks)
    ending = pulls.ending(max(ticks)) if ticks else []
    need = need_of(
        (one, split_repository(one.repository, registry.default_namespace)[0]) for one in (*notices, *ending)
    )
    need.parked = bool(ticks)
    for one in notices:
        if one.act in {Act.PULL, Act.CHECK}:
            need.manifests.update(pulls.need(one))
    catalogue = Catalogue(store.look(need))
    fold = Fold(catalogue, {registry.name: registry}, pulls)
    result = Batch()
    for one in batch:
        if isinstance(one, Tick):
            ticked = fold.tick(one.now)
            result.unclassified += ticked.unclassified
            result.events.extend(ticked.events)
        else:
            folded = fold.notice(one)
            result.events.extend(folded.events)
            result.outcomes.append(folded.outcome)
    changes = catalogue.changes()
    changes.sessions, changes.closed = pulls.changes()
    store.apply(changes)
    return result
