"""Mail against real servers: what arrives, and what each of a server's refusals comes to."""

import asyncio
import email.utils
import socket
import ssl
import subprocess
import sys

import pytest

from certificates import Authority
from doubles import SystemClock
from mail_server import MailServer as Server
from mail_server import scripted
from sidecar.domain import mime
from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.mail import MailServer, StartTls
from sidecar.domain.mailbox import Mailbox
from sidecar.domain.secret import Secret
from sidecar.domain.transport import ClientTls
from sidecar.outbound import smtp
from sidecar.outbound.mail import MailCarrier
from sidecar.ports import SendRequest

SECOND = 1_000_000_000
LETTER = mime.letter("prj/app:1.4.2 pushed by maria", "A push.\n", "<p>A push.</p>")
FROM = Mailbox("registry", "example.com", "Registry")


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("mail"))


def at(port, **given):
    """A mail server on this machine."""
    usual = {"host": "127.0.0.1", "port": port, "sender": FROM, "loopback": True, "starttls": StartTls.NONE}
    return MailServer(**{**usual, **given})


def delivery(url="mailto:ops@example.com", *, headers=(), timeout=5 * SECOND, body=LETTER):
    sent = (
        ("Content-Type", "message/rfc822"),
        ("User-Agent", "registry-sidecar/test"),
        *headers,
        ("webhook-id", "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W"),
        ("webhook-timestamp", "1764000000"),
        ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    )
    return SendRequest(url=url, headers=sent, body=body, timeout=timeout)


async def attempt(server, request=None, context=None):
    carrier = MailCarrier(SystemClock(), "registry-sidecar/test")
    carrier.configure(server, context)
    try:
        return await carrier.send(request or delivery())
    finally:
        await carrier.close()


def trusting(authority):
    return ssl.create_default_context(cafile=str(authority.path))


# --- what arrives -----------------------------------------------------------------------------------------------------


async def test_a_mail_arrives_whole():
    """The stored letter under a head of our own, from and to the configured addresses."""
    async with Server() as server:
        outcome = await attempt(at(server.port))
        assert outcome == Outcome(reason=Reason.OK, status=250, answer=b"250 2.0.0 queued as 4XyZ")
        [mail] = server.received
    assert (mail.sender, mail.recipients) == ("registry@example.com", ["ops@example.com"])
    assert mail.raw.endswith(LETTER)
    message = mail.message
    assert not message.defects
    assert message["From"] == "Registry <registry@example.com>"
    assert message["To"] == "ops@example.com"
    assert message["Message-ID"] == "<msg_2KWPBgLlAfxdpx2AI54pPJ85f4W@example.com>"
    assert message["Auto-Submitted"] == "auto-generated"  # RFC 3834: no holiday answers
    assert message["User-Agent"] == "registry-sidecar/test"
    assert message["Subject"] == "prj/app:1.4.2 pushed by maria"
    assert abs(email.utils.parsedate_to_datetime(message["Date"]).timestamp() - SystemClock().wall() / SECOND) < 60
    assert message.get_body(("plain",)).get_content().strip() == "A push."
    for name in ("webhook-id", "webhook-timestamp", "traceparent"):
        assert name not in message
    assert mail.hello == "[127.0.0.1]"  # RFC 5321 4.1.4: who has no name says its address


async def test_each_try_is_the_same_mail():
    """A mail system may drop a repeat by its Message-ID."""
    async with Server({"DATA": ["451 4.3.0 come back", ""]}) as server:
        first = await attempt(at(server.port))
        assert not first.delivered
        await attempt(at(server.port))
        await attempt(at(server.port))
    assert {one.message["Message-ID"] for one in server.received} == {"<msg_2KWPBgLlAfxdpx2AI54pPJ85f4W@example.com>"}


async def test_headers_of_the_subscription_are_added():
    given = (("Reply-To", "Übungsteam <ops@example.com>"), ("X-Priority", "1"), ("X-Reason", "Übung"))
    async with Server() as server:
        assert (await attempt(at(server.port), delivery(headers=given))).delivered
        message = server.received[0].message
    [reply_to] = message["Reply-To"].addresses
    assert (reply_to.display_name, reply_to.addr_spec) == ("Übungsteam", "ops@example.com")
    assert (message["X-Priority"], message["X-Reason"]) == ("1", "Übung")


