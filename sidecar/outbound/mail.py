"""Mail: the carrier of deliveries to `mailto:` URLs, and the way out for mail of our own."""

import asyncio
import contextlib
import hashlib
import re
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Final

from sidecar.domain import instant, mime
from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.mail import MailServer
from sidecar.domain.mailbox import Mailbox, mailbox, named, recipients
from sidecar.outbound.resolver import Resolver
from sidecar.ports import Clock, SendRequest

# Nobody's holiday may answer (RFC 3834), Exchange's neither, which looks at the second alone.
AUTOMATIC: Final = ("Auto-Submitted: auto-generated", "X-Auto-Response-Suppress: All")

_WEB_ONLY: Final = frozenset({"content-type", "webhook-id", "webhook-timestamp", "webhook-signature", "traceparent"})
_WEBHOOK_ID: Final = "webhook-id"
_UNUSUAL: Final = re.compile(r"[^A-Za-z0-9_.-]")
_WITHOUT: Final = Outcome(
    reason=Reason.BAD_DESTINATION, retryable=True, detail="There is no mail server: add `mail` to the configuration."
)


class MailCarrier:
    """Implements `ports.Sender` for `mailto:`, by one connection for each mail.

    Nothing is loaded or connected before the first mail. `mail` implements `ports.Mail` over the same server.
    """

    def __init__(self, clock: Clock, agent: str) -> None:
        self._clock = clock
        self._agent = agent
        self._server: MailServer | None = None
        self._context: ssl.SSLContext | None = None
        self._resolver: Resolver | None = None
        self.mail = OwnMail(self)

    @property
    def server(self) -> MailServer | None:
        return self._server

    @property
    def now(self) -> int:
        """UTC nanoseconds."""
        return self._clock.wall()

    def configure(self, server: MailServer | None, context: ssl.SSLContext | None = None) -> None:
        """Hand in there from now on. `context` None = made when it is needed, with the system's CAs."""
        self._server, self._context = server, context

    async def close(self) -> None:
        """Ask no more names."""
        if self._resolver is not None:
            await self._resolver.close()

    async def send(self, request: SendRequest) -> Outcome:
        """Hand in a delivery for all addresses of its URL."""
        try:
            to = recipients(request.url)
        except ValueError as error:
            return Outcome(reason=Reason.BAD_DESTINATION, detail=f"The URL {error}.")
        number = next((value for name, value in request.headers if name == _WEBHOOK_ID), "")
        own = [_field(name, value) for name, value in request.headers if name.lower() not in _WEB_ONLY]
        return await self.hand_in(to, number, own, request.body, request.timeout)

    async def knock(self) -> Outcome:
        """Connect, encrypt and log in as for a mail, and send none."""
        return await self.hand_in((), "", (), b"")

    async def hand_in(
        self, to: Sequence[Mailbox], number: str, fields: Sequence[str], letter: bytes, within: int = 0
    ) -> Outcome:
        """Hand in `letter` under more header fields, within so many nanoseconds, 0 = as the server is configured.

        `number` makes its Message-ID: the same mail has the same one on every try.
        """
        from sidecar.outbound.smtp import Envelope, hand_in

        server, context = self._server, self._context  # they belong together, whatever is configured meanwhile
        if server is None:
            return _WITHOUT
        if self._resolver is None:
            self._resolver = Resolver()
        seconds = self.now // instant.SECOND
        head = [
            mime.addresses("From", [server.sender]),
            f"Date: {format_datetime(datetime.fromtimestamp(seconds, UTC))}",
            f"Message-ID: <{_UNUSUAL.sub('-', number)}@{server.sender.domain}>",
            *AUTOMATIC,
            *fields,
        ]
        if not any(one.lower().startswith("user-agent:") for one in fields):
            head.append(mime.field("User-Agent", self._agent))

        def write(accepted: Sequence[Mailbox]) -> bytes:
            lines = [head[0], mime.addresses("To", accepted), *head[1:]]
            return "".join(f"{one}\r\n" for one in lines).encode() + letter

        async def tls() -> ssl.SSLContext:
            return context if context is not None else await self._usual(server)

        return await hand_in(
            Envelope(to, write), server, within=within or server.timeout, resolver=self._resolver, context=tls
        )

    async def _usual(self, server: MailServer) -> ssl.SSLContext:
        """The context of a server that has none of its own, kept for as long as that is the one configured."""
        made = await asyncio.to_thread(_usual_context)
        if self._server is server and self._context is None:
            self._context = made
        return made


class OwnMail:
    """Implements `ports.Mail`."""

    def __init__(self, carrier: MailCarrier) -> None:
        self._carrier = carrier

    @property
    def ready(self) -> bool:
        return self._carrier.server is not None

    async def send(self, to: str, subject: str, text: str, html: str = "") -> Outcome:
        """Hand in one mail, within the `timeout` of the server."""
        try:
            box = mailbox(to)
        except ValueError as error:
            return Outcome(reason=Reason.BAD_DESTINATION, detail=f"The address {error}.")
        letter = mime.letter(subject, text, html)
        now = self._carrier.now
        number = f"own_{now:x}.{hashlib.sha256(box.address.encode() + letter).hexdigest()[:16]}"
        return await self._carrier.hand_in([box], number, (), letter)


def _field(name: str, value: str) -> str:
    """A header of the subscription. Addresses must not be encoded as other texts are, but for the name before them."""
    if name.lower() == "reply-to":
        with contextlib.suppress(ValueError):
            return mime.addresses(name, [named(value)])
    return mime.field(name, value)


def _usual_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context
