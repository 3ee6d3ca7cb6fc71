"""Globs: the rules of `match`, and an independent matcher that agrees on any pattern."""

import fnmatch
import itertools
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.glob import ANYTHING, Globs


@pytest.mark.parametrize(
    ("pattern", "value", "admitted"),
    [
        ("prj/**", "prj/app", True),
        ("prj/**", "prj/a/b/c", True),
        ("prj/**", "prj", False),
        ("prj/**", "prj2/app", False),
        ("prj/*", "prj/app", True),
        ("prj/*", "prj/a/b", False),
        ("*", "solo", True),
        ("*", "prj/app", False),
        ("**", "solo", True),
        ("**", "prj/a/b", True),
        ("**/app", "app", True),
        ("**/app", "a/b/app", True),
        ("**/app", "a/myapp", False),
        ("a/**/b", "a/b", True),
        ("a/**/b", "a/x/y/b", True),
        ("a/**/b", "ab", False),
        ("team-*/app", "team-red/app", True),
        ("team-*/app", "team-red/x/app", False),
        ("ap?", "app", True),
        ("a?p", "a/p", False),
        ("a.p", "axp", False),
        ("[ab]", "a", False),
        ("app", "App", False),
        ("app", "app2", False),
    ],
)
def test_a_repository_pattern(pattern, value, admitted):
    assert Globs.of([pattern], segments=True).admits(value) is admitted


@pytest.mark.parametrize(
    ("pattern", "value", "admitted"),
    [
        ("v*", "v1.0", True),
        ("v*", "1.0", False),
        ("trivy/*", "trivy/0.50 (linux/amd64)", True),
        ("*", "a/b\nc", True),
        ("ci-?", "ci-1", True),
        ("ci-?", "ci-10", False),
        ("", "", True),
        ("", "maria", False),
        ("1.0+x", "1.0+x", True),
    ],
)
def test_elsewhere_a_star_takes_anything(pattern, value, admitted):
    assert Globs.of([pattern]).admits(value) is admitted


def test_an_empty_list_admits_everything_and_names_nothing():
    assert ANYTHING.admits("anything")
    assert not ANYTHING.names("anything")


def test_only_exclusions_admit_the_rest_and_name_nothing():
    but_not = Globs.of(["!prj/sandbox/**"], segments=True)
    assert but_not.admits("prj/app")
    assert not but_not.admits("prj/sandbox/x")
    assert not but_not.names("prj/app")


@pytest.mark.parametrize("order", list(itertools.permutations(["prj/**", "!prj/sandbox/**", "other"])))
def test_the_order_of_patterns_does_not_matter(order):
    globs = Globs.of(order, segments=True)
    assert [globs.admits(one) for one in ("prj/app", "prj/sandbox/x", "other", "else")] == [True, False, True, False]


def test_an_exclusion_of_nothing_is_refused_with_the_remedy():
    with pytest.raises(ValueError, match="write the pattern after it"):
        Globs.of(["a", "!"])


PATTERN = st.text(alphabet="ab/*?", max_size=7)
VALUE = st.text(alphabet="ab/", max_size=7)


def takes(pattern: str, value: str) -> bool:
    """A repository pattern by plain recursion, one character at a time."""
    if not pattern:
        return not value
    if pattern.startswith("**"):
        rest = pattern[2:]
        return any(takes(rest, value[at:]) for at in range(len(value) + 1))
    if pattern[0] == "*":
        ends = value.index("/") if "/" in value else len(value)
        return any(takes(pattern[1:], value[at:]) for at in range(ends + 1))
    if not value:
        return False
    return (value[0] == pattern[0] or (pattern[0] == "?" and value[0] != "/")) and takes(pattern[1:], value[1:])


@given(st.text(alphabet="ab/*?", max_size=7).filter(lambda one: "/**" not in one and "**/" not in one), VALUE)
def test_any_repository_pattern_means_what_plain_recursion_says(pattern, value):
    """Where `**` touches a slash its meaning is told by the cases above instead."""
    assert Globs.of([pattern], segments=True).admits(value) is takes(pattern, value)


