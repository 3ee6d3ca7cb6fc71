"""Google Chat: a text and a card for a webhook of a space.

Google's reference of 2026: a text has at most 4,096 characters, a message 32,000 bytes; backquotes are code in both
syntaxes that a text may be read in, and `<users/all>` is a mention, so that there are no `<` and `>` in it. Cards take
a subset of HTML, in which these are entities, and mention nobody. A webhook answers with the message; an error is JSON
with `error.code`. Which thread a message joins is said by its own URL (`threadKey`, `messageReplyOption`).
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from sidecar.dialects import answers
from sidecar.dialects.contract import Audience, Dialect, Said, by_status
from sidecar.dialects.marking import card_html, fitted, google, json_bytes, listed
from sidecar.dialects.story import SYMBOLS, Fact, Link, Story, shown, when
from sidecar.dialects.telling import PULL, tell, vocabulary
from sidecar.dialects.telling_many import tell_many
from sidecar.dialects.telling_many import word as word_of
from sidecar.domain.delivery import Outcome
from sidecar.domain.event import Event
from sidecar.domain.expiry import DAYS, Days
from sidecar.domain.message import Message, Response
from sidecar.domain.subscription import Policy

JSON: Final = "application/json"
_TEXT: Final = 3900  # bytes, so that it is never too many characters
_SENTENCE: Final = 1500
_LINE: Final = 600
_VALUE: Final = 1200


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """With `thread: repository` messages of one repository name one thread, which the URL must allow with
    `messageReplyOption=REPLY_MESSAGE_FALLBACK_TO_NEW_THREAD`. Google gives a webhook its name and icon, so there are no
    options for them. `days` is how long before its end a tag is told of.
    """

    thread: Literal["none", "repository"] = "none"
    days: Days = DAYS


class _Header(msgspec.Struct, frozen=True):
    title: str
    subtitle: str


class _OpenLink(msgspec.Struct, frozen=True):
    url: str


class _OnClick(msgspec.Struct, frozen=True, rename="camel"):
    open_link: _OpenLink


class _Button(msgspec.Struct, frozen=True, rename="camel"):
    text: str
    on_click: _OnClick


class _Buttons(msgspec.Struct, frozen=True):
    buttons: tuple[_Button, ...]


class _Decorated(msgspec.Struct, frozen=True, rename="camel"):
    top_label: str
    text: str
    wrap_text: bool = True


class _Widget(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    decorated_text: _Decorated | UnsetType = UNSET
    button_list: _Buttons | UnsetType = UNSET


class _Section(msgspec.Struct, frozen=True):
    widgets: tuple[_Widget, ...]


class _Card(msgspec.Struct, frozen=True):
    header: _Header
    sections: tuple[_Section, ...] | UnsetType


class _Held(msgspec.Struct, frozen=True, rename="camel"):
    card_id: str
    card: _Card


class _Thread(msgspec.Struct, frozen=True, rename="camel"):
    thread_key: str


class _Message(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    cards: tuple[_Held] = msgspec.field(name="cardsV2")
    thread: _Thread | UnsetType


def render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    """One message."""
    return (_message(tell(event), word, options),)


def join(said: Sequence[Said], options: Options, _audience: Audience) -> Sequence[Message]:
    """One message of several events."""
    return (_message(tell_many(said), word_of(said), options),)


def _message(story: Story, word: str, options: Options) -> Message:
    text = fitted(story.sentence, _SENTENCE, google, json_bytes)
    pull = next((fact.said for fact in story.facts if fact.label == PULL), ())
    if pull:
        text += "\n" + fitted(pull, _VALUE, google, json_bytes)
    if story.entries:
        lines = [f"• {fitted(entry, _LINE, google, json_bytes)}" for entry in story.entries]
        text += "\n" + listed(lines, story.total, _TEXT - json_bytes(text) - 2, measure=json_bytes)
    widgets = [_fact(fact) for fact in story.facts if fact.label != PULL]
    if story.links:
        widgets.append(_Widget(button_list=_Buttons(tuple(map(_button, story.links)))))
    card = _Card(
        header=_Header(f"{SYMBOLS[story.tone]}{story.headline}", f"{shown(story.registry)} · {when(story)}"),
        sections=(_Section(tuple(widgets)),) if widgets else UNSET,
    )
    body = _Message(
        text=text,
        cards=(_Held("event", card),),
        thread=_Thread(story.place) if options.thread == "repository" and story.place else UNSET,
    )
    return Message(word=word, content_type=JSON, body=msgspec.json.encode(body))


def _fact(fact: Fact) -> _Widget:
    said = fitted(fact.said, _VALUE, card_html, json_bytes)
    return _Widget(decorated_text=_Decorated(fact.label, said))


def _button(link: Link) -> _Button:
    return _Button(link.label, _OnClick(_OpenLink(link.url)))


def judge(response: Response, policy: Policy) -> Outcome:
    """By the status, unless the body is an error of Google's."""
    outcome = by_status(response, policy)
    if not outcome.delivered:
        return outcome
    error = answers.said(response).get("error")
    status = answers.status_in(error.get("code")) if isinstance(error, dict) else 0
    if not status or not isinstance(error, dict):
        return outcome
    return answers.refused_as(response, status, str(error.get("message") or error.get("status") or status), policy)


DIALECT = Dialect(
    name="googlechat",
    title="Google Chat messages",
    options=Options,
    example=Options(),
    vocabulary=vocabulary,
    render=render,
    join=join,
    days=lambda options: options.days,
    judge=judge,
)