async def test_many_recipients_get_one_mail():
    url = "mailto:ops@example.com,dev@example.org,maria@b%C3%BCcher.example"
    async with Server() as server:
        assert (await attempt(at(server.port), delivery(url))).delivered
        [mail] = server.received
    assert mail.recipients == ["ops@example.com", "dev@example.org", "maria@xn--bcher-kva.example"]
    assert [one.addr_spec for one in mail.message["To"].addresses] == mail.recipients


async def test_lines_that_begin_with_a_dot_come_through():
    """RFC 5321 4.5.2."""
    letter = mime.letter("dots", ".\n..\n.hidden\n")
    async with Server() as server:
        assert (await attempt(at(server.port), delivery(body=letter))).delivered
        assert server.received[0].message.get_content().splitlines() == [".", "..", ".hidden"]


async def test_an_address_in_another_script_needs_a_server_that_takes_it():
    """RFC 6531: said only where needed, and only where offered."""
    url = "mailto:ops@example.com,%CE%B4%CE%BF%CE%BA@example.com"
    async with Server(enable_SMTPUTF8=True) as server:
        assert (await attempt(at(server.port), delivery(url))).delivered
        assert (await attempt(at(server.port), delivery())).delivered
        modern, plain = server.received
    assert modern.recipients == ["ops@example.com", "δοκ@example.com"]
    assert {"SMTPUTF8", "BODY=8BITMIME"} <= set(modern.options)
    assert not {"SMTPUTF8", "BODY=8BITMIME"} & set(plain.options)
    assert [one.addr_spec for one in modern.message["To"].addresses] == modern.recipients
    async with Server() as server:
        outcome = await attempt(at(server.port), delivery(url))
        assert outcome.delivered
        assert "δ***@example.com (address 2 of 2) cannot be written to there (no SMTPUTF8)" in outcome.detail
        assert server.received[0].recipients == ["ops@example.com"]
        outcome = await attempt(at(server.port), delivery("mailto:%CE%B4%CE%BF%CE%BA@example.com"))
    assert (outcome.reason, outcome.retryable) == (Reason.CLIENT_ERROR, False)


async def test_a_server_that_only_knows_helo_is_enough():
    """RFC 5321 3.2: EHLO refused, HELO taken."""
    lines = ("220 old", "502 what?", "250 old", "250 ok", "250 ok", "354 go", "250 taken", "221 bye")
    async with scripted(*lines) as server:
        assert (await attempt(at(server.port))).delivered
    assert [one.split(" ")[0] for one in server.heard[:3]] == ["EHLO", "HELO", "MAIL"]


# --- encryption -------------------------------------------------------------------------------------------------------


async def test_starttls_comes_before_everything(authority):
    async with Server(tls_context=authority.server("127.0.0.1"), require_starttls=True) as server:
        given = at(server.port, starttls=StartTls.REQUIRED)
        assert (await attempt(given, context=trusting(authority))).delivered
        assert server.received[0].encrypted


async def test_tls_from_the_start(authority):
    async with Server(implicit=authority.server("127.0.0.1")) as server:
        assert (await attempt(at(server.port, implicit=True), context=trusting(authority))).delivered


@pytest.mark.parametrize("implicit", [True, False])
async def test_whose_certificate_is_not_ours_gets_nothing(authority, tmp_path, implicit):
    """Neither from the start nor after STARTTLS."""
    stranger = Authority(tmp_path, "stranger").server("127.0.0.1")
    given = {"implicit": stranger} if implicit else {"tls_context": stranger}
    async with Server(**given) as server:
        there = at(server.port, implicit=implicit, starttls=StartTls.REQUIRED)
        outcome = await attempt(there, context=trusting(authority))
        assert server.received == []
    assert (outcome.reason, outcome.retryable) == (Reason.TLS_FAILED, True)
    assert "its certificate is not accepted" in outcome.detail


