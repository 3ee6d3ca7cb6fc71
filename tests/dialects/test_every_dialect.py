"""What holds for every dialect that is found, whichever it is."""

import json
import types
import typing
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from sidecar.dialects import load, plausible
from sidecar.dialects.contract import Audience, Dialect, Word, sample
from sidecar.domain.event import Event, EventType, Kind
from sidecar.domain.secret import Secret
from sidecar.domain.subscription import DEFAULT_EVENTS

AUDIENCE = Audience(subscription="audit", policy=7)


def variants(dialect: Dialect[Any]) -> Iterator[Any]:
    """The example options, and each switch or choice of them turned once where the dialect allows it."""
    yield dialect.example
    for name, kind in typing.get_type_hints(dialect.options).items():
        if kind is bool:
            choices: tuple[Any, ...] = (True, False)
        elif typing.get_origin(kind) is typing.Literal:
            choices = typing.get_args(kind)
        else:
            continue
        for choice in choices:
            turned = msgspec.structs.replace(dialect.example, **{name: choice})
            if choice != getattr(dialect.example, name) and not dialect.check(turned):
                yield turned


def fitting(word: Word) -> Iterator[Event]:
    """Sample events that the word is said of: tagged, without a tag, with two, as a chart."""
    fits = word.fits_named or word.fits
    for kind in sorted(word.types):
        event = sample(kind)
        as_chart = msgspec.structs.replace(event, artifact=msgspec.structs.replace(event.artifact, kind=Kind.CHART))
        bare = msgspec.structs.replace(event, tags=(), ever_tagged=False, actor="")
        two = msgspec.structs.replace(event, tags=("1.4.2", "latest"))
        unknown = msgspec.structs.replace(
            event,
            repository=msgspec.structs.replace(event.repository, created=None),
            previous_digest=None,
            changed=None,
        )
        other = msgspec.structs.replace(event, details=plausible.OTHERS.get(kind, event.details))
        yield from (one for one in (event, as_chart, bare, two, unknown, other) if fits(one))


CASES = [(name, options) for name, dialect in sorted(load().items()) for options in variants(dialect)]
SPOKEN = [(name, options, word) for name, options in CASES for word in load()[name].vocabulary(options)]
each_case = pytest.mark.parametrize(("name", "options"), CASES)
each_word = pytest.mark.parametrize(
    ("name", "options", "word"),
    SPOKEN,
    ids=[f"{name}-{word.name}-{number}" for number, (name, _, word) in enumerate(SPOKEN)],
)


def test_the_first_dialects_are_found() -> None:
    """A dialect that is not found would pass every test here."""
    assert {"harbor", "cloudevents"} <= set(load())


@each_case
def test_the_options_are_usable_and_strict(name: str, options: Any) -> None:
    """The options of a configuration come back as they were; a key nobody knows is refused."""
    dialect = load()[name]
    assert dialect.check(options) == ""
    plain = msgspec.to_builtins(options)
    assert msgspec.convert(plain, dialect.options) == options
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({**plain, "no_such_option": 1}, dialect.options)


@each_case
def test_the_default_events_bind(name: str, options: Any) -> None:
    """A subscription that names no events hears pushes at least, in the format's own words."""
    dialect = load()[name]
    events = [kind for kind in DEFAULT_EVENTS if dialect.says(kind, options)]
    voice = dialect.bind(options, events)
    assert voice.format == name
    assert voice.types == frozenset(events)
    for kind in events:
        assert voice.words(sample(kind), untagged=False)
    assert EventType.PUSHED in events


@each_case
def test_an_unknown_event_is_refused_by_name(name: str, options: Any) -> None:
    with pytest.raises(ValueError, match=f"'no such event' for format {name}"):
        load()[name].bind(options, ["no such event"])


@each_case
def test_spellings_lead_to_words(name: str, options: Any) -> None:
    """No spelling hides a word's own name, and those whose word these options know can be bound."""
    dialect = load()[name]
    words = {word.name for word in dialect.vocabulary(options)}
    for spelling, word in dialect.aliases(options).items():
        assert spelling not in words or spelling == word
        assert dialect.says(spelling, options) == (word in words)


@each_word
def test_every_word_is_said_of_some_event(name: str, options: Any, word: Word) -> None:
    """Bound by its own name, the word is said of every sample it fits, and makes messages of it."""
    dialect = load()[name]
    voice = dialect.bind(options, [word.name])
    events = list(fitting(word))
    assert events
    said = 0
    for event in events:
        assert word.name in voice.words(event, untagged=True)
        for message in voice.render(event, word.name, AUDIENCE):
            said += 1
            assert message.word == word.name
            assert message.content_type
            if "json" in message.content_type:
                json.loads(message.body)
    assert said


@each_word
def test_saying_it_twice_gives_the_same_bytes(name: str, options: Any, word: Word) -> None:
    """Also from a copy of the event and through another voice: the stored bytes can always be made again."""
    for event in fitting(word):
        copy = msgspec.json.decode(msgspec.json.encode(event), type=Event)
        first = load()[name].bind(options, [word.name]).render(event, word.name, AUDIENCE)
        again = load()[name].bind(options, [word.name]).render(copy, word.name, AUDIENCE)
        assert list(first) == list(again)


@each_word
def test_only_scoped_words_name_their_audience(name: str, options: Any, word: Word) -> None:
    """A message that is shared between subscriptions must not depend on any of them."""
    dialect = load()[name]
    event = next(fitting(word))
    one = dialect.render(event, word.name, options, Audience(subscription="first", policy=1))
    other = dialect.render(event, word.name, options, Audience(subscription="second", policy=2))
    if not dialect.scoped(options, word.name):
        assert list(one) == list(other)


@pytest.mark.parametrize("name", sorted(load()))
def test_no_secret_can_enter_a_message(name: str) -> None:
    """Options are part of a message's key and are kept, so none may be a secret; bodies carry no credentials."""
    dialect = load()[name]
    for kind in typing.get_type_hints(dialect.options).values():
        parts = (kind, *typing.get_args(kind)) if isinstance(kind, types.UnionType) else (kind,)
        assert Secret not in parts
    for word in dialect.vocabulary(dialect.example):
        for message in dialect.render(next(fitting(word)), word.name, dialect.example, AUDIENCE):
            lowered = message.body.lower()
            assert not any(sign in lowered for sign in (b"authorization", b"password", b"bearer ", b"secret"))
