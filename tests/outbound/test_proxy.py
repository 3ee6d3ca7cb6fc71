"""Deliveries through a proxy: what it is told, what it is not, and what becomes of its troubles."""

import ipaddress
import socket

import pytest
from http_peer import OK, Peer, always, request
from http_proxy import HttpProxy

from certificates import Authority
from sidecar.config.client_tls import _context
from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.message import Response
from sidecar.domain.secret import Secret
from sidecar.domain.transport import ClientTls, Proxy, Transport
from sidecar.outbound.guard import Guard
from sidecar.outbound.resolver import Resolver
from sidecar.outbound.sender import HttpSender

OPEN = Guard()
CREDENTIAL = "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="  # RFC 7617, section 2: Aladdin, open sesame


def through(url, *, credential="", tls=None):
    return Transport(tls=tls, proxy=Proxy(url=url, authorization=Secret(credential)))


@pytest.fixture
async def send():
    """Sends over a transport, with senders that are closed at the end."""
    senders = {}

    async def send(url, transport, *, guard=OPEN, resolver=None, **more):
        key = (transport, guard, resolver)
        if key not in senders:
            senders[key] = HttpSender(guard, resolver=resolver)
            context = _context(transport.tls) if transport.tls is not None else None
            senders[key].configure({transport: context})
        return await senders[key].send(request(url, transport=transport, **more))

    yield send
    for sender in senders.values():
        await sender.close()


@pytest.fixture
def authority(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def private(authority):
    return ClientTls(ca_file=str(authority.path))


def names(**table):
    def lookup(host, port, **_):
        if host.partition(".")[0] not in table:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        address = table[host.partition(".")[0]]
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (address, port))]

    return Resolver(lookup)


# --- what goes over the wire ------------------------------------------------------------------------------------------


async def test_http_is_asked_for_in_absolute_form_with_the_url_untouched(send):
    async with always(OK) as peer, HttpProxy(CREDENTIAL) as proxy:
        answer = await send(
            f"{peer.url}/a/../hook//x?q=%7e+c",
            through(proxy.url, credential=CREDENTIAL),
            headers=[("User-Agent", "registry-sidecar/1"), ("webhook-id", "id-1")],
        )
    assert answer == Response(status=200, body=b"ok")
    assert proxy.heads == [
        f"POST {peer.url}/a/../hook//x?q=%7e+c HTTP/1.1\r\nHost: 127.0.0.1:{peer.port}\r\n".encode()
        + b"User-Agent: registry-sidecar/1\r\nwebhook-id: id-1\r\n"
        + f"Proxy-Authorization: {CREDENTIAL}\r\nContent-Length: 2\r\n\r\n".encode()
    ]
    assert b"Proxy-Authorization" not in peer.requests[0]


async def test_https_goes_through_a_tunnel_that_the_proxy_cannot_look_into(send, authority, private):
    async with (
        always(OK, tls=authority.server("127.0.0.1")) as peer,
        HttpProxy(CREDENTIAL) as proxy,
    ):
        transport = through(proxy.url, credential=CREDENTIAL, tls=private)
        for _ in range(2):
            answer = await send(
                f"{peer.url}/hook/token",
                transport,
                body=b'{"secret": 1}',
                headers=[("User-Agent", "registry-sidecar/1"), ("Authorization", "Bearer hunter2")],
            )
            assert answer == Response(status=200, body=b"ok")
    (head,) = proxy.heads  # the second request found the tunnel open
    first, *fields = head.decode().split("\r\n")
    assert first == f"CONNECT 127.0.0.1:{peer.port} HTTP/1.1"
    assert f"Proxy-Authorization: {CREDENTIAL}" in fields
    assert "User-Agent: registry-sidecar/1" in fields
    seen = head + bytes(proxy.carried)
    assert not any(secret in seen for secret in (b"hunter2", b"token", b'"secret"'))
    assert [one.split(b"\r\n")[0] for one in peer.requests] == [b"POST /hook/token HTTP/1.1"] * 2
    assert not any(b"proxy-" in one.lower() for one in peer.requests)


async def test_a_client_certificate_is_shown_to_the_destination_through_the_tunnel(send, authority, tmp_path):
    certificate, key = authority.issue("client")
    server = authority.server("127.0.0.1", client_ca=authority.path)
    tls = ClientTls(ca_file=str(authority.path), cert_file=str(certificate), key_file=str(key))
    async with always(OK, tls=server) as peer, HttpProxy() as proxy:
        assert await send(peer.url, through(proxy.url, tls=tls)) == Response(status=200, body=b"ok")
        assert peer.subjects == ["client"]


async def test_the_name_verified_behind_a_tunnel_is_the_destinations(send, authority, private):
    async with always(OK, tls=authority.server("other.example")) as peer, HttpProxy() as proxy:
        outcome = await send(peer.url, through(proxy.url, tls=private))
    assert (outcome.reason, outcome.retryable) == (Reason.TLS_FAILED, True)
    assert f"{peer.url} (through the proxy {proxy.url})" in outcome.detail


async def test_without_credentials_none_are_made_up(send):
    async with always(OK) as peer, HttpProxy() as proxy:
        assert (await send(peer.url, through(proxy.url))).status == 200
    assert b"Proxy-Authorization" not in proxy.heads[0]


