"""From notices to events: what really happened, given what the registry is known to hold.

`fold` looks at one notice and the catalogue, changes the catalogue, and returns the events. It has no clock: time
passes only when a tick is folded. The same records in the same order always give the same events with the same ids.
"""

from collections.abc import Collection, Mapping

import msgspec

from sidecar.domain import expiring, instant
from sidecar.domain.catalogue import (
    Catalogue,
    DeletionKey,
    DeletionRow,
    ManifestRow,
    RepositoryRow,
    TagRow,
    deletion_request,
)
from sidecar.domain.event import Artifact, Event, EventType, Kind, Repository, ordered_uuid
from sidecar.domain.names import split_repository
from sidecar.domain.notice import OBSERVED, Act, Notice
from sidecar.domain.pulled import Pulled
from sidecar.domain.pulls import Pulls
from sidecar.domain.recovery import Recovery, filled, with_tag
from sidecar.domain.registry import Registry
from sidecar.domain.stated import stated

PARKING = 10 * instant.SECOND  # how long an unknown digest's deletion waits for a tag record of the same request


class Folded(msgspec.Struct, frozen=True):
    """The events of one notice, and a word for what became of it (a metric label).

    Words: announced, silent, blob, checked, swallowed, ignored, known, parked, unclassified, overtaken. `known` is what
    a walk saw and a record had told, or what a record tells and a walk had found. Whatever the word, a pull or HEAD may
    bring the events of checks that ended with it.
    """

    events: tuple[Event, ...]
    outcome: str


class Ticked(msgspec.Struct, frozen=True):
    """What ended with a tick: the events of it, and how many deletions stay unclassified."""

    events: tuple[Event, ...]
    unclassified: int


OUTCOMES = (
    "announced",
    "silent",
    "blob",
    "checked",
    "swallowed",
    "ignored",
    "known",
    "parked",
    "unclassified",
    "overtaken",
)
_KNOWN = Folded((), "known")
_BLOB = Folded((), "blob")
_IGNORED = Folded((), "ignored")


