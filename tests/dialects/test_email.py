"""E-mail: what a person reads of an event, in both forms, and that nothing of others' words gets out of its place."""

import email
import email.policy
import html.parser
import re
from email.message import EmailMessage
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.dialects.contract import Audience, Said, sample
from sidecar.dialects.email import DIALECT, Options
from sidecar.domain import instant
from sidecar.domain.event import HAPPENINGS, Event, EventType
from sidecar.domain.message import Message

SECOND = instant.SECOND


def read(message: Message) -> EmailMessage:
    """The mail as Python's own parser takes it, without defects in any part."""
    found = email.message_from_bytes(message.body, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    assert not any(part.defects for part in found.walk())
    return found


def mail(event: Event, **options: Any) -> EmailMessage:
    [message] = DIALECT.render(event, event.type.value, Options(**options), Audience())
    assert (message.word, message.content_type) == (event.type.value, "message/rfc822")
    return read(message)


def joined(*said: Said, **options: Any) -> tuple[str, EmailMessage]:
    assert DIALECT.join is not None
    [message] = DIALECT.join(said, Options(**options), Audience())
    return message.word, read(message)


def form(found: EmailMessage, kind: str) -> str:
    """The plain or the HTML form."""
    part = found.get_body((kind,))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


class _Page(html.parser.HTMLParser):
    """What a mail program sees: the tags with their attributes, and the text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def at(event: Event, seconds: int, **changes: Any) -> Event:
    return msgspec.structs.replace(event, time=event.time + seconds * SECOND, **changes)


def test_a_push_is_told_in_its_subject() -> None:
    """What whoever looks at a telephone sees: artifact, deed, person."""
    found = mail(sample())
    assert found["Subject"] == "prj/web/app:1.4.2 was pushed by maria"
    assert found.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in found.iter_parts()] == ["text/plain", "text/html"]


def test_the_plain_form_says_what_where_who_and_when() -> None:
    text = form(mail(sample()), "plain")
    assert text.splitlines()[0] == "prj/web/app:1.4.2 was pushed by maria."
    for line in (
        r"Repository +prj/web/app",
        r"Pull +registry\.example\.com/prj/web/app:1\.4\.2",
        r"Digest +sha256:9f2c41d07b6e",
        r"Time +2026-11-21 00:00:00 UTC",
        r"Registry +registry\.example\.com",
    ):
        assert re.search(rf"^{line}$", text, re.MULTILINE), line


def test_both_forms_say_the_same() -> None:
    """Whoever's program shows no HTML misses nothing."""
    for kind in HAPPENINGS:
        found = mail(sample(kind))
        plain, page = form(found, "plain"), _Page(form(found, "html"))
        shown = " ".join(page.text.split())
        for line in plain.splitlines():
            for part in filter(None, re.split(r" {2,}", line)):
                link = re.fullmatch(r".*: (https?://\S+)", part)
                if link is None:
                    assert part in shown
                else:
                    assert link[1] in [one.get("href") for tag, one in page.tags if tag == "a"]


def test_the_page_of_the_repository_is_linked_where_there_is_one() -> None:
    event = sample()
    registry = msgspec.structs.replace(event.registry, homepage="https://registry.example.com/ui/{repository}?a=1&b=2")
    found = mail(msgspec.structs.replace(event, registry=registry))
    page = "https://registry.example.com/ui/prj/web/app?a=1&b=2"
    assert f"Repository: {page}" in form(found, "plain")
    assert ("a", {"href": page}) in _Page(form(found, "html")).tags
    assert "a" not in dict(_Page(form(mail(event), "html")).tags)


def test_the_html_needs_nothing_from_elsewhere_and_can_be_dark() -> None:
    """No images that tell a sender who reads, no script, and no colour that only one background suits."""
    for kind in HAPPENINGS:
        text = form(mail(sample(kind)), "html")
        page = _Page(text)
        used = {tag for tag, _ in page.tags}
        assert not used & {"img", "script", "link", "iframe", "object", "form", "video"}
        assert not re.search(r"background|url\(|@import|(?<![-\w])color:\s*(?:#|black|white)", text)
        assert ("meta", {"name": "color-scheme", "content": "light dark"}) in page.tags


def test_a_prefix_stands_before_every_subject() -> None:
    """So that a mail program can sort them."""
    assert mail(sample(), subject="[registry]")["Subject"] == "[registry] prj/web/app:1.4.2 was pushed by maria"
    assert mail(sample(), subject="[registry] ")["Subject"] == "[registry] prj/web/app:1.4.2 was pushed by maria"
    _, found = joined((sample(), "artifact.pushed"), (sample(), "artifact.pushed"), subject="[registry]")
    assert found["Subject"].startswith("[registry] 2 events: ")


def test_several_events_are_one_mail() -> None:
    """A count of each kind, then each in its line, oldest first."""
    push, scan = sample(EventType.PUSHED), sample(EventType.SCAN_COMPLETED)
    later = at(push, 60, tags=("1.4.3",), actor="jonas")
    last = at(scan, 120)
    word, found = joined((push, "artifact.pushed"), (later, "artifact.pushed"), (last, "scan.completed"))
    assert word == "group"
    assert found["Subject"].startswith("3 events: 2 pushes and 1 scan in prj/web/app by ")
    text = form(found, "plain")
    assert re.search(r"^2  Artifact pushed\n1  Scan completed$", text, re.MULTILINE)
    rows = [line for line in text.splitlines() if line.startswith("2026-")]
    assert rows[:2] == [
        "2026-11-21 00:00:00 UTC  prj/web/app:1.4.2 was pushed by maria",
        "2026-11-21 00:01:00 UTC  prj/web/app:1.4.3 was pushed by jonas",
    ]
    assert rows[2].startswith("2026-11-21 00:02:00 UTC  prj/web/app:1.4.2 was scanned")
    assert _Page(form(found, "html")).text.index("1.4.3") < _Page(form(found, "html")).text.rindex("scanned")


def test_events_alike_keep_their_word_and_need_no_counts() -> None:
    word, found = joined(*[(at(sample(), number), "artifact.pushed") for number in range(3)])
    assert word == "artifact.pushed"
    assert "3  Artifact pushed" not in form(found, "plain")


def test_one_event_alone_is_a_mail_as_ever() -> None:
    """A digest of a quiet hour is no table."""
    assert DIALECT.join is not None
    alone = DIALECT.join([(sample(), "artifact.pushed")], Options(digest="1h"), Audience())
    assert list(alone) == list(DIALECT.render(sample(), "artifact.pushed", Options(digest="1h"), Audience()))


def test_five_hundred_events_are_all_there() -> None:
    """The most that are joined at once; the mail stays one that servers take (usually 10 MiB and more)."""
    many = [(at(sample(), number, tags=(f"1.{number}",)), "artifact.pushed") for number in range(500)]
    assert DIALECT.join is not None
    [message] = DIALECT.join(many, Options(), Audience())
    text = form(read(message), "plain")
    assert all(f"prj/web/app:1.{number} was" in text for number in range(500))
    assert len(message.body) < 500_000


@pytest.mark.parametrize(
    ("text", "expected"), [("", 0), ("1m", 60 * SECOND), ("1h", 3600 * SECOND), ("7d", 7 * 86400 * SECOND)]
)
def test_a_digest_is_of_a_time(text: str, expected: int) -> None:
    options = msgspec.convert({"digest": text}, Options)
    assert DIALECT.check(options) == ""
    assert DIALECT.digest(options) == expected


@pytest.mark.parametrize("text", ["1", "1s", "1 h", "h", "1h30m", "٣h", "-1h", "1H", "1h\n"])
def test_a_digest_of_no_time_is_refused(text: str) -> None:
    assert DIALECT.check(Options(digest=text)) == "`digest` must be a whole number with its unit, m, h or d, such as 1h"


@pytest.mark.parametrize("text", ["0m", "8d", "999999d"])
def test_a_digest_of_a_senseless_time_is_refused(text: str) -> None:
    assert DIALECT.check(Options(digest=text)) == "`digest` must be from 1m to 7d, such as 1h"


def test_a_subject_of_several_lines_is_refused() -> None:
    assert "one line" in DIALECT.check(Options(subject="a\r\nBcc: eve@example.org"))


def test_it_goes_by_mail_alone() -> None:
    assert list(DIALECT.schemes(Options())) == ["mailto"]


ANYTHING = st.text(st.characters(exclude_categories=[]) | st.sampled_from("\r\n\0<>&\"'=?:"), max_size=60)


@given(ANYTHING, ANYTHING, ANYTHING)
def test_no_name_tag_or_person_gets_out_of_its_place(path: str, tag: str, actor: str) -> None:
    """Neither into the header nor into the mark-up: the page has the same tags, whatever things are called."""
    event = sample()
    event = msgspec.structs.replace(
        event,
        repository=msgspec.structs.replace(event.repository, path=f"prj/{path}"),
        tags=(tag,),
        actor=f"m{actor}",
    )
    found = mail(event)
    assert found.keys() == ["Subject", "MIME-Version", "Content-Type"]
    assert len(list(found.iter_parts())) == 2
    page = _Page(form(found, "html"))
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in _Page(form(mail(sample()), "html")).tags]
