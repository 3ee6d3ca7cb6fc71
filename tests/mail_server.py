"""Real mail servers for tests: aiosmtpd, which others wrote, and one that says what it is told to say."""

import asyncio
import contextlib
import email
import email.policy
from collections.abc import AsyncIterator, Mapping, Sequence
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Received:
    """One mail as a server took it: the envelope, and its bytes."""

    def __init__(self, session: Session, envelope: Envelope) -> None:
        self.sender = envelope.mail_from
        self.recipients = list(envelope.rcpt_tos)
        self.options = [str(one) for one in envelope.mail_options]
        self.raw = bytes(envelope.original_content or b"")
        self.encrypted = session.ssl is not None
        self.user = session.auth_data
        self.hello = session.host_name

    @property
    def message(self) -> EmailMessage:
        """As Python's own parser reads it."""
        found = email.message_from_string(self.raw.decode(), policy=email.policy.default)  # RFC 6532: headers in UTF-8
        assert isinstance(found, EmailMessage)
        return found


class MailServer:
    """Takes everything, but for what `answers` says of an address (RCPT), or of "MAIL", "DATA" and "EHLO".

    `logins` are users and their passwords; with any of them nobody sends who has not logged in.
    """

    def __init__(self, answers: Mapping[str, str | Sequence[str]] | None = None, **given: Any) -> None:
        self.answers = dict(answers or {})
        self.logins: dict[str, str] = given.pop("logins", {})
        self.implicit = given.pop("implicit", None)
        self.given = given
        self.received: list[Received] = []
        self.connections = 0
        self.attempts: list[tuple[str, str]] = []  # mechanism and user of each login
        self.asked: list[str] = []  # addresses of RCPT
        self.port = 0

    def _answer(self, what: str) -> str:
        said = self.answers.get(what, "")
        if isinstance(said, str):
            return said
        rest = list(said)
        self.answers[what] = rest[1:]
        return rest[0] if rest else ""

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: Any
    ) -> str:
        if answer := self._answer("MAIL"):
            return answer
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        self.asked.append(address)
        if answer := self._answer(address):
            return answer
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        if answer := self._answer("DATA"):
            return answer
        self.received.append(Received(session, envelope))
        return "250 2.0.0 queued as 4XyZ"

    def _login(self, _server: SMTP, _session: Session, _envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        user, password = data.login.decode(), data.password.decode()
        self.attempts.append((mechanism, user))
        right = self.logins.get(user) == password
        return AuthResult(success=right, handled=False, auth_data=user if right else None)

    def _protocol(self) -> SMTP:
        self.connections += 1
        given = dict(self.given)
        if self.logins:
            given |= {"authenticator": self._login, "auth_required": True}
        return SMTP(self, loop=asyncio.get_running_loop(), hostname="mail.example.com", **given)

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._protocol, "127.0.0.1", 0, ssl=self.implicit)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for _turn in range(20):  # until those that hung up are seen to have gone
            await asyncio.sleep(0)


Line = str | bytes


@contextlib.asynccontextmanager
async def scripted(*lines: Line, tls: Any = None) -> AsyncIterator["Scripted"]:
    """A server that says one of the lines for each thing that it hears, the first as its greeting.

    After the last one it hangs up. The text of a mail is one thing. `wait` never says anything.
    """
    played = Scripted(lines)
    server = await asyncio.start_server(played.play, "127.0.0.1", 0, ssl=tls)
    played.port = server.sockets[0].getsockname()[1]
    try:
        yield played
    finally:
        server.close()
        played.over.set()
        await asyncio.sleep(0)


class Scripted:
    """What a scripted server heard, line by line."""

    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = lines
        self.heard: list[str] = []
        self.port = 0
        self.over = asyncio.Event()
        self.asked = asyncio.Event()  # something was heard

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._play(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        text = False
        for number, line in enumerate(self.lines):
            if number:
                heard = await (reader.readuntil(b"\r\n.\r\n") if text else reader.readline())
                if not heard:
                    return
                self.heard.append(heard.decode(errors="replace").rstrip("\r\n"))
                self.asked.set()
            if line == "wait":
                await self.over.wait()
                return
            said = line if isinstance(line, bytes) else f"{line}\r\n".encode()
            writer.write(said)
            await writer.drain()
            text = said.startswith(b"354")
