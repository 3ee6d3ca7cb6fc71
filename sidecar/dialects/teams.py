"""Microsoft Teams: a message with one Adaptive Card for a workflow that posts what its webhook is sent.

Microsoft's reference of 2026: `type: message` with the card as its attachment, at most 28 KB in all. The card is of
version 1.4. Texts of others stand in rich text, which knows no Markdown, and nothing is a mention that is not listed as
one. Dates are `{{DATE(...)}}` and `{{TIME(...)}}`, which clients show in the reader's own time. A workflow answers 202.
The connectors that came before it answered 200 with `1`, or with a sentence that names the status of the failure.
"""

import re
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType
from msgspec.structs import replace

from sidecar.dialects import answers
from sidecar.dialects.contract import Audience, Dialect, Said, by_status
from sidecar.dialects.marking import cut, json_bytes
from sidecar.dialects.story import MARK, Span, Story, Style, Text, Tone, code, read, when
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
CARD: Final = "application/vnd.microsoft.card.adaptive"
_SCHEMA: Final = "http://adaptivecards.io/schemas/adaptive-card.json"
_VERSION: Final = "1.4"
_ALL: Final = 26_000  # bytes of the message
_SENTENCE: Final = 1500  # bytes
_LINE: Final = 700
_SUMMARY: Final = 400
_COLOURS: Final = {Tone.NEWS: "default", Tone.GOOD: "good", Tone.WARNING: "warning", Tone.BAD: "attention"}
_FAILED: Final = re.compile(
    rb"(?:delivery failed with error|endpoint returned HTTP error)[^0-9]{0,100}(\d{3})?", re.IGNORECASE
)


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`full_width` lets the card be as wide as the channel. Whom it is posted by is the workflow's own affair.
    `days` is how long before its end a tag is told of.
    """

    full_width: bool = False
    days: Days = DAYS


class _Run(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    type: str = "TextRun"
    text: str
    weight: str | UnsetType = UNSET
    font_type: str | UnsetType = UNSET
    select_action: dict[str, str] | UnsetType = UNSET


class _Rich(msgspec.Struct, frozen=True, kw_only=True):
    type: str = "RichTextBlock"
    inlines: tuple[_Run, ...]
    spacing: str | UnsetType = UNSET


class _Block(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    type: str = "TextBlock"
    text: str
    size: str | UnsetType = UNSET
    weight: str | UnsetType = UNSET
    color: str | UnsetType = UNSET
    is_subtle: bool | UnsetType = UNSET
    wrap: bool = True


class _Action(msgspec.Struct, frozen=True, kw_only=True):
    type: str = "Action.OpenUrl"
    title: str
    url: str


class _Card(msgspec.Struct, frozen=True, kw_only=True):
    schema: str = msgspec.field(name="$schema", default=_SCHEMA)
    type: str = "AdaptiveCard"
    version: str = _VERSION
    body: tuple[_Block | _Rich, ...]
    actions: tuple[_Action, ...] | UnsetType
    msteams: dict[str, str] | UnsetType


class _Attachment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    content_type: str = CARD
    content_url: None = None
    content: _Card


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    type: str = "message"
    summary: str
    attachments: tuple[_Attachment]


_CUT: Final = _Rich(inlines=(_Run(text=MARK),), spacing="small")


def render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    """One message."""
    return (_message(tell(event), word, options),)


def join(said: Sequence[Said], options: Options, _audience: Audience) -> Sequence[Message]:
    """One message of several events."""
    return (_message(tell_many(said), word_of(said), options),)


def _message(story: Story, word: str, options: Options) -> Message:
    title = _Block(text=story.headline, size="medium", weight="bolder", color=_COLOURS[story.tone])
    head: list[_Block | _Rich] = [title, _Rich(inlines=_runs(story.sentence, _SENTENCE))]
    facts = [_Rich(inlines=_runs(_labelled(fact.label, fact.said), _LINE), spacing="small") for fact in story.facts]
    facts.append(_Rich(inlines=_runs(_labelled("Registry", (code(story.registry),)), _LINE), spacing="small"))
    entries = [_Rich(inlines=_runs((Span("• "), *entry), _LINE), spacing="small") for entry in story.entries]
    tail = _Block(text=when(story, _date), size="small", is_subtle=True)
    summary = "".join(span.text for span in cut((Span(f"{story.headline}: {read(story.sentence)}"),), _SUMMARY, _words))
    actions = tuple(_Action(title=link.label, url=link.url) for link in story.links)
    while True:
        hidden = story.total - len(entries)
        rest = [_Rich(inlines=(_Run(text=f"and {hidden:,} more"),), spacing="small")] if hidden > 0 else []
        card = _Card(
            body=(*head, *entries, *rest, *facts, tail),
            actions=actions or UNSET,
            msteams={"width": "Full"} if options.full_width else UNSET,
        )
        body = msgspec.json.encode(_Message(summary=summary, attachments=(_Attachment(content=card),)))
        if len(body) <= _ALL or not (entries or facts):
            return Message(word=word, content_type=JSON, body=body)
        if entries:
            entries = entries[: len(entries) * 3 // 4]
        else:
            facts = facts[: (len(facts) - 1) * 3 // 4] + ([_CUT] if len(facts) > 1 else [])


def _words(span: Span) -> str:
    return span.text


def _labelled(label: str, said: Text) -> Text:
    return (Span(f"{label}: ", Style.LABEL), *said)


def _runs(text: Text, room: int) -> tuple[_Run, ...]:
    """Runs of text, those that look alike put together: a run costs seventy bytes."""
    runs: list[_Run] = []
    for span in cut(text, room, _words, json_bytes):
        run = _run(span)
        if runs and replace(run, text="") == replace(runs[-1], text="") == _Run(text=""):
            runs[-1] = _Run(text=runs[-1].text + run.text)
        else:
            runs.append(run)
    return tuple(runs)


def _run(span: Span) -> _Run:
    return _Run(
        text=span.text,
        weight="bolder" if span.style is Style.LABEL else UNSET,
        font_type="monospace" if span.style is Style.CODE else UNSET,
        select_action={"type": "Action.OpenUrl", "url": span.url} if span.url else UNSET,
    )


def _date(at: int) -> str:
    text = instant.rfc3339_seconds(at)
    return f"{{{{DATE({text}, SHORT)}}}} {{{{TIME({text})}}}}"


def judge(response: Response, policy: Policy) -> Outcome:
    """By the status, unless the body is the sentence of a connector that failed."""
    outcome = by_status(response, policy)
    if not outcome.delivered:
        return outcome
    found = _FAILED.search(response.body)
    if found is None:
        return outcome
    text = response.body.decode("utf-8", "replace")
    status = answers.status_in(int(found[1])) if found[1] else 0
    if not status:
        return answers.refused(response, Reason.SERVER_ERROR, text, retryable=True)
    return answers.refused_as(response, status, text, policy)


DIALECT = Dialect(
    name="teams",
    title="Microsoft Teams cards",
    options=Options,
    example=Options(),
    vocabulary=vocabulary,
    render=render,
    join=join,
    days=lambda options: options.days,
    judge=judge,
)
