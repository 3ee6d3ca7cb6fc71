"""A template of a registry's pages has three names, each of which may stand in it anywhere."""

import pytest

from sidecar.dialects.repository_page import filled
from sidecar.domain.event import Repository

PLACE = Repository(path="prj/web/app", namespace="prj", name="web/app")


@pytest.mark.parametrize(
    ("template", "page"),
    [
        ("https://ui.example.com/{repository}", "https://ui.example.com/prj/web/app"),
        (
            "https://ui.example.com/p/{namespace}/r/{name}?of={namespace}",
            "https://ui.example.com/p/prj/r/web/app?of=prj",
        ),
        ("https://ui.example.com/", "https://ui.example.com/"),
    ],
)
def test_a_template_is_filled_in(template, page):
    assert filled(template, PLACE) == page


def test_names_are_written_as_the_caller_writes_them():
    assert filled("{namespace}:{name}", PLACE, str.upper) == "PRJ:WEB/APP"