@pytest.mark.parametrize("implicit", [True, False])
async def test_the_name_that_is_verified_can_be_told(authority, implicit):
    context = authority.server("mail.example.com")
    given = {"implicit": context} if implicit else {"tls_context": context}
    async with Server(**given) as server:
        there = at(server.port, implicit=implicit, starttls=StartTls.REQUIRED)
        assert (await attempt(there, context=trusting(authority))).reason is Reason.TLS_FAILED
        named = at(
            server.port, implicit=implicit, starttls=StartTls.REQUIRED, tls=ClientTls(server_name="mail.example.com")
        )
        assert (await attempt(named, context=trusting(authority))).delivered


async def test_nothing_is_sent_where_encryption_is_required_and_not_offered():
    async with Server() as server:
        outcome = await attempt(at(server.port, starttls=StartTls.REQUIRED))
        assert server.received == []
    assert (outcome.reason, outcome.retryable) == (Reason.TLS_FAILED, True)
    assert outcome.detail.endswith(
        "offers no encryption (STARTTLS), without which nothing is sent; see `mail.starttls`."
    )


async def test_encryption_where_it_is_offered(authority):
    """`opportunistic` takes what there is; what is refused for now counts as not offered."""
    async with Server() as plain, Server(tls_context=authority.server("127.0.0.1")) as able:
        for server in (plain, able):
            given = at(server.port, starttls=StartTls.OPPORTUNISTIC)
            assert (await attempt(given, context=trusting(authority))).delivered
        assert (plain.received[0].encrypted, able.received[0].encrypted) == (False, True)
    lines = ("220 hi", "250-hi\r\n250 STARTTLS", "454 not now", "250 ok", "250 ok", "354 go", "250 taken", "221 bye")
    async with scripted(*lines) as server:
        assert (await attempt(at(server.port, starttls=StartTls.OPPORTUNISTIC))).delivered
    async with scripted("220 hi", "250-hi\r\n250 STARTTLS", "454 not now") as server:
        outcome = await attempt(at(server.port, starttls=StartTls.REQUIRED))
    assert (outcome.reason, outcome.status, outcome.retryable) == (Reason.TLS_FAILED, 454, True)


async def test_what_a_stranger_says_before_encryption_is_forgotten(authority):
    """Words put in before the handshake (the injection of CVE-2011-0411, seen from the client) are no reply of TLS."""
    async with scripted("220 hi", "250-hi\r\n250 STARTTLS", "220 go\r\n250-evil\r\n250 AUTH PLAIN") as server:
        outcome = await attempt(at(server.port, starttls=StartTls.REQUIRED), context=trusting(authority))
    assert outcome.reason is Reason.TLS_FAILED
    assert not any(one.startswith("AUTH") for one in server.heard)


# --- logging in -------------------------------------------------------------------------------------------------------

OURS = {"username": "registry", "password": Secret("s3cr3t-pässword")}


@pytest.mark.parametrize(("without", "mechanism"), [((), "PLAIN"), (("PLAIN",), "LOGIN")])
async def test_we_log_in(authority, without, mechanism):
    tls = authority.server("127.0.0.1")
    async with Server(
        logins={"registry": "s3cr3t-pässword"}, tls_context=tls, auth_exclude_mechanism=without
    ) as server:
        given = at(server.port, starttls=StartTls.REQUIRED, **OURS)
        assert (await attempt(given, context=trusting(authority))).delivered
        assert server.attempts == [(mechanism, "registry")]


async def test_cram_md5_is_known():
    """RFC 2195's own example: user tim, secret tanstaaftanstaaf."""
    challenge = "PDE4OTYuNjk3MTcwOTUyQHBvc3RvZmZpY2UucmVzdG9uLm1jaS5uZXQ+"
    lines = (
        "220 hi",
        "250-hi\r\n250 AUTH CRAM-MD5",
        f"334 {challenge}",
        "235 ok",
        "250 ok",
        "250 ok",
        "354 go",
        "250 ok",
    )
    async with scripted(*lines) as server:
        assert (await attempt(at(server.port, username="tim", password=Secret("tanstaaftanstaaf")))).delivered
    assert server.heard[2] == "dGltIGI5MTNhNjAyYzdlZGE3YTQ5NWI0ZTZlNzMzNGQzODkw"


