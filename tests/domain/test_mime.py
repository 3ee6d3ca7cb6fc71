"""Mail as bytes: Python's own parser reads back what was said, and every line is one that any server takes."""

import email
import email.policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import getaddresses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.mailbox import Mailbox
from sidecar.domain.mime import LONGEST_SUBJECT, addresses, field, letter, one_line

SPOKEN = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]) | st.sampled_from(" .-_=?\n"))
ANYTHING = st.text(st.characters(exclude_categories=[]) | st.sampled_from("\r\n\0 \t:"))


def read(raw: bytes) -> EmailMessage:
    """A mail as the standard library's parser takes it."""
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert not found.defects
    return found


def said(part: EmailMessage) -> str:
    """The text of a part. In a mail its lines end in CRLF."""
    return part.get_content().replace("\r\n", "\n")


def legal(raw: bytes) -> None:
    """RFC 5322 2.1.1 and RFC 5321 2.3.8: ASCII, no bare CR or LF, at most 998 letters in a line; ours have 78."""
    assert raw.isascii()
    assert raw.endswith(b"\r\n")
    for line in raw.removesuffix(b"\r\n").split(b"\r\n"):
        assert not set(line) & {0, 10, 13}
        assert len(line) <= 998


@given(SPOKEN, SPOKEN, SPOKEN)
def test_what_was_said_is_read_back(subject: str, text: str, html: str) -> None:
    """Subject and both forms, whatever letters they have; the plainer form is first (RFC 2046 5.1.4)."""
    raw = letter(subject, text, f"<p>{html}</p>")
    legal(raw)
    found = read(raw)
    subject = " ".join(subject.split())
    if len(subject) <= LONGEST_SUBJECT:
        assert found["Subject"] == subject
    parts = list(found.iter_parts()) if text else [found]
    assert [one.get_content_type() for one in parts] == ["text/plain", "text/html"][-len(parts) :]
    assert not any(one.defects for one in parts)
    # The last line's end belongs to the boundary.
    assert [said(one).rstrip("\n") for one in parts] == [text.rstrip("\n"), f"<p>{html}</p>"][-len(parts) :]
    assert (found.get_content_type() == "multipart/alternative") == bool(text)
    assert found["From"] is None
    assert found["Date"] is None


@given(ANYTHING, ANYTHING, ANYTHING)
def test_no_text_gets_out_of_its_place(subject: str, text: str, html: str) -> None:
    """Neither ends of lines nor what is no text at all adds a header or a part."""
    raw = letter(subject, f"{text}.", f"<p>{html}")
    legal(raw)
    found = read(raw)
    assert found.keys() == ["Subject", "MIME-Version", "Content-Type"]
    assert len(list(found.iter_parts())) == 2


@given(ANYTHING)
def test_a_field_is_one_field(value: str) -> None:
    raw = field("X-Reason", value).encode() + b"\r\n"
    legal(raw)
    assert read(raw + b"\r\n").keys() == ["X-Reason"]


@given(st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Cf"]), max_size=80))
def test_names_come_back(name: str) -> None:
    """Also those with commas, quotes, angle brackets and other scripts."""
    raw = addresses("To", [Mailbox("ops", "example.com", name), Mailbox("dev", "example.org")]).encode() + b"\r\n"
    legal(raw)
    to = read(raw + b"\r\n")["To"]
    assert [one.addr_spec for one in to.addresses] == ["ops@example.com", "dev@example.org"]
    written = email.message_from_bytes(raw + b"\r\n", policy=email.policy.compat32)["To"]
    [(first, _), _] = getaddresses([written])
    assert str(make_header(decode_header(first))).split() == name.split()


def test_fifty_addresses_are_folded() -> None:
    boxes = [Mailbox(f"somebody-with-a-long-name-{number}", "mail.example.com") for number in range(50)]
    raw = addresses("To", boxes).encode() + b"\r\n"
    assert max(len(line) for line in raw.split(b"\r\n")) <= 78
    assert [one.addr_spec for one in read(raw + b"\r\n")["To"].addresses] == [one.address for one in boxes]


def test_the_same_texts_give_the_same_bytes() -> None:
    """What is stored is what is sent on every try; other texts have another boundary."""
    assert letter("a", "b", "c") == letter("a", "b", "c")
    one, other = (read(letter("a", text, "c")).get_boundary() for text in ("b", "d"))
    assert one != other


def test_plain_words_stay_readable() -> None:
    """Whoever looks at the raw mail reads it: a subject in ASCII is not encoded, text is quoted-printable."""
    raw = letter("prj/app:1.4.2 pushed by maria", "A push.\n", "<p>A push.</p>")
    assert b"Subject: prj/app:1.4.2 pushed by maria\r\n" in raw
    assert b"\r\nA push.\r\n" in raw


def test_other_scripts_take_the_shorter_encoding() -> None:
    """Quoted-printable would treble them."""
    plain, rich = read(letter("a", "推送" * 100, "<p>pushed</p>")).iter_parts()
    assert plain["Content-Transfer-Encoding"] == "base64"
    assert rich["Content-Transfer-Encoding"] == "quoted-printable"


def test_a_mail_may_have_one_form() -> None:
    raw = letter("Please confirm", "Follow the link.\n.\nFrom here\n")
    legal(raw)
    found = read(raw)
    assert found.get_content_type() == "text/plain"
    assert said(found) == "Follow the link.\n.\nFrom here\n"


def test_a_long_subject_is_cut() -> None:
    found = read(letter("ü" * 500, "text"))
    assert found["Subject"] == "ü" * 197 + "..."


@pytest.mark.parametrize(
    ("text", "line"), [("a\r\nBcc: eve", "a Bcc: eve"), (" a\t b ", "a b"), ("a\u2028b", "a b"), ("\ud800", "")]
)
def test_one_line(text: str, line: str) -> None:
    assert one_line(text) == line
