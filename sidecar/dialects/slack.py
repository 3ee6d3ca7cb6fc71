"""Slack: a message of Block Kit for an incoming webhook, or for `chat.postMessage` with a token in `headers`.

Slack's reference of 2026: at most 50 blocks; a header's text has at most 150 characters, a section's 3,000; `text` is
what notifications and other programs show instead. `&`, `<` and `>` are entities in both. With `verbatim`, and without
`link_names`, nothing is a mention or a link that is not written as one. An incoming webhook answers `ok` as text, and
errors by status: 400 `invalid_payload`, 403 `action_prohibited`, 404 `no_service`, 410 `channel_is_archived`. Methods
of the web API, and servers that are like them, answer 200 with `{"ok": false, "error": ...}`.
"""

import re
from collections.abc import Sequence
from typing import Annotated, Final

import msgspec
from msgspec import UNSET, UnsetType

from sidecar.dialects import answers
from sidecar.dialects.blocks import LIMIT, Section
from sidecar.dialects.blocks import Text as Element
from sidecar.dialects.contract import Audience, Dialect, Said, by_status
from sidecar.dialects.marking import entities, fitted, listed, quiet, slack, units
from sidecar.dialects.story import MARK, SYMBOLS, Link, Span, Story, Style, icon_trouble, moment, name, read, when
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
_FALLBACK: Final = 2000  # characters of `text`
_LINE: Final = 900  # of one fact, or of one of several events

_EMOJI: Final = re.compile(r":[^:\s]+:")
_BUSY: Final = frozenset({"ratelimited", "rate_limited", "message_limit_exceeded"})
_TROUBLED: Final = frozenset(
    {"internal_error", "fatal_error", "service_unavailable", "request_timeout", "rollup_error", "team_added_to_org"}
)
_UNKNOWN: Final = frozenset(
    {
        "invalid_auth",
        "not_authed",
        "account_inactive",
        "token_revoked",
        "token_expired",
        "missing_scope",
        "no_permission",
    }
)


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a message asks of Slack besides being shown: webhooks of Slack apps ignore all four, `chat.postMessage`,
    older webhooks and servers that are like Slack heed them. `days` is how long before its end a tag is told of.
    """

    channel: Annotated[str, msgspec.Meta(max_length=100)] = ""
    username: Annotated[str, msgspec.Meta(max_length=80)] = ""
    icon_emoji: Annotated[str, msgspec.Meta(max_length=100)] = ""
    icon_url: Annotated[str, msgspec.Meta(max_length=1000)] = ""
    days: Days = DAYS


class _Heading(msgspec.Struct, frozen=True):
    type: str
    text: str
    emoji: bool = False


class _Header(msgspec.Struct, frozen=True):
    type: str
    text: _Heading


class _Context(msgspec.Struct, frozen=True):
    type: str
    elements: tuple[Element, ...]


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    channel: str | UnsetType
    username: str | UnsetType
    icon_emoji: str | UnsetType
    icon_url: str | UnsetType
    text: str
    blocks: tuple[_Header | Section | _Context, ...]
    unfurl_links: bool = False
    unfurl_media: bool = False


def render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    """One message."""
    return (_message(tell(event), word, options),)


def join(said: Sequence[Said], options: Options, _audience: Audience) -> Sequence[Message]:
    """One message of several events."""
    return (_message(tell_many(said), word_of(said), options),)


def _message(story: Story, word: str, options: Options) -> Message:
    blocks: list[_Header | Section | _Context] = [
        _Header("header", _Heading("plain_text", f"{SYMBOLS[story.tone]}{story.headline}")),
        _section(fitted(story.sentence, LIMIT, slack)),
    ]
    if story.entries:
        lines = [f"• {fitted(entry, _LINE, slack)}" for entry in story.entries]
        blocks.append(_section(listed(lines, story.total, LIMIT)))
    if story.facts:
        lines = [
            fitted((Span(f"{fact.label}:", Style.LABEL), Span(" "), *fact.said), _LINE, slack) for fact in story.facts
        ]
        blocks.append(_section(listed(lines, len(lines), LIMIT)))
    around = f"{slack(name(story.registry))} · {when(story, _date)}"
    blocks.append(_Context("context", (_text(around), *map(_link, story.links))))
    body = _Message(
        channel=options.channel or UNSET,
        username=options.username or UNSET,
        icon_emoji=options.icon_emoji or UNSET,
        icon_url=options.icon_url or UNSET,
        text=_fallback(f"{story.headline}: {read(story.sentence)}"),
        blocks=tuple(blocks),
    )
    return Message(word=word, content_type=JSON, body=msgspec.json.encode(body))


def _fallback(text: str) -> str:
    """The words alone, of which nothing can be a mention to a server that is like Slack either."""
    return fitted((Span(text),), _FALLBACK, lambda span: entities(quiet(span.text)))


def _section(text: str) -> Section:
    return Section("section", _text(text))


def _text(text: str) -> Element:
    return Element("mrkdwn", text, verbatim=True)


def _link(link: Link) -> Element:
    written = slack(Span(link.label, url=link.url))
    return _text(written if units(written) <= LIMIT else MARK)


def _date(at: int) -> str:
    return f"<!date^{at // instant.SECOND}^{{date_short_pretty}} {{time_secs}}|{moment(at)}>"


def judge(response: Response, policy: Policy) -> Outcome:
    """By the status, unless the body says that it failed."""
    outcome = by_status(response, policy)
    if not outcome.delivered:
        return outcome
    told = answers.said(response)
    if told.get("ok") is not False:
        return outcome
    error = str(told.get("error") or "an error without a name")
    if error in _BUSY:
        return answers.refused(response, Reason.THROTTLED, error, retryable=True)
    if error in _TROUBLED:
        return answers.refused(response, Reason.SERVER_ERROR, error, retryable=True)
    reason = Reason.UNAUTHORIZED if error in _UNKNOWN else Reason.CLIENT_ERROR
    return answers.refused(response, reason, error, retryable=False)


DIALECT = Dialect(
    name="slack",
    title="Slack messages",
    options=Options,
    example=Options(),
    vocabulary=vocabulary,
    render=render,
    check=lambda options: icon_trouble(options.icon_emoji, options.icon_url, _EMOJI),
    join=join,
    days=lambda options: options.days,
    judge=judge,
)
