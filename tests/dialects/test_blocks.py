"""Slack's Block Kit: no text is longer than Slack takes, nothing is lost silently, nobody's text is mark-up."""

import html
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.dialects import blocks
from sidecar.dialects.contract import Audience, sample
from sidecar.dialects.harbor import DIALECT, Options
from sidecar.domain.event import EventType

SLACKS_LIMIT = 3000  # Block Kit reference: "Maximum length for the text in this field is 3000 characters"


def slack(event):
    [message] = DIALECT.render(event, "DELETE_ARTIFACT", Options(flavour="slack"), Audience())
    return [one["text"]["text"] for one in json.loads(message.body)["blocks"]]


@given(text=st.text(st.sampled_from('a&<>\n"\\`é\U0001f433'), max_size=200), room=st.integers(60, 400))
def test_a_cut_text_fits_and_says_so(text, room):
    said = blocks.cut(text, room)
    assert len(said) <= room
    if len(said) < len(html.escape(text, quote=False)):
        shown, mark, _ = said.partition("\n... (cut, ")
        assert mark
        assert said.endswith(f"(cut, {len(text)} characters in all)")
        assert text.startswith(html.unescape(shown))  # an entity that was broken would not come back
    else:
        assert said == html.escape(text, quote=False)


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
