"""What a received message for a chat is: told by the shape of its body, and by what our own messages say in it. Pure.

what it holds                                             format        headline
------------------------------------------------------    ----------    -------------------------------
`blocks`, `text`                                          slack         the first block
`attachments` with an Adaptive Card                       teams         the first block of the card
`embeds`                                                  discord       the title of the first
`attachments` with `fallback`                             mattermost    the title of the first
`cardsV2`                                                 googlechat    the title of the first card's header

The headline says which event it is, `group` where it says of several. The repository is the fact of that name.
"""

import html
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from sidecar.dialects.story import REPOSITORY
from sidecar.dialects.telling import HEADLINES
from sidecar.dialects.telling_many import GROUP, HEADLINE

Chat = tuple[str, str, str]  # format, word, repository

_WORDS: Final = {**{headline: kind.value for kind, headline in HEADLINES.items()}, HEADLINE: GROUP}
_SLACK_FACT: Final = re.compile(rf"\*{REPOSITORY}:\* `([^`\n]*)`")
_CARD: Final = "application/vnd.microsoft.card.adaptive"


def recognise_chat(value: Mapping[str, Any]) -> Chat | None:
    """Format, word and repository, "" for what is not there; None where it is no message for a chat."""
    attachments = _objects(value.get("attachments"))
    if "blocks" in value and "text" in value:
        blocks = _objects(value["blocks"])
        texts = [_text(_object(one.get("text")), "text") for one in blocks]
        facts = next((found[1] for text in texts if (found := _SLACK_FACT.search(text))), "")
        return "slack", _word(texts[0] if texts else ""), html.unescape(facts)
    if attachments and _text(attachments[0], "contentType") == _CARD:
        body = _objects(_object(attachments[0].get("content")).get("body"))
        lines = [[_text(run, "text") for run in _objects(one.get("inlines"))] for one in body]
        place = next((line[1] for line in lines if len(line) == 2 and line[0] == f"{REPOSITORY}: "), "")
        return "teams", _word(_text(body[0], "text") if body else ""), place
    if "embeds" in value:
        embed = next(iter(_objects(value["embeds"])), {})
        return "discord", _word(_text(embed, "title")), _named(embed, "name").strip("`")
    if attachments and "fallback" in attachments[0]:
        first = attachments[0]
        return "mattermost", _word(_text(first, "title")), _named(first, "title").strip("`")
    if "cardsV2" in value:
        card = _object(next(iter(_objects(value["cardsV2"])), {}).get("card"))
        widgets = [widget for one in _objects(card.get("sections")) for widget in _objects(one.get("widgets"))]
        facts = next(_google(widgets), "")
        return "googlechat", _word(_text(_object(card.get("header")), "title")), html.unescape(facts)
    return None


def _google(widgets: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for widget in widgets:
        fact = _object(widget.get("decoratedText"))
        if fact.get("topLabel") == REPOSITORY:
            yield _text(fact, "text")


def _named(holder: Mapping[str, Any], label: str) -> str:
    """The value of the field that is the repository."""
    fields = _objects(holder.get("fields"))
    return next((_text(one, "value") for one in fields if one.get(label) == REPOSITORY), "")


def _word(headline: str) -> str:
    """The event of a headline, before which a symbol may stand."""
    return next((word for said, word in _WORDS.items() if headline == said or headline.endswith(f" {said}")), "")


def _object(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _objects(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    return found if isinstance(found, str) else ""
