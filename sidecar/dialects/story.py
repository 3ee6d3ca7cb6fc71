"""What people are told of an event: a headline, a sentence, facts and links, in no chat's mark-up.

Every text of others (names, tags, messages, addresses) goes through `shown` or `address`: what comes out is printable,
of one line, and bounded, so that nothing can hide in it and no message grows without end.
"""

import enum
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from sidecar.dialects.repository_page import filled
from sidecar.domain import instant
from sidecar.domain.event import Event, EventType

MARK = "…"  # stands for whatever was cut
NAME = 300  # characters of a name
REFERENCE = 700  # of what to pull: host, repository and digest at their longest
MESSAGE = 500  # of what somebody wrote
URL = 2000
SHORT = 12  # hex digits of a digest
MOST = 20  # things of a list that are named
_ADDRESS = re.compile(r"https?://[^/?#\s]+[^\s]*", re.ASCII | re.IGNORECASE)
_KEPT = ":/?#@!$&'*+,;=%~[]-._"  # of an address; what else stands in it is percent-encoded


class Tone(enum.IntEnum):
    """How a thing is meant to be taken, the worst last."""

    NEWS = 0
    GOOD = 1
    WARNING = 2
    BAD = 3


SYMBOLS: Final = {Tone.NEWS: "", Tone.GOOD: "✅ ", Tone.WARNING: "⚠️ ", Tone.BAD: "❌ "}  # where there is no colour


class Style(enum.Enum):
    """How a piece of text stands out, and whose it is.

    PLAIN and LABEL are our own words. NAME is others' words within a sentence, CODE others' words to be copied.
    """

    PLAIN = "plain"
    LABEL = "label"
    NAME = "name"
    CODE = "code"


class Span(msgspec.Struct, frozen=True):
    """A piece of text; `url` is where it leads, "" = nowhere."""

    text: str
    style: Style = Style.PLAIN
    url: str = ""


Text = tuple[Span, ...]


class Fact(msgspec.Struct, frozen=True):
    """A named detail. The labels are a closed list: readers of our messages know `REPOSITORY`."""

    label: str
    said: Text


class Link(msgspec.Struct, frozen=True):
    """A page that exists, and what it shows."""

    label: str
    url: str


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """What a message says. `entries` are those that it tells in one line each, newest first, out of `total`.

    `since` and `time` are the first and last instant that it tells of; `registry` is the host, as users pull from it.
    `place` is the repository, or the namespace, or "".
    """

    headline: str
    sentence: Text
    facts: tuple[Fact, ...] = ()
    links: tuple[Link, ...] = ()
    entries: tuple[Text, ...] = ()
    total: int = 0
    tone: Tone = Tone.NEWS
    registry: str = ""
    place: str = ""
    since: int = 0
    time: int = 0


BY_CLIENTS = frozenset(
    {
        EventType.PUSHED,
        EventType.PULLED,
        EventType.CHECKED,
        EventType.DELETED,
        EventType.TAG_DELETED,
        EventType.REPOSITORY_CREATED,
        EventType.REPOSITORY_DELETED,
    }
)

REPOSITORY = "Repository"
Told = tuple[Text, Sequence[Fact], Sequence[Link], Tone]  # what a type of event adds to what all have
Teller = Callable[[Event], Told]


def plain(text: str) -> Text:
    """Our own words."""
    return (Span(text),)


def name(text: str) -> Span:
    """Others' words in a sentence: who did it, what somebody wrote."""
    return Span(shown(text), Style.NAME)


def code(text: str, most: int = NAME) -> Span:
    """Others' words that are exact: names, tags, digests."""
    return Span(shown(text, most), Style.CODE)


def read(text: Text) -> str:
    """The words alone."""
    return "".join(span.text for span in text)


def shown(text: str, most: int = NAME) -> str:
    """A text of others on one line, in at most `most` characters, without what cannot be seen; "?" for none."""
    if not text.isprintable():
        text = "".join(_visible(one) for one in text)
    text = " ".join(text.split())
    if len(text) > most:
        text = text[: most - len(MARK)] + MARK
    return text or "?"