async def test_a_refused_login_is_shown_once_and_tried_again_later(authority):
    """The operator mends it; until then no server sees a wrong password three times in one connection."""
    async with Server(logins={"registry": "another"}, tls_context=authority.server("127.0.0.1")) as server:
        given = at(server.port, starttls=StartTls.REQUIRED, **OURS)
        outcome = await attempt(given, context=trusting(authority))
        assert len(server.attempts) == 1
        assert server.received == []
    assert (outcome.reason, outcome.status, outcome.retryable) == (Reason.UNAUTHORIZED, 535, True)
    assert outcome.detail.endswith(
        "refused the login of `mail.username` with 535; correct `mail.username` and `mail.password`."
    )


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("535 5.7.8 no: {line}", Reason.UNAUTHORIZED),
        ("534 5.7.9 use another mechanism: {line}", Reason.UNAUTHORIZED),
        ("530 5.7.0 {line}", Reason.UNAUTHORIZED),
        ("454 4.7.0 directory is down: {line}", Reason.SERVER_ERROR),
        ("421 4.7.0 too many: {line}", Reason.THROTTLED),
        ("500 5.5.1 unknown command: {line}", Reason.UNAUTHORIZED),
    ],
)
async def test_what_a_server_says_to_a_login_is_never_repeated(reply, reason):
    """It may say what it was sent, and that holds the password."""
    line = "AUTH PLAIN AHJlZ2lzdHJ5AHMzY3IzdA=="
    async with scripted("220 hi", "250-hi\r\n250 AUTH PLAIN", reply.format(line=line)) as server:
        outcome = await attempt(at(server.port, username="registry", password=Secret("s3cr3t")))
    assert server.heard[1] == line
    assert (outcome.reason, outcome.retryable) == (reason, True)
    assert "AHJl" not in repr(outcome)
    assert "s3cr3t" not in repr(outcome)


async def test_a_server_without_a_login_is_not_used_with_one():
    async with Server() as server:
        outcome = await attempt(at(server.port, **OURS))
        assert server.received == []
    assert (outcome.reason, outcome.retryable) == (Reason.UNAUTHORIZED, True)


async def test_a_server_that_wants_a_login_says_so():
    """530 to MAIL: the operator has forgotten `username`, and the mails wait for it."""
    async with scripted("220 hi", "250 hi", "530 5.7.0 authentication required", "221 bye") as server:
        outcome = await attempt(at(server.port))
    assert (outcome.reason, outcome.status, outcome.retryable) == (Reason.UNAUTHORIZED, 530, True)


def test_a_password_cannot_travel_unencrypted():
    """Not a mistake that can be configured: such a server cannot even be described."""
    for starttls in (StartTls.NONE, StartTls.OPPORTUNISTIC):
        with pytest.raises(ValueError, match="unencrypted"):
            at(25, host="mail.example.com", loopback=False, starttls=starttls, **OURS)
    at(25, host="mail.example.com", loopback=False, starttls=StartTls.REQUIRED, **OURS)
    at(465, host="mail.example.com", loopback=False, starttls=StartTls.NONE, implicit=True, **OURS)


# --- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", ["MAIL", "ops@example.com", "DATA"])
@pytest.mark.parametrize(
    ("reply", "reason", "retryable"),
    [
        ("421 4.3.2 shutting down", Reason.THROTTLED, True),
        ("450 4.2.0 greylisted, come back", Reason.SERVER_ERROR, True),
        ("451 4.3.0 local error", Reason.SERVER_ERROR, True),
        ("452 4.2.2 mailbox full", Reason.SERVER_ERROR, True),
        ("450 4.7.1 rate limit of 100 mails an hour", Reason.THROTTLED, True),
        ("451 4.7.1 too many connections", Reason.THROTTLED, True),
        ("530 5.7.0 authentication required", Reason.UNAUTHORIZED, True),
        ("550 5.1.1 no such user", Reason.CLIENT_ERROR, False),
        ("552 5.3.4 too large", Reason.CLIENT_ERROR, False),
        ("553 5.1.3 bad address", Reason.CLIENT_ERROR, False),
        ("554 5.7.1 spam", Reason.CLIENT_ERROR, False),
    ],
)
async def test_a_refusal_is_final_or_not(step, reply, reason, retryable):
    """4yz later, 5yz never: RFC 5321 4.2.1. The sentence says who, what and why."""
    async with Server({step: reply}) as server:
        outcome = await attempt(at(server.port))
        assert server.received == []
    assert (outcome.reason, outcome.retryable) == (reason, retryable)
    assert outcome.status == int(reply[:3])
    assert reply in outcome.detail
    assert outcome.detail.startswith(f"127.0.0.1:{server.port} ")
    assert outcome.detail.endswith(".")
    if "@" in step:
        assert " o***@example.com" in outcome.detail


