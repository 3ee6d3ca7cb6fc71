"""What goes over the wire, and what comes back, between the sender and real sockets."""

import asyncio
import gzip
import ssl

import pytest
from http_peer import CERTIFICATES, OK, Peer, always, request

from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.message import Response
from sidecar.outbound.guard import Guard
from sidecar.outbound.sender import HttpSender


@pytest.fixture
async def sender():
    async with HttpSender(Guard()) as sender:
        yield sender


async def test_the_request_is_byte_for_byte_what_was_asked_for(sender):
    """URL untouched, headers in our order and spelling, and nothing that the client library adds of its own."""
    async with always(OK) as peer:
        answer = await sender.send(
            request(
                f"{peer.url}/a/../hook//x?type=harbor&q=%7e+c",
                body=b'{"a": 1}',
                headers=[
                    ("User-Agent", "registry-sidecar/1"),
                    ("Content-Type", "application/cloudevents+json"),
                    ("webhook-id", "id-1"),
                    ("X-Two", "a"),
                    ("X-Two", "b"),
                ],
            )
        )
    assert answer == Response(status=200, body=b"ok")
    assert peer.requests == [
        b"POST /a/../hook//x?type=harbor&q=%7e+c HTTP/1.1\r\n"
        + f"Host: 127.0.0.1:{peer.port}\r\n".encode()
        + b"User-Agent: registry-sidecar/1\r\n"
        b"Content-Type: application/cloudevents+json\r\n"
        b"webhook-id: id-1\r\n"
        b"X-Two: a\r\n"
        b"X-Two: b\r\n"
        b"Content-Length: 8\r\n"
        b"\r\n"
        b'{"a": 1}'
    ]


async def test_an_empty_body_is_sent_as_one(sender):
    async with always(OK) as peer:
        assert await sender.send(request(peer.url, body=b"")) == Response(status=200, body=b"ok")
    assert peer.requests[0].endswith(b"Content-Length: 0\r\n\r\n")


async def test_a_user_in_the_url_is_sent_as_basic_credentials_unless_a_header_gives_others(sender):
    async with always(OK) as peer:
        url = f"http://Aladdin:open%20sesame@127.0.0.1:{peer.port}/hook"
        await sender.send(request(url))
        await sender.send(request(url, headers=[("authorization", "Bearer t")]))
    assert b"\r\nAuthorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n" in peer.requests[0]
    assert b"Aladdin" not in peer.requests[0]
    assert peer.requests[1].lower().count(b"authorization") == 1
    assert b"Bearer t" in peer.requests[1]


async def test_connections_are_kept_and_cookies_are_not(sender):
    async with always(b"HTTP/1.1 204 No Content\r\nSet-Cookie: a=b\r\n\r\n") as peer:
        for _ in range(3):
            assert await sender.send(request(peer.url)) == Response(status=204)
    assert peer.connections == 1
    assert not any(b"Cookie" in one for one in peer.requests)


async def test_a_redirect_is_handed_back_and_not_followed(sender):
    async with always(b"HTTP/1.1 302 Found\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n") as peer:
        assert await sender.send(request(peer.url)) == Response(status=302, location="/elsewhere")
    assert len(peer.requests) == 1


async def test_retry_after_is_handed_back_as_text(sender):
    async with always(b"HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 0\r\n\r\n") as peer:
        assert await sender.send(request(peer.url)) == Response(status=503, retry_after="120")


async def test_a_header_that_is_not_utf8_becomes_text_that_can_be_stored(sender):
    async with always(b"HTTP/1.1 301 Moved\r\nLocation: /\xff\r\nContent-Length: 0\r\n\r\n") as peer:
        answer = await sender.send(request(peer.url))
    assert answer.location == "/\N{REPLACEMENT CHARACTER}"


async def test_a_compressed_answer_is_not_unpacked(sender):
    """A kilobyte that unpacks to a gigabyte stays a kilobyte."""
    packed = gzip.compress(b"0" * 1_000_000)
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n".encode()
    async with always(head + packed) as peer:
        assert await sender.send(request(peer.url)) == Response(status=200, body=packed)


async def test_a_huge_answer_is_cut_at_16_kib_and_costs_its_connection(sender):
    cut = asyncio.Event()

    async def flood(_number, reader, writer):
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        except ConnectionError:
            cut.set()

    async with Peer(flood) as peer:
        answer = await sender.send(request(peer.url))
        assert answer == Response(status=200, body=b"x" * 16384)
        await asyncio.wait_for(cut.wait(), 5)


