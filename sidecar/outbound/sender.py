"""The HTTP client: one attempt, made exactly as it was asked for, that always ends in a value."""

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from sidecar.domain import instant
from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.errors import AddressRefused
from sidecar.domain.host import literal
from sidecar.domain.message import Response
from sidecar.domain.transport import Transport
from sidecar.outbound.destination import Destination, destination
from sidecar.outbound.failures import explain
from sidecar.outbound.guard import Guard
from sidecar.outbound.pools import Pool
from sidecar.outbound.resolver import Resolver
from sidecar.ports import SendRequest

_STALE_WITHIN = 1.0  # seconds; a broken connection that took longer is a failure of the destination

# uvloop raises RuntimeError where asyncio raises OSError; a header that cannot be written raises ValueError.
_TROUBLE = (aiohttp.ClientError, OSError, ValueError, RuntimeError)
_REPLACED = Outcome(
    reason=Reason.DISCONNECTED,
    retryable=True,
    detail="The connection settings of the subscription were replaced as this attempt began.",
)


class _Dial:
    """What one send did: whether it opened a connection of its own, and what the guard said of it."""

    __slots__ = ("allowed", "refused")

    def __init__(self) -> None:
        self.allowed = False
        self.refused = ""  # the guard's sentence


_dial: ContextVar[_Dial] = ContextVar("dial")


class HttpSender:
    """Implements `ports.Sender` with one connection pool for all usual destinations, and one for each other transport.

    There is no limit on connections here: a limit would be one queue for all, in which a dead destination holds up the
    others; lanes bound what is in flight. `guard` and the transports may be replaced at any time. The guard judges each
    address that is newly dialled, after resolution, so neither another spelling of an address nor a name that changes
    its mind gets past; of a destination behind a proxy it judges what can be seen here, a literal address. It judges
    strictly what goes by a strict transport, whose connections nothing else uses. Made and closed in a running loop.
    """

    def __init__(
        self, guard: Guard, *, tls: ssl.SSLContext | None = None, resolver: AbstractResolver | None = None
    ) -> None:
        self._guard = guard
        self._resolver = Resolver() if resolver is None else resolver
        self._tls = tls
        self._contexts: dict[Transport, ssl.SSLContext | None] = {}
        self._configured: frozenset[Transport] = frozenset()
        self._usual = self._pool(None)
        self._others: dict[Transport, Pool] = {}
        self._retired: set[Pool] = set()
        self._closing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; attempts still under way end as disconnected."""
        for pool in (self._usual, *self._others.values(), *self._retired):
            await pool.close()
        await asyncio.gather(*self._closing)
        await self._resolver.close()

    @property
    def guard(self) -> Guard:
        return self._guard

    @guard.setter
    def guard(self, guard: Guard) -> None:
        """Judge by another guard from now on. What was dialled under the old one is not used again."""
        if guard == self._guard:
            return
        self._guard = guard
        self._retire(self._usual, *self._others.values())
        self._usual = self._pool(None)
        self._others = {transport: self._pool(transport) for transport in self._others}

    def configure(self, transports: Mapping[Transport, ssl.SSLContext | None]) -> None:
        """Make these transports known, each with its TLS (None = as usual), and forget all others."""
        self._configured = frozenset(transports)
        gone = self._others.keys() - transports.keys()
        self._retire(*(self._others.pop(transport) for transport in gone))
        # A pool that stays keeps the context that it was made with.
        kept = {transport: self._contexts[transport] for transport in self._others}
        self._contexts = {**transports, **kept}
        for transport in transports.keys() - self._others.keys():
            self._others[transport] = self._pool(transport)

    async def send(self, request: SendRequest) -> Response | Outcome:
        """The destination's answer, or an Outcome that says why there is none.

        Once a status line is read it is the answer, whatever happens to the body after it.
        """
        try:
            target = destination(request.url)
        except ValueError as error:
            return Outcome(reason=Reason.BAD_DESTINATION, detail=str(error))
        pool = self._usual if request.transport is None else self._others.get(request.transport)
        if pool is None:
            return _REPLACED
        headers = request.headers
        if target.authorization and not any(name.lower() == "authorization" for name, _ in headers):
            headers = (*headers, ("Authorization", target.authorization))
        loop = asyncio.get_running_loop()
        started = loop.time()
        dial = _Dial()
        _dial.set(dial)
        total = max(request.timeout, instant.MILLISECOND) / instant.SECOND
        pool.busy += 1
        try:
            try:
                return await pool.kept(target.url, headers, request.body, total)
            except _TROUBLE as error:
                elapsed = loop.time() - started
                broke = isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError))
                dialled = dial.allowed or dial.refused or isinstance(error, aiohttp.ClientConnectorError)
                if not broke or dialled or elapsed >= min(_STALE_WITHIN, total):
                    return self._outcome(error, target, dial, pool)
            try:
                return await pool.fresh(target.url, headers, request.body, total - elapsed)
            except _TROUBLE as error:
                return self._outcome(error, target, dial, pool)
        finally:
            pool.busy -= 1
            if pool.retired and not pool.busy:
                self._end(pool)

    def _pool(self, transport: Transport | None) -> Pool:
        context = self._tls if transport is None else self._contexts[transport] or self._tls
        guard = self._guard.strictly() if transport is not None and transport.strict else self._guard
        opened, judged = partial(self._socket, guard), partial(self._judge, guard)
        return Pool(self._resolver, opened, tls=context, transport=transport, judge=judged)

    def _retire(self, *pools: Pool) -> None:
        for pool in pools:
            pool.retired = True
            self._retired.add(pool)
            if not pool.busy:
                self._end(pool)

    def _end(self, pool: Pool) -> None:
        self._retired.discard(pool)
        task = asyncio.get_running_loop().create_task(pool.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    @contextlib.contextmanager
    def lent(self, transport: Transport, tls: ssl.SSLContext | None) -> Iterator[None]:
        """Know a transport for as long as this lasts, where nothing that is configured uses it."""
        known = transport in self._others
        if not known:
            self._contexts[transport] = tls
            self._others[transport] = self._pool(transport)
        try:
            yield
        finally:
            if not known and transport in self._others and transport not in self._configured:
                self._retire(self._others.pop(transport))
                self._contexts.pop(transport, None)

    def _socket(self, guard: Guard, info: aiohttp.AddrInfoType) -> socket.socket:
        """A socket for the address that is about to be dialled, after the guard has seen it."""
        family, kind, protocol, _, address = info
        self._allow(guard, str(address[0]))
        _dial.get().allowed = True
        return socket.socket(family, kind, protocol)

    def _judge(self, guard: Guard, target: URL) -> None:
        """The guard's view of what a proxy is asked for: of a name, only the proxy learns the address."""
        address = literal(target.raw_host or "")
        if address is not None:
            self._allow(guard, str(address))

    @staticmethod
    def _allow(guard: Guard, address: str) -> None:
        try:
            guard.check(address)
        except AddressRefused as refusal:
            _dial.get().refused = str(refusal)
            # An OSError makes the connector try the next address of the name. Any other exception is swallowed where
            # several addresses race, and the connector then fails on having neither a socket nor an error.
            raise OSError(errno.EACCES, "refused by the guard") from None

    @staticmethod
    def _outcome(error: BaseException, target: Destination, dial: _Dial, pool: Pool) -> Outcome:
        if dial.refused and not dial.allowed:
            return Outcome(reason=Reason.REFUSED_BY_GUARD, detail=dial.refused)
        return explain(error, pool.shown(target.shown), pool.proxy)
