"""Names of subscriptions made through APIs, and which lane goes on with which target."""

import pytest

from sidecar.domain.made import Api, Target, kept, label_of, lane_name, name_problem, through_api


def target(lane, url, form="dtr"):
    return Target(lane, f"lane {lane}", {"url": url, "format": form})


def tree(url, form="dtr"):
    return {"url": url, "format": form}


def test_lanes_are_named_so_that_the_configuration_cannot_name_them():
    names = [lane_name(Api.HARBOR, 7, 1), lane_name(Api.HARBOR, 7, 2), lane_name(Api.NATIVE, 12, 1)]
    assert names == ["api:harbor/7", "api:harbor/7/2", "api:native/12"]
    assert all(through_api(one) and name_problem(one) for one in names)


@pytest.mark.parametrize("name", ["a", "9", "ci.main_2-x", "x" * 100])
def test_names_that_people_may_choose(name):
    assert name_problem(name) == ""
    assert not through_api(name)


@pytest.mark.parametrize("name", ["", "-a", ".a", "a b", "a/b", "api:x", "x" * 101, "\u00e4", "a\n"])
def test_names_that_they_may_not(name):
    assert "letters, digits" in name_problem(name)


def test_metrics_have_one_label_for_all_of_a_format():
    """However many there are: a label for each would have no bound."""
    assert label_of("api:harbor/7", "harbor") == "api:harbor"
    assert label_of("api:native/8", "harbor") == "api:harbor"
    assert label_of("argocd", "harbor") == "argocd"


A, B, C = target(1, "https://a"), target(2, "https://b"), target(3, "https://c")


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ([], ["https://a"], [None]),
        ([A], ["https://a"], [A]),
        ([A], ["https://new"], [A]),
        ([A, B], ["https://b"], [B]),
        ([A, B, C], ["https://c", "https://new", "https://a"], [C, B, A]),
        ([A], ["https://new", "https://a"], [None, A]),
        ([A, B], ["https://x", "https://y", "https://z"], [A, B, None]),
        ([A], ["https://a", "https://a"], [A, None]),
    ],
)
def test_a_target_goes_on_with_the_lane_that_goes_to_the_same_place(old, new, expected):
    assert kept(old, [tree(url) for url in new]) == expected


def test_another_format_is_another_place():
    harbor = target(4, "https://a", "harbor")
    assert kept([A, harbor], [tree("https://a", "harbor")]) == [harbor]