class Fold:
    """Folds the notices of one batch into a catalogue."""

    def __init__(self, catalogue: Catalogue, registries: Mapping[str, Registry], pulls: Pulls | None = None) -> None:
        """Without `pulls` every GET of a manifest is a pull."""
        self._catalogue = catalogue
        self._registries = registries
        self._pulled = Pulled(catalogue, pulls, self._event)
        self._telling = self._pulled.telling
        self._recovery = Recovery(catalogue, self._event)
        self.make = self._event  # for what is told besides a notice, or once all of them are folded

    def notice(self, notice: Notice) -> Folded:
        """Fold one notice of a registry that the configuration knows."""
        if self._telling:
            self._pulled.push(notice)
        if notice.act is Act.BLOB:
            return _BLOB
        events: list[Event] | None
        if notice.act is Act.NONE:
            return _IGNORED
        if notice.act is Act.PULL:
            return Folded(*self._pulled.pull(notice))
        if notice.act is Act.CHECK:
            return Folded(*self._pulled.check(notice))
        if self._recovery.has_told(notice):
            return _KNOWN
        if notice.act is Act.PUSH:
            events = self._push(notice)
        elif notice.act in OBSERVED:
            events = self._recovery.observe(notice)
            if not events:
                return _KNOWN
        elif notice.act is Act.DELETE:
            events = self._delete(notice)
        elif notice.act is Act.UNTAG:
            events = self._untag(notice)
        elif notice.act is Act.EXPIRE:
            return Folded((), "silent" if expiring.put(notice, self._catalogue) else "known")
        elif notice.act is Act.STATED:
            events = stated(notice, self._registries[notice.registry], self._catalogue, self._event)
        else:
            events = self._drop(notice)
        if events is None:
            return Folded((), "parked")
        if notice.silent:
            return Folded((), "silent")
        return Folded(tuple(events), "announced")

    def overtaken(self, keys: Collection[DeletionKey], now: int) -> int:
        """Drop deletions parked until `now` whose digest is a manifest that is there all the same; returns how many."""
        rows = [row for row in self._catalogue.parked() if row.deadline <= now and row.key in keys]
        for row in rows:
            self._catalogue.put_deletion(msgspec.structs.replace(row, parked=None))
        return len(rows)

    def tick(self, now: int) -> Ticked:
        """Give up on what was parked until `now`, and end the sessions of pulls whose time is over."""
        due = [row for row in self._catalogue.parked() if row.deadline <= now]
        for row in due:
            self._catalogue.put_deletion(msgspec.structs.replace(row, parked=None))
        return Ticked(self._pulled.tick(now), len(due))

    # --- one method per act -----------------------------------------------------------------------------------------

    def _push(self, notice: Notice) -> list[Event]:
        place = (notice.registry, notice.repository)
        events: list[Event] = []
        created = self._first_push(notice)
        known = self._catalogue.manifest(*place, notice.artifact.digest)
        artifact = filled(notice.artifact, known)
        tagged = bool(notice.tag)
        if known is None or (known.time, known.number) <= notice.stamp:
            self._catalogue.put_manifest(
                ManifestRow(
                    registry=notice.registry,
                    repository=notice.repository,
                    artifact=artifact,
                    tags=with_tag(known.tags if known is not None else (), notice.tag),
                    live=True,
                    time=notice.time,
                    number=notice.origin.number,
                )
            )
        elif tagged and notice.tag not in known.tags:
            self._catalogue.put_manifest(msgspec.structs.replace(known, tags=with_tag(known.tags, notice.tag)))
        previous: str | None = None
        changed: bool | None = None
        if tagged:
            row = self._catalogue.tag(*place, notice.tag)
            if row is None or (row.time, row.number) <= notice.stamp:
                previous = row.digest if row is not None and row.live else ""
                changed = previous != notice.artifact.digest
                self._catalogue.put_tag(
                    TagRow(
                        registry=notice.registry,
                        repository=notice.repository,
                        tag=notice.tag,
                        digest=notice.artifact.digest,
                        pushed=notice.time,
                        live=True,
                        time=notice.time,
                        number=notice.origin.number,
                        expires=self._catalogue.expires(*place, artifact, notice.time),
                    )
                )
        if created:
            events.append(self._event(notice, EventType.REPOSITORY_CREATED, artifact=Artifact()))
        events.append(
            self._event(
                notice,
                EventType.PUSHED,
                artifact=artifact,
                tags=(notice.tag,) if tagged else (),
                ever_tagged=tagged,
                previous_digest=previous,
                changed=changed,
            )
        )
        return events

    def _first_push(self, notice: Notice) -> bool:
        """Note the push at its repository; True when the repository begins to exist with it."""
        tagged = bool(notice.tag)
        row = self._catalogue.repository(notice.registry, notice.repository)
        if row is None:
            row = RepositoryRow(
                registry=notice.registry,
                name=notice.repository,
                first_push=notice.time,
                live=tagged,
                # An untagged push decides nothing: the tagged one that follows may bear an earlier time.
                time=notice.time if tagged else 0,
                number=notice.origin.number if tagged else 0,
            )
            self._catalogue.put_repository(row)
            return row.live
        if not row.live and (row.time, row.number) > notice.stamp:
            return False  # pushed before the deletion that we already know of
        begins = tagged and not row.live
        if begins or row.first_push is None:
            self._catalogue.put_repository(
                msgspec.structs.replace(
                    row,
                    first_push=notice.time if row.first_push is None else row.first_push,
                    live=row.live or begins,
                    time=notice.time if begins else row.time,
                    number=notice.origin.number if begins else row.number,
                    found=0,
                )
            )
        return begins

    def _delete(self, notice: Notice) -> list[Event] | None:
        """A digest's deletion: the events, or None when it is parked because the digest is unknown."""
        place = (notice.registry, notice.repository)
        digest = notice.artifact.digest
        known = self._catalogue.manifest(*place, digest)
        if known is not None and not known.heard_of:
            known = None  # nobody knows its tags: a tag record of the same request will tell one
        deletion = DeletionRow(
            registry=notice.registry,
            repository=notice.repository,
            request=deletion_request(notice),
            digest=digest,
            deadline=notice.accepted + PARKING,
            parked=notice if known is None else None,
        )
        self._catalogue.put_deletion(deletion)
        if known is None:
            return None
        return [self._bury(notice, known)]

    def _bury(self, notice: Notice, known: ManifestRow) -> Event:
        """Announce the end of a manifest with all its tags, and turn the tags into tombstones."""
        place = (known.registry, known.repository)
        tags = [
            row
            for row in self._catalogue.tags_of(*place, known.artifact.digest)
            if (row.time, row.number) <= notice.stamp  # a tag pushed again since keeps its new link
        ]
        for row in tags:
            self._catalogue.end_tag(row, notice)
        if (known.time, known.number) <= notice.stamp:
            self._catalogue.put_manifest(
                msgspec.structs.replace(known, live=False, time=notice.time, number=notice.origin.number, found=0)
            )
        return self._event(
            notice,
            EventType.DELETED,
            artifact=known.artifact,
            tags=tuple(row.tag for row in tags),
            ever_tagged=known.ever_tagged,
        )

    def _untag(self, notice: Notice) -> list[Event]:
        place = (notice.registry, notice.repository)
        row = self._catalogue.tag(*place, notice.tag)
        deletion = self._catalogue.deletion(*place, deletion_request(notice))
        events: list[Event] = []
        current = row is not None and (row.time, row.number) <= notice.stamp
        digest = row.digest if row is not None and current else ""  # a tag pushed since may point elsewhere
        if deletion is not None:
            digest = deletion.digest
            if deletion.parked is not None:
                events.extend(self._unpark(deletion, notice))
        if row is None:
            self._catalogue.put_tag(
                TagRow(
                    registry=notice.registry,
                    repository=notice.repository,
                    tag=notice.tag,
                    digest=digest,
                    pushed=0,
                    live=False,
                    time=notice.time,
                    number=notice.origin.number,
                )
            )
        elif current:
            self._catalogue.end_tag(row, notice)
        known = self._catalogue.manifest(*place, digest) if digest else None
        artifact = known.artifact if known is not None else Artifact(digest=digest)
        events.append(
            self._event(notice, EventType.TAG_DELETED, artifact=artifact, tags=(notice.tag,), ever_tagged=True)
        )
        return events

    def _unpark(self, deletion: DeletionRow, untag: Notice) -> list[Event]:
        """A tag record shows that the parked digest was a manifest: announce its deletion with that tag."""
        parked = deletion.parked
        assert parked is not None
        self._catalogue.put_deletion(msgspec.structs.replace(deletion, parked=None))
        known = self._catalogue.manifest(deletion.registry, deletion.repository, deletion.digest)
        if known is None or (known.time, known.number) <= parked.stamp:  # else pushed again while it was parked
            self._catalogue.put_manifest(
                ManifestRow(
                    registry=deletion.registry,
                    repository=deletion.repository,
                    artifact=parked.artifact if known is None else known.artifact,
                    tags=with_tag(known.tags if known is not None else (), untag.tag),
                    live=False,
                    time=parked.time,
                    number=parked.origin.number,
                )
            )
        if parked.silent:
            return []
        artifact = parked.artifact if known is None else known.artifact
        return [self._event(parked, EventType.DELETED, artifact=artifact, tags=(untag.tag,), ever_tagged=True)]

    def _drop(self, notice: Notice) -> list[Event]:
        place = (notice.registry, notice.repository)
        rows = [row for row in self._catalogue.manifests_of(*place) if (row.time, row.number) <= notice.stamp]
        children = {one.digest for row in rows if row.artifact.kind is Kind.INDEX for one in row.artifact.references}
        events: list[Event] = []
        for row in rows:
            event = self._bury(notice, row)
            if row.ever_tagged or row.artifact.digest not in children:
                events.append(event)
        for tag in self._catalogue.tags_in(*place):  # on manifests that were pushed since, or had ended before
            if (tag.time, tag.number) <= notice.stamp:
                self._catalogue.end_tag(tag, notice)
        known = self._catalogue.repository(*place)
        pushed_since = any(row.ever_tagged for row in self._catalogue.manifests_of(*place))
        if not pushed_since and (known is None or (known.time, known.number) <= notice.stamp):
            self._catalogue.put_repository(
                RepositoryRow(
                    registry=notice.registry,
                    name=notice.repository,
                    first_push=None,
                    live=False,
                    time=notice.time,
                    number=notice.origin.number,
                )
            )
        events.append(self._event(notice, EventType.REPOSITORY_DELETED, artifact=Artifact()))
        return events

    # --- making an event --------------------------------------------------------------------------------------------

    def _event(
        self,
        notice: Notice,
        what: EventType,
        *,
        artifact: Artifact | None = None,
        tags: tuple[str, ...] = (),
        ever_tagged: bool = False,
        previous_digest: str | None = None,
        changed: bool | None = None,
        mark: str = "",
    ) -> Event:
        """An event of this notice; `mark` tells apart those that one notice makes of one type."""
        registry = self._registries[notice.registry]
        namespace, name = split_repository(notice.repository, registry.default_namespace)
        row = self._catalogue.namespace(namespace, at=notice.accepted)
        repository = self._catalogue.repository(notice.registry, notice.repository)
        made = notice.artifact if artifact is None else artifact
        return Event(
            id=ordered_uuid(
                notice.accepted,
                notice.registry,
                notice.origin.record,
                what,
                made.digest if what is EventType.DELETED else mark,
            ),
            type=what,
            time=notice.time,
            accepted=notice.accepted,
            registry=registry.ref,
            repository=Repository(
                path=notice.repository,
                namespace=namespace,
                name=name,
                namespace_id=row.id,
                public=row.public or registry.is_public(notice.repository),
                created=repository.first_push if repository is not None else None,
            ),
            artifact=made,
            tags=tags,
            ever_tagged=ever_tagged,
            previous_digest=previous_digest,
            changed=changed,
            recovered=notice.act in OBSERVED,
            actor=notice.actor,
            request=notice.request,
            origin=notice.origin,
        )
