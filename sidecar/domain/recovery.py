"""What a walk of the registry saw, against what records told: found late, told once.

An observation is worth what it was worth when it was made. A record of the same thing that happened after the look, by
its own time, beats it; one that was in the journal before the look never does, whatever its clock said. An
observation that says what is known, or that was beaten, changes nothing.

What a walk tells of may be told by a late record as well, from the queue of a registry that could not post for a while.
The row remembers that (`found`), and the first such record is told to nobody.
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from sidecar.domain.catalogue import (
    Catalogue,
    DeletionRow,
    ManifestRow,
    RepositoryRow,
    TagRow,
    deletion_request,
)
from sidecar.domain.enrichment import merged
from sidecar.domain.event import Artifact, Event, EventType, Kind
from sidecar.domain.notice import Act, Notice


class Maker(Protocol):
    """Makes an event of a notice."""

    def __call__(
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
    ) -> Event: ...


class Recovery:
    """Folds observations into a batch's catalogue, and recognises the records that they came before."""

    def __init__(self, catalogue: Catalogue, make: Maker) -> None:
        self._catalogue = catalogue
        self._make = make

    def observe(self, notice: Notice) -> list[Event]:
        """The events of an observation; none when it says nothing new."""
        if notice.act is Act.FOUND:
            return self._found(notice)
        if notice.act is Act.TAG_GONE:
            return self._tag_gone(notice)
        if notice.act is Act.MANIFEST_GONE:
            return self._manifest_gone(notice)
        if notice.act is Act.REPOSITORY_GONE:
            return self._repository_gone(notice)
        if notice.act is Act.CONTENT:
            self._content(notice)
        return []

    def has_told(self, notice: Notice) -> bool:
        """Whether a walk told of this record before it came. It does so once for each thing that it found."""
        place = (notice.registry, notice.repository)
        if notice.act is Act.PUSH or notice.act is Act.UNTAG:
            row = self._catalogue.tag(*place, notice.tag) if notice.tag else None
            if row is None or not _awaited(row, notice) or row.live is not (notice.act is Act.PUSH):
                return False
            if row.live:
                if row.digest != notice.artifact.digest:
                    return False
                self._complete(notice)
            self._catalogue.put_tag(msgspec.structs.replace(row, found=0))
            return True
        if notice.act is Act.DELETE:
            known = self._catalogue.manifest(*place, notice.artifact.digest)
            if known is None or known.live or not _awaited(known, notice):
                return False
            self._catalogue.put_manifest(msgspec.structs.replace(known, found=0))
            self._catalogue.put_deletion(  # the tag records of the same request must find the digest
                DeletionRow(
                    registry=notice.registry,
                    repository=notice.repository,
                    request=deletion_request(notice),
                    digest=notice.artifact.digest,
                    deadline=notice.accepted,
                    parked=None,
                )
            )
            return True
        if notice.act is Act.DROP:
            repository = self._catalogue.repository(*place)
            if repository is None or repository.live or not _awaited(repository, notice):
                return False
            self._catalogue.put_repository(msgspec.structs.replace(repository, found=0))
            return True
        return False

    # --- one method per kind of observation -------------------------------------------------------------------------

    def _found(self, notice: Notice) -> list[Event]:
        """A tag that is unknown, or points elsewhere than is known."""
        place = (notice.registry, notice.repository)
        digest = notice.artifact.digest
        row = self._catalogue.tag(*place, notice.tag)
        known = self._catalogue.manifest(*place, digest)
        repository = self._catalogue.repository(*place)
        if row is not None and (_beats(row, notice) or (row.live and row.digest == digest)):
            return []
        if any(one is not None and not one.live and _beats(one, notice) for one in (known, repository)):
            return []  # deleted since: a push would be told after its end
        artifact = filled(notice.artifact, known)
        self._catalogue.put_manifest(
            ManifestRow(
                registry=notice.registry,
                repository=notice.repository,
                artifact=artifact,
                tags=with_tag(known.tags if known is not None else (), notice.tag),
                live=True,
                time=_latest(known, notice),
                number=notice.origin.number,
            )
        )
        self._catalogue.put_tag(
            TagRow(
                registry=notice.registry,
                repository=notice.repository,
                tag=notice.tag,
                digest=digest,
                pushed=notice.time,
                live=True,
                time=_latest(row, notice),
                number=notice.origin.number,
                found=_mark(notice),
                expires=self._catalogue.expires(*place, artifact, notice.time),
            )
        )
        self._note_repository(repository, notice)
        event = self._make(
            notice,
            EventType.PUSHED,
            artifact=artifact,
            tags=(notice.tag,),
            ever_tagged=True,
            previous_digest=row.digest if row is not None and row.live else "",
            changed=True,
        )
        return [event]

    def _note_repository(self, row: RepositoryRow | None, notice: Notice) -> None:
        """The repository is there. Whether it is new cannot be told from never having heard of it."""
        pushed = None if notice.silent else notice.time
        if row is None or not row.live:
            row = RepositoryRow(
                registry=notice.registry,
                name=notice.repository,
                first_push=pushed if row is None or row.first_push is None else row.first_push,
                live=True,
                time=_latest(row, notice),
                number=notice.origin.number,
            )
        elif row.first_push is None and pushed is not None:
            row = msgspec.structs.replace(row, first_push=pushed)
        else:
            return
        self._catalogue.put_repository(row)

    def _tag_gone(self, notice: Notice) -> list[Event]:
        row = self._catalogue.tag(notice.registry, notice.repository, notice.tag)
        if row is None or not row.live or _beats(row, notice):
            return []
        return [self._end_tag(row, notice)]

    def _manifest_gone(self, notice: Notice) -> list[Event]:
        """As if the deletion's record had come, followed by one for each tag.

        A late push may have left a tag on a manifest whose end is known: then the tag's end alone is news.
        """
        place = (notice.registry, notice.repository)
        known = self._catalogue.manifest(*place, notice.artifact.digest)
        if known is None or _beats(known, notice):
            return []
        rows = self._tags_of(known, notice)
        if not known.live:
            return [self._end_tag(row, notice) for row in rows]
        self._end_manifest(known, notice)
        deleted = self._make(
            notice,
            EventType.DELETED,
            artifact=known.artifact,
            tags=tuple(row.tag for row in rows),
            ever_tagged=known.ever_tagged,
        )
        return [deleted, *(self._end_tag(row, notice) for row in rows)]

    def _content(self, notice: Notice) -> None:
        """A manifest that was read lies in the registry, whether or not anybody told of it. No news to anybody."""
        known = self._catalogue.manifest(notice.registry, notice.repository, notice.artifact.digest)
        artifact = filled(notice.artifact, known)
        if known is None or not known.heard_of or (not known.live and not _beats(known, notice)):
            row = ManifestRow(
                registry=notice.registry,
                repository=notice.repository,
                artifact=artifact,
                tags=known.tags if known is not None else (),
                live=True,
                time=_latest(known, notice),
                number=notice.origin.number,
            )
        elif known.live and artifact != known.artifact:
            row = msgspec.structs.replace(known, artifact=artifact)
        else:
            return
        self._catalogue.put_manifest(row)

    def _repository_gone(self, notice: Notice) -> list[Event]:
        """As if the repository's deletion had been recorded: every root in it, then itself.

        Of a repository whose end is known late pushes may have left something: then only the end of that is news.
        """
        place = (notice.registry, notice.repository)
        repository = self._catalogue.repository(*place)
        manifests = self._catalogue.manifests_of(*place)
        tags = self._catalogue.tags_in(*place)
        if not manifests and not tags and (repository is None or not repository.live):
            return []
        known_rows: list[Row] = [*manifests, *tags]
        if repository is not None:
            known_rows.append(repository)
        if any(_beats(row, notice) for row in known_rows):
            return []  # pushed to since: whatever is gone of it, the next walk tells one by one
        children = {
            one.digest for row in manifests if row.artifact.kind is Kind.INDEX for one in row.artifact.references
        }
        events = []
        for known in manifests:
            rows = self._tags_of(known, notice)
            for row in rows:  # records of these tags may still come, and are told: this tells of none
                self._catalogue.put_tag(_ended(row, notice, found=0))
            self._end_manifest(known, notice)
            if known.ever_tagged or known.artifact.digest not in children:
                events.append(
                    self._make(
                        notice,
                        EventType.DELETED,
                        artifact=known.artifact,
                        tags=tuple(row.tag for row in rows),
                        ever_tagged=known.ever_tagged,
                    )
                )
        events += [self._end_tag(row, notice) for row in self._catalogue.tags_in(*place)]
        if repository is not None and repository.number and not repository.live:
            return events
        self._catalogue.put_repository(
            RepositoryRow(
                registry=notice.registry,
                name=notice.repository,
                first_push=None,
                live=False,
                time=_latest(repository, notice),
                number=notice.origin.number,
                found=_mark(notice),
            )
        )
        return [*events, self._make(notice, EventType.REPOSITORY_DELETED, artifact=Artifact())]

    # --- parts of them ----------------------------------------------------------------------------------------------

    def _tags_of(self, known: ManifestRow, notice: Notice) -> Sequence[TagRow]:
        rows = self._catalogue.tags_of(known.registry, known.repository, known.artifact.digest)
        return [row for row in rows if not _beats(row, notice)]

    def _end_tag(self, row: TagRow, notice: Notice) -> Event:
        self._catalogue.put_tag(_ended(row, notice, found=_mark(notice)))
        known = self._catalogue.manifest(row.registry, row.repository, row.digest)
        return self._make(
            notice,
            EventType.TAG_DELETED,
            artifact=known.artifact if known is not None else Artifact(digest=row.digest),
            tags=(row.tag,),
            ever_tagged=True,
            mark=row.tag,
        )

    def _end_manifest(self, known: ManifestRow, notice: Notice) -> None:
        self._catalogue.put_manifest(
            msgspec.structs.replace(
                known,
                live=False,
                time=_latest(known, notice),
                number=notice.origin.number,
                found=_mark(notice),
            )
        )

    def _complete(self, notice: Notice) -> None:
        """A record may know more of a manifest than the walk saw."""
        known = self._catalogue.manifest(notice.registry, notice.repository, notice.artifact.digest)
        if known is not None:
            artifact = filled(notice.artifact, known)
            if artifact != known.artifact:
                self._catalogue.put_manifest(msgspec.structs.replace(known, artifact=artifact))