@pytest.mark.parametrize("lines", [("554 no mail here",), ("220 hi", "554 go away", "554 go away")])
async def test_a_server_that_talks_to_nobody_may_do_so_later(lines):
    """554 as a greeting is not about this mail."""
    async with scripted(*lines) as server:
        outcome = await attempt(at(server.port))
    assert (outcome.reason, outcome.status, outcome.retryable) == (Reason.SERVER_ERROR, 554, True)


async def test_one_recipient_refused_for_now_stops_the_mail_for_all():
    """Sent to the others, it would come to them again with each later try."""
    url = "mailto:ops@example.com,maria@example.com,dev@example.com"
    async with Server({"maria@example.com": ["450 4.2.0 greylisted", ""]}) as server:
        outcome = await attempt(at(server.port), delivery(url))
        assert (outcome.reason, outcome.retryable) == (Reason.SERVER_ERROR, True)
        assert " m***@example.com (address 2 of 3) " in outcome.detail
        assert server.received == []
        assert (await attempt(at(server.port), delivery(url))).delivered
        assert [one.recipients for one in server.received] == [
            ["ops@example.com", "maria@example.com", "dev@example.com"]
        ]


async def test_one_recipient_refused_for_good_does_not_stop_the_others():
    url = "mailto:gone@example.com,ops@example.com"
    async with Server({"gone@example.com": "550 5.1.1 no such user"}) as server:
        outcome = await attempt(at(server.port), delivery(url))
        assert [one.recipients for one in server.received] == [["ops@example.com"]]
    assert outcome.delivered
    assert outcome.detail == (
        f"127.0.0.1:{server.port} took the mail for 1 of 2 addresses; "
        "it refused g***@example.com (address 1 of 2): 550 5.1.1 no such user."
    )


async def test_all_recipients_refused_for_good_end_the_mail():
    url = "mailto:gone@example.com,left@example.com"
    refusals = {"gone@example.com": "550 5.1.1 no such user", "left@example.com": "551 5.1.6 moved"}
    async with Server(refusals) as server:
        outcome = await attempt(at(server.port), delivery(url))
        assert server.received == []
    assert (outcome.reason, outcome.retryable, outcome.status) == (Reason.CLIENT_ERROR, False, 551)
    assert "g***@example.com (address 1 of 2): 550" in outcome.detail
    assert "l***@example.com (address 2 of 2): 551" in outcome.detail


async def test_no_person_is_named_in_what_is_logged():
    """Also where the server names them: details get into logs, traces and lists."""
    said = "550 5.1.1 <Maria@Example.com>: unknown; did you mean maria@example.com?"
    async with Server({"maria@example.com": said}) as server:
        outcome = await attempt(at(server.port), delivery("mailto:maria@example.com"))
    assert outcome.detail.endswith(
        "it refused m***@example.com: 550 5.1.1 <m***@example.com>: unknown; did you mean m***@example.com?."
    )
    assert "maria" not in repr(outcome).lower()


async def test_fifty_refusals_are_a_short_sentence():
    everybody = [f"p{number}@example.com" for number in range(50)]
    async with Server(dict.fromkeys(everybody, "550 5.1.1 " + "no such user " * 40)) as server:
        outcome = await attempt(at(server.port), delivery("mailto:" + ",".join(everybody)))
    assert outcome.detail.endswith("; and 40 more.")
    assert len(outcome.detail) < 4_000


# --- trouble on the way -----------------------------------------------------------------------------------------------


def unused_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


async def test_nobody_there():
    port = unused_port()
    outcome = await attempt(at(port))
    assert outcome == Outcome(
        reason=Reason.UNREACHABLE, retryable=True, detail=f"No connection to 127.0.0.1:{port}: connection refused."
    )


