"""A format's own options: strictly read, each mistake told at its line, nothing expanded shown."""

import enum
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import pytest

from sidecar.config import options
from sidecar.config.problems import Problems
from sidecar.config.shapes import BAD
from sidecar.config.tree import read_tree
from sidecar.dialects.contract import Dialect


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Inner(msgspec.Struct, forbid_unknown_fields=True):
    depth: int = 0


class Options(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """Everything that a format may ask for."""

    title: str
    word: Literal["a", "b"] | None = None
    colour: Colour = Colour.RED
    days: int = 0
    ratio: float = 1.0
    tags: list[str] = []
    inner: Inner = msgspec.field(default_factory=Inner)
    short: Annotated[str, msgspec.Meta(max_length=3)] = ""


DIALECT = Dialect(
    name="strict",
    title="Strict",
    options=Options,
    example=Options(title="t"),
    vocabulary=lambda _options: (),
    render=lambda _event, _word, _options, _audience: (),
)


def read(text, *, hidden=""):
    """The options of a YAML text and the mistakes told; `hidden` is a text taken to come from the environment."""
    node = read_tree(text.encode())
    if hidden:
        entries = {
            key: msgspec.structs.replace(entry, value=msgspec.structs.replace(entry.value, hidden=True))
            if getattr(entry.value, "text", "") == hidden
            else entry
            for key, entry in node.entries.items()
        }
        node = msgspec.structs.replace(node, entries=entries)
    problems = Problems(Path("f"))
    return options.read(DIALECT, node, problems), list(problems.mistakes)


def test_good_options():
    text = "title: t\nword: b\ncolour: blue\ndays: 1_000\nratio: 0.5\ntags: [x]\ninner: {depth: 2}\nshort: abc\n"
    found, mistakes = read(text)
    assert mistakes == []
    assert found == Options(
        title="t", word="b", colour=Colour.BLUE, days=1000, ratio=0.5, tags=["x"], inner=Inner(depth=2), short="abc"
    )


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("word: c", "word must be a or b, not 'c'"),
        ("colour: green", "colour must be red or blue, not 'green'"),
        ("days: soon", "days must be a whole number, not text"),
        ("days: 0x10", "days must be a whole number, not text"),
        ("ratio: 'x'", "ratio must be a number, not text"),
        ("tags: x", "tags must be a list, not text"),
        ("tags: [a, 1]", 'tags[1] must be text, not a whole number: quote it as "1"'),
        ("tags: [a, null]", "tags[1] must be text, not nothing"),
        ("inner: {depth: x}", "inner.depth must be a whole number, not text"),
        ("inner: []", "inner must be a mapping, not a list"),
        ("inner: {deep: 1}", "inner.deep is unknown: remove it"),
        ("short: abcd", "short must have at most 3 characters, not 'abcd'"),
        ("colours: red", "colours is unknown: did you mean `colour`?"),
    ],
)
def test_each_mistake_is_told_at_its_line(line, sentence):
    found, mistakes = read(f"title: t\n{line}\n")
    assert found is BAD
    assert mistakes == [f"f:2: {sentence}"]


def test_what_is_needed_and_missing():
    found, mistakes = read("days: 1\n")
    assert found is BAD
    assert mistakes == ["f:1: options needs `title`"]


def test_text_from_the_environment_is_not_repeated():
    found, mistakes = read("title: t\nword: Qx7\n", hidden="Qx7")
    assert found is BAD
    assert mistakes == ["f:2: word must be a or b, not <secret>"]


def test_options_under_defaults_may_be_incomplete():
    problems = Problems(Path("f"))
    options.check_defaults(DIALECT, read_tree(b"days: soon\n"), problems)
    assert problems.mistakes == ()
