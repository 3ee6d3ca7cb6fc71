"""Marked-up texts cut to size: nothing is broken, whatever is missing is said."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sidecar.dialects import marking
from sidecar.dialects.story import Span, Style

WRITERS = [marking.slack, marking.markdown, marking.mattermost, marking.google, marking.card_html]
texts = st.lists(
    st.builds(
        Span,
        st.text(st.sampled_from("ab<>&`*_\U0001f433é "), min_size=1, max_size=30),
        st.sampled_from(Style),
        st.sampled_from(["", "https://example.com/a"]),
    ),
    min_size=1,
    max_size=6,
).map(tuple)


@given(text=texts, room=st.integers(1, 200), write=st.sampled_from(WRITERS))
@pytest.mark.parametrize("measure", [marking.units, marking.json_bytes])
def test_a_cut_text_fits_and_is_a_beginning_with_a_mark(measure, text, room, write):
    """Cut between characters, before mark-up: so it is what the spans up to there would be, with `…` behind them."""
    whole = "".join(span.text for span in text)
    cut = marking.cut(text, room + 3, write, measure)
    shown = "".join(span.text for span in cut)
    written = "".join(map(write, cut))
    assert measure(written) <= room + 3
    assert cut == text or (shown.endswith("…") and whole.startswith(shown[:-1]))


def test_as_much_is_shown_as_there_is_room_for():
    text = (Span("abc ", Style.PLAIN), Span("d" * 50, Style.CODE))
    assert marking.fitted(text, 20, marking.markdown) == "abc `" + "d" * 13 + "…`"
    assert len(marking.fitted(text, 20, marking.markdown)) == 20


@pytest.mark.parametrize(
    ("text", "units", "stored"),
    [("abc", 3, 3), ("é", 1, 2), ("漢", 1, 3), ("\U0001f433", 2, 4), ('"\\', 2, 4), ("\n", 1, 2)],
)
def test_lengths_are_those_of_utf_16_and_of_json(text, units, stored):
    assert (marking.units(text), marking.json_bytes(text)) == (units, stored)


@given(count=st.integers(0, 40), total=st.integers(0, 100), room=st.integers(20, 400))
def test_lists_say_how_many_are_missing(count, total, room):
    lines = [f"line {number}" for number in range(count)]
    total = max(total, count)
    said = marking.listed(lines, total, room).split("\n")
    found = re.fullmatch(r"and (\d+) more", said[-1])
    shown = said[:-1] if found else [one for one in said if one]
    assert shown == lines[: len(shown)]
    assert len(shown) + (int(found[1]) if found else 0) == total
    assert len("\n".join(said)) <= room


@pytest.mark.parametrize(
    ("name", "harmless"),
    [
        ("maria", True),
        ("maria.lopez", True),
        ("José María O'Neill-Łukasz", True),
        ("CVE-2026-1", True),
        ("linux/amd64, 1.5 MiB", True),
        ("1.5", True),
        ("1. first", False),
        ("robot_ci", False),
        ("@here", False),
        ("a@b", False),
        ("-x", False),
        ("http://x", False),
        ("www.example.com", False),
        ("see WWW.example.com", False),
        ("", False),
        ("a\nb", False),
        ("a`", False),
    ],
)
def test_only_what_no_chat_can_take_for_mark_up_is_harmless(name, harmless):
    assert marking.harmless(name) is harmless


@given(name=st.text(st.sampled_from("ab1. -_*`<>@#:/&()[]!|~\\w"), max_size=12))
def test_what_is_harmless_is_itself_in_commonmark(name):
    """Judged by a parser of CommonMark: one paragraph of one text, even at the beginning of a line."""
    if marking.harmless(name):
        paragraph, inline, _ = MarkdownIt("commonmark").parse(name.strip())
        assert paragraph.type == "paragraph_open"
        assert [one.type for one in inline.children] == ["text"]
        assert inline.content == name.strip()


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ("@here", "@\u200bhere"),
        ("a .@all (@x)", "a .@\u200ball (@\u200bx)"),
        ("app@sha256:1", "app@sha256:1"),
        ("<!channel>", "<\u200b!channel>"),
        ("a @ b", "a @ b"),
    ],
)
def test_a_quiet_text_begins_no_mention(text, quiet):
    assert marking.quiet(text) == quiet


SPANS = [
    (Span("a<b&c"), "a&lt;b&amp;c", "a<b&c", "a\u2039b&c", "a&lt;b&amp;c"),
    (Span("Tags:", Style.LABEL), "*Tags:*", "**Tags:**", "Tags:", "<b>Tags:</b>"),
    (Span("a:1", Style.CODE), "`a:1`", "`a:1`", "`a:1`", "a:1"),
    (Span("x_y", Style.NAME), "`x_y`", "`x_y`", "`x_y`", "x_y"),
    (Span("maria", Style.NAME), "maria", "maria", "maria", "maria"),
    (
        Span("CVE-1", Style.NAME, "https://e.com/(1)?a=1&b"),
        "<https://e.com/(1)?a=1&amp;b|CVE-1>",
        "[CVE-1](https://e.com/%281%29?a=1&b)",
        "CVE-1",
        '<a href="https://e.com/(1)?a=1&amp;b">CVE-1</a>',
    ),
]


@pytest.mark.parametrize(("span", "slack", "markdown", "google", "card"), SPANS)
def test_each_chat_has_its_mark_up(span, slack, markdown, google, card):
    """As in Slack's reference of mrkdwn, in CommonMark, and in Google's references of texts and of cards."""
    assert marking.slack(span) == slack
    assert marking.markdown(span) == markdown
    assert marking.google(span) == google
    assert marking.card_html(span) == card
