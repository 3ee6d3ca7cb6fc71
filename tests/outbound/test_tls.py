"""TLS settings of a subscription against real servers: what they admit, what they refuse, and that they stay apart."""

import asyncio
import ssl

import pytest
from http_peer import OK, Peer, always, request

from certificates import Authority
from sidecar.config.client_tls import _context
from sidecar.domain.delivery import Reason
from sidecar.domain.message import Response
from sidecar.domain.transport import ClientTls, Transport
from sidecar.outbound.guard import Guard
from sidecar.outbound.sender import HttpSender

GOOD = Response(status=200, body=b"ok")
UNVERIFIED = ClientTls(verify=False)


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def private(authority):
    return ClientTls(ca_file=str(authority.path))


@pytest.fixture
async def sender():
    async with HttpSender(Guard()) as sender:
        yield sender


def known(*settings):
    return {Transport(tls=one): _context(one) for one in settings}


async def attempt(sender, url, tls, **more):
    """One attempt over these settings alone."""
    sender.configure(known(tls))
    return await sender.send(request(url, transport=Transport(tls=tls), **more))


def client(authority, *names, **given):
    certificate, key = authority.issue(*names)
    return ClientTls(ca_file=str(authority.path), cert_file=str(certificate), key_file=str(key), **given)


# --- whom we believe --------------------------------------------------------------------------------------------------


async def test_a_private_ca_is_believed_where_it_is_named_and_nowhere_else(sender, authority, private):
    async with always(OK, tls=authority.server("127.0.0.1")) as peer:
        assert await attempt(sender, peer.url, private) == GOOD
        outcome = await sender.send(request(peer.url))
    assert (outcome.reason, outcome.retryable) == (Reason.TLS_FAILED, True)
    assert "its certificate is not accepted" in outcome.detail


async def test_a_named_ca_is_the_only_one_that_is_believed(sender, authority, tmp_path):
    folder = tmp_path / "other"
    folder.mkdir()
    other = ClientTls(ca_file=str(Authority(folder, "other").path))
    async with always(OK, tls=authority.server("127.0.0.1")) as peer:
        outcome = await attempt(sender, peer.url, other)
    assert (outcome.reason, outcome.retryable) == (Reason.TLS_FAILED, True)


@pytest.mark.parametrize(
    ("names", "expired", "said"),
    [(("other.example",), False, "not valid for '127.0.0.1'"), (("127.0.0.1",), True, "certificate has expired")],
    ids=["another name", "expired"],
)
async def test_a_certificate_that_does_not_fit_is_refused(authority, private, names, expired, said):
    async with always(OK, tls=authority.server(*names, expired=expired)) as peer, HttpSender(Guard()) as sender:
        outcome = await attempt(sender, peer.url, private)
    assert (outcome.reason, outcome.retryable) == (Reason.TLS_FAILED, True)
    assert said in outcome.detail
    assert peer.requests == []


async def test_another_server_name_is_asked_for_and_verified(sender, authority, private):
    server = authority.server("hooks.internal")
    asked = []
    server.sni_callback = lambda _socket, name, _context: asked.append(name)
    named = ClientTls(ca_file=private.ca_file, server_name="hooks.internal")
    wrong = ClientTls(ca_file=private.ca_file, server_name="other.internal")
    async with always(OK, tls=server) as peer:
        assert await attempt(sender, peer.url, named) == GOOD
        outcome = await attempt(sender, peer.url, wrong)
        assert outcome.reason is Reason.TLS_FAILED
    assert asked == ["hooks.internal", "other.internal"]
    assert f"Host: 127.0.0.1:{peer.port}\r\n".encode() in peer.requests[0]


@pytest.mark.parametrize("expired", [False, True])
async def test_without_verification_whoever_answers_is_believed(sender, authority, expired):
    async with always(OK, tls=authority.server("other.example", expired=expired)) as peer:
        assert await attempt(sender, peer.url, UNVERIFIED) == GOOD


# --- who we are -------------------------------------------------------------------------------------------------------


async def test_a_server_that_asks_for_a_certificate_gets_the_one_that_was_named(sender, authority):
    server = authority.server("127.0.0.1", client_ca=authority.path)
    async with always(OK, tls=server) as peer:
        assert await attempt(sender, peer.url, client(authority, "client")) == GOOD
    assert peer.subjects == ["client"]


