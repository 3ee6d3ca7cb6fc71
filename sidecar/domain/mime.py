"""Mail as bytes: header fields and MIME bodies of which every line is legal (RFC 5322, 2045 to 2047). Pure.

What is stored of a mail is its body and a header without `From`, `To`, `Date` and `Message-ID`: those four are added
as it is sent. All of it is ASCII with CRLF, so that no server has to be able to do more than RFC 5321 asks of it. The
same texts always give the same bytes.
"""

import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import Final

from sidecar.domain.mailbox import Mailbox

CONTENT_TYPE: Final = "message/rfc822"
LONGEST_SUBJECT: Final = 200  # characters; the rest is cut, since mail programs show less

_LINE: Final = 76  # of 78 that a line should have; 998 is what it must not exceed
_CHUNK: Final = 36  # bytes of UTF-8 in one encoded word: 60 letters with what stands around them
_NOT_TEXT: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_SPACE: Final = re.compile(r"\s+")
_ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")  # what a name may be made of without quotes


def letter(subject: str, text: str, html: str = "") -> bytes:
    """Header and body of a mail in two forms, the plainer first, or of one form where one of them is ""."""
    head = [field("Subject", shortened(subject)), "MIME-Version: 1.0"]
    if not html:
        return _joined(head, _part("plain", text))
    if not text:
        return _joined(head, _part("html", html))
    boundary = "=_" + hashlib.sha256(f"{subject}\0{text}\0{html}".encode(errors="replace")).hexdigest()[:32]
    head.append(f'Content-Type: multipart/alternative;\r\n boundary="{boundary}"')
    parts = "".join(f"--{boundary}\r\n{_part(kind, said)}" for kind, said in (("plain", text), ("html", html)))
    return _joined(head, f"\r\n{parts}--{boundary}--\r\n")  # neither encoding ever writes "=_"


def field(name: str, value: str) -> str:
    """`Name: value` of unstructured text, folded and without the line's end; another script as encoded words."""
    value = one_line(value)
    if value.isascii() and "=?" not in value:
        return _folded(name, value.split(" "))
    return _folded(name, list(_encoded_words(value)))


def addresses(name: str, boxes: Iterable[Mailbox]) -> str:
    """`Name: one, another`, folded, without the line's end. Addresses in other scripts stay as they are (RFC 6532)."""
    shown = [_box(one) for one in boxes]
    return _folded(name, [word for one in shown[:-1] for word in f"{one},".split(" ")] + shown[-1].split(" "))


def one_line(text: str) -> str:
    """Without what ends a line or is no text, each run of spaces as one."""
    return _SPACE.sub(" ", _NOT_TEXT.sub(" ", text)).strip()


def shortened(text: str) -> str:
    """One line, not longer than a subject may be."""
    text = one_line(text)
    return text if len(text) <= LONGEST_SUBJECT else f"{text[: LONGEST_SUBJECT - 3].rstrip()}..."


def _box(one: Mailbox) -> str:
    name = one_line(one.name)
    if not name:
        return one.address
    if not name.isascii() or "=?" in name:
        name = " ".join(_encoded_words(name))
    elif _ATOMS.fullmatch(name) is None:
        name = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return f"{name} <{one.address}>"


def _encoded_words(text: str) -> Iterable[str]:
    """RFC 2047 words in base64, each of whole characters."""
    chunk = b""
    for letter_ in text:
        encoded = letter_.encode()
        if len(chunk) + len(encoded) > _CHUNK:
            yield _encoded_word(chunk)
            chunk = b""
        chunk += encoded
    yield _encoded_word(chunk)


def _encoded_word(chunk: bytes) -> str:
    return f"=?utf-8?b?{binascii.b2a_base64(chunk, newline=False).decode()}?="


def _folded(name: str, words: list[str]) -> str:
    """A field broken between words where its line gets too long. Its first word stays beside its name."""
    lines = [f"{name}: {words[0]}"]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > _LINE:
            lines.append("")
        lines[-1] += f" {word}"
    return "\r\n".join(lines)


def _part(kind: str, text: str) -> str:
    """The header of one form, an empty line and its text, in whichever encoding is shorter."""
    lines = _NOT_TEXT.sub("", text.replace("\r\n", "\n").replace("\r", "\n")).rstrip("\n") + "\n"
    raw = lines.encode()
    quoted = binascii.b2a_qp(raw, istext=True, header=False).decode().replace("\n", "\r\n")
    encoding, said = "quoted-printable", quoted
    if len(quoted) > len(raw) * 4 / 3 + len(raw) / 38:
        whole = lines.replace("\n", "\r\n").encode()
        pieces = [whole[at : at + 57] for at in range(0, len(whole), 57)]
        encoding, said = "base64", "".join(binascii.b2a_base64(one, newline=False).decode() + "\r\n" for one in pieces)
    return f"Content-Type: text/{kind}; charset=utf-8\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n{said}"


def _joined(head: Iterable[str], body: str) -> bytes:
    return ("".join(f"{one}\r\n" for one in head) + body).encode("ascii")
