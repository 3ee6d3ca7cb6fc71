"""Ends of tags as people see and set them. What is set goes through the journal, in order with what registries tell."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from sidecar.domain.errors import Conflict, Forbidden, NotFound
from sidecar.domain.event import stable_uuid
from sidecar.domain.expiry import NEVER, Setting
from sidecar.domain.instant import rfc3339_seconds
from sidecar.domain.listing import ExpiringFilter, ExpiringRow
from sidecar.domain.names import split_repository
from sidecar.domain.person import Person
from sidecar.domain.record import Entry, RecordKind
from sidecar.ports import Clock, Journal, Observer
from sidecar.ports import Expiries as Questions

_encode = msgspec.json.Encoder(order="deterministic").encode


class Store(Journal, Questions, Protocol):
    """What is asked of a store."""


class Expiries:
    """`namespaces` gives each configured registry's default namespace, by the registry's name."""

    def __init__(
        self, store: Store, clock: Clock, observer: Observer, namespaces: Callable[[], Mapping[str, str]]
    ) -> None:
        self._store = store
        self._clock = clock
        self._observer = observer
        self._namespaces = namespaces

    def now(self) -> int:
        return self._clock.now()

    async def list(self, where: ExpiringFilter) -> Sequence[ExpiringRow]:
        """Live tags that have an end, the earliest first."""
        return await self._store.expiring(where, self._clock.now())

    async def put(self, person: Person, registry: str, repository: str, tag: str, expires: int) -> None:
        """Give a tag another end, 0 = none. It takes effect with the next batch, and holds until the next push.

        Raises Forbidden, NotFound, and Conflict when that instant is over already.
        """
        namespaces = self._namespaces()
        namespace = split_repository(repository, namespaces.get(registry, "library"))[0]
        if not person.manages(namespace):
            raise Forbidden(f"user {person.name} does not manage the namespace {namespace}")
        if registry not in namespaces:
            raise NotFound(f"there is no registry {registry}")
        row = await self._store.tag((registry, repository, tag))
        if row is None or not row.live:
            raise NotFound(f"no tag {repository}:{tag} of registry {registry} is known")
        now = self._clock.now()
        if expires and expires <= now:
            raise Conflict(f"{rfc3339_seconds(expires)} is over: name a time to come")
        if expires >= NEVER:
            raise Conflict("that is too far ahead: name a time before the year 2262, or take the end away")
        setting = Setting(repository=repository, tag=tag, expires=expires, actor=person.name)
        body = _encode(setting)
        identity = f"expiry:{now}:{stable_uuid(registry, body.decode())[:8]}"
        await self._store.append([Entry(RecordKind.EXPIRY, registry, identity, now, body)])
        until = rfc3339_seconds(expires) if expires else "never"
        self._observer.operated(
            person.name, "expiry", 1, f"registry={registry} repository={repository} tag={tag} expires={until}"
        )
