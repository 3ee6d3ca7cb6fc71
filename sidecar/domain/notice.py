"""Notices: what one registry record says, after normalisation and before the catalogue is asked."""

import enum

import msgspec

from sidecar.domain.event import Artifact, Origin, Request


class Act(enum.StrEnum):
    """What the registry says was done."""

    PUSH = "push"  # a manifest or index was stored
    PULL = "pull"  # a manifest or index was fetched
    CHECK = "check"  # a HEAD of a manifest
    DELETE = "delete"  # a digest was deleted: a manifest, or a blob (the record does not tell)
    UNTAG = "untag"  # a tag was removed; the record has no digest
    DROP = "drop"  # a whole repository was removed
    BLOB = "blob"  # a blob was stored, fetched or mounted: never an event
    NONE = "none"  # an action we do not know: never an event


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """One record, normalised. `time` falls back to `accepted` where the record has no usable timestamp."""

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
    silent: bool = False  # of an ignored actor or agent: changes the catalogue, makes no events

    @property
    def stamp(self) -> tuple[int, int]:
        """What decides who wrote last: the record's time, then its number in the journal."""
        return (self.time, self.origin.number)
