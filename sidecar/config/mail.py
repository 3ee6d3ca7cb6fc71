"""The mail server that mail is handed to, and what a subscription needs that is sent as mail."""

import ssl
from typing import Final
from urllib.parse import urlsplit

import msgspec

from sidecar.config.client_tls import client_tls
from sidecar.config.problems import Problems
from sidecar.config.settings import Address, Bound
from sidecar.config.tables import Section
from sidecar.config.tree import Mapping
from sidecar.config.watch import Sources
from sidecar.domain.host import literal
from sidecar.domain.mail import MailServer, StartTls
from sidecar.domain.mailbox import SCHEME, Mailbox, named
from sidecar.domain.secret import Secret
from sidecar.domain.transport import ClientTls

SERVER_FORM: Final = r"smtps?://[\x21-\x7e]+"

NOWHERE: Final = MailServer(host="", port=0, sender=Mailbox("", ""))
_PORTS: Final = {"smtp": 587, "smtps": 465}  # RFC 6409, RFC 8314
_LONGEST_HEADER: Final = 900  # of the 998 bytes that a line may have
_WRITTEN: Final = frozenset(  # what the head of each mail says, or servers and programs act on
    {
        "auto-submitted",
        "bcc",
        "cc",
        "content-disposition",
        "content-transfer-encoding",
        "date",
        "from",
        "message-id",
        "mime-version",
        "received",
        "return-path",
        "sender",
        "subject",
        "to",
        "x-auto-response-suppress",
    }
)


def server(text: str) -> str:
    """`smtp://host`, `smtps://host`, with a port or not; as written. With credentials it is judged later, unseen."""
    if "@" in text:
        return text
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError("must be a URL with a proper host and port, such as smtp://mail.example.com:587") from None
    if parts.scheme not in _PORTS or not host:
        raise ValueError("must be smtp://host:port, or smtps://host:port where TLS is spoken from the start")
    if port == 0:
        raise ValueError("must not have port 0")
    if parts.path not in {"", "/"} or "?" in text or "#" in text:
        raise ValueError("must end with the server's host and port")
    try:
        literal(host)
    except ValueError as error:
        raise ValueError(f"cannot be dialled, because it {error}") from None
    return text


def sender(text: str) -> Mailbox:
    """Whom the mails are from."""
    found = named(text)
    if not found.local.isascii():
        raise ValueError("must be in ASCII before its @, because not every server takes other scripts")
    return found


def mail(root: Section, sources: Sources, problems: Problems) -> tuple[MailServer | None, ssl.SSLContext | None]:
    """The server of a file, with its TLS where that is not the usual one; after mistakes it is nowhere."""
    if not root.has("mail"):
        return None, None
    section: Section | None = root.get("mail")
    if section is None:
        return NOWHERE, None
    contexts: dict[ClientTls, ssl.SSLContext] = {}
    tls: Section | None = section.get("tls")
    setting = client_tls(tls, contexts, sources, problems, alpn=()) if tls is not None else None
    for one, other in (("username", "password"), ("password", "username")):
        if section.has(one) and not section.has(other):
            problems.add(section.line(one), f"{section.path} has `{one}` without `{other}`: give both, or neither")
    url: str | None = section.get("server")
    whose: Mailbox | None = section.get("from")
    if url is None or whose is None or len(section.values) < len(section.node.entries):
        return NOWHERE, None
    if "@" in url:  # told here, where what was written is not repeated
        sentence = f"{section.path}.server must not carry credentials: give `username` and `password`"
        problems.add(section.line("server"), sentence)
        return NOWHERE, None
    parts = urlsplit(url)
    host, implicit = parts.hostname or "", parts.scheme == "smtps"
    loopback = Address(host, 0).loopback
    starttls = StartTls(section.get("starttls", StartTls.NONE if loopback else StartTls.REQUIRED))
    if not _encrypted_enough(section, implicit, loopback, starttls, problems):
        return NOWHERE, None
    plain = {key: section.values[key] for key in ("username", "timeout", "helo") if key in section.values}
    return (
        MailServer(
            host=host,
            port=parts.port or _PORTS[parts.scheme],
            sender=whose,
            implicit=implicit,
            loopback=loopback,
            starttls=starttls,
            password=section.get("password", Secret("")),
            tls=setting,
            **plain,
        ),
        contexts[setting] if setting is not None else None,
    )


def _encrypted_enough(section: Section, implicit: bool, loopback: bool, starttls: StartTls, problems: Problems) -> bool:
    """Whether no password would travel for all to read, and what was written fits together."""
    if implicit:
        if section.has("starttls"):
            sentence = f"{section.path}.starttls has no meaning for smtps, which begins encrypted: remove it"
            problems.add(section.line("starttls"), sentence)
        return True
    if starttls is not StartTls.REQUIRED and section.has("username") and not loopback:
        sentence = f"{section.path}.starttls {starttls} could send the password unencrypted: write required"
        problems.add(section.line("starttls"), sentence)
        return False
    if starttls is StartTls.NONE and section.has("tls"):
        sentence = f"{section.path}.tls has no meaning while starttls is none: write starttls: required, or remove tls"
        problems.add(section.line("tls"), sentence)
    elif starttls is not StartTls.REQUIRED and not loopback:
        sentence = f"{section.path}.starttls is {starttls}, so mails may travel unencrypted: write required"
        problems.warn(section.line("starttls"), sentence)
    return True


def mailed(section: Section, bound: Bound, there: MailServer | None, problems: Problems) -> Bound:
    """A subscription with what the mail server has to say to it, where it is sent as mail; mistakes are reported."""
    one = bound.subscription
    if not one.url.startswith(SCHEME):
        return bound
    if there is None:
        sentence = f"{section.path}.url is a mail address, and there is no mail server: add `mail` to the configuration"
        problems.add(section.line("url"), sentence)
        return bound
    _check_headers(section, problems)
    delivery: Section | None = section.get("delivery")
    if delivery is not None and delivery.has("timeout"):
        return bound
    policy = msgspec.structs.replace(one.policy, timeout=there.timeout)
    return msgspec.structs.replace(bound, subscription=msgspec.structs.replace(one, policy=policy))


def _check_headers(section: Section, problems: Problems) -> None:
    given: dict[str, Secret] = section.get("headers", {})
    node = section.node.value("headers")
    for name, value in given.items():
        subject = f"{section.path}.headers.{name}"
        line = node.entries[name].line if isinstance(node, Mapping) else section.line()
        if name.lower() in _WRITTEN:
            problems.add(line, f"{subject} cannot be set, the mail has its own: remove it")
        elif len(value.reveal().encode()) > _LONGEST_HEADER:
            problems.add(line, f"{subject} must not be longer than {_LONGEST_HEADER} bytes in a mail")
        elif name.lower() == "reply-to":
            try:
                sender(value.reveal())
            except ValueError as error:
                problems.add(line, f"{subject} {error}")
