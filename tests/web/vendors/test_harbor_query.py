"""Harbor's query language. The readings are those of Harbor's own tests (src/lib/q/builder_test.go, v2.15.2)."""

from datetime import UTC, datetime

import pytest

from sidecar.web.vendors.harbor import query
from sidecar.web.vendors.harbor.query import AllOf, Exact, Fuzzy, OneOf, Query, Range
from sidecar.web.vendors.harbor.refusals import Refused

ROWS = [
    {"id": 1, "name": "alpha", "enabled": True, "creation_time": datetime(2026, 11, 20, 8, tzinfo=UTC)},
    {"id": 2, "name": "Beta", "enabled": False, "creation_time": datetime(2026, 11, 21, 8, tzinfo=UTC)},
    {"id": 3, "name": "alphabet", "enabled": True, "creation_time": datetime(2026, 11, 22, 8, tzinfo=UTC)},
]


def chosen(q="", sort="", usual="id"):
    asked = query.read({"q": q, "sort": sort})
    return [one["id"] for one in asked.chosen(ROWS, lambda row: row, usual)]


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("k=v", Exact("v")),
        (r"k=\~abc", Exact("~abc")),
        ("k=~a", Fuzzy("a")),
        ("k=[1~]", Range(1, None)),
        ("k=[~2]", Range(None, 2)),
        ("k=[1~2]", Range(1, 2)),
        ("k=[2020-03-04T17:08:23~]", Range(datetime(2020, 3, 4, 17, 8, 23, tzinfo=UTC), None)),
        ("k={}", OneOf(())),
        ("k={1}", OneOf((1,))),
        ("k={1 2 3}", OneOf((1, 2, 3))),
        ("k={'a' \"b\"}", OneOf(("a", "b"))),
        ("k=(1 2 3)", AllOf((1, 2, 3))),
    ],
)
def test_each_pattern(text, pattern):
    assert query.patterns_of(text) == {"k": pattern}


def test_a_query_may_be_percent_encoded_once_more():
    assert query.patterns_of("q%3Dtags%3Dnil") == {"q": Exact("tags=nil")}


@pytest.mark.parametrize(
    "text", [",", "k", "k=", "=v", "k=v,", "k=~", "k=[", "k=[]", "k=[~]", "k=[~~]", "k=[1~2~3]", "k={1", "k=(1"]
)
def test_what_harbor_refuses(text):
    with pytest.raises(Refused) as refused:
        query.patterns_of(text)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("q", "ids"),
    [
        ("", [1, 2, 3]),
        ("name=alpha", [1]),
        ("name=~ALPHA", [1, 3]),
        ("Name=~bet", [2, 3]),  # the field's name in the program
        ("enabled=true", [1, 3]),
        ("enabled=0", [2]),
        ("id=2", [2]),
        ("id=[2~]", [2, 3]),
        ("id={1 3}", [1, 3]),
        ("name={alpha Beta}", [1, 2]),
        ("name={}", [1, 2, 3]),
        ("CreationTime=[~2026-11-21T08:00:00]", [1, 2]),
        ("creation_time=[2026-11-20T08:00:01~2026-11-21T23:00:00]", [2]),
        ("name=[1~]", []),  # a text is in no order with a number
        ("name=~alpha,id=3", [3]),
        ("no_such_field=1", [1, 2, 3]),  # ignored, as in Harbor
        ("name=(alpha)", [1, 2, 3]),  # left to each list there, and no list of these does anything with it
    ],
)
def test_which_rows_a_query_finds(q, ids):
    assert chosen(q) == ids


@pytest.mark.parametrize(
    ("sort", "ids"),
    [
        ("", [3, 2, 1]),
        ("name", [2, 1, 3]),
        ("-name", [3, 1, 2]),
        ("enabled,-creation_time", [2, 3, 1]),
        ("no_such_field", [3, 2, 1]),
        ("no_such_field,id", [1, 2, 3]),
    ],
)
def test_in_which_order(sort, ids):
    assert chosen(sort=sort, usual="-creation_time") == ids


def test_nothing_is_found_in_an_empty_list():
    assert query.read({"q": "id=1", "sort": "-id"}).chosen([], dict, "id") == []


@pytest.mark.parametrize(
    ("parameters", "page", "size"),
    [
        ({}, 1, 10),
        ({"page": "3", "page_size": "100"}, 3, 100),
        ({"page": "0"}, 1, 10),
        ({"page_size": "0"}, 1, 0),
    ],
)
def test_pages(parameters, page, size):
    asked = query.read(parameters)
    assert (asked.page, asked.size) == (page, size)
    assert list(asked.page_of(range(250))) == list(range(250))[(page - 1) * size : page * size if size else None]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"page_size": "101"}, "page_size in query should be less than or equal to 100"),
        ({"page": "x"}, 'page in query must be of type int64: "x"'),
        ({"page_size": "1.5"}, 'page_size in query must be of type int64: "1.5"'),
        ({"page": "\u0663"}, 'page in query must be of type int64: "\u0663"'),
        ({"page": "9223372036854775808"}, 'page in query must be of type int64: "9223372036854775808"'),
    ],
)
def test_pages_that_cannot_be_read(parameters, message):
    with pytest.raises(Refused) as refused:
        query.read(parameters)
    assert refused.value.status == 422
    assert str(refused.value) == f"validation failure list:\n{message}"


PATH = "/api/v2.0/projects/12/webhook/policies"


def test_links_to_the_pages_beside():
    """As src/lib/link.go writes them: relative, joined by a comma with a space before it."""
    assert query.link(PATH, {"page": "2"}, Query(page=2, size=10), 25) == (
        f'<{PATH}?page=1&page_size=10>; rel="prev" , <{PATH}?page=3&page_size=10>; rel="next"'
    )
    assert query.link(PATH, {}, Query(page=1, size=10), 11) == f'<{PATH}?page=2&page_size=10>; rel="next"'
    assert query.link(PATH, {}, Query(page=3, size=10), 25) == f'<{PATH}?page=2&page_size=10>; rel="prev"'


@pytest.mark.parametrize(("page", "size", "total"), [(1, 10, 0), (1, 10, 10), (1, 0, 1000), (9, 10, 10)])
def test_no_link_where_there_is_no_page(page, size, total):
    assert query.link(PATH, {}, Query(page=page, size=size), total) == ""


def test_a_link_keeps_the_query_and_cannot_be_broken_by_it():
    said = query.link(PATH, {"q": "name=~a b&c>", "sort": "-name"}, Query(size=1), 2)
    assert said == f'<{PATH}?page=2&page_size=1&q=name=~a%20b%26c%3E&sort=-name>; rel="next"'
