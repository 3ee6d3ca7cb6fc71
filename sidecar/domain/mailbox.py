"""Addresses of mail, and URLs that name them: `ops@example.com`, `mailto:ops@example.com,dev@example.com`. Pure.

Stricter than RFC 5322: no comments, no quoted local parts, no address literals. What remains has one spelling only, so
that whoever else reads an address reads the same one. A domain in another script is kept as DNS asks for it (UTS 46,
not transitional); a local part in another script is kept as it is (RFC 6531).
"""

import functools
import re
from typing import Final
from urllib.parse import unquote_to_bytes

import idna
import msgspec

SCHEME: Final = "mailto:"
MOST: Final = 50  # addresses in one URL

_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]"  # RFC 5322 3.2.3, RFC 6531 3.3
_LOCAL: Final = re.compile(rf"{_ATEXT}+(?:\.{_ATEXT}+)*")
_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_DOMAIN: Final = re.compile(rf"(?:{_LABEL}\.)*{_LABEL}", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+", re.ASCII)
_NAMED: Final = re.compile(r'(?P<name>"(?:[^"\\]|\\.)*"|[^<>"]*?)\s*<(?P<address>[^<>\s]+)>')
_ESCAPED: Final = re.compile(r"\\(.)")
_BAD_ESCAPE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


class Mailbox(msgspec.Struct, frozen=True):
    """An address: `local` before the @, `domain` after it in ASCII and lower case; `name` is whose it is."""

    local: str
    domain: str
    name: str = ""

    @property
    def address(self) -> str:
        return f"{self.local}@{self.domain}"


def mailbox(text: str) -> Mailbox:
    """One bare address. Raises ValueError with the rest of a sentence about it."""
    local, at, domain = text.rpartition("@")
    if not at or not local or not domain:
        raise ValueError("must be an address such as ops@example.com")
    if _LOCAL.fullmatch(local) is None or not local.isprintable():
        raise ValueError("must have nothing before its @ but letters, digits, single dots and !#$%&'*+-/=?^_`{|}~")
    domain = _domain(domain)
    if len(local.encode()) > 64 or len(local.encode()) + len(domain) > 253:  # RFC 5321 4.5.3.1
        raise ValueError("must not be longer than 64 bytes before its @, and 254 in all")
    return Mailbox(local, domain)


def named(text: str) -> Mailbox:
    """`ops@example.com`, `Operations <ops@example.com>` or `"Operations, night" <ops@example.com>`.

    Raises ValueError with the rest of a sentence about it.
    """
    text = text.strip()
    if not text.isprintable():
        raise ValueError("must be one line without control characters")
    if "<" not in text:
        return mailbox(text)
    found = _NAMED.fullmatch(text)
    if found is None:
        raise ValueError("must be an address with a name before it, such as Registry <registry@example.com>")
    name = found["name"]
    if name.startswith('"'):
        name = _ESCAPED.sub(r"\1", name[1:-1])
    return msgspec.structs.replace(mailbox(found["address"]), name=name.strip())


@functools.lru_cache(maxsize=1024)
def recipients(url: str) -> tuple[Mailbox, ...]:
    """The addresses of a `mailto` URL, in order, each once (RFC 6068 without header fields).

    Raises ValueError with the rest of a sentence about the URL.
    """
    if url[: len(SCHEME)].lower() != SCHEME:
        raise ValueError("must start with mailto:")
    rest = url[len(SCHEME) :]
    if "?" in rest or "#" in rest:
        raise ValueError("must have nothing but addresses: options and headers of the mail have keys of their own")
    if rest.startswith("//"):
        raise ValueError("must have no slashes after mailto:, as in mailto:ops@example.com")
    if _BAD_ESCAPE.search(rest):
        raise ValueError("has a % that no two hexadecimal digits follow: write %25 for a %")
    parts = rest.split(",")
    if len(parts) > MOST:  # told before they are read: whoever sends so many may have us read them for long
        raise ValueError(f"must name at most {MOST} addresses, and it names {len(parts)}: use a mailing list")
    found = []
    for number, part in enumerate(parts, start=1):
        try:
            one = unquote_to_bytes(part).decode()
        except UnicodeDecodeError:
            raise ValueError("has percent-encoded bytes that are not UTF-8") from None
        if not one:
            raise ValueError("must name an address after mailto: and after each comma, such as mailto:ops@example.com")
        try:
            found.append(mailbox(one))
        except ValueError as error:
            # By its place and not as it is: it may have come from the environment, or from a file.
            raise ValueError(f"must be addresses between commas, and number {number} {_hint(one) or error}") from None
    return tuple(dict.fromkeys(found))


def domains(url: str) -> str:
    """`mailto:` and the domains of a URL, each once: what of it logs and lists may show."""
    try:
        return SCHEME + ",".join(dict.fromkeys(one.domain for one in recipients(url)))
    except ValueError:
        return SCHEME


def _domain(text: str) -> str:
    if not text.isascii():
        try:
            text = idna.encode(text, uts46=True, transitional=False).decode()
        except UnicodeError:
            raise ValueError("must have a domain after its @ that DNS can be asked for") from None
    if _DOMAIN.fullmatch(text) is None or len(text) > 253 or _NUMBER.fullmatch(text.rpartition(".")[2]):
        raise ValueError("must have a domain after its @, such as example.com")
    return text.lower()


def _hint(text: str) -> str:
    """What is to be done about the commonest ways to write an address that is none, "" for the others."""
    if ";" in text:
        return "has a semicolon: write a comma"
    if "<" in text:
        return "must be an address alone, such as ops@example.com, without a name"
    if text != text.strip():
        return "must have no blanks around it"
    return ""
