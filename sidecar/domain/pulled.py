"""Pulls and checks as events: what the sessions say, completed with what the catalogue knows."""

from collections.abc import Sequence
from typing import Protocol

import msgspec

from sidecar.domain.catalogue import Catalogue, ManifestRow
from sidecar.domain.enrichment import learned
from sidecar.domain.event import Artifact, Event, EventType
from sidecar.domain.expiring import learn
from sidecar.domain.notice import Act, Notice
from sidecar.domain.pulls import Pull, Pulls
from sidecar.domain.recovery import filled
from sidecar.domain.session import Session


class Make(Protocol):
    """How the fold makes an event of a notice."""

    def __call__(
        self, notice: Notice, what: EventType, *, artifact: Artifact, tags: tuple[str, ...], ever_tagged: bool
    ) -> Event: ...


class Pulled:
    """Folds GETs and HEADs of manifests. Without `pulls` every GET is a pull, and a HEAD is nothing."""

    def __init__(self, catalogue: Catalogue, pulls: Pulls | None, make: Make) -> None:
        self._catalogue = catalogue
        self._pulls = pulls
        self._make = make
        self.telling = pulls is not None and pulls.checks  # somebody hears of checks, so it matters what a push asked

    def push(self, notice: Notice) -> None:
        """Whatever the notice is, it may show that its client pushes."""
        if self._pulls is not None and not notice.silent and notice.act in {Act.PUSH, Act.BLOB}:
            self._pulls.push(notice)

    def pull(self, notice: Notice) -> tuple[tuple[Event, ...], str]:
        """A GET: its events, and the word for what became of it."""
        artifact = self._completed(notice)
        if self._catalogue.watching:
            learn(notice, self._catalogue)
        pull: Pull | None = Pull(notice.tag, artifact)
        ended: tuple[Event, ...] = ()
        if self._pulls is not None and not notice.silent and self._pulls.window(notice):
            ended = self._checks(self._pulls.expire(notice))
            pull = self._pulls.get(notice, artifact)
        if pull is None:
            return ended, "swallowed"
        if notice.silent:
            return (), "silent"
        event = self._event(notice, EventType.PULLED, pull.tag, pull.root)
        place = (notice.registry, notice.repository)
        self._catalogue.count_pull(*place, pull.root.digest, pull.tag, time=notice.time)
        return (*ended, event), "announced"

    def check(self, notice: Notice) -> tuple[tuple[Event, ...], str]:
        """A HEAD. By itself it says nothing: what it was is known when its session ends."""
        if self._pulls is None or notice.silent or not self._pulls.window(notice):
            return (), "checked"
        ended = self._checks(self._pulls.expire(notice))
        self._pulls.head(notice, self._completed(notice))
        return ended, "checked"

    def tick(self, now: int) -> tuple[Event, ...]:
        """The checks of sessions whose time is over."""
        return self._checks(self._pulls.close(now)) if self._pulls is not None else ()

    def _checks(self, ended: Sequence[Session]) -> tuple[Event, ...]:
        return tuple(
            self._event(one.head, EventType.CHECKED, one.head.tag, one.head.artifact)
            for one in ended
            if one.head is not None
        )

    def _event(self, notice: Notice, what: EventType, tag: str, artifact: Artifact) -> Event:
        known = self._catalogue.manifest(notice.registry, notice.repository, artifact.digest)
        return self._make(
            notice,
            what,
            artifact=filled(artifact, known),
            tags=(tag,) if tag else (),
            ever_tagged=bool(tag) or (known is not None and known.ever_tagged),
        )

    def _completed(self, notice: Notice) -> Artifact:
        """The artifact with what the catalogue knows of it, which in turn keeps what was read of the manifest."""
        known = self._catalogue.manifest(notice.registry, notice.repository, notice.artifact.digest)
        artifact = filled(notice.artifact, known)
        if not learned(artifact, known.artifact if known is not None else None):
            return artifact
        if known is not None:
            row = msgspec.structs.replace(known, artifact=artifact)
        else:
            row = ManifestRow(
                registry=notice.registry,
                repository=notice.repository,
                artifact=artifact,
                tags=(),
                live=False,
                time=0,
                number=0,
            )
        self._catalogue.put_manifest(row)
        return artifact
