"""The mail server, and how it is spoken to."""

import enum

import msgspec

from sidecar.domain import instant
from sidecar.domain.mailbox import Mailbox
from sidecar.domain.secret import Secret
from sidecar.domain.transport import ClientTls

TIMEOUT = 60 * instant.SECOND  # servers look at a mail before they take it, and some take their time


class StartTls(enum.StrEnum):
    """Whether a connection that begins unencrypted is encrypted (RFC 3207)."""

    REQUIRED = "required"  # nothing is sent otherwise
    OPPORTUNISTIC = "opportunistic"  # where the server offers it
    NONE = "none"


class MailServer(msgspec.Struct, frozen=True, kw_only=True):
    """Where mail is handed in, and from whom it is.

    `implicit` = TLS from the start (RFC 8314), `starttls` has no meaning then. `loopback` = it is on this machine.
    `username` "" = nobody logs in. `tls` None = the system's CAs, the server's own name. `timeout` (nanoseconds) is for
    the whole of what has no timeout of its own. `helo` is the name that we give ourselves, "" = our address.

    A password never travels unencrypted, but within this machine: such a value cannot be made.
    """

    host: str
    port: int
    sender: Mailbox
    implicit: bool = False
    loopback: bool = False
    starttls: StartTls = StartTls.REQUIRED
    username: str = ""
    password: Secret = Secret("")
    tls: ClientTls | None = None
    timeout: int = TIMEOUT
    helo: str = ""

    def __post_init__(self) -> None:
        if self.username and not (self.implicit or self.loopback or self.starttls is StartTls.REQUIRED):
            raise ValueError("the password of the mail server would travel unencrypted")

    @property
    def shown(self) -> str:
        """Host and port, as sentences name it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"
