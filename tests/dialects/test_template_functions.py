"""The filters and tests of templates: what Jinja has under a name is what Jinja does; the others by hand."""

import functools
import hashlib
import json
import urllib.parse

import jinja2
import jinja2.defaults
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.dialects.templating import variables
from sidecar.dialects.templating.engine import Environment, compiled
from sidecar.dialects.templating.filters import FILTERS
from sidecar.dialects.templating.limits import LARGEST, Meter, TemplateTrouble
from sidecar.dialects.templating.operators import OPERATORS
from sidecar.dialects.templating.predicates import TESTS
from sidecar.dialects.templating.values import LOOP, bounded, spelled

read = functools.cache(functools.partial(compiled, Environment()))
jinja = jinja2.Environment()
of_jinja = functools.cache(jinja.compile_expression)
GIVEN = ("tag", "tags", "actor", "reference")  # names of variables, so that the rules know them


def value(expression, **values):
    """What an expression comes to, as it would be printed."""
    return read("{{ " + expression + " }}").render(values, Meter())


def failure(expression, **values):
    with pytest.raises(TemplateTrouble) as caught:
        value(expression, **values)
    return str(caught.value)


TEXTS = st.text(max_size=30)
NUMBERS = st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6)


@settings(deadline=None)  # the first example reads all templates
@given(TEXTS, TEXTS.filter(bool), TEXTS, st.integers(5, 40))
def test_filters_of_texts_are_jinjas(text, other, third, length):
    known = {"tag": text, "actor": other, "reference": third}
    for expression in (
        "tag | upper", "tag | lower", "tag | trim", "tag | trim(actor)", "tag | replace(actor, reference)",
        "tag | length", "tag | count", "tag | string", "tag | default(actor, true)", "tag | d(actor)",
    ):  # fmt: skip
        assert value(expression, **known) == str(of_jinja(expression)(**known))
    # Jinja leaves a little more than was asked for unless told otherwise, and breaks at words.
    assert value("tag | truncate(actor)", tag=text, actor=length) == jinja.filters["truncate"](
        jinja, text, length, True, "...", 0
    )


@settings(deadline=None)  # the first example reads all templates
@given(st.lists(TEXTS, max_size=6), TEXTS)
def test_filters_of_lists_are_jinjas(texts, between):
    known = {"tags": texts, "tag": between}
    for expression in (
        "tags | join(tag)", "tags | reverse | list | join(',')", "tags | unique | join(',')", "tags | length",
        "tags | first | default('', true)", "tags | last | default('', true)", "tags | list | join",
    ):  # fmt: skip
        own = of_jinja(expression.replace("unique", "unique(true)"))(**known)
        assert value(expression, **known) == str(own if own is not None else "")
    assert value("tags | sort | join(',')", **known) == ",".join(sorted(texts))
    assert value("tags | sort(true) | join(',')", **known) == ",".join(sorted(texts, reverse=True))
    if texts:
        assert value("tags | min", **known) == min(texts)
        assert value("tags | max", **known) == max(texts)


@settings(deadline=None)  # the first example reads all templates
@given(NUMBERS, st.integers(0, 6))
def test_filters_of_numbers_are_jinjas(number, places):
    known = {"tag": number}
    assert value("tag | abs", **known) == str(abs(number))
    assert value("tag | int", **known) == str(int(number))
    assert value("tag | float", **known) == str(number)
    assert value("tag | round(actor) | float", **known, actor=places) in {
        str(round(number, places)),
        str(int(round(number, places))),
    }
    assert value("[tag, 1] | sum", **known) == str(number + 1)


