"""Slack's Block Kit: no text is longer than Slack takes, nothing is lost silently, nobody's text is mark-up."""

import html
import json

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.dialects import blocks
from sidecar.dialects.contract import Audience, sample
from sidecar.dialects.harbor import DIALECT, Options
from sidecar.dialects.plausible import DETAILS
from sidecar.domain.details import RemovedArtifact, Vulnerability
from sidecar.domain.event import EventType, Repository

SLACKS_LIMIT = 3000  # Block Kit reference: "Maximum length for the text in this field is 3000 characters"
SLACKS_BLOCKS = 50  # Block Kit reference: "You can include up to 50 blocks in each message"
OPTIONS = Options(flavour="slack")


def slack(event):
    [message] = DIALECT.render(event, "DELETE_ARTIFACT", Options(flavour="slack"), Audience())
    return [one["text"]["text"] for one in json.loads(message.body)["blocks"]]


@given(text=st.text(st.sampled_from('a&<>\n"\\`é\U0001f433'), max_size=200), room=st.integers(60, 400))
def test_a_cut_text_fits_and_says_so(text, room):
    said = blocks.cut(text, room)
    assert len(said.encode("utf-16-le")) // 2 <= room  # as JavaScript counts
    if said != html.escape(text, quote=False):
        shown, mark, _ = said.partition("\n... (cut, ")
        assert mark
        assert said.endswith(f"(cut, {len(text)} characters in all)")
        assert text.startswith(html.unescape(shown))  # an entity that was broken would not come back


def test_a_deletion_of_many_tags_is_cut_where_slack_would_refuse_the_message():
    event = msgspec.structs.replace(sample(EventType.DELETED), tags=tuple(f"v{number}" for number in range(100)))
    texts = slack(event)
    assert max(map(len, texts)) <= SLACKS_LIMIT
    assert texts[-1].startswith('```{\n\t"resources": [')
    assert texts[-1].endswith(" characters in all)```")
    assert len(texts[-1]) > SLACKS_LIMIT - 200  # as much is shown as there is room for, to the end of a line


@pytest.mark.parametrize("name", ["<!channel>", "a&b", "*bold*", 'quote"d\n'])
def test_a_persons_name_is_text(name):
    texts = slack(msgspec.structs.replace(sample(EventType.DELETED), actor=name))
    assert texts[3] == "*operator:* " + html.escape(name, quote=False)


# --- whatever happens, Slack takes the message ------------------------------------------------------------------------

FREE = st.text(st.sampled_from('a`*_~&<>|@!"\\\n\t\x00\u2028é\U0001f433'), max_size=400)
NAMES = st.text(st.sampled_from("ab-._/"), min_size=1, max_size=255)
TAGS = st.integers(0, 2_000).flatmap(
    lambda many: st.text("ab.-_", min_size=1, max_size=128).map(lambda one: tuple(f"{one}{at}" for at in range(many)))
)


def refused(body):
    """Why Slack would refuse a message, by its Block Kit reference; the body must be strict JSON."""
    message = json.loads(body, parse_constant=lambda word: pytest.fail(f"{word} is no JSON"))
    if set(message) != {"blocks"} or not 1 <= len(message["blocks"]) <= SLACKS_BLOCKS:
        return "blocks"
    for one in message["blocks"]:
        if one.keys() != {"type", "text"} or one["type"] != "section" or one["text"].keys() != {"type", "text"}:
            return "a block"
        text = one["text"]["text"]
        if one["text"]["type"] != "mrkdwn" or not 1 <= len(text.encode("utf-16-le")) // 2 <= SLACKS_LIMIT:
            return "a text"
        # All that is between < and > is Slack's own: here only the date, whose parts we write.
        if text.replace("<!date^", "", 1).count("<") or text.count("&") != sum(
            map(text.count, ("&amp;", "&lt;", "&gt;"))
        ):
            return "mark-up"
    return ""


@settings(deadline=None)  # the longest lists take their time to be drawn
@given(data=st.data(), path=NAMES, tags=TAGS, actor=FREE, said=FREE)
def test_no_message_is_ever_one_that_slack_refuses(data, path, tags, actor, said):
    """Whatever names, tags, persons and findings are: six sections, none empty, none too long, no mark-up of others."""
    word = data.draw(st.sampled_from(DIALECT.vocabulary(OPTIONS)))
    kind = data.draw(st.sampled_from(sorted(word.types)))
    details = DETAILS.get(kind)
    if kind is EventType.SCAN_COMPLETED:
        found = tuple(Vulnerability(id=f"CVE-{at}", description=said, package=said) for at in range(200))
        details = msgspec.structs.replace(details, vulnerabilities=found)
    elif kind is EventType.RETENTION_FINISHED:
        gone = tuple(RemovedArtifact(repository=path, tag=tag) for tag in tags[:1_000])
        details = msgspec.structs.replace(details, deleted=gone)
    elif hasattr(details, "error"):
        details = msgspec.structs.replace(details, error=said)
    namespace, _, name = path.partition("/")
    event = msgspec.structs.replace(
        sample(kind),
        repository=Repository(path=path, namespace=namespace or "library", name=name or path, namespace_id=2),
        tags=tags,
        actor=actor,
        details=details,
    )
    for message in DIALECT.render(event, word.name, OPTIONS, Audience()):
        assert refused(message.body) == ""
        assert len(json.loads(message.body)["blocks"]) == 6
