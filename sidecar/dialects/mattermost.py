"""Mattermost: one message attachment for an incoming webhook.

Mattermost 10: a post holds 16,383 characters, attachments are kept beside it; texts of attachments and values of their
fields are Markdown, and are looked through for mentions but for code. Before that it rewrites what Slack would write
(`<!channel>`, `<url|text>`), in code too, so there are no `<` and `>` here. It answers `ok`, and errors as JSON with
`id`, `message` and `status_code`.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType

from sidecar.dialects import answers
from sidecar.dialects.contract import Audience, Dialect, Said, by_status
from sidecar.dialects.marking import fitted, listed, mattermost, quiet, units
from sidecar.dialects.story import Span, Story, Tone, icon_trouble, read, shown, when
from sidecar.dialects.telling import tell, vocabulary
from sidecar.dialects.telling_many import tell_many
from sidecar.dialects.telling_many import word as word_of
from sidecar.domain.delivery import Outcome
from sidecar.domain.event import Event
from sidecar.domain.expiry import DAYS, Days
from sidecar.domain.message import Message, Response
from sidecar.domain.subscription import Policy

JSON: Final = "application/json"
_TEXT: Final = 12_000  # characters of an attachment's text: with its fields still less than a post may hold
_FALLBACK: Final = 1000
_LINE: Final = 700
_SHORT: Final = 40
_FOOTER: Final = 250  # Mattermost cuts at 300
_EMOJI: Final = re.compile(r":?[a-z0-9_+-]+:?")
_COLOURS: Final = {Tone.NEWS: "#3478c8", Tone.GOOD: "#2e9e4f", Tone.WARNING: "#e0a100", Tone.BAD: "#c9302c"}


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`channel` is heeded unless the webhook is locked to its own, names and icons where the server's administrator
    lets integrations override them. `days` is how long before its end a tag is told of.
    """

    channel: Annotated[str, msgspec.Meta(max_length=100)] = ""
    username: Annotated[str, msgspec.Meta(max_length=64)] = ""
    icon_url: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    icon_emoji: Annotated[str, msgspec.Meta(max_length=100)] = ""
    days: Days = DAYS


class _Field(msgspec.Struct, frozen=True):
    short: bool
    title: str
    value: str


class _Attachment(msgspec.Struct, frozen=True, kw_only=True):
    fallback: str
    color: str
    title: str
    title_link: str | UnsetType
    text: str
    fields: tuple[_Field, ...] | UnsetType
    footer: str


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    channel: str | UnsetType
    username: str | UnsetType
    icon_url: str | UnsetType
    icon_emoji: str | UnsetType
    attachments: tuple[_Attachment]


def render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    """One message."""
    return (_message(tell(event), word, options),)


def join(said: Sequence[Said], options: Options, _audience: Audience) -> Sequence[Message]:
    """One message of several events."""
    return (_message(tell_many(said), word_of(said), options),)


def _message(story: Story, word: str, options: Options) -> Message:
    pages = {link.label: link.url for link in story.links}
    text = fitted(story.sentence, _TEXT // 2, mattermost)
    if story.entries:
        lines = [f"- {fitted(entry, _LINE, mattermost)}" for entry in story.entries]
        text += "\n\n" + listed(lines, story.total, _TEXT - units(text) - 2)
    others = " · ".join(
        mattermost(Span(link.label, url=link.url)) for link in story.links if link.label != "Repository"
    )
    if others:
        text += f"\n\n{others}"
    body = _Message(
        channel=options.channel or UNSET,
        username=options.username or UNSET,
        icon_url=options.icon_url or UNSET,
        icon_emoji=options.icon_emoji or UNSET,
        attachments=(
            _Attachment(
                fallback=fitted((Span(f"{story.headline}: {read(story.sentence)}"),), _FALLBACK, _quiet),
                color=_COLOURS[story.tone],
                title=story.headline,
                title_link=pages.get("Repository") or UNSET,
                text=text,
                fields=tuple(
                    _Field(
                        short=len(read(fact.said)) <= _SHORT,
                        title=fact.label,
                        value=fitted(fact.said, _LINE, mattermost),
                    )
                    for fact in story.facts
                )
                or UNSET,
                footer=f"{quiet(shown(story.registry, _FOOTER - 60))} · {when(story)}",
            ),
        ),
    )
    return Message(word=word, content_type=JSON, body=msgspec.json.encode(body))


def _quiet(span: Span) -> str:
    return quiet(span.text)


def judge(response: Response, policy: Policy) -> Outcome:
    """By the status, unless the body is an error of Mattermost's."""
    outcome = by_status(response, policy)
    if not outcome.delivered:
        return outcome
    told = answers.said(response)
    status = answers.status_in(told.get("status_code"))
    if not status:
        return outcome
    return answers.refused_as(response, status, str(told.get("message") or told.get("id") or status), policy)


DIALECT = Dialect(
    name="mattermost",
    title="Mattermost messages",
    options=Options,
    example=Options(),
    vocabulary=vocabulary,
    render=render,
    check=lambda options: icon_trouble(options.icon_emoji, options.icon_url, _EMOJI),
    join=join,
    days=lambda options: options.days,
    judge=judge,
)
