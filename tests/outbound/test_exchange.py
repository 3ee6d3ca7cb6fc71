"""Requests over connections of the pool, without a session: what of HTTP/1.1 is then ours to get right."""

import asyncio
import contextlib
import ssl

import aiohttp
import pytest
from http_peer import CERTIFICATES, OK, Peer, always, request
from yarl import URL

from sidecar.domain.delivery import Reason
from sidecar.domain.message import Response
from sidecar.outbound.exchange import _end
from sidecar.outbound.guard import Guard
from sidecar.outbound.sender import HttpSender

TAKEN = Response(status=200, body=b"ok")


@pytest.fixture
async def sender():
    async with HttpSender(Guard()) as one:
        yield one


async def test_interim_answers_are_read_over(sender):
    """RFC 9110, 15.2: any number of them may come before the answer."""
    interim = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    async with always(interim + OK) as peer:
        assert await sender.send(request(peer.url)) == TAKEN
        assert await sender.send(request(peer.url)) == TAKEN
        assert peer.connections == 1


async def test_an_answer_in_chunks_keeps_its_connection(sender):
    async with always(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n") as peer:
        assert await sender.send(request(peer.url)) == TAKEN
        assert await sender.send(request(peer.url)) == TAKEN
        assert peer.connections == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    ],
)
async def test_who_does_not_keep_connections_is_asked_over_new_ones(sender, answer):
    async with always(answer) as peer:
        assert await sender.send(request(peer.url)) == TAKEN
        assert await sender.send(request(peer.url)) == TAKEN
        assert peer.connections == 2


async def test_a_body_without_a_length_ends_with_the_connection(sender):
    async def until_the_end(_number, reader, writer):
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nok")

    async with Peer(until_the_end) as peer:
        assert await sender.send(request(peer.url)) == TAKEN


async def test_what_comes_after_an_answer_is_no_answer_to_the_next(sender):
    """A second answer that nobody asked for: its connection is not used again."""
    async with always(OK + b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n") as peer:
        for _ in range(3):
            assert await sender.send(request(peer.url)) == TAKEN
        assert peer.connections == 3


async def test_an_answer_may_come_before_the_request_is_sent_whole(sender):
    """A receiver that refuses a large body reads no more of it: what it says still counts."""

    async def refusing(_number, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(0)

    async with Peer(refusing) as peer:
        answer = await sender.send(request(peer.url, body=b"x" * 4_000_000))
        assert answer == Response(status=413)


@pytest.mark.parametrize("name", ["X-Note\r\nInjected", "X-Note\nInjected", "X\0"])
async def test_a_name_of_a_header_that_would_break_the_request_is_not_sent(sender, name):
    async with always(OK) as peer:
        outcome = await sender.send(request(peer.url, headers=((name, "1"),)))
        assert (outcome.reason, outcome.retryable) == (Reason.BAD_DESTINATION, False)
        assert peer.connections == 0


async def test_several_requests_at_once_have_a_connection_each(sender):
    """And each its own answer."""

    async def echoing(_number, reader, writer):
        while got := await peer.read(reader):
            body = got.partition(b"\r\n\r\n")[2]
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with Peer(echoing) as peer:
        for _ in range(2):
            bodies = [b"%d" % one for one in range(20)]
            answers = await asyncio.gather(*(sender.send(request(peer.url, body=one)) for one in bodies))
            assert [one.body for one in answers] == bodies
        assert peer.connections == 20


async def test_what_comes_on_an_idle_connection_is_no_answer_to_the_next(sender):
    """An answer that nobody asked for, late: the next request has a connection of its own, and its own answer."""
    late = asyncio.Event()

    async def chattering(number, reader, writer):
        while await peer.read(reader):
            writer.write(OK)
            if number == 1:
                await writer.drain()
                await late.wait()
                writer.write(b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n")

    async with Peer(chattering) as peer:
        assert await sender.send(request(peer.url)) == TAKEN
        (protocol, _), *_others = next(iter(sender._usual.kept._connector._conns.values()))
        late.set()
        for _ in range(5000):
            if len(protocol):
                break
            await asyncio.sleep(0.001)
        assert await sender.send(request(peer.url)) == TAKEN
        assert peer.connections == 2


async def test_a_peer_that_reads_nothing_holds_no_connection_beyond_the_time_of_an_attempt(sender):
    """Closed in order, a connection with unsent bytes would stay for as long as its peer keeps it."""
    gone = asyncio.Event()

    async def deaf(_number, reader, writer):
        writer.transport.pause_reading()
        await told.wait()
        writer.transport.resume_reading()
        with contextlib.suppress(ConnectionError):
            while block := await reader.read(1 << 20):
                heard.append(len(block))
        gone.set()

    told, heard = asyncio.Event(), []
    body = b"x" * 32_000_000
    async with Peer(deaf) as peer:
        outcome = await sender.send(request(peer.url, body=body, seconds=0.2))
        assert outcome.reason is Reason.TIMED_OUT
        told.set()
        await asyncio.wait_for(gone.wait(), 5)
        assert sum(heard) < len(body)


async def test_a_connection_with_a_rest_of_its_request_is_not_used_again(sender):
    """Who answers early may not read the rest, and the next request would wait behind it."""

    async def hasty(number, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        if number == 1:
            writer.transport.pause_reading()
            await done.wait()

    done = asyncio.Event()
    async with Peer(hasty) as peer:
        assert await sender.send(request(peer.url, body=b"x" * 32_000_000)) == TAKEN
        assert await sender.send(request(peer.url, seconds=2)) == TAKEN
        assert peer.connections == 2
        done.set()


async def test_a_transport_of_tls_that_was_closed_twice_ends_quietly():
    """As when nonsense goes on coming after the first of it was seen to be nonsense: asyncio lets go of it."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATES / "localhost.pem")
    context = ssl.create_default_context(cafile=CERTIFICATES / "localhost.crt")
    async with always(OK, server) as peer, aiohttp.TCPConnector(ssl=context) as connector:
        loop = asyncio.get_running_loop()
        target = aiohttp.ClientRequest("POST", URL(peer.url), loop=loop, ssl=context)
        connection = await connector.connect(target, [], aiohttp.ClientTimeout())
        for _ in range(2):
            connection.transport.close()
        _end(connection)
        assert connection.closed
