"""One mail handed to a mail server (RFC 5321).

A mail goes to all of its recipients that the server does not refuse for good, or to nobody: where it refuses one of
them for now, the mail is given up before its text is sent and tried again later, so that nobody gets it twice. What
the server says to AUTH is never repeated: it may repeat what it was sent.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final

import aiohappyeyeballs
import msgspec

from sidecar.domain import instant
from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.mail import MailServer, StartTls
from sidecar.domain.mailbox import Mailbox
from sidecar.outbound.failures import system_words
from sidecar.outbound.replies import LOGIN, Replies
from sidecar.outbound.resolver import Resolver

if TYPE_CHECKING:
    from aiosmtplib import SMTP

GOODBYE: Final = 1.0  # seconds that a server has to answer QUIT; the mail is its own by then

_NO_SUCH_WAY: Final = frozenset({500, 501, 502, 503, 504})  # to AUTH: not this mechanism, perhaps another

Write = Callable[[Sequence[Mailbox]], bytes]
Context = Callable[[], Awaitable[ssl.SSLContext]]


class Verdict(Exception):
    """Ends an exchange."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail)
        self.outcome = outcome


class Envelope(msgspec.Struct, frozen=True):
    """To whom, and what: `write` makes the whole mail for those of the recipients that it is sent to."""

    recipients: Sequence[Mailbox]
    write: Write


async def hand_in(
    envelope: Envelope, server: MailServer, *, within: int, resolver: Resolver, context: Context
) -> Outcome:
    """Try once, within so many nanoseconds; never raises but when cancelled. To nobody: knock, and send nothing."""
    exchange = _Exchange(envelope, server, resolver, context)
    try:
        try:
            async with asyncio.timeout(max(within, instant.MILLISECOND) / instant.SECOND):
                outcome = await exchange.run()
        except Verdict as verdict:
            outcome = verdict.outcome
        except TimeoutError:
            exchange.drop()  # an answer that comes now would be taken for that to QUIT
            outcome = exchange.late()
        except Exception as error:  # noqa: BLE001 - whatever a server makes the library raise, it is that server's answer
            outcome = exchange.explain(error)
        await exchange.leave()
        return outcome
    finally:
        exchange.drop()