async def test_no_such_name():
    outcome = await attempt(at(25, host="mail.invalid", loopback=False))
    assert (outcome.reason, outcome.retryable) == (Reason.UNREACHABLE, True)
    assert outcome.detail.startswith("The name in mail.invalid:25 cannot be resolved: ")


BEFORE = ("220 hi", "250 hi", "250 ok", "250 ok", "354 go")
STEPS = ["greet", "answer EHLO", "answer MAIL", "answer RCPT", "take the mail", "take the mail"]


@pytest.mark.parametrize(("reached", "step"), list(enumerate(STEPS)))
async def test_silence_ends_with_the_time(reached, step):
    """Wherever it falls, also after the whole mail was sent: it may have been taken, and is sent again."""
    async with scripted(*BEFORE[:reached], "wait") as server:
        outcome = await attempt(at(server.port), delivery(timeout=SECOND // 10))
    assert (outcome.reason, outcome.retryable) == (Reason.TIMED_OUT, True)
    assert outcome.detail == f"127.0.0.1:{server.port} did not {step} in time."


@pytest.mark.parametrize(("reached", "step"), list(enumerate(STEPS)))
async def test_a_broken_connection_is_tried_again(reached, step):
    """Also after the final dot: nobody knows what became of it, and twice is better than never."""
    async with scripted(*BEFORE[:reached], b"") as server:
        outcome = await attempt(at(server.port))
    assert (outcome.reason, outcome.retryable) == (Reason.DISCONNECTED, True)
    assert outcome.detail == f"127.0.0.1:{server.port} broke the connection and did not {step}."


@pytest.mark.parametrize("nonsense", ["HTTP/1.1 400 Bad Request", "22", "\x00\x01\x02", "999 what", "100 continue"])
@pytest.mark.parametrize("reached", range(5))
async def test_what_is_no_reply_is_tried_again(nonsense, reached):
    """A web server, a broken proxy: nothing of it raises."""
    async with scripted(*BEFORE[:reached], nonsense) as server:
        outcome = await attempt(at(server.port), delivery(timeout=SECOND // 2))
    assert outcome.retryable
    assert outcome.reason in {Reason.PROTOCOL_ERROR, Reason.DISCONNECTED}


async def test_an_endless_reply_is_cut_off():
    async with scripted("220 hi", b"250-" + b"x" * 100_000) as server:
        outcome = await attempt(at(server.port), delivery(timeout=SECOND))
    assert (outcome.reason, outcome.retryable) == (Reason.PROTOCOL_ERROR, True)


async def test_a_reply_is_shown_as_one_short_line():
    async with scripted("220 hi", "250 hi", "550-5.7.1 first\r\n550 \x1b[31m" + "x" * 500) as server:
        outcome = await attempt(at(server.port))
    assert "\x1b" not in outcome.detail
    assert "5.7.1 first [31mxxx" in outcome.detail
    assert len(outcome.detail) < 400


async def test_a_server_that_never_says_goodbye_is_left(monkeypatch):
    """The mail is its own once it has said 250: the delivery does not fail for what comes after."""
    monkeypatch.setattr(smtp, "GOODBYE", 0.05)
    async with scripted(*BEFORE, "250 taken", "wait") as server:
        outcome = await attempt(at(server.port), delivery(timeout=SECOND // 2))
    assert outcome.delivered


async def test_a_handshake_that_breaks_off_is_tls_trouble():
    async with scripted("220 not TLS") as server:
        outcome = await attempt(at(server.port, implicit=True))
    assert (outcome.reason, outcome.retryable) == (Reason.TLS_FAILED, True)


async def test_being_cut_off_leaves_no_connection():
    """The sidecar ends while a server is thinking."""
    async with scripted("220 hi", "wait") as server:
        task = asyncio.create_task(attempt(at(server.port)))
        await server.asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            await server.left.wait()


async def test_a_url_that_is_none_is_final():
    outcome = await attempt(at(25), delivery("mailto:nobody"))
    assert (outcome.reason, outcome.retryable) == (Reason.BAD_DESTINATION, False)


async def test_without_a_server_mails_wait_for_one():
    outcome = await attempt(None)
    assert (outcome.reason, outcome.retryable) == (Reason.BAD_DESTINATION, True)
    assert outcome.detail == "There is no mail server: add `mail` to the configuration."


async def test_another_server_is_used_from_the_next_mail_on():
    async with Server() as first, Server() as second:
        carrier = MailCarrier(SystemClock(), "test")
        carrier.configure(at(first.port))
        await carrier.send(delivery())
        carrier.configure(at(second.port))
        await carrier.send(delivery())
        await carrier.close()
    assert (len(first.received), len(second.received)) == (1, 1)


async def test_a_mail_on_its_way_keeps_the_server_and_the_certificates_that_it_began_with(authority):
    """A password could else be shown to one server under what was configured for another."""
    async with Server(tls_context=authority.server("127.0.0.1"), require_starttls=True) as server:
        carrier = MailCarrier(SystemClock(), "test")
        carrier.configure(at(server.port, starttls=StartTls.REQUIRED), trusting(authority))
        sending = asyncio.create_task(carrier.send(delivery()))
        await asyncio.sleep(0)
        carrier.configure(at(1, starttls=StartTls.REQUIRED), None)
        assert (await sending).delivered
        await carrier.close()


async def test_the_usual_certificates_do_not_take_the_place_of_what_is_configured_meanwhile(authority):
    """They are read from disk with the first mail, which takes a while."""
    async with Server() as first, Server(tls_context=authority.server("127.0.0.1")) as second:
        carrier = MailCarrier(SystemClock(), "test")
        carrier.configure(at(first.port, starttls=StartTls.REQUIRED))
        sending = asyncio.create_task(carrier.send(delivery()))
        while not first.connections:  # noqa: ASYNC110 - a server sets no event of ours
            await asyncio.sleep(0)
        carrier.configure(at(second.port, starttls=StartTls.REQUIRED), trusting(authority))
        assert (await sending).reason is Reason.TLS_FAILED  # the first one offers no encryption
        assert (await carrier.send(delivery())).delivered
        await carrier.close()


# --- mail of our own --------------------------------------------------------------------------------------------------


async def test_mail_of_our_own():
    """What belongs to no subscription, such as a mail that asks somebody to confirm an address."""
    async with Server({"gone@example.com": "550 5.1.1 no such user"}) as server:
        carrier = MailCarrier(SystemClock(), "registry-sidecar/test")
        assert not carrier.mail.ready
        assert (await carrier.mail.send("maria@example.com", "a", "b")).reason is Reason.BAD_DESTINATION
        carrier.configure(at(server.port))
        assert carrier.mail.ready
        outcome = await carrier.mail.send("maria@example.com", "Please confirm", "Follow it.", "<p>Follow it.</p>")
        assert outcome.delivered
        assert not (await carrier.mail.send("gone@example.com", "a", "b")).delivered
        assert (await carrier.mail.send("nobody", "a", "b")).reason is Reason.BAD_DESTINATION
        await carrier.mail.send("maria@example.com", "Please confirm", "Follow it.", "<p>Follow it.</p>")
        await carrier.close()
    first, second = (one.message for one in server.received)
    assert (first["To"], first["Subject"]) == ("maria@example.com", "Please confirm")
    assert first["Message-ID"] != second["Message-ID"]


# --- what it costs who does not use it --------------------------------------------------------------------------------


def test_the_library_is_loaded_with_the_first_mail():
    """Most sidecars never send one."""
    code = (
        "import asyncio, sys, sidecar.app\n"
        "from sidecar.clock import SystemClock\n"
        "from sidecar.outbound.mail import MailCarrier\n"
        "print('aiosmtplib' in sys.modules)\n"
        "carrier = MailCarrier(SystemClock(), 'test')\n"
        "from sidecar.domain.mail import MailServer\n"
        "from sidecar.domain.mailbox import Mailbox\n"
        "carrier.configure(MailServer(host='127.0.0.1', port=1, sender=Mailbox('a', 'b')))\n"
        "print('aiosmtplib' in sys.modules)\n"
        "asyncio.run(carrier.mail.send('ops@example.com', 'a', 'b'))\n"
        "print('aiosmtplib' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == ["False", "False", "True"]
