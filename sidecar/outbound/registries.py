"""The clients of all registries that can be asked, kept as long as their configuration is the same."""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Protocol

from sidecar.domain.registry import ApiAccess, Asked, Registry
from sidecar.domain.transport import ClientTls
from sidecar.outbound.registry_api import RegistryClient


class Hearer(Protocol):
    """Who is told what asking came to."""

    def asked(self, registry: str, outcome: Asked, seconds: float) -> None:
        """A request was made, or skipped."""

    def breaker(self, registry: str, sentence: str) -> None:
        """A registry is left alone, with the reason, or (with "") asked again."""


class RegistryApis:
    """Clients by the names of their registries. Made inside a running loop."""

    def __init__(self, agent: str, hearer: Hearer) -> None:
        self._agent = agent
        self._hearer = hearer
        self._known: dict[str, tuple[ApiAccess, RegistryClient]] = {}
        self._retired: set[asyncio.Task[None]] = set()

    @property
    def clients(self) -> Mapping[str, RegistryClient]:
        return {name: client for name, (_, client) in self._known.items()}

    def configure(
        self, registries: Iterable[Registry], contexts: Mapping[ClientTls, ssl.SSLContext]
    ) -> Mapping[str, RegistryClient]:
        """Have a client for each registry with an API, and return them. Those whose settings are gone end at once."""
        wanted = {one.name: one.api for one in registries if one.api is not None}
        for name, (access, client) in list(self._known.items()):
            if wanted.get(name) != access:
                del self._known[name]
                task = asyncio.create_task(client.close(), name=f"close-{name}")
                self._retired.add(task)
                task.add_done_callback(self._retired.discard)
        for name, access in wanted.items():
            if name not in self._known:
                client = RegistryClient(
                    access,
                    agent=self._agent,
                    tls=None if access.tls is None else contexts[access.tls],
                    told=partial(self._hearer.asked, name),
                    changed=partial(self._hearer.breaker, name),
                )
                self._known[name] = (access, client)
        return self.clients

    async def close(self) -> None:
        """Close every client."""
        known, self._known = self._known, {}
        await asyncio.gather(*(client.close() for _, client in known.values()), *self._retired)