class _Exchange:
    """One connection."""

    def __init__(self, envelope: Envelope, server: MailServer, resolver: Resolver, context: Context) -> None:
        self._envelope = envelope
        self._server = server
        self._replies = Replies(server.shown, envelope.recipients)
        self._resolver = resolver
        self._context = context
        self._client: SMTP | None = None
        self._refused: list[str] = []
        self._awaited = "accept a connection"  # what the server is to do next
        self._greeted = False
        self._shaking = False  # hands, for TLS
        self._secret = False  # what is sent now may come back in a reply

    async def run(self) -> Outcome:
        client = await self._connect()
        await self._login(client)
        if not self._envelope.recipients:
            return Outcome(reason=Reason.OK, status=250)
        accepted = await self._address(client)
        self._awaited = "take the mail"
        reply = await client.data(self._envelope.write(accepted))
        return self._replies.taken(reply.code, reply.message, len(accepted), self._refused)

    # --- the steps ----------------------------------------------------------------------------------------------------

    async def _connect(self) -> "SMTP":
        from aiosmtplib import SMTP, SMTPHeloError, SMTPResponseException

        server = self._server
        name = server.tls.server_name if server.tls is not None and server.tls.server_name else server.host
        connected = await self._socket()
        encrypted = server.implicit or server.starttls is not StartTls.NONE
        try:
            self._client = client = SMTP(
                hostname=name,
                sock=connected,
                use_tls=server.implicit,
                start_tls=False,
                tls_context=await self._context() if encrypted else None,
                timeout=None,
                local_hostname=server.helo or _literal(connected),
            )
        except BaseException:
            connected.close()
            raise
        self._shaking, self._awaited = server.implicit, "greet"
        await client.connect()
        self._shaking, self._awaited = False, "answer EHLO"
        try:
            await client.ehlo()
        except SMTPHeloError as error:
            if error.code // 100 != 5 or not client.is_connected:
                raise
            await client.helo()
        self._greeted = True
        if server.implicit or server.starttls is StartTls.NONE:
            return client
        if not client.supports_extension("starttls"):
            if server.starttls is StartTls.REQUIRED:
                sentence = "offers no encryption (STARTTLS), without which nothing is sent; see `mail.starttls`"
                raise Verdict(self._replies.failed(Reason.TLS_FAILED, sentence))
            return client
        self._shaking, self._awaited = True, "begin encryption"
        try:
            await client.starttls()
        except SMTPResponseException as error:
            if server.starttls is StartTls.REQUIRED or not client.is_connected:
                sentence = f"refused to begin encryption: {self._replies.said(error.code, error.message)}"
                raise Verdict(self._replies.failed(Reason.TLS_FAILED, sentence, error.code)) from None
            self._shaking = False
            return client
        self._shaking, self._awaited = False, "answer EHLO"
        await client.ehlo()
        return client

    async def _socket(self) -> socket.socket:
        server = self._server
        try:
            found = await self._resolver.resolve(server.host, server.port, socket.AF_UNSPEC)
        except (OSError, ValueError) as error:
            why = system_words(error) if isinstance(error, OSError) else "it is no name"
            sentence = f"The name in {server.shown} cannot be resolved: {why}."
            raise Verdict(self._replies.unreachable(sentence)) from None
        addresses = [
            (
                one["family"],
                socket.SOCK_STREAM,
                one["proto"],
                "",
                (one["host"], one["port"], 0, 0) if one["family"] == socket.AF_INET6 else (one["host"], one["port"]),
            )
            for one in found
        ]
        try:
            return await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=0.25, interleave=1)
        except OSError as error:
            sentence = f"No connection to {server.shown}: {system_words(error)}."
            raise Verdict(self._replies.unreachable(sentence)) from None

    async def _login(self, client: "SMTP") -> None:
        """One password, shown once: servers lock out who tries again and again."""
        from aiosmtplib import SMTPAuthenticationError

        server = self._server
        if not server.username:
            return
        self._secret, self._awaited = True, "answer the login"
        ways = {"plain": client.auth_plain, "login": client.auth_login, "cram-md5": client.auth_crammd5}
        refusal = 0
        for name, way in ways.items():
            if name not in client.server_auth_methods:
                continue
            try:
                await way(server.username, server.password.reveal())
            except SMTPAuthenticationError as error:
                refusal = error.code
                if refusal not in _NO_SUCH_WAY:
                    break
            else:
                self._secret = False
                return
        if refusal // 100 == 4:
            raise Verdict(self._replies.judged(refusal, "", "could not look at the login just now", final=False))
        if refusal:
            sentence = (
                f"refused the login of `mail.username` with {refusal}; correct `mail.username` and `mail.password`"
            )
        else:
            sentence = "offers no login by PLAIN, LOGIN or CRAM-MD5; remove `mail.username`, or ask for encryption"
        raise Verdict(self._replies.failed(Reason.UNAUTHORIZED, sentence, refusal))

    async def _address(self, client: "SMTP") -> list[Mailbox]:
        """Those of the recipients that are accepted, at least one."""
        from aiosmtplib import SMTPRecipientRefused

        envelope, whose = self._envelope, self._replies.whose
        wanted = list(envelope.recipients)
        foreign = [one for one in wanted if not one.local.isascii()]
        if foreign and not client.supports_extension("smtputf8"):
            wanted = [one for one in wanted if one not in foreign]
            self._refused += [f"{whose(one)} cannot be written to there (no SMTPUTF8)" for one in foreign]
            foreign = []
            if not wanted:
                raise Verdict(self._replies.nobody(0, self._refused))
        options = ["SMTPUTF8", "BODY=8BITMIME"] if foreign else []
        if client.supports_extension("size"):
            options.append(f"SIZE={len(envelope.write(wanted))}")
        self._awaited = "answer MAIL"
        await client.mail(self._server.sender.address, options=options, encoding="utf-8" if foreign else "ascii")
        self._awaited = "answer RCPT"
        accepted, last = [], 0
        for one in wanted:
            try:
                await client.rcpt(one.address, encoding="utf-8" if foreign else "ascii")
            except SMTPRecipientRefused as error:
                last = error.code
                if error.code // 100 == 2:
                    accepted.append(one)
                elif error.code // 100 != 5 or error.code in LOGIN:
                    await self._reset(client)
                    raise Verdict(
                        self._replies.judged(error.code, error.message, f"does not take {whose(one)} now")
                    ) from None
                else:
                    self._refused.append(f"it refused {whose(one)}: {self._replies.said(error.code, error.message)}")
            else:
                accepted.append(one)
        if not accepted:
            await self._reset(client)
            raise Verdict(self._replies.nobody(last, self._refused))
        return accepted

    async def _reset(self, client: "SMTP") -> None:
        """Take the envelope back. What comes of it changes nothing: without the mail's text nothing is sent."""
        if client.is_connected:
            with contextlib.suppress(Exception):
                await client.rset()

    async def leave(self) -> None:
        """Say goodbye where there is somebody to say it to."""
        client = self._client
        if client is None or not client.is_connected or not self._greeted or self._shaking:
            return
        with contextlib.suppress(Exception):
            async with asyncio.timeout(GOODBYE):
                await client.quit()

    def drop(self) -> None:
        """Let go of the connection at once, whoever is at its other end."""
        client = self._client
        if client is not None:
            abort = getattr(client.transport, "abort", None)  # uvloop's transports are none of asyncio's classes
            if abort is not None:
                abort()
            client.close()

    # --- what it comes to ---------------------------------------------------------------------------------------------

    def late(self) -> Outcome:
        """The time is over."""
        return self._replies.failed(Reason.TIMED_OUT, f"did not {self._awaited} in time")

    def explain(self, error: Exception) -> Outcome:
        """What it means that a step raised."""
        from aiosmtplib import SMTPConnectResponseError, SMTPHeloError, SMTPResponseException

        if not isinstance(error, SMTPResponseException):
            return self._replies.broken(error, self._awaited, shaking=self._shaking)
        if not 200 <= error.code < 600:
            return self._replies.nonsense()
        general = isinstance(error, (SMTPConnectResponseError, SMTPHeloError)) or self._secret
        said = "" if self._secret else error.message
        return self._replies.judged(error.code, said, f"did not {self._awaited}", final=not general)


def _literal(connected: socket.socket) -> str:
    """Our own address as a server is told it by who has no name (RFC 5321 4.1.3)."""
    host = str(connected.getsockname()[0]).partition("%")[0]
    return f"[IPv6:{host}]" if ":" in host else f"[{host}]"
