"""Several events in one message: what the sentence counts, who is named, which entries are listed, and what is left."""

import json

import pytest
from msgspec.structs import replace

from sidecar.dialects import load, telling_many
from sidecar.dialects.contract import Audience, sample
from sidecar.dialects.story import Tone, read
from sidecar.domain.event import EventType, Kind

CHATS = ("slack", "teams", "discord", "mattermost", "googlechat")
MINUTE = 60_000_000_000


def event(kind=EventType.PUSHED, tag="1", actor="maria", path="prj/app", minute=0):
    plain = sample(kind)
    return replace(
        plain,
        tags=(tag,) if tag else (),
        actor=actor,
        repository=replace(plain.repository, path=path),
        time=plain.time + minute * MINUTE,
    )


def said(*events):
    return [(one, str(one.type)) for one in events]


def sentence(*events):
    return read(telling_many.tell_many(said(*events)).sentence)


TWELVE = [event(tag=str(number), actor=("maria", "ci")[number % 2], minute=number) for number in range(12)]
D, T = EventType.DELETED, EventType.TAG_DELETED


@pytest.mark.parametrize(
    ("events", "text"),
    [
        (TWELVE, "12 pushes to prj/app by maria and ci"),
        ([event(), event(D)], "1 push and 1 deletion in prj/app by maria"),
        ([event(), event(), event(D), event(T)], "2 pushes, 1 deletion and 1 deleted tag in prj/app by maria"),
        ([event(path="a/b"), event(path="c/d")], "2 pushes in 2 repositories by maria"),
        ([event(EventType.PULLED, actor="")] * 3, "3 pulls of prj/app, anonymously"),
        ([event(actor=""), event(actor="ci")], "2 pushes to prj/app by ci and somebody anonymous"),
        ([event(actor=one) for one in "abcde"], "5 pushes to prj/app by a, b, c and 2 others"),
        ([event(actor=one) for one in "abcd"], "4 pushes to prj/app by a, b, c and 1 other"),
        ([replace(event(actor=""), recovered=True)] * 2, "2 pushes to prj/app"),
        ([event(EventType.SCAN_FAILED, actor="")] * 2, "2 failed scans of prj/app"),
        (
            [event(kind, actor="") for kind in [*EventType][:-1][8:14]],
            "1 scan, 1 failed scan, 1 stopped scan, 1 update of the scanner and 2 other events in prj/app",
        ),
    ],
)
def test_the_sentence_counts_what_happened_where_and_by_whom(events, text):
    if events[0].type is EventType.SCAN_COMPLETED:
        events = [replace(one, repository=events[0].repository) for one in events]
    assert sentence(*events) == text


def test_one_event_is_told_as_itself():
    assert sentence(event(tag="7")) == "prj/app:7 was pushed by maria"


def test_the_word_is_the_events_own_where_they_are_alike():
    assert telling_many.word(said(event(), event())) == "artifact.pushed"
    assert telling_many.word(said(event(), event(D))) == "group"


def test_the_worst_sets_the_tone_also_where_it_is_not_listed():
    many = [event(EventType.BUILD_FAILED), *[event() for _ in range(60)]]
    story = telling_many.tell_many(said(*many))
    assert story.tone is Tone.BAD
    assert (len(story.entries), story.total) == (20, 61)


def test_the_time_is_that_of_the_first_and_the_last():
    """Whatever the order: what a registry told late is older than what it told before."""
    story = telling_many.tell_many(said(event(minute=2), event(minute=0), event(minute=1)))
    assert story.time - story.since == 2 * MINUTE


def test_the_page_is_linked_where_there_is_one_repository():
    paged = [replace(one, registry=replace(one.registry, homepage="https://ui/{repository}")) for one in TWELVE[:2]]
    assert [link.url for link in telling_many.tell_many(said(*paged)).links] == ["https://ui/prj/app"]
    elsewhere = replace(paged[0], repository=replace(paged[0].repository, path="x/y"))
    assert telling_many.tell_many(said(*paged, elsewhere)).links == ()


def test_registries_are_counted_where_there_are_several():
    other = replace(event(), registry=replace(event().registry, hostname="other.example.com"))
    assert telling_many.tell_many(said(event(), other)).registry == "2 registries"
    assert telling_many.tell_many(said(event(), event())).registry == "registry.example.com"


@pytest.mark.parametrize("name", CHATS)
def test_every_chat_lists_the_newest_first_and_counts_the_rest(name):
    """500 pushes are one message: the sentence, entries from the newest on, and how many more there are."""
    dialect = load()[name]
    many = [event(tag=f"build-{number}", minute=number) for number in range(500)]
    (message,) = dialect.join(said(*many), dialect.example, Audience())
    assert message.word == "artifact.pushed"
    text = "\n".join(json.dumps(json.loads(message.body), ensure_ascii=False).split("\\n"))
    assert "500 pushes to " in text
    shown = [
        number for number in range(500) if f"prj/app:build-{number}`" in text or f'prj/app:build-{number}"' in text
    ]
    assert shown == list(range(500 - len(shown), 500))
    assert 10 <= len(shown) <= 20
    assert text.index("prj/app:build-499") < text.index("prj/app:build-498")
    assert f"and {500 - len(shown):,} more" in text


@pytest.mark.parametrize("name", CHATS)
def test_mixed_events_are_a_group(name):
    dialect = load()[name]
    (message,) = dialect.join(said(event(tag="7"), event(D, tag="6"), event(path="x/y")), dialect.example, Audience())
    assert message.word == "group"
    text = message.body.decode()
    assert "Several events" in text
    assert all(part in text for part in ("prj/app:7", "prj/app:6", "x/y:1", " was deleted", "in 2 repositories"))
    assert " more" not in text


@pytest.mark.parametrize("name", CHATS)
def test_joining_one_is_saying_it(name):
    dialect = load()[name]
    one = event()
    assert dialect.join(said(one), dialect.example, Audience()) == dialect.render(
        one, "artifact.pushed", dialect.example, Audience()
    )


@pytest.mark.parametrize("name", CHATS)
def test_every_kind_of_event_can_be_counted(name):
    dialect = load()[name]
    every = [sample(kind) for kind in EventType if kind is not EventType.TEST]
    (message,) = dialect.join(said(*every), dialect.example, Audience())
    assert message.word == "group"
    for kind in every:
        (message,) = dialect.join(said(kind, kind), dialect.example, Audience())
        assert "2 " in message.body.decode()


class Unread(tuple):
    """The children of an index, which nobody may look at."""

    __slots__ = ()

    def __iter__(self):
        raise AssertionError("an index is looked into for facts that no message of several shows")


def test_what_is_not_shown_is_not_looked_at():
    """500 indexes with a thousand children each would keep everything else waiting."""
    index = replace(event(), artifact=replace(event().artifact, kind=Kind.INDEX, references=Unread()))
    assert sentence(index, index) == "2 pushes to prj/app by maria"
