"""Notices: what one record says, after normalisation and before the catalogue is asked."""

import enum

import msgspec

from sidecar.domain.event import Artifact, Origin, Request
from sidecar.domain.statement import Statement


class Act(enum.StrEnum):
    """What the registry says was done, or what a walk of it saw."""

    PUSH = "push"  # a manifest or index was stored
    PULL = "pull"  # a manifest or index was fetched
    CHECK = "check"  # a HEAD of a manifest
    DELETE = "delete"  # a digest was deleted: a manifest, or a blob (the record does not tell)
    UNTAG = "untag"  # a tag was removed; the record has no digest
    DROP = "drop"  # a whole repository was removed
    BLOB = "blob"  # a blob was stored, fetched or mounted: never an event
    NONE = "none"  # an action we do not know: never an event
    FOUND = "found"  # a walk saw a tag, and the manifest that it points to
    TAG_GONE = "tag_gone"  # a walk looked for a tag in vain; what it pointed to is still there
    MANIFEST_GONE = "manifest_gone"  # a walk looked for a manifest in vain: its tags are gone as well
    REPOSITORY_GONE = "repository_gone"  # a walk looked for a repository in vain
    CONTENT = "content"  # a manifest was read: it is there, and this is what it holds
    COUNTED = "counted"  # what a namespace (`repository` is its name and a slash) holds is to be judged
    STATED = "stated"  # somebody else told of it
    EXPIRE = "expire"  # somebody set when a tag ends


OBSERVED = frozenset({Act.FOUND, Act.TAG_GONE, Act.MANIFEST_GONE, Act.REPOSITORY_GONE, Act.CONTENT, Act.COUNTED})


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One record, normalised. `time` falls back to `accepted` where the record has no usable timestamp.

    Of what a walk saw, `time` is the moment before it looked, and `after` the journal's last number at that moment.
    """

    act: Act
    registry: str
    repository: str
    time: int
    accepted: int
    artifact: Artifact = Artifact()
    tag: str = ""
    actor: str = ""
    request: Request = Request()
    origin: Origin = Origin()
    silent: bool = False  # of an ignored actor or agent, or a backfill: changes the catalogue, makes no events
    after: int = 0
    statement: Statement | None = None  # what was STATED
    expires: int = 0  # the end that was set by an EXPIRE, 0 = none

    @property
    def stamp(self) -> tuple[int, int]:
        """What decides who wrote last: the record's time, then its number in the journal."""
        return (self.time, self.origin.number)
