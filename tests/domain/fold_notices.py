"""Notices for tests of the fold, said briefly. Times are seconds; the record's number is its place in the story."""

from catalogue_store import Batch, CatalogueStore, Tick, fold_batch
from sidecar.domain.event import Artifact, Descriptor, Event, Kind, Origin, RegistryRef, Request
from sidecar.domain.glob import Globs
from sidecar.domain.instant import SECOND
from sidecar.domain.notice import Act, Notice
from sidecar.domain.registry import Registry

MAIN = Registry(
    ref=RegistryRef(name="main", hostname="registry.example.com"), public=Globs.of(["open/**"], segments=True)
)
LATENCY = SECOND // 10  # how much later than it happened the journal accepts a record
A, B, C = ("sha256:" + letter * 64 for letter in "abc")


class Story:
    """Tells notices one at a time to a catalogue that remembers, and hears the events."""

    def __init__(self) -> None:
        self.store = CatalogueStore()
        self.number = 0
        self.last = Batch()

    def tell(self, *notices: Notice | Tick) -> list[Event]:
        """Fold these in one batch."""
        self.last = fold_batch(self.store, MAIN, list(notices), checks=True)
        return self.last.events

    def push(self, digest: str, tag: str = "", **more) -> list[Event]:
        return self.tell(self.notice(Act.PUSH, digest, tag, **more))

    def pull(self, digest: str, tag: str = "", **more) -> list[Event]:
        return self.tell(self.notice(Act.PULL, digest, tag, **more))

    def delete(self, digest: str, **more) -> list[Event]:
        return self.tell(self.notice(Act.DELETE, digest, **more))

    def untag(self, tag: str, **more) -> list[Event]:
        return self.tell(self.notice(Act.UNTAG, "", tag, **more))

    def drop(self, **more) -> list[Event]:
        return self.tell(self.notice(Act.DROP, "", **more))

    def wait(self, until: int) -> int:
        """Fold a tick at `until` seconds; returns how many deletions were given up."""
        assert self.tell(Tick(until * SECOND)) == []
        return self.last.unclassified

    def head(self, digest: str, tag: str = "", **more) -> list[Event]:
        return self.tell(self.notice(Act.CHECK, digest, tag, **more))

    def end(self, until: int) -> list[Event]:
        """Fold a tick at `until` seconds; returns the checks that ended."""
        return self.tell(Tick(until * SECOND))

    def notice(
        self,
        act: Act,
        digest: str = "",
        tag: str = "",
        *,
        at: float | None = None,
        repository: str = "prj/app",
        request: str = "",
        actor: str = "maria",
        client: str = "192.0.2.10",
        agent: str = "containerd/1.6.20",
        method: str = "",
        action: str = "",
        kind: Kind = Kind.IMAGE,
        references: tuple[Descriptor, ...] = (),
        silent: bool = False,
    ) -> Notice:
        """The next record. Without `at` it happens one second after the one before it."""
        self.number += 1
        time = round((self.number if at is None else at) * SECOND)
        fetched = act in {Act.PUSH, Act.PULL, Act.CHECK}
        return Notice(
            act=act,
            registry="main",
            repository=repository,
            time=time,
            accepted=time + LATENCY,
            artifact=Artifact(digest=digest, kind=kind if fetched else Kind.UNKNOWN, references=references),
            tag=tag,
            actor=actor,
            request=Request(id=request or f"request-{self.number}", client=client, method=method, user_agent=agent),
            origin=Origin(record=f"record-{self.number}", number=self.number, action=action),
            silent=silent,
        )


def types(events: list[Event]) -> list[str]:
    return [str(event.type) for event in events]
