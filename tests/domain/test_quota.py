"""Which quota a namespace is under, and whose a repository is."""

from sidecar.domain.event import RegistryRef
from sidecar.domain.glob import Globs
from sidecar.domain.quota import Quota, Quotas
from sidecar.domain.registry import Registry

REGISTRIES = {
    name: Registry(ref=RegistryRef(name=name, hostname="registry.example.com"), default_namespace=default)
    for name, default in (("main", "library"), ("edge", "root"))
}


def quota(namespace: str, limit: int, *registries: str) -> Quota:
    return Quota(namespaces=Globs.of((namespace,)), limit=limit, registries=frozenset(registries))


QUOTAS = Quotas([quota("prj", 1, "main"), quota("team-*", 2), quota("*", 3, "edge")], REGISTRIES)


def limit(registry: str, namespace: str) -> int | None:
    found = QUOTAS.of((registry, namespace))
    return found.limit if found is not None else None


def test_the_first_that_names_a_namespace_counts():
    assert [limit("main", one) for one in ("prj", "team-a", "other")] == [1, 2, None]
    assert [limit("edge", one) for one in ("prj", "team-a", "other")] == [3, 2, 3]
    assert limit("gone", "team-a") is None  # of a registry that the file no longer names


def test_a_repository_is_its_namespaces_and_a_single_segment_the_default_ones():
    assert QUOTAS.place("main", "prj/app") == ("main", "prj")
    assert QUOTAS.place("main", "prj") is None  # library's, which is under no quota there
    assert QUOTAS.place("edge", "solo") == ("edge", "root")
    assert QUOTAS.place("gone", "prj/app") is None
    assert (QUOTAS.weighs("main", "team-b/x"), QUOTAS.weighs("main", "other/x")) == (True, False)


def test_namespaces_are_found_by_name_and_among_what_there_is():
    assert QUOTAS.named() == {("main", "prj"), ("edge", "prj")}
    heads = [("main", "prj"), ("main", "team-a"), ("main", "x"), ("main", ""), ("edge", ""), ("gone", "prj")]
    assert QUOTAS.among(heads) == {("main", "prj"), ("main", "team-a"), ("edge", "root")}
    assert (QUOTAS.holds_single(("main", "library")), QUOTAS.holds_single(("edge", "library"))) == (True, False)


def test_without_quotas_there_is_nothing_to_weigh():
    assert not Quotas([], REGISTRIES)
    assert Quotas([], REGISTRIES).named() == set()
