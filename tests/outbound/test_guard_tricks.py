"""Every known way of hiding an address from the guard, tried on the sender with a trap behind each."""

import asyncio
import socket

import pytest
from http_peer import OK, Peer, always, request

from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.message import Response
from sidecar.outbound.guard import Guard
from sidecar.outbound.resolver import Resolver
from sidecar.outbound.sender import HttpSender

METADATA = "169.254.169.254"
REFUSED = {Reason.REFUSED_BY_GUARD, Reason.BAD_DESTINATION}

# Each is 127.0.0.1 or this machine to somebody: inet_aton, browsers, getaddrinfo, a translator, or a hasty parser.
THIS_MACHINE = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.0.0.1..",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0X7F000001",
    "017700000001",
    "0177.0.0.1",
    "0177.0.0.01",
    "0x7f.0.0.1",
    "0x7f.0x0.0x0.0x1",
    "0x7f.1",
    "127.0.0.0x1",
    "00127.0.0.1",
    "127.000.000.001",
    "0",
    "0.0.0.0",
    "localhost",
    "LOCALHOST",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::0001]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::127.0.0.1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    "[::1%lo]",
    "[::1%25lo]",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "\uff11\uff12\uff17.0.0.1",  # full-width digits
    "127\u30020\u30020\u30021",  # ideographic full stops
    "\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3",  # localhost in circled letters
    "user@127.0.0.1",
    "hooks.example@127.0.0.1",
    "hooks.example:80@127.0.0.1",
    "hooks.example%40127.0.0.1",
]


@pytest.mark.parametrize("host", THIS_MACHINE)
async def test_no_way_of_writing_this_machine_reaches_it_past_the_strict_guard(host):
    async with always(OK) as trap, HttpSender(Guard(strict=True)) as sender:
        outcome = await sender.send(request(f"http://{host}:{trap.port}/", seconds=5))
    assert isinstance(outcome, Outcome)
    assert outcome.reason in REFUSED
    assert not outcome.retryable
    assert trap.connections == 0


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}#@hooks.example/",
        "http://127.0.0.1:{port}?@hooks.example/",
        "http://hooks.example:80@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}\\@hooks.example/",
        "http://hooks.example\\@127.0.0.1:{port}/",
        "http://127.0.0.1:{port}:80/",
        "http://[127.0.0.1]:{port}/",
        "http:\\\\127.0.0.1:{port}/",
        "http:127.0.0.1:{port}/",
        "http:///127.0.0.1:{port}/",
        "http://127.0.0.1\t:{port}/",
        "http://127.0.0.1%09:{port}/",
        "http://127.0.0.1%00.hooks.example:{port}/",
    ],
)
async def test_no_parsers_quarrel_reaches_this_machine_past_the_strict_guard(url):
    async with always(OK) as trap, HttpSender(Guard(strict=True)) as sender:
        outcome = await sender.send(request(url.format(port=trap.port), seconds=5))
    assert isinstance(outcome, Outcome)
    assert outcome.reason in REFUSED
    assert not outcome.retryable
    assert trap.connections == 0


@pytest.mark.parametrize(
    "host",
    [
        METADATA,
        f"{METADATA}.",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "169.254.43518",
        f"[::ffff:{METADATA}]",
        f"[::{METADATA}]",
        f"[::ffff:0:{METADATA}]",
        f"[64:ff9b::{METADATA}]",
        f"[64:ff9b:1::{METADATA}]",
        # RFC 6052, 2.2: the same behind prefixes of 48, 56 and 64 bits, around octet 8
        "[64:ff9b:1:a9fe:a9:fe00::]",
        "[64:ff9b:1:00a9:fe:a9fe::]",
        "[64:ff9b:1:0:a9:fea9:fe00:0]",
        "[2002:a9fe:a9fe::]",
        "[2001:0:a9fe:a9fe::]",
        "[2001::5601:5601]",
        "[fd00:ec2::254]",
        "[fe80::1]",
        "[fe80::1%25eth0]",
    ],
)
async def test_metadata_and_link_local_addresses_are_refused_to_everyone_in_every_form(host):
    async with HttpSender(Guard()) as sender:
        outcome = await sender.send(request(f"http://{host}/latest/token", seconds=2))
    assert outcome.reason in REFUSED
    assert not outcome.retryable
    assert "token" not in outcome.detail


