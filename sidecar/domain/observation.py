"""Observations: what a walk of the registry saw, as it stands in the journal."""

import msgspec

from sidecar.domain.errors import Unreadable
from sidecar.domain.event import Artifact, Origin
from sidecar.domain.notice import OBSERVED, Act, Notice
from sidecar.domain.record import QuarantineReason, Record


class Observation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing that was looked at. `saw` is an act of `OBSERVED`.

    `looked` is our clock before the question was asked, `after` the journal's last number then: whatever the answer
    shows, nothing that happened later is in it for certain. FOUND and CONTENT have the whole artifact, MANIFEST_GONE
    its digest.
    """

    saw: Act
    looked: int
    after: int
    repository: str
    tag: str = ""
    artifact: Artifact = Artifact()
    silent: bool = False  # a backfill's: it makes no events

    @property
    def key(self) -> str:
        """What it is about, `repository:tag`, `repository@digest` or `repository`: a walk has one of each.

        In the order of these, tags come before manifests, which is the order to fold them in: what a manifest's end
        takes along are the tags that still point to it, not those that the walk saw elsewhere.
        """
        if self.tag:
            return f"{self.repository}:{self.tag}"
        if self.artifact.digest:
            return f"{self.repository}@{self.artifact.digest}"
        return self.repository


encode = msgspec.json.Encoder().encode
decode = msgspec.json.Decoder(Observation).decode


def read(record: Record) -> Notice:
    """A journalled observation as a Notice. Raises Unreadable(`bad_record`)."""
    try:
        seen = decode(record.body)
    except msgspec.DecodeError as error:
        raise Unreadable(QuarantineReason.BAD_RECORD, f"This is not what a walk of a registry saw: {error}.") from None
    if seen.saw not in OBSERVED:
        raise Unreadable(QuarantineReason.BAD_RECORD, f"No walk of a registry sees a {seen.saw}.")
    return Notice(
        act=seen.saw,
        registry=record.registry,
        repository=seen.repository,
        time=seen.looked,
        accepted=record.accepted,
        artifact=seen.artifact,
        tag=seen.tag,
        origin=Origin(record=record.id, number=record.number),
        silent=seen.silent,
        after=seen.after,
    )
