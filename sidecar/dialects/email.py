"""E-mail: a subject, and the same told as plain text and as HTML.

The stored message is a mail without `From`, `To`, `Date` and `Message-ID`, which are added as it is sent. The HTML
needs nothing from elsewhere and sets no background, so that programs may show it light or dark. With `digest` one mail
tells of everything in that time: what there was of each kind, and each event in a line of its own, oldest first.
"""

import html
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Annotated, Final

import msgspec

from sidecar.dialects.contract import Audience, Dialect, Said
from sidecar.dialects.story import Fact, Span, Story, Style, Text, Tone, count, moment, plain, read, shown, when
from sidecar.dialects.telling import HEADLINES, tell, vocabulary
from sidecar.dialects.telling_many import tell_many
from sidecar.dialects.telling_many import word as word_of
from sidecar.domain import instant, mime
from sidecar.domain.event import Event
from sidecar.domain.expiry import DAYS, Days
from sidecar.domain.message import Message

_DIGEST: Final = re.compile(r"([0-9]{1,6})([mhd])")
_UNITS: Final = {"m": instant.MINUTE, "h": instant.HOUR, "d": instant.DAY}
_LONGEST: Final = 7 * instant.DAY
_COLOURS: Final = {Tone.NEWS: "#3478c8", Tone.GOOD: "#2e9e4f", Tone.WARNING: "#e0a100", Tone.BAD: "#c9302c"}

_STYLE: Final = """:root{color-scheme:light dark}
body,table{font:15px/1.45 system-ui,-apple-system,'Segoe UI',Roboto,sans-serif}
table{border-collapse:collapse;margin:12px 0}
th,td{padding:2px 16px 2px 0;text-align:left;vertical-align:top}
th{white-space:nowrap;font-weight:normal;opacity:.75}
code{font:13px ui-monospace,Menlo,Consolas,monospace;word-break:break-all}
p{margin:0 0 4px}"""


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`subject` stands before every subject, such as `[registry]`. `digest` is the time that one mail tells of, such as
    `30m`, `1h` or `1d`; without it each event has its mail. `days` is how long before its end a tag is told of.
    """

    subject: Annotated[str, msgspec.Meta(max_length=80)] = ""
    digest: Annotated[str, msgspec.Meta(max_length=8)] = ""
    days: Days = DAYS


def check(options: Options) -> str:
    """A digest is of a time that makes sense, a subject of one line."""
    if options.digest and _DIGEST.fullmatch(options.digest) is None:
        return "`digest` must be a whole number with its unit, m, h or d, such as 1h"
    if options.digest and not instant.MINUTE <= digest(options) <= _LONGEST:
        return "`digest` must be from 1m to 7d, such as 1h"
    if not options.subject.isprintable():
        return "`subject` must be one line without control characters"
    return ""


def digest(options: Options) -> int:
    """Nanoseconds, 0 = each event has its mail."""
    found = _DIGEST.fullmatch(options.digest)
    return int(found[1]) * _UNITS[found[2]] if found is not None else 0


def render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    """One mail of one event."""
    story = tell(event)
    return (_mail(word, f"{options.subject} {read(story.sentence)}", story),)


def join(said: Sequence[Said], options: Options, audience: Audience) -> Sequence[Message]:
    """One mail of several events."""
    if len(said) == 1:
        return render(*said[0], options, audience)
    story = tell_many(said)
    kinds = Counter(event.type for event, _ in said)
    counts = [(f"{number:,}", plain(HEADLINES[kind])) for kind, number in kinds.most_common()]
    rows = [(moment(event.time), tell(event).sentence) for event, _ in said]
    subject = f"{options.subject} {count(len(said), 'event')}: {read(story.sentence)}"
    return (_mail(word_of(said), subject, story, counts, rows),)


# --- saying it twice --------------------------------------------------------------------------------------------------

_Rows = Sequence[tuple[str, Text]]


def _mail(word: str, subject: str, story: Story, counts: _Rows = (), rows: _Rows = ()) -> Message:
    facts = (
        *story.facts,
        Fact("Time", plain(when(story))),
        Fact("Registry", (Span(shown(story.registry), Style.CODE),)),
    )
    letter = mime.letter(subject, _plain(story, facts, counts, rows), _html(story, facts, counts, rows))
    return Message(word=word, content_type=mime.CONTENT_TYPE, body=letter)


def _plain(story: Story, facts: Iterable[Fact], counts: _Rows, rows: _Rows) -> str:
    """The plain text: its columns stand under each other in a font of equal widths."""
    blocks = [f"{read(story.sentence)}."]
    if len(counts) > 1:
        blocks.append(_columns([(number, read(said)) for number, said in counts], right=True))
    blocks.append(_columns([(fact.label, read(fact.said)) for fact in facts]))
    if rows:
        blocks.append("\n".join(f"{time}  {read(said)}" for time, said in rows))
    if story.links:
        blocks.append("\n".join(f"{link.label}: {link.url}" for link in story.links))
    return "\n\n".join(blocks) + "\n"


def _columns(rows: Sequence[tuple[str, str]], *, right: bool = False) -> str:
    width = max(len(first) for first, _ in rows)
    return "\n".join(f"{first.rjust(width) if right else first.ljust(width)}  {second}" for first, second in rows)


def _html(story: Story, facts: Iterable[Fact], counts: _Rows, rows: _Rows) -> str:
    parts = [
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">',
        '<meta name="color-scheme" content="light dark"><meta name="supported-color-schemes" content="light dark">',
        f"<title>{html.escape(story.headline)}</title>\n<style>\n{_STYLE}\n</style></head><body>",
        f'<div style="border-left:4px solid {_COLOURS[story.tone]};padding-left:12px">',
        f"<p><b>{html.escape(story.headline)}</b></p>",
        f"<p>{_written(story.sentence)}.</p></div>",
    ]
    if len(counts) > 1:
        parts.append(_table((html.escape(number), _written(said)) for number, said in counts))
    parts.append(_table((html.escape(fact.label), _written(fact.said)) for fact in facts))
    if rows:
        parts.append(_table((html.escape(time), _written(said)) for time, said in rows))
    if story.links:
        said = " &middot; ".join(_written((Span(link.label, url=link.url),)) for link in story.links)
        parts.append(f"<p>{said}</p>")
    parts.append("</body></html>")
    return "\n".join(parts) + "\n"


def _table(rows: Iterable[tuple[str, str]]) -> str:
    lines = "\n".join(f"<tr><th>{first}</th><td>{second}</td></tr>" for first, second in rows)
    return f"<table>\n{lines}\n</table>"


def _written(text: Text) -> str:
    return "".join(map(_span, text))


def _span(span: Span) -> str:
    """Everything is escaped; addresses come from `story.address`, so they are http or https."""
    said = html.escape(span.text)
    if span.url:
        return f'<a href="{html.escape(span.url)}">{said}</a>'
    if span.style is Style.CODE:
        return f"<code>{said}</code>"
    return f"<b>{said}</b>" if span.style is Style.LABEL else said


DIALECT = Dialect(
    name="email",
    title="E-mail",
    options=Options,
    example=Options(),
    vocabulary=vocabulary,
    render=render,
    check=check,
    join=join,
    digest=digest,
    schemes=lambda _options: ("mailto",),
    days=lambda options: options.days,
)