async def test_certificate_and_key_may_stand_in_one_file(sender, authority, tmp_path):
    certificate, key = authority.issue("client")
    both = tmp_path / "both.pem"
    both.write_bytes(key.read_bytes() + certificate.read_bytes())
    async with always(OK, tls=authority.server("127.0.0.1", client_ca=authority.path)) as peer:
        tls = ClientTls(ca_file=str(authority.path), cert_file=str(both))
        assert await attempt(sender, peer.url, tls) == GOOD


async def test_no_certificate_or_another_cas_ends_in_an_outcome_that_is_tried_again(sender, authority, tmp_path):
    """With TLS 1.3 the server's alert comes after our side of the handshake is done; a reset may overtake it."""
    folder = tmp_path / "other"
    folder.mkdir()
    stranger = client(Authority(folder, "other"), "stranger")
    stranger = ClientTls(ca_file=str(authority.path), cert_file=stranger.cert_file, key_file=stranger.key_file)
    async with always(OK, tls=authority.server("127.0.0.1", client_ca=authority.path)) as peer:
        for tls in (ClientTls(ca_file=str(authority.path)), stranger):
            outcome = await attempt(sender, peer.url, tls)
            assert outcome.reason in {Reason.TLS_FAILED, Reason.DISCONNECTED}
            assert outcome.retryable
    assert peer.requests == []


# --- pools ------------------------------------------------------------------------------------------------------------


async def test_a_connection_is_never_used_under_other_settings_than_its_own(sender, authority, private):
    """One host, three settings, twice each: three connections, and the strict one finds out for itself."""
    renewed = ClientTls(ca_file=private.ca_file, held="the file holds something else")
    sender.configure(known(UNVERIFIED, private, renewed))
    async with always(OK, tls=authority.server("127.0.0.1")) as peer:
        for _ in range(2):
            for tls in (UNVERIFIED, private, renewed):
                assert await sender.send(request(peer.url, transport=Transport(tls=tls))) == GOOD
        assert peer.connections == 3
        assert (await sender.send(request(peer.url))).reason is Reason.TLS_FAILED


async def test_what_is_usual_needs_no_pool_of_its_own(sender):
    async with always(OK) as peer:
        assert await sender.send(request(peer.url)) == GOOD
        assert await sender.send(request(peer.url)) == GOOD
    assert peer.connections == 1
    assert sender._others == {}


async def test_connections_stay_when_the_same_settings_are_configured_again(sender, private, authority):
    async with always(OK, tls=authority.server("127.0.0.1")) as peer:
        for _ in range(2):
            assert await attempt(sender, peer.url, private) == GOOD
    assert peer.connections == 1


async def test_settings_that_go_take_their_connections_with_them(sender, authority, private):
    left = asyncio.Event()

    async def serve(_number, reader, writer):
        await peer.read(reader)
        writer.write(OK)
        await reader.read()
        left.set()

    async with Peer(serve, tls=authority.server("127.0.0.1")) as peer:
        assert await attempt(sender, peer.url, private) == GOOD
        sender.configure({})
        await asyncio.wait_for(left.wait(), 5)
        outcome = await sender.send(request(peer.url, transport=Transport(tls=private)))
    assert (outcome.reason, outcome.retryable) == (Reason.DISCONNECTED, True)


async def test_an_attempt_under_way_ends_well_although_its_settings_are_replaced(sender, authority, private):
    reached, go, left = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(_number, reader, writer):
        await peer.read(reader)
        reached.set()
        await go.wait()
        writer.write(OK)
        await reader.read()
        left.set()

    async with Peer(slow, tls=authority.server("127.0.0.1")) as peer:
        under_way = asyncio.ensure_future(attempt(sender, peer.url, private))
        await asyncio.wait_for(reached.wait(), 5)
        sender.configure(known(UNVERIFIED))
        go.set()
        assert await under_way == GOOD
        await asyncio.wait_for(left.wait(), 5)  # and its connection is closed with it
    assert sender._retired == set()


def test_old_protocols_are_refused_whatever_the_system_admits(private):
    for tls in (private, UNVERIFIED):
        context = _context(tls)
        assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert _context(private).verify_mode is ssl.CERT_REQUIRED
    assert _context(private).check_hostname
