"""One POST over a connection of aiohttp's own pool, without its session.

Connecting, TLS, pooling and the parsing of answers are aiohttp's. What its session does besides for each request, such
as cookies, middlewares, merging of headers, a writer and a timer, is not wanted where a request goes out exactly as it
was asked for, and costs a third of a delivery.
"""

import asyncio
import ssl
from collections.abc import Mapping

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http import HttpProcessingError, RawResponseMessage
from yarl import URL

from sidecar.domain.message import Headers, Response

READ_SIZE = 16 * 1024
BODY_LIMIT = READ_SIZE  # of an answer; the rest is not read and costs the connection
_HEADER_LIMIT = 2048  # of Location and Retry-After, which are kept
_KNOWN = 4096  # destinations that are remembered
_PATIENT = aiohttp.ClientTimeout(total=None, connect=None, sock_connect=None, sock_read=None)


class _Place:
    """A destination: what the connector dials, and the request's first lines."""

    __slots__ = ("dialled", "head")

    def __init__(self, target: URL, tls: ssl.SSLContext | bool, server_hostname: str | None) -> None:
        loop = asyncio.get_running_loop()
        self.dialled = aiohttp.ClientRequest("POST", target, loop=loop, ssl=tls, server_hostname=server_hostname)
        self.head = f"POST {target.raw_path_qs} HTTP/1.1\r\nHost: {target.host_port_subcomponent}\r\n"


class Direct:
    """Posts to destinations that are reached without a proxy. Lives in the loop that it is used in."""

    def __init__(
        self, connector: aiohttp.BaseConnector, *, tls: ssl.SSLContext | None, server_hostname: str | None
    ) -> None:
        self._connector = connector
        self._tls: ssl.SSLContext | bool = True if tls is None else tls
        self._server_hostname = server_hostname
        self._places: dict[URL, _Place] = {}

    async def __call__(self, target: URL, headers: Headers, body: bytes, total: float) -> Response:
        """The answer within `total` seconds. Once its status line is read it counts, whatever happens after it.

        Raises what aiohttp's client raises, TimeoutError, and ValueError for a header that cannot be written.
        """
        place = self._places.get(target) or self._learn(target)
        request = _written(place.head, headers, body)
        if self._connector.closed:
            raise RuntimeError("the pool is closed")
        message: RawResponseMessage | None = None
        head = bytearray()
        try:
            async with asyncio.timeout(total):
                connection = await self._connector.connect(place.dialled, [], _PATIENT)
                try:
                    message, content = await _asked(connection, request)
                    if not content.at_eof():
                        await read(content, head)
                    if content.at_eof() and not _unsent(connection):
                        connection.release()
                finally:
                    _end(connection)  # does nothing once it is released
        except (aiohttp.ClientError, OSError):
            if message is None:
                raise
            # It has answered all the same: to send again would be a repeat.
        return answer(message.code, message.headers, bytes(head))

    def _learn(self, target: URL) -> _Place:
        if len(self._places) >= _KNOWN:
            self._places.clear()
        place = self._places[target] = _Place(target, self._tls, self._server_hostname)
        return place


async def _asked(connection: Connection, request: bytes) -> tuple[RawResponseMessage, aiohttp.StreamReader]:
    """Send a request and read up to the final status line and headers."""
    protocol, transport = connection.protocol, connection.transport
    if protocol is None or transport is None or transport.is_closing():
        raise aiohttp.ClientOSError("the connection was closed")
    if len(protocol):  # something came while it was idle, which would be taken for the answer to this request
        raise aiohttp.ClientOSError("the connection was not quiet")
    protocol.set_response_params(read_until_eof=True, auto_decompress=False, read_bufsize=READ_SIZE)
    transport.write(request)
    while True:
        try:
            message, payload = await protocol.read()
        except HttpProcessingError as error:
            raise aiohttp.ClientPayloadError("not HTTP") from error
        if not 100 <= message.code < 200 or message.code == 101:
            return message, payload


def _unsent(connection: Connection) -> int:
    """How many bytes of the request have not left the process."""
    transport = connection.transport
    # One that is closing may not be asked: asyncio's for TLS fails at everything when it was closed twice.
    return 0 if transport is None or transport.is_closing() else transport.get_write_buffer_size()


def _end(connection: Connection) -> None:
    if connection.transport is not None and _unsent(connection):
        connection.transport.abort()  # closed in order, it would wait for ever for a peer that reads no more
    connection.close()


async def read(content: aiohttp.StreamReader, head: bytearray) -> None:
    """Fill `head` with the first bytes of a body, at most `BODY_LIMIT`, as far as they come."""
    while len(head) < BODY_LIMIT and not content.at_eof():
        block = await content.read(BODY_LIMIT - len(head))
        if not block:
            break
        head += block


def answer(status: int, headers: Mapping[str, str], body: bytes) -> Response:
    """What is kept of an answer."""
    return Response(
        status=status,
        body=body,
        location=_text(headers.get("Location")),
        retry_after=_text(headers.get("Retry-After")),
    )


def _written(start: str, headers: Headers, body: bytes) -> bytes:
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if lines.count("\n") != len(headers) or lines.count("\r") != len(headers) or "\0" in lines:
        raise ValueError("a header holds a line break")
    return f"{start}{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _text(value: str | None) -> str:
    """A header as text that can be stored: bytes that are not UTF-8 arrive as lone surrogates."""
    if value is None:
        return ""
    return value[:_HEADER_LIMIT].encode("utf-8", "surrogateescape").decode("utf-8", "replace")
