"""Names to addresses, in threads of our own.

The event loop's own lookups share a handful of threads with everything else that runs there, so that a few names whose
servers do not answer would hold up the lookups of all other subscriptions. aiohttp asks for each name only once at a
time, so these threads are as many as there may be different names that hang.
"""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

_THREADS = 32
_NUMERIC = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV

Lookup = Callable[..., list[tuple[Any, ...]]]


class Resolver(AbstractResolver):
    """Asks the operating system, hosts file and search domains included. `lookup` has getaddrinfo's signature."""

    def __init__(self, lookup: Lookup = socket.getaddrinfo) -> None:
        self._lookup = lookup
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="resolve")

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Raises OSError when the name cannot be resolved now, ValueError when it is not a name."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._ask, host, port, family)

    async def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, host: str, port: int, family: int) -> list[ResolveResult]:
        found = self._lookup(host, port, family=family, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        return [
            ResolveResult(hostname=host, host=_numeric(address), port=port, family=kind, proto=protocol, flags=_NUMERIC)
            for kind, _, protocol, _, address in found
            if kind in {socket.AF_INET, socket.AF_INET6}
        ]


def _numeric(address: tuple[Any, ...]) -> str:
    """The address as text; an IPv6 one keeps its zone, without which a link-local address means nothing."""
    if len(address) == 4 and address[3]:
        return socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
    return str(address[0])
