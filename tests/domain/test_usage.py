"""What a manifest weighs, what a namespace holds, and when a threshold is told."""

import pytest

from sidecar.domain.catalogue import ManifestRow
from sidecar.domain.event import Artifact, Descriptor, Kind, RegistryRef
from sidecar.domain.glob import Globs
from sidecar.domain.quota import Quota, Quotas
from sidecar.domain.registry import Registry
from sidecar.domain.usage import LIMIT, Held, Scale, UsageFacts, UsageRow, contents, passed

PLACE = ("main", "prj")
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def image(digest: str, *layers: tuple[str, int], size: int = 10, media_type: str = LAYER) -> Artifact:
    held = tuple(Descriptor(media_type=media_type, digest=name, size=count) for name, count in layers)
    return Artifact(digest=digest, size=size, kind=Kind.IMAGE, references=held)


def row(artifact: Artifact, repository: str = "prj/app") -> ManifestRow:
    return ManifestRow(registry="main", repository=repository, artifact=artifact, tags=(), live=True, time=1, number=1)


def quota(limit: int = 1000, warn_at: tuple[int, ...] = (85,)) -> Quota:
    return Quota(namespaces=Globs.of(("prj",)), limit=limit, warn_at=warn_at)


def scale(facts: UsageFacts) -> Scale:
    main = Registry(ref=RegistryRef(name="main", hostname="registry.example.com"))
    return Scale(Quotas([quota()], {"main": main}), facts)


def test_a_manifest_holds_itself_its_config_and_its_layers():
    assert contents(image("m", ("config", 1), ("layer", 2), size=3)) == {"m": 3, "config": 1, "layer": 2}


def test_an_index_holds_itself_alone_and_its_children_count_for_themselves():
    index = Artifact(digest="i", size=5, kind=Kind.INDEX, references=(Descriptor(digest="child", size=10),))
    assert contents(index) == {"i": 5}


@pytest.mark.parametrize(
    "media_type",
    [
        "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    ],
)
def test_layers_that_lie_elsewhere_are_not_held(media_type):
    assert contents(image("m", ("windows", 4_000_000_000), media_type=media_type)) == {"m": 10}


def test_a_size_that_nobody_can_mean_is_none():
    """A manifest may say anything of a blob; usage never goes below zero for it."""
    assert contents(image("m", ("layer", -5), size=-1)) == {"m": 0, "layer": 0}


@pytest.mark.parametrize(
    ("used", "told", "fresh", "kept"),
    [
        (849, (), (), ()),
        (850, (), (85,), ()),  # a warning's threshold is passed when it is reached ...
        (1000, (), (85,), ()),  # ... the limit by more than it
        (1001, (), (85, LIMIT), ()),  # lowest first
        (1001, (85,), (LIMIT,), (85,)),
        (1001, (85, LIMIT), (), (85, LIMIT)),
        (999, (85, LIMIT), (), (85, LIMIT)),  # below again, but not by 5 %
        (950, (85, LIMIT), (), (85, LIMIT)),
        (949, (85, LIMIT), (), (85,)),  # 5 % below the limit: armed
        (808, (85,), (), (85,)),  # 5 % below 850 is 807.5
        (807, (85,), (), ()),
        (0, (85, LIMIT), (), ()),
    ],
)
def test_a_threshold_is_told_once_until_usage_falls_5_percent_below_it(used, told, fresh, kept):
    assert passed(quota(), used, told) == (fresh, kept)


def test_a_threshold_that_is_no_longer_configured_is_forgotten():
    assert passed(quota(warn_at=(50, 90)), 940, (85,)) == ((50, 90), ())
    assert passed(quota(warn_at=()), 2000, ()) == ((LIMIT,), ())


def test_a_warning_at_the_whole_limit_is_not_the_limit():
    assert passed(quota(warn_at=(100,)), 1000, ()) == ((100,), ())
    assert passed(quota(warn_at=(100,)), 1001, (100,)) == ((LIMIT,), (100,))


def test_a_size_that_is_told_late_makes_the_blob_larger_once():
    """A record may name a manifest without its size, and another of the same digest with it."""
    facts = UsageFacts({PLACE: UsageRow(registry="main", namespace="prj")})
    one = scale(facts)
    one.count(PLACE, row(image("m", size=0)))
    one.count(PLACE, row(image("m", size=30), "prj/other"))
    one.count(PLACE, row(image("m", size=0), "prj/third"))
    assert facts.rows[PLACE].used == 30
    assert facts.blobs == {(PLACE, "m"): Held(30, 3)}
