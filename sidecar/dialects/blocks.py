"""Slack's Block Kit: sections of marked-up text, kept within what Slack accepts.

Block Kit reference (2026): the text of a section holds 1 to 3,000 characters; a message with a longer one is refused
whole (400 `invalid_blocks`). In such text `&`, `<` and `>` are written as entities, because `<...>` is Slack's own.
"""

import msgspec
from msgspec import UNSET, UnsetType

LIMIT = 3000
_FENCE = "```"


class Text(msgspec.Struct, frozen=True):
    """`verbatim` says of mark-up that names and addresses in it are no links and no mentions."""

    type: str
    text: str
    verbatim: bool | UnsetType = UNSET


class Section(msgspec.Struct, frozen=True):
    type: str
    text: Text


class Blocks(msgspec.Struct, frozen=True):
    """The body of a message that is sent to an incoming webhook."""

    blocks: tuple[Section, ...]


def section(label: str, said: str = "") -> Section:
    """A section of the label, which may hold mark-up, and of a text that is shown as it is."""
    return Section("section", Text("mrkdwn", label + cut(said, LIMIT - len(label))))


def fenced(said: str) -> Section:
    """A section that shows a text in fixed width."""
    return Section("section", Text("mrkdwn", _FENCE + cut(said, LIMIT - 2 * len(_FENCE)) + _FENCE))


def cut(text: str, room: int) -> str:
    """The text with entities, in at most `room` characters of UTF-16; what had to go is told at its end.

    No entity is broken, and no line either where that costs less than half of what is shown.
    """
    escaped = _escaped(text)
    if _length(escaped) <= room:
        return escaped
    mark = f"\n... (cut, {len(text)} characters in all)"
    left = room - len(mark)
    shown = 0
    for shown, character in enumerate(text):  # noqa: B007 - how far it came is what is wanted
        left -= _length(_escaped(character))
        if left < 0:
            break
    line = text.rfind("\n", 0, shown)
    return _escaped(text[: line if line > shown // 2 else shown]) + mark


def _length(text: str) -> int:
    """Characters as UTF-16 has them, of which an emoji is two: whichever way Slack counts, it is not more."""
    return len(text) if text.isascii() else len(text) + sum(one > "\uffff" for one in text)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
