"""Paths of a registry's API, and where a Link header leads: what no page of a real registry may be cut short by."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from sidecar.outbound.registry_pages import following, page, resource

BASE = URL("http://127.0.0.1:5000")


@pytest.mark.parametrize(
    ("given_", "path"),
    [
        (("prj/web/app", "manifests", "v1"), "prj/web/app/manifests/v1"),
        (("solo", "blobs", "sha256:ab"), "solo/blobs/sha256:ab"),
        (("a__b/c-d.e", "tags/list"), "a__b/c-d.e/tags/list"),
        (("Prj/App", "manifests", "V1.0_x-y"), "Prj/App/manifests/V1.0_x-y"),
        (("a/../b", "manifests", "v1"), ""),
        (("a/b/", "tags/list"), ""),
        (("a", "manifests", "v1?x"), ""),
        (("a", "manifests", "sha256:../x"), ""),
        (("a\n", "manifests", "v1"), ""),
    ],
)
def test_what_stands_after_v2(given_, path):
    assert resource(*given_) == path


@given(st.text(), st.text(min_size=1))
def test_a_path_never_leaves_its_repository(repository, reference):
    path = resource(repository, "manifests", reference)
    if path:
        url = URL(f"{BASE}/v2/{path}", encoded=True)
        assert url.raw_path == f"/v2/{path}"
        assert not url.raw_query_string
        assert ".." not in url.raw_parts
        assert url.path == f"/v2/{repository}/manifests/{reference}"


@pytest.mark.parametrize(
    ("links", "named"),
    [
        (['</v2/_catalog?last=b&n=2>; rel="next"'], "b"),
        (['<http://127.0.0.1:5000/v2/_catalog?last=b&n=2>; rel="next"'], "b"),
        (["</v2/_catalog?n=2&last=a%2Fb>;rel=next"], "a/b"),
        (['</v2/_catalog?n=2&last=a>; rel="prev", </v2/_catalog?n=2&last=b>; rel="next"'], "b"),
        (['</v2/_catalog?n=2&last=a>; rel="prev"', '</v2/_catalog?n=2&last=c>; title="x"; rel="next last"'], "c"),
        (["<_catalog?last=b>; rel=next"], "b"),
        (["</v2/_catalog?next_page=x>; rel=next"], "/v2/_catalog?next_page=x"),
        (["</v2/_catalog?last=&token=y>; rel=next"], "/v2/_catalog?last=&token=y"),
        (["</v2/_catalog?last=b>"], ""),
        (["</v2/_catalog?last=b>; rel=nextish"], ""),
        (["nonsense"], ""),
        ([], ""),
    ],
)
def test_the_next_page_is_named_by_the_last_name_or_by_its_path(links, named):
    assert following(links, BASE, URL(f"{BASE}/v2/_catalog?n=2")) == named


def test_what_names_a_page_leads_there():
    assert str(page(BASE, "_catalog", "", 100)) == "http://127.0.0.1:5000/v2/_catalog?n=100"
    assert str(page(BASE, "_catalog", "a/b+c", 2)) == "http://127.0.0.1:5000/v2/_catalog?n=2&last=a%2Fb%2Bc"
    assert str(page(URL("https://r.example/sub"), "x/tags/list", "/sub/v2/x/tags/list?p=2", 2)) == (
        "https://r.example/sub/v2/x/tags/list?p=2"
    )
