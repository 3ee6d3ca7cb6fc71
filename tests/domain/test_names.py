"""How a repository's name is cut."""

import pytest

from sidecar.domain.names import split_repository


@pytest.mark.parametrize(
    ("repository", "namespace", "name"),
    [
        ("prj/app", "prj", "app"),
        ("a/b/c/d", "a", "b/c/d"),  # the rest stays whole: Harbor's, DTR's and Quay's names have one cut only
        ("solo", "library", "solo"),
        ("library/solo", "library", "solo"),
    ],
)
def test_the_first_segment_is_the_namespace_and_all_the_rest_the_name(repository, namespace, name):
    assert split_repository(repository, "library") == (namespace, name)


def test_the_namespace_of_a_single_segment_is_configurable():
    assert split_repository("solo", "main") == ("main", "solo")
