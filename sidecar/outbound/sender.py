"""The HTTP client: one attempt, made exactly as it was asked for, that always ends in a value."""

import asyncio
import errno
import socket
import ssl
from contextvars import ContextVar
from functools import lru_cache
from types import TracebackType
from typing import Any, Self

import aiohttp
from aiohttp.abc import AbstractResolver

from sidecar.domain import instant
from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.errors import AddressRefused
from sidecar.domain.message import Response
from sidecar.outbound.destination import Destination, destination
from sidecar.outbound.failures import explain
from sidecar.outbound.guard import Guard
from sidecar.outbound.resolver import Resolver
from sidecar.ports import SendRequest

BODY_LIMIT = 16 * 1024  # of an answer; the rest is not read and costs the connection
_HEADER_LIMIT = 2048  # of Location and Retry-After, which are kept
_STALE_WITHIN = 1.0  # seconds; a broken connection that took longer is a failure of the destination
_KEEPALIVE = 15.0  # seconds; below what load balancers commonly grant
_DNS_CACHE = 30  # seconds

# The client must not speak for itself: User-Agent, Accept and Content-Type are the request's or absent.
_NOT_OURS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")

# uvloop raises RuntimeError where asyncio raises OSError; a header that cannot be written raises ValueError.
_TROUBLE = (aiohttp.ClientError, OSError, ValueError, RuntimeError)


class _Dial:
    """What one send did: whether it opened a connection of its own, and what the guard said of it."""

    __slots__ = ("allowed", "refused")

    def __init__(self) -> None:
        self.allowed = False
        self.refused = ""  # the guard's sentence


_dial: ContextVar[_Dial] = ContextVar("dial")


class HttpSender:
    """Implements `ports.Sender` with one connection pool for the process. Made and closed inside a running loop.

    There is no limit on connections here: a limit would be one queue for all, in which a dead destination holds up the
    others; lanes bound what is in flight. `guard` may be replaced at any time; it judges every address that is newly
    dialled, after resolution, so neither another spelling of an address nor a name that changes its mind gets past.
    """

    def __init__(
        self, guard: Guard, *, tls: ssl.SSLContext | None = None, resolver: AbstractResolver | None = None
    ) -> None:
        self.guard = guard
        self._resolver = Resolver() if resolver is None else resolver
        self._pooled = self._session(tls, keep=True)
        # After a stale connection only a new one will do: the pool may hold more of the same.
        self._fresh = self._session(tls, keep=False)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close every connection; attempts still under way end as disconnected."""
        await self._pooled.close()
        await self._fresh.close()
        await self._resolver.close()

    async def send(self, request: SendRequest) -> Response | Outcome:
        """The destination's answer, or an Outcome that says why there is none.

        Once a status line is read it is the answer, whatever happens to the body after it.
        """
        try:
            target = destination(request.url)
        except ValueError as error:
            return Outcome(reason=Reason.BAD_DESTINATION, detail=str(error))
        loop = asyncio.get_running_loop()
        started = loop.time()
        dial = _Dial()
        _dial.set(dial)
        total = max(request.timeout, instant.MILLISECOND) / instant.SECOND
        try:
            return await self._post(self._pooled, target, request, total)
        except _TROUBLE as error:
            elapsed = loop.time() - started
            broke = isinstance(error, (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError))
            dialled = dial.allowed or dial.refused or isinstance(error, aiohttp.ClientConnectorError)
            if not broke or dialled or elapsed >= min(_STALE_WITHIN, total):
                return self._outcome(error, target, dial)
        try:
            return await self._post(self._fresh, target, request, total - elapsed)
        except _TROUBLE as error:
            return self._outcome(error, target, dial)

    async def _post(
        self, session: aiohttp.ClientSession, target: Destination, request: SendRequest, total: float
    ) -> Response:
        headers = list(request.headers)
        if target.authorization and not any(name.lower() == "authorization" for name, _ in headers):
            headers.append(("Authorization", target.authorization))
        response = await session.request(
            "POST",
            target.url,
            data=request.body,
            headers=headers,
            allow_redirects=False,
            timeout=_timeout(total),
        )
        head = bytearray()
        try:
            while len(head) < BODY_LIMIT and not response.content.at_eof():
                block = await response.content.read(BODY_LIMIT - len(head))
                if not block:
                    break
                head += block
        except (aiohttp.ClientError, OSError):
            pass  # it has answered all the same: to send again would be a repeat
        finally:
            if not response.content.at_eof():
                response.close()
        return Response(
            status=response.status,
            body=bytes(head),
            location=_text(response.headers.get("Location")),
            retry_after=_text(response.headers.get("Retry-After")),
        )

    def _session(self, tls: ssl.SSLContext | None, *, keep: bool) -> aiohttp.ClientSession:
        pace: dict[str, Any] = {"keepalive_timeout": _KEEPALIVE} if keep else {"force_close": True}
        connector = aiohttp.TCPConnector(
            limit=0,
            limit_per_host=0,
            ttl_dns_cache=_DNS_CACHE,
            resolver=self._resolver,
            ssl=True if tls is None else tls,
            socket_factory=self._socket,
            **pace,
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            raise_for_status=False,
            skip_auto_headers=_NOT_OURS,
            read_bufsize=BODY_LIMIT,
        )

    def _socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        """A socket for the address that is about to be dialled, after the guard has seen it."""
        family, kind, protocol, _, address = info
        dial = _dial.get()
        try:
            self.guard.check(str(address[0]))
        except AddressRefused as refusal:
            dial.refused = str(refusal)
            # An OSError makes the connector try the next address of the name. Any other exception is swallowed where
            # several addresses race, and the connector then fails on having neither a socket nor an error.
            raise OSError(errno.EACCES, "refused by the guard") from None
        dial.allowed = True
        return socket.socket(family, kind, protocol)

    @staticmethod
    def _outcome(error: BaseException, target: Destination, dial: _Dial) -> Outcome:
        if dial.refused and not dial.allowed:
            return Outcome(reason=Reason.REFUSED_BY_GUARD, detail=dial.refused)
        return explain(error, target.shown)


@lru_cache(maxsize=256)
def _timeout(total: float) -> aiohttp.ClientTimeout:
    # Above its threshold aiohttp rounds up to whole seconds, which would hold a slot up to a second longer.
    return aiohttp.ClientTimeout(total=total, ceil_threshold=float("inf"))


def _text(value: str | None) -> str:
    """A header as text that can be stored: bytes that are not UTF-8 arrive as lone surrogates."""
    if value is None:
        return ""
    return value[:_HEADER_LIMIT].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
