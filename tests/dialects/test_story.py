"""Texts of others made fit to be shown: on one line, without what cannot be seen, bounded; and addresses."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from sidecar.dialects import story
from sidecar.dialects.contract import sample
from sidecar.dialects.telling import HEADLINES, tell
from sidecar.domain.event import EventType


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("maria", "maria"),
        ("", "?"),
        (" \n\t ", "?"),
        ("a\nb\r\n c", "a b c"),
        ("a\x00b\x1bc", "a b c"),
        ("evil\u202egpj", "evilgpj"),
        ("zero\u200bwidth", "zerowidth"),
        ("a\u2028b\u00a0c", "a b c"),
        ("漢字 é", "漢字 é"),
    ],
)
def test_what_cannot_be_seen_is_not_shown(text, shown):
    assert story.shown(text) == shown


@given(st.text(max_size=400), st.integers(2, 300))
def test_what_is_shown_is_bounded_and_marked(text, most):
    said = story.shown(text, most)
    assert 1 <= len(said) <= most
    assert said.isprintable()
    assert said == story.shown(said, most)


def test_a_long_name_ends_with_the_mark():
    assert story.shown("a" * 301) == "a" * 299 + "…"
    assert story.shown("a" * 300) == "a" * 300


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("https://example.com/a?b=1&c=2#d", "https://example.com/a?b=1&c=2#d"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("https://[::1]:8080/x", "https://[::1]:8080/x"),
        ("https://example.com/a|b>c)d`", "https://example.com/a%7Cb%3Ec%29d%60"),
        ("https://example.com/é", "https://example.com/%C3%A9"),
        ("javascript:alert(1)", ""),
        ("//example.com", ""),
        ("https://", ""),
        ("https://example.com/a b", ""),
        ("https://example.com/\u202e", ""),
        ("https://example.com/" + "a" * 2000, ""),
        ("", ""),
    ],
)
def test_only_pages_are_linked(url, address):
    assert story.address(url) == address


@given(st.text(max_size=60))
def test_an_address_can_end_no_mark_up(text):
    found = story.address(f"https://example.com/{text}")
    assert not set(found) & set('<>|()`"\\ \n')
    assert not found or urlsplit(found).hostname == "example.com"


@pytest.mark.parametrize(
    ("size", "amount"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1 KiB"),
        (1536, "1.5 KiB"),
        (10 * 1024**2, "10 MiB"),
        (1075 * 1024**2, "1.05 GiB"),
        (2**63 - 1, "8 EiB"),
    ],
)
def test_sizes_are_said_in_the_largest_unit(size, amount):
    assert story.amount(size) == amount


def test_a_page_is_linked_only_where_the_registry_has_one():
    """Nothing is made up: a plain registry has no pages, and what happened to a namespace is on none."""
    event = sample(EventType.PUSHED)
    assert story.homepage(event) == ""
    assert tell(event).links == ()
    paged = replace(
        event, registry=replace(event.registry, homepage="https://ui.example.com/{namespace}/-/{name}?r={repository}")
    )
    assert story.homepage(paged) == "https://ui.example.com/prj/-/web/app?r=prj/web/app"
    assert story.homepage(replace(paged, repository=replace(paged.repository, path=""))) == ""


def test_lists_end_with_and():
    one, two, three = (story.code(text) for text in "abc")
    assert story.read(story.series([(one,)])) == "a"
    assert story.read(story.series([(one,), (two,)])) == "a and b"
    assert story.read(story.series([(one,), (two,), (three,)])) == "a, b and c"
    assert story.read(story.codes([str(number) for number in range(25)], 2)) == "0, 1 and 23 more"


def test_every_event_has_a_headline_of_its_own():
    """They are how a reader of our messages knows the event again."""
    assert len(set(HEADLINES.values())) == len(HEADLINES)
    assert HEADLINES.keys() == set(EventType) - {EventType.TEST}


@pytest.mark.parametrize("kind", [kind for kind in EventType if kind is not EventType.TEST])
def test_a_person_is_named_where_there_is_one(kind):
    """In the sentence, or beside it for what ran by itself; the scanner's own doings have nobody."""
    event = replace(sample(kind), actor="wilhelmina")
    told = tell(event)
    said = story.read(told.sentence) + "".join(story.read(fact.said) for fact in told.facts)
    nobodys = {
        EventType.SCAN_COMPLETED,
        EventType.SCAN_FAILED,
        EventType.SCANNER_UPDATED,
        EventType.QUOTA_EXCEEDED,
        EventType.QUOTA_WARNING,
        EventType.EXPIRING,
    }
    assert ("wilhelmina" in said) is (kind not in nobodys)
