"""The document as a page: everything is on it, nothing runs in it, and nothing comes from elsewhere."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from sidecar.config.schema import of_made
from sidecar.web.openapi.document import document
from sidecar.web.openapi.page import curl, page

DOCUMENT = document(of_made)
VOID = {"meta", "link", "br", "hr", "img", "input"}


class Reader(HTMLParser):
    """Elements, texts by element, and whether everything that is opened is closed in its order."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.open, self.texts = [], [], []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append((self.open[-1] if self.open else "", data))


@pytest.fixture(scope="module")
def read():
    return Reader(page(DOCUMENT).decode())


async def test_it_is_served_under_a_policy_that_lets_its_own_style_through_and_nothing_else(site):
    status, headers, body = await site.ask("GET", "/v1/docs")
    assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    (style,) = re.findall(r"<style>(.*?)</style>", body.decode(), re.DOTALL)
    hashed = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = dict(one.strip().partition(" ")[::2] for one in headers["Content-Security-Policy"].split(";"))
    assert policy == {
        "default-src": "'none'",
        "style-src": f"'sha256-{hashed}'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_nothing_runs_and_nothing_is_loaded(read):
    allowed = {"html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section", "h1", "h2", "h3"}
    allowed |= {"p", "a", "b", "strong", "code", "pre", "ul", "li", "table", "caption", "tr", "th", "td"}
    assert {tag for tag, _ in read.elements} == allowed
    attributes = {name for _, given in read.elements for name in given}
    assert attributes == {"lang", "charset", "name", "content", "href", "id", "scope"}


def test_every_call_and_shape_is_on_it_and_every_link_leads_there(read):
    ids = [given["id"] for _, given in read.elements if "id" in given]
    assert len(ids) == len(set(ids))
    calls = {what["operationId"] for methods in DOCUMENT["paths"].values() for what in methods.values()}
    assert set(ids) == calls | {f"shape-{name}" for name in DOCUMENT["components"]["schemas"]}
    links = {given["href"] for tag, given in read.elements if tag == "a"}
    assert links - {f"#{one}" for one in ids} == {"openapi.json"}
    assert {f"#{one}" for one in calls} <= links


def test_what_the_document_says_is_text_and_no_markup():
    told = {
        **DOCUMENT,
        "info": {"title": "<script>", "version": "1", "description": "**b** `<c>` &amp;\n\n<img>"},
        "tags": [{"name": "<i>", "description": "</main>"}],
        "paths": {},
        "components": {"schemas": {"A": {"description": '"><script>', "enum": ["<x>"]}}},
    }
    html = page(told).decode()
    read = Reader(html)
    assert not {"script", "i", "img", "x", "c"} & {tag for tag, _ in read.elements}
    assert ("code", "<c>") in read.texts
    assert ("b", "b") in read.texts
    assert ("p", "<img>") in read.texts


def test_a_command_makes_the_call():
    get = DOCUMENT["paths"]["/v1/events/{id}"]["get"]
    assert curl("GET", "/v1/events/{id}", get) == (
        "curl --fail-with-body -u maria 'https://sidecar.example.com/v1/events/019ab2c4-7c11-8d3e-9f20-5b1c2d3e4f50'"
    )
    post = DOCUMENT["paths"]["/v1/subscriptions/{name}/test"]["post"]
    assert curl("POST", "/v1/subscriptions/{name}/test", post) == (
        "curl --fail-with-body -u maria -X POST 'https://sidecar.example.com/v1/subscriptions/ci/test' "
        "\\\n  -H 'Content-Type: application/json' -d '{\"event\": \"artifact.deleted\"}'"
    )
