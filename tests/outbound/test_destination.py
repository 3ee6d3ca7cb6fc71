"""A URL goes out as it was written."""

import pytest

from sidecar.outbound.destination import destination


@pytest.mark.parametrize(
    ("text", "path", "shown"),
    [
        ("https://h.example/webhook?type=harbor", "/webhook?type=harbor", "https://h.example"),
        ("http://h:8080/a/../b//c?q=%7e&a=b;c+d%20e", "/a/../b//c?q=%7e&a=b;c+d%20e", "http://h:8080"),
        ("http://h", "/", "http://h"),
        ("http://h?x=1", "/?x=1", "http://h"),
        ("http://h/hook#part", "/hook", "http://h"),
        ("http://h/%zz", "/%zz", "http://h"),
        ("http://[::1]:8080/x", "/x", "http://[::1]:8080"),
    ],
)
def test_path_and_query_are_not_touched(text, path, shown):
    target = destination(text)
    assert target.url.raw_path_qs == path
    assert target.shown == shown
    assert target.authorization == ""


@pytest.mark.parametrize(
    ("user", "credential"),
    [
        ("Aladdin:open%20sesame", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),  # RFC 7617, section 2
        ("test:123%C2%A3", "Basic dGVzdDoxMjPCow=="),  # RFC 7617, section 2.1: UTF-8
        ("token", "Basic dG9rZW46"),
        (":secret", "Basic OnNlY3JldA=="),
    ],
)
def test_a_user_in_the_url_becomes_a_percent_decoded_basic_credential(user, credential):
    target = destination(f"https://{user}@h.example/hook")
    assert target.authorization == credential
    assert str(target.url) == "https://h.example/hook"
    assert target.shown == "https://h.example"


def test_an_international_name_is_dialled_in_its_ascii_form():
    target = destination("https://bücher.example/hook")
    assert target.url.raw_host == "xn--bcher-kva.example"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hook",
        "//h/hook",
        "http:///hook",
        "http:h",
        "ftp://h/hook",
        "ws://h/hook",
        "http://h:99999/hook",
        "http://h:port/hook",
        "http://[::1/hook",
        "http://h/a hook",
        "http://h/hook\r\nX-Injected: 1",
        " http://h/hook",
        "http://127.1/hook",
        "http://0x7f000001/hook",
        "http://127.0.0.1./hook",
        "http://hooks.0x7f/hook",
        "http://[::1%25lo]/hook",
        "http://%31/hook",
        "http://hooks..example/hook",
        "http://.../hook",
    ],
)
def test_what_cannot_be_dialled_is_refused_in_a_sentence_that_does_not_repeat_it(text):
    with pytest.raises(ValueError, match=r"^The URL .*\.$") as refused:
        destination(text)
    assert "hook" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("[::1]", "::1"),
        ("hooks.example", ""),
        ("1.example", ""),
        ("\uff11.1.1.1", "1.1.1.1"),
    ],
)
def test_a_host_that_is_an_address_is_known_as_one(host, address):
    found = destination(f"http://{host}/").address
    assert ("" if found is None else str(found)) == address