def filled(artifact: Artifact, known: ManifestRow | None) -> Artifact:
    """The artifact, completed with what is known of the same digest."""
    return artifact if known is None else merged(artifact, known.artifact)


def with_tag(tags: tuple[str, ...], tag: str) -> tuple[str, ...]:
    """The tags and one more, unless it is there already or empty."""
    return tags if not tag or tag in tags else (*tags, tag)


Row = RepositoryRow | ManifestRow | TagRow


def _beats(row: Row, notice: Notice) -> bool:
    """Whether the row was written by what happened after the look."""
    return row.number > notice.after and row.time >= notice.time


def _awaited(row: Row, notice: Notice) -> bool:
    """Whether a walk told of the row's state, and this record is of a time before the walk's look."""
    return 0 < notice.time <= row.found


def _mark(notice: Notice) -> int:
    """What `found` becomes: of a silent observation nobody was told."""
    return 0 if notice.silent else notice.time


def _latest(row: Row | None, notice: Notice) -> int:
    """A row's time never goes back, even where the registry's clock is ahead of ours."""
    return notice.time if row is None else max(row.time, notice.time)


def _ended(row: TagRow, notice: Notice, *, found: int) -> TagRow:
    return msgspec.structs.replace(row, live=False, time=_latest(row, notice), number=notice.origin.number, found=found)
