"""When tags end: Quay's label as Quay reads it, indexes, and what rules name."""

import pytest

from sidecar.domain.event import Artifact, Descriptor, Kind
from sidecar.domain.expiry import LABEL, NEVER, Ending, Rule, TagEnd, endings, expires, lifetime
from sidecar.domain.glob import Globs
from sidecar.domain.instant import DAY, HOUR, MINUTE, SECOND

NOW = 1_795_219_200 * SECOND


@pytest.mark.parametrize(
    ("label", "length"),
    [
        ("30s", 30 * SECOND),
        ("90m", 90 * MINUTE),  # minutes, not months
        ("36h", 36 * HOUR),
        ("14d", 14 * DAY),
        ("2w", 14 * DAY),
        ("1y", 365 * DAY),
        ("+3d", 3 * DAY),  # whatever Python reads as a number
        (" 3d", 3 * DAY),
        ("1_0d", 10 * DAY),
        ("0d", 0),
        ("-1d", 0),
        ("1.5d", 0),
        ("1d12h", 0),
        ("3D", 0),
        ("3 days", 0),
        ("10", 0),
        ("d", 0),
        ("", 0),
        ("never", 0),
        ("9" * 30 + "d", 0),
    ],
)
def test_a_label_is_a_number_and_one_of_quays_units_or_nothing(label, length):
    assert lifetime(label) == length


def image(label=None, **more):
    return Artifact(digest="sha256:i", kind=Kind.IMAGE, labels=None if label is None else {LABEL: label}, **more)


def nobody(_digest):
    return None


def test_an_end_counts_from_the_push_and_one_beyond_all_times_is_none():
    assert expires(image("2d"), NOW, nobody) == NOW + 2 * DAY
    assert expires(image("soon"), NOW, nobody) == 0
    assert expires(image(), NOW, nobody) == 0
    assert expires(image("400y"), NOW, nobody) == 0
    assert NEVER > NOW + 200 * 365 * DAY


def test_an_annotation_is_taken_where_the_config_has_no_such_label():
    assert expires(image(annotations={LABEL: "2d"}), NOW, nobody) == NOW + 2 * DAY
    assert expires(image("3d", annotations={LABEL: "2d"}), NOW, nobody) == NOW + 3 * DAY


@pytest.mark.parametrize(
    ("own", "children", "length"),
    [
        (None, ["2d", "2d"], 2 * DAY),
        (None, ["2d"], 2 * DAY),
        (None, ["2d", "3d"], 0),
        (None, ["2d", "48h"], 0),  # the same time, but not the same label
        (None, ["2d", None], 0),
        (None, [None, "2d"], 0),
        (None, [], 0),
        ("5d", ["2d", "2d"], 5 * DAY),
        ("nonsense", ["2d", "2d"], 0),
    ],
)
def test_an_index_ends_as_it_says_or_as_all_its_manifests_say_alike(own, children, length):
    there = {f"sha256:{at}": image(label) for at, label in enumerate(children)}
    index = Artifact(
        kind=Kind.INDEX,
        references=tuple(Descriptor(digest=one) for one in there),
        annotations=None if own is None else {LABEL: own},
    )
    assert expires(index, NOW, there.get) == (NOW + length if length else 0)


def test_an_index_of_which_a_manifest_is_not_known_has_no_end():
    index = Artifact(kind=Kind.INDEX, references=(Descriptor(digest="sha256:a"), Descriptor(digest="sha256:b")))
    assert expires(index, NOW, {"sha256:a": image("2d")}.get) == 0


def tag(name, *, pushed=NOW, end=0, told=None, number=1):
    return TagEnd(
        registry="main",
        repository="prj/app",
        tag=name,
        digest="sha256:i",
        pushed=pushed,
        number=number,
        expires=end,
        mark=number,
        told=told,
    )


def found(tags, *rules, within=7 * DAY):
    return [(one.tag.tag, one.ends) for one in endings(tags, rules, now=NOW, until=NOW + within)]


def test_what_ends_after_now_and_in_time_is_found_the_earliest_first():
    tags = [tag("later", end=NOW + 7 * DAY), tag("b", end=NOW + DAY), tag("a", end=NOW + DAY), tag("none")]
    tags += [tag("over", end=NOW), tag("far", end=NOW + 7 * DAY + 1)]
    assert found(tags) == [("a", NOW + DAY), ("b", NOW + DAY), ("later", NOW + 7 * DAY)]


def test_what_was_told_is_not_found_and_another_end_of_it_is():
    assert found([tag("a", end=NOW + DAY, told=NOW + DAY), tag("b", end=NOW + DAY, told=NOW + 2 * DAY)]) == [
        ("b", NOW + DAY)
    ]


def test_a_rule_by_age_names_what_will_be_as_old_in_time_and_what_is_older():
    tags = [tag("old", pushed=NOW - 100 * DAY), tag("soon", pushed=NOW - 85 * DAY), tag("young", pushed=NOW - DAY)]
    assert found(tags, Rule(older_than=90 * DAY)) == [("old", NOW - 10 * DAY), ("soon", NOW + 5 * DAY)]
    assert found(tags, Rule(older_than=90 * DAY, tags=Globs.of(["s*"]))) == [("soon", NOW + 5 * DAY)]


def test_a_rule_by_number_counts_only_what_it_names_and_keeps_the_newest():
    tags = [tag(f"v{at}", pushed=NOW - at * DAY) for at in range(4)] + [tag("main", pushed=NOW)]
    assert found(tags, Rule(keep=2, tags=Globs.of(["v*"]))) == [("v2", 0), ("v3", 0)]
    assert found(tags, Rule(keep=9)) == []
    same = [tag("a", number=1), tag("b", number=2)]
    assert found(same, Rule(keep=1)) == [("a", 0)]


def test_of_several_ends_the_earliest_counts_and_an_instant_before_none():
    rules = (Rule(older_than=90 * DAY), Rule(older_than=89 * DAY), Rule(keep=1))
    tags = [tag("new"), tag("old", pushed=NOW - 85 * DAY, end=NOW + 6 * DAY)]
    assert found(tags, *rules) == [("old", NOW + 4 * DAY)]
    assert found(tags, Rule(keep=1)) == [("old", NOW + 6 * DAY)]
    assert found(tags, Rule(keep=1), within=DAY) == [("old", 0)]


def test_an_ending_carries_its_tag():
    one = tag("a", end=NOW + DAY)
    assert endings([one], (), now=NOW, until=NOW + DAY) == [Ending(one, NOW + DAY)]
    assert one.spot == (NOW + DAY, "main", "prj/app", "a")