@given(PATTERN, VALUE)
def test_any_other_pattern_means_what_the_shell_says(pattern, value):
    assert Globs.of([pattern]).admits(value) is fnmatch.fnmatchcase(value, pattern)


@given(st.lists(PATTERN, max_size=3), st.lists(PATTERN.filter(bool), max_size=3), VALUE, st.booleans())
def test_any_list_admits_what_some_pattern_takes_and_no_exclusion_does(wanted, unwanted, value, segments):
    globs = Globs.of([*wanted, *("!" + one for one in unwanted)], segments=segments)
    some = not wanted or any(Globs.of([one], segments=segments).admits(value) for one in wanted)
    none = not any(Globs.of([one], segments=segments).admits(value) for one in unwanted)
    assert globs.admits(value) is (some and none)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        ((), None),
        (("**",), None),
        (("prj/**",), {"prj"}),
        (("prj/*/x", "other", "!third/**"), {"prj", "other"}),
        (("prj/**", "*/x"), None),
        (("pr?/x",), None),
        (("!prj/**",), None),
    ],
)
def test_the_first_segments_of_what_can_be_admitted(patterns, expected):
    assert Globs.of(patterns, segments=True).heads() == expected


@pytest.mark.parametrize(
    ("patterns", "namespace", "holds_single", "reached"),
    [
        ([], "prj", False, True),
        (["prj/**"], "prj", False, True),
        (["prj/**"], "team", False, False),
        (["prj/web/api"], "prj", False, True),
        (["*/api"], "prj", False, True),
        (["t?am/**"], "team", False, True),
        (["**"], "prj", False, True),
        (["**/api"], "prj", False, True),
        (["te**"], "team", False, True),
        (["te**/api"], "prj", False, False),
        (["solo"], "library", True, True),  # a name of one segment is in the default namespace
        (["solo"], "solo", False, False),
        (["library/**"], "library", True, True),
        (["!prj/**"], "prj", False, False),
        (["!prj/sandbox/**"], "prj", False, True),
        (["!prj/**"], "team", False, True),
        (["prj/**", "!**"], "prj", False, False),
        (["!library/**"], "library", True, True),  # `solo` is still admitted
        (["team/**", "prj/**", "!prj/sandbox/**"], "prj", False, True),
    ],
)
def test_a_namespace_is_reached_where_some_repository_of_it_may_be(patterns, namespace, holds_single, reached):
    assert Globs.of(patterns, segments=True).reaches(namespace, holds_single=holds_single) is reached


@given(st.lists(st.text(alphabet="ab/*?", min_size=1, max_size=5), max_size=3), st.text(alphabet="ab/", max_size=4))
def test_a_namespace_of_which_a_repository_is_admitted_is_reached(patterns, rest):
    globs = Globs.of(patterns, segments=True)
    if rest and globs.admits(f"a/{rest}"):
        assert globs.reaches("a", holds_single=False)
    if rest and "/" not in rest and globs.admits(rest):
        assert globs.reaches("library", holds_single=True)


@pytest.mark.parametrize(
    ("pattern", "value", "segments"),
    [
        ("*a" * 5 + "*b", "a" * 128, False),
        ("*a" * 5 + "*b", "a" * 255, True),
        ("**a" * 5 + "**b", "a" * 255, True),
        ("**/a/" * 6 + "b", "a/" * 127, True),
        ("**a*a*a" * 3 + "**b", "a" * 255, True),
    ],
)
def test_no_pattern_takes_long_over_any_value(pattern, value, segments):
    """Patterns and tags may be written by the same ill-meaning person: going back and forth takes seconds to years."""
    globs = Globs.of([pattern], segments=segments)
    begun = time.process_time()
    assert not globs.admits(value)
    assert globs.admits(f"{value}b")
    assert time.process_time() - begun < 0.5
