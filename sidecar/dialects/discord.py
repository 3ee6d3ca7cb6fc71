"""Discord: one embed for a webhook of a channel.

Discord's API v10: a title of an embed has at most 256 characters, its description 4,096; there are at most 25 fields of
256 and 1,024, a footer of 2,048, and 6,000 characters in all of these. `allowed_mentions` without anything keeps every
mention from being one. A webhook answers 204, or 200 with the message where its URL has `wait=true`; 429 has
`retry_after` in seconds in its body. A webhook that is not there any more (404, code 10015) must not be tried again.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from sidecar.dialects import answers
from sidecar.dialects.contract import Audience, Dialect, Said, by_status
from sidecar.dialects.marking import fitted, listed, markdown, units
from sidecar.dialects.story import Span, Story, Tone, address, read, shown
from sidecar.dialects.telling import tell, vocabulary
from sidecar.dialects.telling_many import tell_many
from sidecar.dialects.telling_many import word as word_of
from sidecar.domain import instant
from sidecar.domain.delivery import Outcome, Reason
from sidecar.domain.event import Event
from sidecar.domain.expiry import DAYS, Days
from sidecar.domain.message import Message, Response
from sidecar.domain.subscription import Policy

JSON: Final = "application/json"
_ALL: Final = 5900  # characters of an embed, with room for what Discord may count otherwise
_DESCRIPTION: Final = 4000
_VALUE: Final = 1000
_LINE: Final = 700
_SHORT: Final = 40  # characters of a value that stands beside another
_SILENT: Final = 1 << 12  # SUPPRESS_NOTIFICATIONS
_COLOURS: Final = {Tone.NEWS: 0x3478C8, Tone.GOOD: 0x2E9E4F, Tone.WARNING: 0xE0A100, Tone.BAD: 0xC9302C}
_RESERVED: Final = ("clyde", "discord")
_NO_SUCH_WEBHOOK: Final = 10015
_BUSY: Final = frozenset({20016, 20022, 20028, 20029, 40062})  # write limits and slow mode
_OVERLOADED: Final = 130000
_LONGEST: Final = 3600  # seconds of a pause that is believed


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`username` and `avatar_url` are shown instead of the webhook's own. A forum's channel wants `thread_name`: each
    message opens a thread of that name, unless the URL has a `thread_id`. With `silent` nobody's device makes a sound.
    `days` is how long before its end a tag is told of.
    """

    username: Annotated[str, msgspec.Meta(max_length=80)] = ""
    avatar_url: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    thread_name: Annotated[str, msgspec.Meta(max_length=100)] = ""
    silent: bool = False
    days: Days = DAYS


def check(options: Options) -> str:
    """Discord refuses some names, and addresses that cannot be opened."""
    if any(one in options.username.lower() for one in _RESERVED):
        return "Discord refuses a `username` that contains `discord` or `clyde`"
    if options.avatar_url and not address(options.avatar_url):
        return "`avatar_url` must be an address such as https://example.com/icon.png"
    return ""


class _Field(msgspec.Struct, frozen=True):
    name: str
    value: str
    inline: bool


class _Footer(msgspec.Struct, frozen=True):
    text: str


class _Embed(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    url: str | UnsetType
    description: str
    color: int
    fields: tuple[_Field, ...] | UnsetType
    footer: _Footer
    timestamp: str


class _Mentions(msgspec.Struct, frozen=True):
    parse: tuple[str, ...] = ()


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    username: str | UnsetType
    avatar_url: str | UnsetType
    thread_name: str | UnsetType
    flags: int | UnsetType
    embeds: tuple[_Embed]
    allowed_mentions: _Mentions = _Mentions()


def render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    """One message."""
    return (_message(tell(event), word, options),)


def join(said: Sequence[Said], options: Options, _audience: Audience) -> Sequence[Message]:
    """One message of several events."""
    return (_message(tell_many(said), word_of(said), options),)


def _message(story: Story, word: str, options: Options) -> Message:
    pages = {link.label: link.url for link in story.links}
    others = " · ".join(markdown(Span(link.label, url=link.url)) for link in story.links if link.label != "Repository")
    description = fitted(story.sentence, _VALUE * 2, markdown)
    if story.entries:
        lines = [f"- {fitted(entry, _LINE, markdown)}" for entry in story.entries]
        description += "\n" + listed(lines, story.total, _DESCRIPTION - units(description) - 1)
    if others and units(description) + units(others) < _DESCRIPTION:
        description += f"\n{others}"
    footer = shown(story.registry)
    body = _Message(
        username=options.username or UNSET,
        avatar_url=options.avatar_url or UNSET,
        thread_name=options.thread_name or UNSET,
        flags=_SILENT if options.silent else UNSET,
        embeds=(
            _Embed(
                title=story.headline,
                url=pages.get("Repository") or UNSET,
                description=description,
                color=_COLOURS[story.tone],
                fields=_fields(story, _ALL - units(story.headline) - units(description) - units(footer)) or UNSET,
                footer=_Footer(footer),
                timestamp=instant.rfc3339(story.time // instant.MILLISECOND * instant.MILLISECOND),
            ),
        ),
    )
    return Message(word=word, content_type=JSON, body=msgspec.json.encode(body))


def _fields(story: Story, room: int) -> tuple[_Field, ...]:
    """The facts, as far as there is room; what is missing is counted."""
    fields: list[_Field] = []
    room -= 40
    for number, fact in enumerate(story.facts):
        value = fitted(fact.said, _VALUE, markdown)
        room -= units(fact.label) + units(value)
        if room < 0:
            fields.append(_Field("…", f"and {len(story.facts) - number} more", inline=False))
            break
        fields.append(_Field(fact.label, value, inline=len(read(fact.said)) <= _SHORT))
    return tuple(fields)


def judge(response: Response, policy: Policy) -> Outcome:
    """By the status, unless the body says more: a failure, how long to wait, or that the webhook is gone."""
    outcome = by_status(response, policy)
    told = answers.said(response)
    if outcome.delivered:
        code, text = told.get("code"), told.get("message")
        if not isinstance(code, int) or isinstance(code, bool) or "embeds" in told:
            return outcome
        text = f"{text or 'an error'} ({code})"
        if code in _BUSY:
            return answers.refused(response, Reason.THROTTLED, text, retryable=True)
        if code == _OVERLOADED:
            return answers.refused(response, Reason.SERVER_ERROR, text, retryable=True)
        return answers.refused(response, Reason.CLIENT_ERROR, text, retryable=False)
    if response.status == 404 and told.get("code") == _NO_SUCH_WEBHOOK:
        return replace(outcome, reason=Reason.GONE, retryable=False, detail="answered 404: the webhook was deleted")
    wait = told.get("retry_after")
    # Compared before it is reckoned with: a number of JSON may be larger than any float, or none.
    if isinstance(wait, int | float) and not isinstance(wait, bool) and 0 < wait < math.inf:
        return replace(outcome, retry_after=math.ceil(min(wait, _LONGEST) * 1000) * instant.MILLISECOND)
    return outcome


DIALECT = Dialect(
    name="discord",
    title="Discord embeds",
    options=Options,
    example=Options(),
    vocabulary=vocabulary,
    render=render,
    check=check,
    join=join,
    days=lambda options: options.days,
    judge=judge,
)