@settings(deadline=None)  # the first example reads all templates
@given(TEXTS, st.dictionaries(TEXTS, TEXTS, max_size=4))
def test_urlencode_is_undone_by_whoever_reads_a_url(text, pairs):
    assert urllib.parse.unquote(value("tag | urlencode", tag=text)) == text
    assert set(value("tag | urlencode", tag=text)) <= set(
        "%-._~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
    )
    encoded = value("tag | urlencode", tag=pairs)
    assert dict(urllib.parse.parse_qsl(encoded, keep_blank_values=True, strict_parsing=bool(pairs))) == pairs


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@settings(deadline=None)  # the first example reads all templates
@given(JSON)
def test_tojson_is_read_as_what_it_was(thing):
    assert json.loads(value("tag | tojson", tag=thing)) == thing
    assert json.loads(value("tag | tojson(2)", tag=thing)) == thing
    assert value("tag == actor", tag=thing, actor=json.loads(json.dumps(thing))) == "true"


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("'sha256:9f2c41d07b6e5a33' | short", "9f2c41d07b6e"),
        ("'abc' | short", "abc"),
        ("0 | filesizeformat", "0 B"),
        ("1023 | filesizeformat", "1023 B"),
        ("1024 | filesizeformat", "1.0 KiB"),
        ("1127219200 | filesizeformat", "1.0 GiB"),
        ("5000000000000000 | filesizeformat", "4547.5 TiB"),
        ("'refs/heads/main' | removeprefix('refs/heads/')", "main"),
        ("'a.git' | removesuffix('.git')", "a"),
        ("'a/b/c' | split('/') | last", "c"),
        ("'\N{SNOWMAN}' | b64encode", "4piD"),
        ("'abc' | sha256", hashlib.sha256(b"abc").hexdigest()),
        ("[{'a': 2}, {'a': 1}] | map(attribute='a') | join", "21"),
        ("[{'a': 2}, {'a': 1}] | sort(attribute='a') | map('a') | join", "12"),
        ("[{'a': 2}, {'a': 1}] | sum(attribute='a')", "3"),
        ("[] | first", ""),
        ("[] | max", ""),
        ("{'a': 1} | list | join", "a"),
        ("{'a': 1, 'b': 2} | length", "2"),
        ("'12' | int + 1", "13"),
        ("'x' | int", "0"),
        ("'x' | int(7)", "7"),
        ("'1.5' | float", "1.5"),
        ("'nan' | float(2)", "2"),
        ("1.5 | round", "2"),
        ("tag | default('none')", "1.4.2"),
        ("none | string", ""),
        ("'ab' | truncate(1)", "."),
        ("tag is defined and tag is string and tag is not none", "true"),
        ("tags is sequence and {} is mapping and 1 is number and true is not number", "true"),
        ("true is true and false is false and 1 is not true", "true"),
        ("tag is startingwith '1.' and tag is endingwith '.2' and tag is in tags", "true"),
        ("tag is eq '1.4.2' and tag is equalto tag and [9][1:] is eq []", "true"),
        ("tags[1] is undefined", "true"),
        ("tags[1] | default('-')", "-"),
    ],
)
def test_what_they_give(expression, said):
    assert value(expression, tag="1.4.2", tags=("1.4.2",)) == said


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("tags | upper", "shows a list as text"),
        ("tags[1] | upper", "asks a list of 1 for 1"),
        ("tags[1] | tojson", "asks a list of 1 for 1"),
        ("tags[1] | float", "asks a list of 1 for 1"),
        ("tag | join", "goes through a text"),
        ("tag | first", "takes the first or last of a text"),
        ("1 | length", "counts a number"),
        ("tag | items", "takes the items of a text"),
        ("tag | split('')", "splits a text at nothing"),
        ("tag | truncate('x')", "needs a whole number from 0 to"),
        ("tag | truncate(-1)", "needs a whole number from 0 to"),
        ("tag | tojson(9)", "needs a whole number from 0 to 8"),
        ("tags | sort(attribute='x')", "asks for `x` of a text that has none"),
        ("[1, 'a'] | sort", "calculates with a text"),
        ("[[1]] | sort", "compares a list: that takes texts or numbers"),
        ("[{}] | unique", "compares a mapping"),
        ("tags | map(1)", "needs the name of an attribute"),
        ("tag | round", "calculates with a text"),
        ("1 | round(13)", "needs a whole number from 0 to 12"),
        ("[9000000000000000000, 9000000000000000000] | sum", "calculates a number that is too large"),
        ("tag | filesizeformat", "calculates with a text"),
        ("'x' | int(1.5)", "needs a whole number"),
        ("none | abs", "calculates with null"),
        ("{'a': '\\ud800'} | tojson", "makes JSON of what JSON cannot say"),
    ],
)
def test_what_they_cannot_do_is_told(expression, said):
    assert failure(expression, tag="1.4.2", tags=("1.4.2",)).startswith(said)


def test_no_text_becomes_longer_than_texts_may_be():
    longest = "x" * LARGEST
    assert value("tag | length", tag=longest) == str(LARGEST)
    assert len(value("tag", tag=longest)) == LARGEST
    for expression in (
        "tag ~ 'x'", "tag + 'x'", "[tag, 'x'] | join", "tag | replace('x', 'xx')", "tag | tojson", "tag | b64encode",
    ):  # fmt: skip
        assert failure(expression, tag=longest) == "makes a text of more than 256 KiB"


def test_names_are_jinjas_where_jinja_has_them():
    """What is ours alone is named here: nobody may take it for something that Jinja documents."""
    alone = {"b64encode", "removeprefix", "removesuffix", "sha256", "short", "split"}
    assert set(FILTERS) - set(jinja2.defaults.DEFAULT_FILTERS) == alone
    assert set(TESTS) - set(jinja2.defaults.DEFAULT_TESTS) == {"endingwith", "startingwith"}
    assert not any(name.isidentifier() and name != "for" for name in OPERATORS), "nobody can write them"
    assert all(one.__doc__ for one in (*FILTERS.values(), *TESTS.values()))


def test_plain_values_are_spelled_as_in_json():
    assert [spelled(one) for one in (None, True, False, 1, 1.5, "a")] == ["", "true", "false", "1", "1.5", "a"]
    for one in (float("nan"), float("inf"), 2**63, -(2**63)):
        with pytest.raises(TemplateTrouble):
            bounded(one)
    assert bounded(2**63 - 1) == 2**63 - 1
    assert {"index", "first", "last"} <= LOOP
    assert set(GIVEN) <= set(variables.SHAPES)
