"""Every kind of trouble becomes an Outcome with one sentence, and none of them an exception."""

import asyncio
import socket
import ssl
import threading

import aiohttp
import pytest
from http_peer import CERTIFICATES, OK, Peer, always, request

from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.message import Response
from sidecar.outbound.guard import Guard
from sidecar.outbound.resolver import Resolver
from sidecar.outbound.sender import HttpSender

METADATA = "169.254.169.254"


@pytest.fixture
async def sender():
    async with HttpSender(Guard()) as sender:
        yield sender


def server_tls():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "localhost.pem")
    return context


def names(**table):
    """A resolver that knows a few names; a name's value is a list of IPv4 addresses, or an exception."""

    def lookup(host, port, **_):
        found = table.get(host.partition(".")[0], socket.gaierror(socket.EAI_NONAME, "Name or service not known"))
        if isinstance(found, BaseException):
            raise found
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (one, port)) for one in found]

    return Resolver(lookup)


@pytest.fixture
def closed_port():
    """A port that nobody listens on, held so that nobody else gets it."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


# --- the network ----------------------------------------------------------------------------------------------------


async def test_a_refused_connection_is_unreachable(sender, closed_port):
    url = f"http://user:hunter2@127.0.0.1:{closed_port}/hook/token"
    assert await sender.send(request(url)) == Outcome(
        reason=Reason.UNREACHABLE,
        retryable=True,
        detail=f"No connection to http://127.0.0.1:{closed_port}: connection refused.",
    )


async def test_a_name_that_does_not_exist_is_unreachable():
    async with HttpSender(Guard(), resolver=names()) as sender:
        outcome = await sender.send(request("http://nowhere.example/hook/token"))
    assert outcome == Outcome(
        reason=Reason.UNREACHABLE,
        retryable=True,
        detail="The name in http://nowhere.example cannot be resolved: name or service not known.",
    )


async def test_a_name_that_cannot_be_encoded_is_a_bad_destination(sender):
    outcome = await sender.send(request("http://" + "a" * 64 + ".example/hook"))
    assert outcome.reason is Reason.BAD_DESTINATION
    assert not outcome.retryable


async def test_silence_is_a_timeout(sender):
    async def hang(_number, reader, _writer):
        await reader.read()

    async with Peer(hang) as peer:
        outcome = await asyncio.wait_for(sender.send(request(peer.url, seconds=0.1)), 5)
    assert outcome == Outcome(reason=Reason.TIMED_OUT, retryable=True, detail=f"{peer.url} did not answer in time.")
    assert outcome.slow


async def test_a_timeout_of_nothing_is_not_for_ever(sender):
    async def hang(_number, reader, _writer):
        await reader.read()

    async with Peer(hang) as peer:
        outcome = await asyncio.wait_for(sender.send(request(peer.url, seconds=0)), 5)
    assert outcome.reason is Reason.TIMED_OUT


@pytest.mark.parametrize(
    "said", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n", b"\0\0\0"]
)
async def test_what_is_not_http_is_a_protocol_error(sender, said):
    async def garbage(_number, reader, writer):
        await peer.read(reader)
        writer.write(said)

    async with Peer(garbage) as peer:
        outcome = await sender.send(request(peer.url))
    assert outcome == Outcome(
        reason=Reason.PROTOCOL_ERROR, retryable=True, detail=f"What {peer.url} answered is not HTTP."
    )


async def test_a_reset_is_a_disconnection(sender):
    async def reset(_number, reader, writer):
        await peer.read(reader)
        # linger for no time: the close becomes a RST
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        writer.transport.abort()

    async with Peer(reset) as peer:
        outcome = await sender.send(request(peer.url))
    assert (outcome.reason, outcome.retryable) == (Reason.DISCONNECTED, True)


async def test_lookups_that_hang_do_not_hold_up_another_name():
    """Sixteen dead name servers are more than the event loop has threads for on a small machine."""
    over = threading.Event()

    def lookup(host, port, **_):
        if host.startswith("slow"):
            over.wait(30)
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", port))]

    async with always(OK) as peer, HttpSender(Guard(), resolver=Resolver(lookup)) as sender:
        try:
            slow = [
                asyncio.ensure_future(sender.send(request(f"http://slow{number}.example:{peer.port}", seconds=0.1)))
                for number in range(16)
            ]
            quick = await asyncio.wait_for(sender.send(request(f"http://quick.example:{peer.port}")), 5)
            assert quick == Response(status=200, body=b"ok")
            assert {(await one).reason for one in slow} == {Reason.TIMED_OUT}
        finally:
            over.set()


# --- TLS ------------------------------------------------------------------------------------------------------------


async def test_a_certificate_that_nobody_signed_fails_tls(sender):
    async with Peer(lambda _n, reader, _w: reader.read(), tls=server_tls()) as peer:
        outcome = await sender.send(request(f"{peer.url}/token"))
    assert (outcome.reason, outcome.retryable) == (Reason.TLS_FAILED, True)
    assert outcome.detail.startswith(f"The TLS connection to {peer.url} failed: its certificate is not accepted (")
    assert "self-signed certificate" in outcome.detail.replace("self signed", "self-signed")


async def test_a_certificate_for_another_name_fails_tls():
    trusted = ssl.create_default_context(cafile=CERTIFICATES / "localhost.crt")
    async with (
        Peer(lambda _n, reader, _w: reader.read(), tls=server_tls()) as peer,
        HttpSender(Guard(), tls=trusted, resolver=names(other=["127.0.0.1"])) as sender,
    ):
        outcome = await sender.send(request(f"https://other.example:{peer.port}/"))
    assert (outcome.reason, outcome.retryable) == (Reason.TLS_FAILED, True)
    assert "other.example" in outcome.detail


async def test_plain_http_where_tls_was_expected_fails_tls(sender):
    async def plain(_number, reader, writer):
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    async with Peer(plain) as peer:
        outcome = await sender.send(request(peer.url.replace("http:", "https:")))
    assert (outcome.reason, outcome.retryable) == (Reason.TLS_FAILED, True)


async def test_a_server_that_wants_a_client_certificate_ends_in_an_outcome():
    """With TLS 1.3 its alert comes after our side of the handshake is done; a reset may overtake it."""
    wants = server_tls()
    wants.verify_mode = ssl.CERT_REQUIRED
    wants.load_verify_locations(CERTIFICATES / "localhost.crt")
    trusted = ssl.create_default_context(cafile=CERTIFICATES / "localhost.crt")
    async with (
        Peer(lambda _n, reader, _w: reader.read(), tls=wants) as peer,
        HttpSender(Guard(), tls=trusted) as sender,
    ):
        outcome = await sender.send(request(peer.url))
    assert outcome.reason in {Reason.TLS_FAILED, Reason.DISCONNECTED}
    assert outcome.retryable


# --- what cannot be sent --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["", "ftp://h/token", "http:///token", "http://h:99999/token", "http://h/token x"])
async def test_a_url_that_cannot_be_dialled_is_a_bad_destination(sender, url):
    outcome = await sender.send(request(url))
    assert (outcome.reason, outcome.retryable) == (Reason.BAD_DESTINATION, False)
    assert "token" not in outcome.detail


@pytest.mark.parametrize("value", ["hunter2\r\nX-Injected: 1", "hunter2\n", "hunter2\0"])
async def test_a_header_that_would_break_the_request_is_not_sent(sender, value):
    async with always(OK) as peer:
        outcome = await sender.send(request(peer.url, headers=[("Authorization", value)]))
    assert (outcome.reason, outcome.retryable) == (Reason.BAD_DESTINATION, False)
    assert "hunter2" not in outcome.detail
    assert peer.requests == []


# --- the guard, on the address that is dialled ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "0x7f000001",
        "2130706433",
        "0177.0.0.1",
        "localhost",
        "LocalHost",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[64:ff9b::7f00:1]",
        "0.0.0.0",
        "[::]",
    ],
)
async def test_no_spelling_of_this_machine_gets_past_the_strict_guard(host):
    async with always(OK) as trap, HttpSender(Guard(strict=True)) as sender:
        outcome = await sender.send(request(f"http://{host}:{trap.port}/"))
    assert outcome.reason in {Reason.REFUSED_BY_GUARD, Reason.BAD_DESTINATION}
    assert not outcome.retryable
    assert trap.connections == 0


@pytest.mark.parametrize("host", [METADATA, f"[::ffff:{METADATA}]", "[64:ff9b::a9fe:a9fe]", "[fd00:ec2::254]"])
async def test_metadata_is_refused_to_everyone(host):
    async with HttpSender(Guard()) as sender:
        outcome = await sender.send(request(f"http://{host}/latest/meta-data/token", seconds=2))
    assert (outcome.reason, outcome.retryable) == (Reason.REFUSED_BY_GUARD, False)
    assert "metadata" in outcome.detail
    assert "token" not in outcome.detail


async def test_a_name_is_judged_by_its_address():
    async with HttpSender(Guard(), resolver=names(innocent=[METADATA])) as sender:
        outcome = await sender.send(request("https://innocent.example/", seconds=2))
    assert outcome.reason is Reason.REFUSED_BY_GUARD


async def test_a_name_with_only_refused_addresses_is_refused_cleanly():
    """Several addresses race in the connector, which swallows what is not an OSError there."""
    async with HttpSender(Guard(), resolver=names(many=[METADATA, "224.0.0.1", "0.0.0.0"])) as sender:
        outcome = await sender.send(request("http://many.example/", seconds=2))
    assert (outcome.reason, outcome.retryable) == (Reason.REFUSED_BY_GUARD, False)


@pytest.mark.parametrize("addresses", [[METADATA, "127.0.0.1"], ["127.0.0.1", METADATA]])
async def test_of_several_addresses_only_the_admitted_are_dialled(addresses):
    async with always(OK) as peer, HttpSender(Guard(), resolver=names(mixed=addresses)) as sender:
        answer = await sender.send(request(f"http://mixed.example:{peer.port}/"))
    assert answer == Response(status=200, body=b"ok")


@pytest.mark.parametrize("addresses", [[METADATA, "127.0.0.1"], ["127.0.0.1", METADATA]])
async def test_a_refused_address_beside_a_dead_one_is_worth_another_attempt(addresses, closed_port):
    async with HttpSender(Guard(), resolver=names(mixed=addresses)) as sender:
        outcome = await sender.send(request(f"http://mixed.example:{closed_port}/"))
    assert (outcome.reason, outcome.retryable) == (Reason.UNREACHABLE, True)


async def test_a_name_that_changes_its_mind_is_judged_again():
    """DNS rebinding: the first answer is harmless, the next is not."""
    answers = iter(["127.0.0.1", METADATA])

    def lookup(_host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (next(answers), port))]

    async def once(_number, reader, writer):
        await peer.read(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")

    async with Peer(once) as peer, HttpSender(Guard(), resolver=Resolver(lookup)) as sender:
        url = f"http://rebinds.example:{peer.port}/"
        assert await sender.send(request(url)) == Response(status=200)
        connector = sender._usual._sessions[0].connector
        assert isinstance(connector, aiohttp.TCPConnector)
        connector.clear_dns_cache()  # what half a minute does
        outcome = await sender.send(request(url, seconds=2))
    assert outcome.reason is Reason.REFUSED_BY_GUARD


async def test_the_guard_can_be_replaced_while_the_sender_runs():
    async with always(OK) as peer, HttpSender(Guard(strict=True)) as sender:
        assert isinstance(await sender.send(request(peer.url)), Outcome)
        sender.guard = Guard()
        assert isinstance(await sender.send(request(peer.url)), Response)


async def test_after_closing_a_send_still_ends_in_an_outcome():
    sender = HttpSender(Guard())
    await sender.close()
    outcome = await sender.send(request("http://127.0.0.1:9/"))
    assert (outcome.reason, outcome.retryable) == (Reason.DISCONNECTED, True)