async def test_the_destinations_own_407_in_a_tunnel_is_its_answer(send, authority, private):
    """Only of http can a proxy speak in the destination's place."""
    answer = b"HTTP/1.1 407 Odd\r\nContent-Length: 0\r\n\r\n"
    async with always(answer, tls=authority.server("127.0.0.1")) as peer, HttpProxy() as proxy:
        assert await send(peer.url, through(proxy.url, tls=private)) == Response(status=407)


# --- the proxy's troubles ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_wants_other_credentials_is_told_so_and_tried_again(send, scheme):
    async with HttpProxy(CREDENTIAL) as proxy:
        outcome = await send(f"{scheme}://hooks.example/x", through(proxy.url, credential="Basic aHVudGVyMg=="))
    assert outcome == Outcome(
        reason=Reason.UNAUTHORIZED,
        retryable=True,
        detail=f"{scheme}://hooks.example (through the proxy {proxy.url}): "
        "the proxy wants other credentials; correct `proxy`.",
    )


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_proxy_that_is_down_is_unreachable(send, scheme):
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        outcome = await send(f"{scheme}://hooks.example/x", through(url, credential=CREDENTIAL))
    assert outcome == Outcome(
        reason=Reason.UNREACHABLE, retryable=True, detail=f"No connection to the proxy {url}: connection refused."
    )


async def test_a_proxy_whose_name_does_not_exist_is_unreachable(send):
    outcome = await send("https://hooks.example/x", through("http://nowhere.example:3128"), resolver=names())
    assert outcome == Outcome(
        reason=Reason.UNREACHABLE,
        retryable=True,
        detail="The name of the proxy http://nowhere.example:3128 cannot be resolved: name or service not known.",
    )


@pytest.mark.parametrize("status", [403, 502, 504])
async def test_a_proxy_that_does_not_connect_is_unreachable(send, status):
    async with HttpProxy(refuse=status) as proxy:
        outcome = await send("https://hooks.example/x", through(proxy.url))
    assert (outcome.reason, outcome.retryable) == (Reason.UNREACHABLE, True)
    assert outcome.detail == (
        f"https://hooks.example (through the proxy {proxy.url}): the proxy does not connect, it answered {status}."
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [(b"SSH-2.0-OpenSSH_9.2\r\n", Reason.PROTOCOL_ERROR), (b"", Reason.DISCONNECTED), (None, Reason.TIMED_OUT)],
    ids=["garbage", "nothing", "silence"],
)
async def test_what_is_no_proxy_ends_in_an_outcome(send, said, reason):
    async def odd(_number, reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        if said is None:
            await reader.read()
        else:
            writer.write(said)

    async with Peer(odd) as peer:
        outcome = await send("https://hooks.example/x", through(peer.url, credential=CREDENTIAL), seconds=0.5)
    assert (outcome.reason, outcome.retryable) == (reason, True)
    assert CREDENTIAL not in outcome.detail


# --- the guard --------------------------------------------------------------------------------------------------------


async def test_the_proxys_own_address_is_judged_as_it_is_dialled(send):
    async with HttpProxy() as proxy:
        url = f"http://proxy.example:{proxy.port}"
        resolver = names(proxy="169.254.169.254")
        outcome = await send("https://hooks.example/x", through(url), resolver=resolver, seconds=2)
        assert (outcome.reason, outcome.retryable) == (Reason.REFUSED_BY_GUARD, False)
        outcome = await send("https://hooks.example/x", through(proxy.url), guard=Guard(strict=True))
        assert (outcome.reason, outcome.retryable) == (Reason.REFUSED_BY_GUARD, False)
    assert proxy.heads == []


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[::ffff:169.254.169.254]", "[64:ff9b::a9fe:a9fe]", "0.0.0.0", "10.0.0.1"]
)
async def test_an_address_that_is_refused_is_not_asked_of_the_proxy_either(send, scheme, host):
    guard = Guard(deny=[ipaddress.ip_network("10.0.0.0/8")])
    async with HttpProxy() as proxy:
        outcome = await send(f"{scheme}://{host}/latest/token", through(proxy.url), guard=guard)
    assert (outcome.reason, outcome.retryable) == (Reason.REFUSED_BY_GUARD, False)
    assert "token" not in outcome.detail
    assert proxy.heads == []


@pytest.mark.parametrize("host", ["2852039166", "0xa9fea9fe", "0251.0376.0251.0376", "169.254.43518", "127.1", "a%2eb"])
async def test_what_a_proxy_might_read_as_an_address_is_not_asked_of_it(send, host):
    async with HttpProxy() as proxy:
        outcome = await send(f"http://{host}/", through(proxy.url))
    assert (outcome.reason, outcome.retryable) == (Reason.BAD_DESTINATION, False)
    assert proxy.heads == []


async def test_a_name_is_the_proxys_to_resolve(send):
    """The sidecar may not even know it; the peer is reached by the name that only the proxy's machine knows."""
    async with always(OK) as peer, HttpProxy() as proxy:
        answer = await send(
            f"http://localhost:{peer.port}/",
            through(f"http://proxy.example:{proxy.port}"),
            resolver=names(proxy="127.0.0.1"),
        )
    assert answer == Response(status=200, body=b"ok")
