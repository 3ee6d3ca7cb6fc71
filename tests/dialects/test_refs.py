"""Patterns of references: what is taken means what Python's `re.match` makes of it, and no pattern holds anybody up."""

import re
import subprocess
import sys
import time
import warnings

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from effort import examples
from sidecar.dialects.refs import LONGEST, matches, refusal


@pytest.mark.parametrize(
    ("pattern", "ref", "expected"),
    [
        # Quay's own tests of its filter.
        ("refs/heads/somebranch", "refs/heads/somebranch", True),
        ("refs/heads/.*", "refs/heads/somebranch", True),
        ("refs/heads/other", "refs/heads/somebranch", False),
        # Anchored at the start, and there alone.
        ("refs/heads/main", "refs/heads/main-2", True),
        ("refs/heads/main$", "refs/heads/main-2", False),
        ("heads/main", "refs/heads/main", False),
        (".*main", "refs/heads/main", True),
        (r"refs/(heads/(main|release/.*)|tags/v\d+)", "refs/tags/v12", True),
        ("REFS/", "refs/heads/main", False),
        ("(?i)REFS/", "refs/heads/main", True),
        ("refs/heads/grö.e", "refs/heads/größe", True),
    ],
)
def test_a_reference_matches_as_in_quay(pattern, ref, expected):
    assert refusal(pattern) == ""
    assert matches(pattern, ref) is expected
    assert (re.match(pattern, ref) is not None) is expected


def test_no_pattern_is_none():
    assert refusal("") == ""


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("][", "ref_regex cannot be used: missing ]: [; it is a regular expression without look-around"),
        ("(?!refs/heads/dev).*", "invalid perl operator: (?!; it is a regular expression without look-around"),
        (r"(a)\1", "without look-around and back-references"),
        ("a{,3}", "write {0,3} instead of {,3}"),
        ("[[:alpha:]]+", "Possible nested set"),  # a class to the one, a set of signs to the other
        ("a(?i)", "global flags not at the start"),
        ("((.?){30}){30}x", "pattern too large"),
        ("a{1001}", "invalid repetition size: {1001}"),
        ("a" * (LONGEST + 1), "ref_regex has at most 500 characters, not 501"),
        ("\ud800", "surrogates not allowed"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_sentence(pattern, sentence):
    assert sentence in refusal(pattern)


PARTS = st.sampled_from(
    [
        *"ab/^$.|()[]{}*+?-,\\019",
        "{0,2}",
        "{,2}",
        "[^a]",
        "[a-b]",
        "(?:",
        "(?i)",
        "(?i:",
        "(?m)",
        "(?s)",
        "(?P<n>",
        "*?",
        r"\d",
        r"\w",
        r"\s",
        r"\b",
        r"\B",
        r"\A",
        r"\Z",
        r"\z",
        r"\W",
        r"\D",
        r"\S",
        r"\x61",
        r"\1",
        r"\C",
        r"\Q",
        "[:a:]",
    ]
)


@settings(max_examples=examples(400), deadline=None)
@given(st.lists(PARTS, max_size=12).map("".join), st.lists(st.text("abAB/-019_", max_size=6), min_size=4, max_size=4))
def test_what_is_taken_means_what_python_makes_of_it(pattern, refs):
    """Python's own engine is the oracle, on short references, which it cannot run away with.

    To an empty reference Python alone says that it is no place between two letters of a word.
    """
    if refusal(pattern):
        return
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        oracle = re.compile(pattern)
    for ref in filter(None, refs):
        assert matches(pattern, ref) is bool(oracle.match(ref)), (pattern, ref)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*$", "(a|aa|aaa|aaaa){0,200}x", "(.*a){20}$", "(a?){30}a{30}$"])
def test_no_pattern_runs_away(pattern):
    """Each of these takes Python's engine longer than anybody lives; the bound is a thousand times what is needed."""
    assert refusal(pattern) == ""
    begun = time.perf_counter()
    matches(pattern, "a" * 499 + "!")
    assert time.perf_counter() - begun < 5


def test_the_engine_is_loaded_where_a_pattern_asks_for_it_alone():
    code = (
        "import sys\nfrom sidecar.dialects import load\n"
        "dialect = load()['quay']\n"
        "for given in ({}, {'ref_regex': 'refs/'}):\n"
        "    dialect.bind(dialect.options(**given), ['build_queued'])\n"
        "    print('re2' in sys.modules)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.split() == ["False", "True"]
