"""Messages for chats, whatever happened: valid, within what each vendor takes, and no name in them is anything else.

The limits are those of the vendors' references. Where a vendor or somebody else publishes a model of the messages, that
model is asked too: Slack's SDK, Microsoft's JSON Schema of Adaptive Cards, a parser of CommonMark.
"""

import html
import json
import re
from html.parser import HTMLParser
from importlib import resources

import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from slack_sdk.models.blocks import Block
from strange_events import events

from effort import examples
from sidecar.dialects import discord, googlechat, load, mattermost, slack, teams
from sidecar.dialects.contract import Audience, sample
from sidecar.domain.event import EventType

LOOKALIKES = {0x2039: "<", 0x203A: ">"}
CHATS = ("slack", "teams", "discord", "mattermost", "googlechat")
SCHEMA = json.loads((resources.files("adaptive_cards") / "schemas" / "schema-1.4.json").read_text())
CARDS = jsonschema.Draft6Validator(SCHEMA)
COMMONMARK = MarkdownIt("commonmark").enable("strikethrough")

few = settings(
    max_examples=examples(30), deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
told = st.one_of(
    st.tuples(events()), st.tuples(events(), st.sampled_from([2, 30, 500])).map(lambda pair: (pair[0],) * pair[1]),
    st.lists(events(), min_size=2, max_size=3).map(tuple),
)  # fmt: skip


def body_of(name, said):
    """The one message of one event, or of several."""
    dialect = load()[name]
    if len(said) == 1:
        messages = dialect.render(said[0], said[0].type.value, dialect.example, Audience())
    else:
        messages = dialect.join([(one, one.type.value) for one in said], dialect.example, Audience())
    (message,) = messages
    assert message.content_type == "application/json"
    return message.body


def size(text):
    """Characters as the strictest of all ways to count them has it."""
    return len(text.encode("utf-16-le")) // 2


def strings(value):
    """Every text in a body."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from strings(one)
    elif isinstance(value, list):
        for one in value:
            yield from strings(one)


@few
@given(said=told)
def test_slack_takes_it_and_nobody_is_mentioned(said):
    body = json.loads(body_of("slack", said))
    assert 1 <= len(body["blocks"]) <= 50
    assert 1 <= size(body["text"]) <= 3000
    for block in Block.parse_all(body["blocks"]):
        block.validate_json()  # the SDK's own limits
    assert not {"link_names", "parse", "mrkdwn"} & body.keys()
    for block in body["blocks"]:
        texts = block.get("elements") or [block["text"]]
        for one in texts:
            assert 1 <= size(one["text"]) <= (150 if block["type"] == "header" else 3000)
            if one["type"] == "mrkdwn":
                assert one["verbatim"] is True
                # What Slack would act on: dates of ours, and links to pages.
                for found in re.findall(r"<([^>]*)>?", one["text"]):
                    assert re.match(r"(!date\^\d+\^\{date_short_pretty\} \{time_secs\}\||https?://\S+\|)", found)
                assert one["text"].count("`") % 2 == 0
    assert not re.search(r"[<>]|(?<![A-Za-z0-9])@[a-z]|&(?!amp;|lt;|gt;)", body["text"])


@few
@given(said=told)
def test_teams_takes_it_and_nobody_is_mentioned(said):
    raw = body_of("teams", said)
    assert len(raw) <= 28 * 1024
    body = json.loads(raw)
    (attachment,) = body["attachments"]
    card = attachment["content"]
    assert (body["type"], attachment["contentType"]) == ("message", "application/vnd.microsoft.card.adaptive")
    CARDS.validate(card)
    assert card["version"] == "1.4"
    assert len(card.get("actions", [])) <= 6
    assert "entities" not in card.get("msteams", {})
    for one in card["body"]:
        if one["type"] == "TextBlock":  # the only element that reads Markdown holds no word of others
            assert re.fullmatch(r"[A-Z][a-z ]+|(\{\{[A-Z]+\([0-9TZ:-]+(, SHORT)?\)\}\}| |to)+", one["text"])


@few
@given(said=told)
def test_discord_takes_it_and_nobody_is_mentioned(said):
    body = json.loads(body_of("discord", said))
    (embed,) = body["embeds"]
    fields = embed.get("fields", [])
    assert body["allowed_mentions"] == {"parse": []}
    assert size(embed["title"]) <= 256
    assert 1 <= size(embed["description"]) <= 4096
    assert len(fields) <= 25
    assert all(1 <= size(one["name"]) <= 256 and 1 <= size(one["value"]) <= 1024 for one in fields)
    assert 1 <= size(embed["footer"]["text"]) <= 2048
    parts = [embed["title"], embed["description"], embed["footer"]["text"]]
    assert sum(map(size, parts)) + sum(size(one["name"]) + size(one["value"]) for one in fields) <= 6000
    for text in (embed["description"], *(one["value"] for one in fields)):
        only_code_and_links(text)


@few
@given(said=told)
def test_mattermost_takes_it_and_nobody_is_mentioned(said):
    raw = body_of("mattermost", said)
    body = json.loads(raw)
    (attachment,) = body["attachments"]
    assert sum(map(len, strings(body))) <= 16_383 + 15 * 700
    assert len(attachment["text"]) <= 16_383
    assert len(attachment["footer"]) <= 300
    assert attachment["fallback"]
    for text in (attachment["text"], *(one["value"] for one in attachment.get("fields", []))):
        assert "<" not in text  # neither `<!channel>` nor `<url|text>`, which are rewritten within code too
        only_code_and_links(text)
    assert not re.search(r"(?<![A-Za-z0-9])@[a-z]|<[!@#a-z]", attachment["fallback"])


@few
@given(said=told)
def test_google_chat_takes_it_and_nobody_is_mentioned(said):
    raw = body_of("googlechat", said)
    assert len(raw) <= 32_000
    body = json.loads(raw)
    assert 1 <= size(body["text"]) <= 4096
    assert "<" not in body["text"]
    (held,) = body["cardsV2"]
    widgets = [one for section in held["card"].get("sections", []) for one in section["widgets"]]
    assert len(widgets) <= 100
    assert held["card"].get("sections", [1])
    for one in widgets:
        if "decoratedText" in one:
            assert tags_of(one["decoratedText"]["text"]) <= {"a"}
    outside = re.sub(r"`[^`]*`", "", body["text"])
    assert not re.search(r"[*_~`<>@#|\\]", outside)


def only_code_and_links(text):
    """CommonMark reads nothing in it but paragraphs, lists of ours, code and links; no mention stands outside code."""
    for token in COMMONMARK.parse(text):
        assert token.type.partition("_")[0] in {"paragraph", "inline", "bullet", "list"}, (token.type, text)
        for inner in token.children or ():
            assert inner.type in {"text", "code_inline", "link_open", "link_close", "softbreak"}, (inner.type, text)
            if inner.type == "text":
                assert not re.search(r"[@<>*_~`#|\\]|https?://|www\.", inner.content), text
            if inner.type == "link_open":
                assert re.match(r"https?://", inner.attrs["href"])


class Tags(HTMLParser):
    """The tags of a text, and nothing else."""

    def __init__(self):
        super().__init__()
        self.found = set()

    def handle_starttag(self, tag, attrs):
        assert all(name == "href" and re.match("https?://", value) for name, value in attrs)
        self.found.add(tag)


def tags_of(text):
    parser = Tags()
    parser.feed(text)
    parser.close()
    return parser.found


@pytest.mark.parametrize("name", CHATS)
def test_a_name_is_shown_as_it_is(name):
    """Where a name is harmless it stands in the sentence, where it is not it is read back letter by letter."""
    harmless, odd = "José María O'Neill-Łukasz 漢", "robot$ci_x & <co>"
    for actor in (harmless, odd):
        event = sample(EventType.PUSHED)
        event = type(event)(**{field: getattr(event, field) for field in event.__struct_fields__} | {"actor": actor})
        texts = [html.unescape(one).translate(LOOKALIKES) for one in strings(json.loads(body_of(name, (event,))))]
        assert any(actor in one for one in texts)


@pytest.mark.parametrize("name", CHATS)
@pytest.mark.parametrize("length", [1, 2, 5])
def test_what_is_cut_says_so(name, length):
    """A name of many thousand characters, of one to four bytes each, ends with the mark and in a whole character."""
    letter = {1: "a", 2: "é", 5: "\U0001f433"}[length]
    event = sample(EventType.BUILD_FAILED)
    long = letter * 4000
    details = type(event.details)(name=long[:500], error=long)
    fields = {field: getattr(event, field) for field in event.__struct_fields__}
    event = type(event)(**fields | {"details": details, "actor": long})
    texts = list(strings(json.loads(body_of(name, (event,)))))
    cut = [one for one in texts if letter * 20 in one]
    assert cut
    assert all("…" in one for one in cut)
    assert not any("\ufffd" in one for one in texts)


ICONS = [
    (slack, {"icon_emoji": ":whale:", "icon_url": "https://example.com/i.png"}, "one icon"),
    (slack, {"icon_url": "ftp://example.com/i.png"}, "`icon_url` must be an address"),
    (mattermost, {"icon_emoji": "whale", "icon_url": "https://example.com/i.png"}, "one icon"),
    (mattermost, {"icon_url": "i.png"}, "`icon_url` must be an address"),
    (discord, {"avatar_url": "javascript:alert(1)"}, "`avatar_url` must be an address"),
    (discord, {"username": "My Discord bot"}, "contains `discord` or `clyde`"),
]


@pytest.mark.parametrize(("module", "given_options", "sentence"), ICONS)
def test_options_that_a_vendor_would_refuse_are_refused(module, given_options, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        module.DIALECT.bind(module.Options(**given_options), ["artifact.pushed"])


def test_options_stand_where_the_vendor_looks_for_them():
    """Slack's and Mattermost's on top, Discord's beside the embed, Teams' in the card, Google's as the thread's key."""
    event = sample(EventType.PUSHED)

    def said(module, **options):
        (message,) = module.render(event, "artifact.pushed", module.Options(**options), Audience())
        return json.loads(message.body)

    asked = {"channel": "#ops", "username": "registry", "icon_emoji": ":whale:"}
    assert asked.items() <= said(slack, **asked).items()
    assert asked.items() <= said(mattermost, **asked).items()
    assert said(slack, icon_url="https://e.com/i.png")["icon_url"] == "https://e.com/i.png"
    asked = {"username": "registry", "avatar_url": "https://e.com/i.png", "thread_name": "pushes"}
    assert (asked | {"flags": 4096}).items() <= said(discord, silent=True, **asked).items()
    assert said(teams, full_width=True)["attachments"][0]["content"]["msteams"] == {"width": "Full"}
    assert said(googlechat, thread="repository")["thread"] == {"threadKey": "prj/web/app"}


@pytest.mark.parametrize("name", CHATS)
def test_every_event_of_a_registry_is_a_word_and_can_be_grouped(name):
    dialect = load()[name]
    assert {word.name for word in dialect.vocabulary(dialect.example)} == {str(kind) for kind in EventType} - {"test"}
    assert dialect.join is not None
    assert tuple(dialect.schemes(dialect.example)) == ("http", "https")
