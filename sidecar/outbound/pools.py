"""Connection pools: one for everything that is connected to as usual, one for each other transport.

A pool is made for one TLS setting, one proxy and one guard, and is never changed: what replaces any of them replaces
the pool, so no connection is used under other settings than those it was made under. A pool that was replaced ends with
the last attempt that uses it, so that a reload breaks off nothing.
"""

import functools
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from sidecar.domain.message import Headers, Response
from sidecar.domain.transport import Proxy, Transport
from sidecar.outbound.exchange import READ_SIZE, Direct, answer, read

_KEEPALIVE = 15.0  # seconds; below what load balancers commonly grant
_DNS_CACHE = 30  # seconds

# The client must not speak for itself: User-Agent, Accept and Content-Type are the request's or absent.
_NOT_OURS = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
_UNAUTHENTICATED = 407

_Request = Callable[..., Awaitable[aiohttp.ClientResponse]]
Post = Callable[[URL, Headers, bytes, float], Awaitable[Response]]


class Pool:
    """Two ways to post: over connections that are `kept`, and over a `fresh` one that is closed again.

    After a stale connection only a new one will do: the pool may hold more of the same. `busy` counts the attempts
    under way; whoever uses the pool keeps that count. Made and closed inside a running loop.
    """

    __slots__ = ("_sessions", "busy", "fresh", "kept", "proxy", "retired")

    def __init__(
        self,
        resolver: AbstractResolver,
        open_socket: Callable[[aiohttp.AddrInfoType], socket.socket],
        *,
        tls: ssl.SSLContext | None = None,
        transport: Transport | None = None,
        judge: Callable[[URL], None] = lambda _target: None,
    ) -> None:
        """`open_socket` sees every address that is dialled; `judge` every URL that a proxy is asked for."""
        self._sessions = tuple(_session(resolver, open_socket, tls, keep=keep) for keep in (True, False))
        posts = (_post(session, tls, transport, judge) for session in self._sessions)
        self.kept, self.fresh = posts
        self.proxy = transport.proxy.url if transport is not None and transport.proxy is not None else ""
        self.busy = 0
        self.retired = False

    async def close(self) -> None:
        """Close every connection; attempts still under way end as disconnected."""
        for session in self._sessions:
            await session.close()

    def shown(self, destination: str) -> str:
        """What is talked to, for people: `destination` is scheme://host."""
        return f"{destination} (through the proxy {self.proxy})" if self.proxy else destination


def _session(
    resolver: AbstractResolver,
    open_socket: Callable[[aiohttp.AddrInfoType], socket.socket],
    tls: ssl.SSLContext | None,
    *,
    keep: bool,
) -> aiohttp.ClientSession:
    pace: dict[str, Any] = {"keepalive_timeout": _KEEPALIVE} if keep else {"force_close": True}
    connector = aiohttp.TCPConnector(
        limit=0,
        limit_per_host=0,
        ttl_dns_cache=_DNS_CACHE,
        resolver=resolver,
        ssl=True if tls is None else tls,
        socket_factory=open_socket,
        **pace,
    )
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        trust_env=False,
        raise_for_status=False,
        skip_auto_headers=_NOT_OURS,
        read_bufsize=READ_SIZE,
    )


def _post(
    session: aiohttp.ClientSession,
    tls: ssl.SSLContext | None,
    transport: Transport | None,
    judge: Callable[[URL], None],
) -> Post:
    name = (transport.tls.server_name or None) if transport is not None and transport.tls is not None else None
    if transport is not None and transport.proxy is not None:
        return _through(functools.partial(session.request, "POST", server_hostname=name), transport.proxy, judge)
    assert session.connector is not None
    return Direct(session.connector, tls=tls, server_hostname=name)


def _through(post: _Request, proxy: Proxy, judge: Callable[[URL], None]) -> Post:
    """Posting through a proxy: by CONNECT to https, in absolute form to http.

    The proxy's credential goes to the proxy alone, which is told nothing else that the request does not say to all.
    """
    url = URL(proxy.url)
    credential = proxy.authorization.reveal()

    async def through(target: URL, headers: Headers, body: bytes, total: float) -> Response:
        judge(target)
        ours = [("Proxy-Authorization", credential)] if credential else []
        more = {"data": body, "allow_redirects": False, "timeout": _timeout(total), "proxy": url}
        if target.scheme == "https":
            agent = [(name, value) for name, value in headers if name.lower() == "user-agent"]
            response = await post(target, headers=headers, proxy_headers=[*agent, *ours], **more)
        else:
            response = await post(target, headers=[*headers, *ours], **more)
            if response.status == _UNAUTHENTICATED:
                response.close()
                raise aiohttp.ClientHttpProxyError(response.request_info, (), status=response.status)
        head = bytearray()
        try:
            await read(response.content, head)
        except (aiohttp.ClientError, OSError):
            pass  # it has answered all the same: to send again would be a repeat
        finally:
            if not response.content.at_eof():
                response.close()
        return answer(response.status, response.headers, bytes(head))

    return through


@functools.lru_cache(maxsize=256)
def _timeout(total: float) -> aiohttp.ClientTimeout:
    # Above its threshold aiohttp rounds up to whole seconds, which would hold a slot up to a second longer.
    return aiohttp.ClientTimeout(total=total, ceil_threshold=float("inf"))
