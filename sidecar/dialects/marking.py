"""Texts for chats: written in each one's mark-up, and cut to what it takes without breaking that mark-up.

Others' words are shown in code font where they hold anything that mark-up, a mention or a link could begin with; in
code font nothing is mark-up. A backquote, which would end it, is shown as one that looks alike.
"""

import re
from collections.abc import Callable, Sequence

import msgspec

from sidecar.dialects.story import MARK, Span, Style, Text

Writer = Callable[[Span], str]
Measure = Callable[[str], int]

_HARMLESS = re.compile(r"(?!\d+\. )(?!www\.)[^\W_](?:[^\W_]|[ .,'/+-](?!www\.))*", re.IGNORECASE)
_MENTION = re.compile(r"(?<![A-Za-z0-9])@(?=\S)")
_APART = "\u200b"  # zero width: seen by programs alone
_BACKQUOTE = "\u02cb"
_LOOKALIKES = str.maketrans({"<": "\u2039", ">": "\u203a"})


def units(text: str) -> int:
    """UTF-16 units: never less than what any chat counts as characters."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def json_bytes(text: str) -> int:
    """Bytes of a text within JSON."""
    return len(msgspec.json.encode(text)) - 2


def cut(text: Text, room: int, write: Writer, measure: Measure = units) -> Text:
    """The spans that fit into `room` once written; the one that does not is cut between two characters and marked."""
    if sum(measure(write(span)) for span in text) <= room:
        return text
    left = room - measure(MARK)
    kept: list[Span] = []
    for span in text:
        size = measure(write(span))
        if size > left:
            fits = _prefix(span, left, write, measure)
            if fits:
                kept.append(msgspec.structs.replace(span, text=span.text[:fits]))
            break
        kept.append(span)
        left -= size
    return (*kept, Span(MARK))


def _prefix(span: Span, room: int, write: Writer, measure: Measure) -> int:
    """How many characters of a span fit once written; 0 where not even one does."""
    low, high = 0, len(span.text)
    while low < high:
        middle = (low + high + 1) // 2
        if measure(write(msgspec.structs.replace(span, text=span.text[:middle]))) <= room:
            low = middle
        else:
            high = middle - 1
    return low


def fitted(text: Text, room: int, write: Writer, measure: Measure = units) -> str:
    """The text, written, in at most `room`."""
    return "".join(map(write, cut(text, room, write, measure)))


def listed(lines: Sequence[str], total: int, room: int, *, apart: str = "\n", measure: Measure = units) -> str:
    """As many of the lines as fit, of `total` things that there are; how many are missing is said at the end."""
    reserve = measure(f"{apart}and {total:,} more")
    said: list[str] = []
    left = room - reserve
    for line in lines:
        left -= measure(line) + measure(apart)
        if left < 0:
            break
        said.append(line)
    if total > len(said):
        said.append(f"and {total - len(said):,} more")
    return apart.join(said)


def quiet(text: str) -> str:
    """A text without mark-up in which no `@here` is a mention and no `<` begins anything."""
    return _MENTION.sub("@" + _APART, text.replace("<", "<" + _APART))


def harmless(text: str) -> bool:
    """Whether others' words can stand in a sentence as they are, whatever the chat's mark-up."""
    return _HARMLESS.fullmatch(text) is not None


def _fenced(text: str) -> str:
    return f"`{text.replace('`', _BACKQUOTE)}`"


def entities(text: str) -> str:
    """The three characters that Slack and Google want as entities."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def attribute(text: str) -> str:
    """Text as it may also stand within the quotes of an HTML attribute."""
    return entities(text).replace('"', "&quot;").replace("'", "&#x27;")


def slack(span: Span) -> str:
    """Slack's mrkdwn: `*bold*`, backquotes for code, `<url|text>`."""
    if span.url:
        return f"<{entities(span.url)}|{entities(span.text).replace('|', '/')}>"
    if span.style is Style.LABEL:
        return f"*{entities(span.text)}*"
    if span.style is Style.CODE or (span.style is Style.NAME and not harmless(span.text)):
        return _fenced(entities(span.text))
    return entities(span.text)


def markdown(span: Span) -> str:
    """CommonMark: `**bold**`, backquotes for code, `[text](url)`."""
    if span.url:
        said = span.text if harmless(span.text) else _fenced(span.text)
        return f"[{said}]({span.url.replace('(', '%28').replace(')', '%29')})"
    if span.style is Style.LABEL:
        return f"**{span.text}**"
    if span.style is Style.CODE or (span.style is Style.NAME and not harmless(span.text)):
        return _fenced(span.text)
    return span.text


def google(span: Span) -> str:
    """Google Chat's texts, as both of its syntaxes read them: backquotes for code, and nothing else."""
    said = span.text.translate(_LOOKALIKES)
    code = span.style is Style.CODE or (span.style is Style.NAME and not harmless(said))
    return _fenced(said) if code else said


def mattermost(span: Span) -> str:
    """CommonMark without `<` and `>`: Mattermost rewrites Slack's `<!channel>` and `<url|text>` even within code."""
    return markdown(msgspec.structs.replace(span, text=span.text.translate(_LOOKALIKES)))


def card_html(span: Span) -> str:
    """What Google Chat's cards take of HTML. It has no code font there that is documented."""
    said = attribute(span.text)
    if span.url:
        return f'<a href="{attribute(span.url)}">{said}</a>'
    return f"<b>{said}</b>" if span.style is Style.LABEL else said