async def test_an_answer_of_exactly_16_kib_keeps_its_connection(sender):
    async with always(b"HTTP/1.1 200 OK\r\nContent-Length: 16384\r\n\r\n" + b"y" * 16384) as peer:
        for _ in range(2):
            assert len((await sender.send(request(peer.url))).body) == 16384
    assert peer.connections == 1


async def test_a_dripping_answer_counts_as_one_and_holds_no_slot_beyond_the_timeout(sender):
    cut = asyncio.Event()

    async def drip(_number, reader, writer):
        await peer.read(reader)
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 1000\r\n\r\n")
        try:
            while True:
                writer.write(b".")
                await writer.drain()
                await asyncio.sleep(0.01)
        except ConnectionError:
            cut.set()

    async with Peer(drip) as peer:
        answer = await asyncio.wait_for(sender.send(request(peer.url, seconds=0.5)), 5)
        assert answer.status == 202
        assert 0 < len(answer.body) < 1000
        await asyncio.wait_for(cut.wait(), 5)


async def test_an_answer_that_breaks_off_in_its_body_is_still_an_answer(sender):
    """The receiver has accepted; sending again would be a repeat."""

    async def half(_number, reader, writer):
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf")

    async with Peer(half) as peer:
        assert await sender.send(request(peer.url)) == Response(status=200, body=b"half")


async def test_a_stale_connection_is_replaced_at_once_and_is_no_attempt(sender):
    """The second request meets a connection that its server has given up: it goes out again on a new one."""

    async def once(number, reader, writer):
        await peer.read(reader)
        writer.write(OK)
        if number == 1:
            await peer.read(reader)  # and no answer

    async with Peer(once) as peer:
        assert await sender.send(request(f"{peer.url}/1")) == Response(status=200, body=b"ok")
        assert await sender.send(request(f"{peer.url}/2")) == Response(status=200, body=b"ok")
    assert peer.connections == 2
    assert [one.split()[1] for one in peer.requests] == [b"/1", b"/2", b"/2"]


async def test_a_stale_connection_is_replaced_once_only(sender):
    async def once(number, reader, writer):
        await peer.read(reader)
        if number == 1:
            writer.write(OK)
            await peer.read(reader)

    async with Peer(once) as peer:
        assert (await sender.send(request(peer.url))).status == 200
        outcome = await sender.send(request(peer.url))
    assert outcome.reason is Reason.DISCONNECTED
    assert outcome.retryable
    assert peer.connections == 2


async def test_a_new_connection_that_breaks_is_a_failed_attempt(sender):
    async def hang_up(_number, reader, _writer):
        await peer.read(reader)

    async with Peer(hang_up) as peer:
        outcome = await sender.send(request(peer.url))
    assert outcome == Outcome(
        reason=Reason.DISCONNECTED, retryable=True, detail=f"The connection to {peer.url} broke before it answered."
    )
    assert peer.connections == 1


async def test_two_hundred_hanging_requests_do_not_hold_up_another(sender):
    """There is no queue for connections that all subscriptions would share."""
    held = asyncio.Event()

    async def hang(_number, reader, _writer):
        await peer.read(reader)
        await held.wait()

    async with Peer(hang) as peer, always(OK) as quick:
        waiting = [asyncio.ensure_future(sender.send(request(peer.url, seconds=60))) for _ in range(200)]
        assert await asyncio.wait_for(sender.send(request(quick.url)), 10) == Response(status=200, body=b"ok")
        held.set()
        assert {(await one).reason for one in waiting} == {Reason.DISCONNECTED}


async def test_a_proxy_in_the_environment_is_not_used(sender, monkeypatch):
    async with always(OK) as peer:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, "http://127.0.0.1:9")
        assert (await sender.send(request(peer.url))).status == 200


async def test_a_cancelled_attempt_leaves_no_connection_behind(sender):
    reached, left = asyncio.Event(), asyncio.Event()

    async def hang(_number, reader, writer):
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n")
        reached.set()
        await reader.read()
        left.set()

    async with Peer(hang) as peer:
        attempt = asyncio.ensure_future(sender.send(request(peer.url)))
        await asyncio.wait_for(reached.wait(), 5)
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await asyncio.wait_for(left.wait(), 5)


async def test_tls_with_a_certificate_that_is_trusted():
    trusted = ssl.create_default_context(cafile=CERTIFICATES / "localhost.crt")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(CERTIFICATES / "localhost.pem")

    async def serve(_number, reader, writer):
        await peer.read(reader)
        writer.write(OK)

    async with Peer(serve, tls=server) as peer, HttpSender(Guard(), tls=trusted) as sender:
        assert await sender.send(request(peer.url)) == Response(status=200, body=b"ok")