def _visible(one: str) -> str:
    if one.isprintable():
        return one
    return " " if one.isspace() or ord(one) < 0xA0 else ""  # all of these are spaces and controls


def address(url: str, most: int = URL) -> str:
    """An address that a chat may open: http or https, without anything that mark-up could take for its own. Or ""."""
    if _ADDRESS.fullmatch(url) is None or not url.isprintable():
        return ""
    safe = quote(url, safe=_KEPT)
    return safe if len(safe) <= most else ""


def icon_trouble(emoji: str, url: str, emojis: re.Pattern[str]) -> str:
    """A sentence unless there is one icon at the most, an emoji by its name or what can be opened; else ""."""
    if emoji and emojis.fullmatch(emoji) is None:
        return "`icon_emoji` must be a name between colons, such as :whale:"
    if emoji and url:
        return "a message has one icon: keep `icon_emoji` or `icon_url`"
    if url and not address(url):
        return "`icon_url` must be an address such as https://example.com/icon.png"
    return ""


def short(digest: str) -> str:
    """A digest as people compare it: its first twelve digits."""
    algorithm, colon, digits = digest.partition(":")
    return f"{algorithm}{colon}{digits[:SHORT]}"


def amount(size: int) -> str:
    """`100 B`, `1.5 KiB`, `10 MiB`, `1.05 GiB`."""
    if size < 1024:
        return f"{size} B"
    power = min((size.bit_length() - 1) // 10, 6)
    number = f"{size / 1024**power:.2f}".rstrip("0").rstrip(".")
    return f"{number} {'KMGTPE'[power - 1]}iB"


def count(number: int, one: str, many: str = "") -> str:
    """`1 tag`, `2 tags`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def moment(at: int) -> str:
    """`2026-11-21 00:00:00 UTC`: for chats without a date form of their own."""
    return instant.rfc3339_seconds(at).replace("T", " ").replace("Z", " UTC")


def when(story: Story, write: Callable[[int], str] = moment) -> str:
    """The instant that a story tells of, or from when to when."""
    last = write(story.time)
    return last if story.since // instant.SECOND == story.time // instant.SECOND else f"{write(story.since)} to {last}"


def series(parts: Sequence[Text], more: str = "") -> Text:
    """`a, b and c`; with `more` the last is that, as in `a, b and 3 others`."""
    said = [*parts, plain(more)] if more else list(parts)
    spans: list[Span] = []
    for number, part in enumerate(said):
        if number:
            spans.append(Span(" and " if number == len(said) - 1 else ", "))
        spans.extend(part)
    return tuple(spans)


def codes(texts: Iterable[str], most: int = MOST) -> Text:
    """Names in a row, those beyond `most` counted."""
    listed = list(texts)
    hidden = len(listed) - most
    return series([(code(one),) for one in listed[:most]], f"{hidden:,} more" if hidden > 0 else "")


def homepage(event: Event) -> str:
    """The repository's page where the registry's configuration has a template of it, else ""."""
    registry, repository = event.registry, event.repository
    if not registry.homepage or not repository.path:
        return ""
    return address(filled(registry.homepage, repository, lambda part: quote(part, safe="/:@~")))


def place(event: Event) -> Span:
    """The artifact, or what else it happened to: `prj/app:1.4.2`, `prj/app@sha256:9f2c41d07b6e`, `prj/app`, `prj`."""
    path = event.repository.path
    if path and event.tags:
        return code(f"{path}:{event.tag}")
    if path and event.artifact.digest:
        return code(f"{path}@{short(event.artifact.digest)}")
    return code(path or event.repository.namespace or event.registry.hostname)


def by(event: Event) -> Text:
    """Who did it, with a space before it; nothing where nobody can be meant."""
    if event.actor:
        return (Span(" by "), name(event.actor))
    anonymous = event.type in BY_CLIENTS and not event.recovered
    return plain(" anonymously") if anonymous else ()


def found(event: Event) -> Text:
    """What is said of an event that nobody told of."""
    return plain(" (found later, by a look at the registry)") if event.recovered else ()