@pytest.mark.parametrize("host", ["64:ff9b:1::8.8.8.8", "64:ff9b::8.8.8.8", "64:ff9b:1:808:8:800::"])
def test_the_filling_of_a_translated_address_is_no_address_of_its_own(host):
    """The zeros between prefix and address would read as 0.0.0.0, which is always refused."""
    Guard().check(host)


def resolver(*answers):
    """Answers each lookup with the next list of addresses; the last one stays."""
    left = list(answers)
    asked = []

    def lookup(host, port, **_):
        asked.append(host)
        addresses = left.pop(0) if len(left) > 1 else left[0]
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (one, port))
            for one in addresses
        ]

    found = Resolver(lookup)
    found.asked = asked
    return found


async def test_between_judging_and_dialling_a_name_is_not_asked_again():
    """The second answer would be the forbidden one: it is never heard, since what was judged is what is dialled."""
    names = resolver(["127.0.0.1"], [METADATA])
    async with always(OK) as peer, HttpSender(Guard(), resolver=names) as sender:
        answer = await sender.send(request(f"http://rebinds.example:{peer.port}/"))
    assert answer == Response(status=200, body=b"ok")
    assert names.asked == ["rebinds.example"]


@pytest.mark.parametrize(
    "addresses", [["::ffff:127.0.0.1"], ["64:ff9b::7f00:1"], ["::1", "127.0.0.1"], [METADATA, "::1"]]
)
async def test_a_name_hides_nothing_that_its_address_would_not(addresses):
    async with always(OK) as trap, HttpSender(Guard(strict=True), resolver=resolver(addresses)) as sender:
        outcome = await sender.send(request(f"http://innocent.example:{trap.port}/", seconds=5))
    assert (outcome.reason, outcome.retryable) == (Reason.REFUSED_BY_GUARD, False)
    assert trap.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_to_a_forbidden_place_is_handed_back_and_not_followed(status):
    answer = f"HTTP/1.1 {status} There\r\nLocation: http://{METADATA}/latest/\r\nContent-Length: 0\r\n\r\n".encode()
    async with always(answer) as peer, HttpSender(Guard()) as sender:
        said = await sender.send(request(peer.url))
    assert said == Response(status=status, location=f"http://{METADATA}/latest/")
    assert peer.connections == 1


# --- a guard that changes ---------------------------------------------------------------------------------------------


async def test_a_kept_connection_is_not_used_past_a_guard_that_would_refuse_it():
    left = asyncio.Event()

    async def serve(_number, reader, writer):
        await peer.read(reader)
        writer.write(OK)
        await reader.read()
        left.set()

    async with Peer(serve) as peer, HttpSender(Guard()) as sender:
        assert (await sender.send(request(peer.url))).status == 200
        sender.guard = Guard(strict=True)
        await asyncio.wait_for(left.wait(), 5)  # the idle connection is closed at once
        outcome = await sender.send(request(peer.url))
    assert (outcome.reason, outcome.retryable) == (Reason.REFUSED_BY_GUARD, False)
    assert len(peer.requests) == 1


async def test_a_guard_that_says_the_same_costs_no_connection():
    async with always(OK) as peer, HttpSender(Guard()) as sender:
        for _ in range(3):
            assert (await sender.send(request(peer.url))).status == 200
            sender.guard = Guard()
    assert peer.connections == 1


async def test_an_attempt_under_way_ends_well_although_the_guard_changes():
    reached, go = asyncio.Event(), asyncio.Event()

    async def slow(_number, reader, writer):
        await peer.read(reader)
        reached.set()
        await go.wait()
        writer.write(OK)
        await reader.read()

    async with Peer(slow) as peer, HttpSender(Guard()) as sender:
        under_way = asyncio.ensure_future(sender.send(request(peer.url)))
        await asyncio.wait_for(reached.wait(), 5)
        sender.guard = Guard(strict=True)
        go.set()
        assert (await under_way).status == 200
        assert (await sender.send(request(peer.url))).reason is Reason.REFUSED_BY_GUARD
    assert len(peer.requests) == 1
