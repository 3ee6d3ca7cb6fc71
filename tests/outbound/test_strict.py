"""Destinations that the operator did not choose: judged strictly, over connections that nobody else uses."""

from ipaddress import ip_network

import pytest
from http_peer import OK, always, request

from certificates import Authority
from sidecar.config.client_tls import _context
from sidecar.domain.delivery import Reason
from sidecar.domain.message import Response
from sidecar.domain.transport import ClientTls, Transport
from sidecar.outbound.guard import Guard
from sidecar.outbound.sender import HttpSender

STRICT = Transport(strict=True)
GOOD = Response(status=200, body=b"ok")


def strictly(url, **more):
    return request(url, transport=Transport(strict=True, **more))


@pytest.fixture
async def sender():
    async with HttpSender(Guard()) as sender:
        sender.configure({STRICT: None})
        yield sender


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])
async def test_what_only_the_operator_reaches_is_refused_however_it_is_spelt(sender, host):
    async with always(OK) as peer:
        url = f"http://{host}:{peer.port}"
        outcome = await sender.send(strictly(url))
        assert outcome.reason in {Reason.REFUSED_BY_GUARD, Reason.BAD_DESTINATION}
        if host in {"127.0.0.1", "localhost"}:
            assert outcome.reason is Reason.REFUSED_BY_GUARD
            assert "a loopback address; an administrator can add it to guard.allow" in outcome.detail
            assert await sender.send(request(url)) == GOOD
    assert peer.connections == (1 if host in {"127.0.0.1", "localhost"} else 0)


async def test_a_connection_that_the_operators_own_made_is_not_lent(sender):
    """It is open, it would do, and nothing would be dialled: the guard would never be asked."""
    async with always(OK) as peer:
        assert await sender.send(request(peer.url)) == GOOD
        outcome = await sender.send(strictly(peer.url))
        assert outcome.reason is Reason.REFUSED_BY_GUARD
        assert await sender.send(request(peer.url)) == GOOD
    assert peer.connections == 1


async def test_what_guard_allow_covers_is_reached_until_it_does_so_no_more():
    async with always(OK) as peer, HttpSender(Guard(allow=[ip_network("127.0.0.0/8")])) as sender:
        sender.configure({STRICT: None})
        assert await sender.send(strictly(peer.url)) == GOOD
        sender.guard = Guard()
        assert (await sender.send(strictly(peer.url))).reason is Reason.REFUSED_BY_GUARD
        assert await sender.send(request(peer.url)) == GOOD


async def test_a_lent_way_is_known_for_as_long_as_it_is_lent(tmp_path):
    authority = Authority(tmp_path)
    tls = ClientTls(ca=authority.path.read_text())
    transport = Transport(tls=tls, strict=True)
    allow = [ip_network("127.0.0.0/8")]
    async with always(OK, tls=authority.server("127.0.0.1")) as peer, HttpSender(Guard(allow)) as sender:
        before = await sender.send(request(peer.url, transport=transport))
        with sender.lent(transport, _context(tls)):
            during = await sender.send(request(peer.url, transport=transport))
        after = await sender.send(request(peer.url, transport=transport))
        assert (before.reason, during, after.reason) == (Reason.DISCONNECTED, GOOD, Reason.DISCONNECTED)
        sender.configure({transport: _context(tls)})
        with sender.lent(transport, _context(tls)):
            assert await sender.send(request(peer.url, transport=transport)) == GOOD
        assert await sender.send(request(peer.url, transport=transport)) == GOOD, "what is configured stays"
        assert peer.connections == 2, "and keeps its connections"


async def test_certificates_given_as_text_are_the_only_ones_that_are_believed(tmp_path):
    """Also those of a server itself, which no CA stands behind here."""
    authority = Authority(tmp_path)
    server = authority.server("127.0.0.1")
    (tmp_path / "other").mkdir()
    texts = {
        "its CA": authority.path.read_text(),
        "its own": (tmp_path / "server.crt").read_text(),
        "another": Authority(tmp_path / "other", "other").path.read_text(),
    }
    ways = {name: Transport(tls=ClientTls(ca=text), strict=True) for name, text in texts.items()}
    async with always(OK, tls=server) as peer, HttpSender(Guard([ip_network("127.0.0.0/8")])) as sender:
        sender.configure({one: _context(one.tls) for one in ways.values()})
        assert await sender.send(request(peer.url, transport=ways["its CA"])) == GOOD
        assert await sender.send(request(peer.url, transport=ways["its own"])) == GOOD
        assert (await sender.send(request(peer.url, transport=ways["another"]))).reason is Reason.TLS_FAILED
