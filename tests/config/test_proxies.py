"""Which proxy a subscription goes through, with urllib as the oracle for what the environment means."""

from urllib.request import proxy_bypass_environment

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.config.proxies import bypassed, from_environment, proxy
from sidecar.domain.secret import Secret
from sidecar.domain.transport import Proxy

HTTPS = "https://hooks.example.com/x"


def test_a_proxy_with_credentials_is_taken_apart():
    """RFC 7617, sections 2 and 2.1: percent-decoded, UTF-8."""
    assert proxy("http://Aladdin:open%20sesame@proxy.example.com:3128/") == Proxy(
        url="http://proxy.example.com:3128", authorization=Secret("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
    )
    assert proxy("http://test:123%C2%A3@proxy.example.com").authorization == Secret("Basic dGVzdDoxMjPCow==")
    assert proxy("http://token@[::1]:3128") == Proxy(url="http://[::1]:3128", authorization=Secret("Basic dG9rZW46"))
    assert proxy("http://proxy.example.com:3128") == Proxy(url="http://proxy.example.com:3128")


@pytest.mark.parametrize(
    ("environ", "url", "found"),
    [
        ({}, HTTPS, ""),
        ({"HTTPS_PROXY": "http://a:1"}, HTTPS, "http://a:1"),
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:2"}, HTTPS, "http://a:1"),
        ({"https_proxy": "", "HTTPS_PROXY": "http://b:2", "all_proxy": "http://c:3"}, HTTPS, ""),
        ({"HTTPS_PROXY": "a:1"}, HTTPS, "http://a:1"),
        ({"HTTP_PROXY": "http://a:1"}, HTTPS, ""),
        ({"HTTP_PROXY": "http://a:1"}, "http://hooks.example.com/", "http://a:1"),
        ({"ALL_PROXY": "http://a:1"}, HTTPS, "http://a:1"),
        ({"ALL_PROXY": "http://a:1", "https_proxy": "http://b:2"}, HTTPS, "http://b:2"),
        ({"https_proxy": "http://a:1", "no_proxy": "example.com"}, HTTPS, ""),
        ({"https_proxy": "http://a:1", "NO_PROXY": ".example.com"}, HTTPS, ""),
        ({"https_proxy": "http://a:1", "no_proxy": "", "NO_PROXY": "*"}, HTTPS, "http://a:1"),
        ({"https_proxy": "http://a:1", "no_proxy": "example.com:8443"}, HTTPS, "http://a:1"),
        ({"https_proxy": "http://a:1", "no_proxy": "example.com:443"}, HTTPS, ""),
    ],
)
def test_the_environment_says_which(environ, url, found):
    assert (from_environment(url, environ) or Proxy(url="")).url == found


def test_a_proxy_of_the_environment_that_cannot_be_used_is_told_without_its_value():
    with pytest.raises(
        ValueError, match=r"^takes the proxy from HTTPS_PROXY, which must be http://host:port"
    ) as refused:
        from_environment(HTTPS, {"HTTPS_PROXY": "socks5://user:hunter2@proxy.example.com"})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("host", "listed", "result"),
    [
        ("hooks.example.com", "", False),
        ("hooks.example.com", "*", True),
        ("hooks.example.com", "other.example, *", True),
        ("hooks.example.com", "*.example.com", True),
        ("hooks.example.com", "HOOKS.EXAMPLE.COM", True),
        ("hooks.example.com.", "example.com", True),
        ("hooksexample.com", "example.com", False),
        ("example.com.evil.example", "example.com", False),
        # ranges, as curl and Go take them
        ("10.1.2.3", "10.0.0.0/8", True),
        ("10.1.2.3", "10.1.2.99/24", True),
        ("11.1.2.3", "10.0.0.0/8", False),
        ("10.example.com", "10.0.0.0/8", False),
        ("fd00::1", "fd00::/8", True),
        ("10.1.2.3", "fd00::/8, nonsense/8", False),
        # addresses
        ("10.1.2.3", "10.1.2.3", True),
        ("::1", "::1", True),
        ("::1", "[::1]", True),
        ("::1", "[::1]:443", True),
        ("::1", "[::1]:80", False),
        ("10.1.2.3", "2.3", True),
    ],
)
def test_what_is_reached_directly(host, listed, result):
    assert bypassed(host, 443, listed) is result


labels = st.sampled_from(["a", "b", "example", "com", "internal"])
hosts = st.lists(labels, min_size=1, max_size=4).map(".".join)
entries = st.builds(
    lambda dot, host, port: f"{dot}{host}{port}",
    st.sampled_from(["", "."]),
    hosts,
    st.sampled_from(["", ":443", ":80"]),
)


@given(host=hosts, listed=st.lists(entries, max_size=4))
def test_names_and_ports_mean_what_they_mean_to_urllib(host, listed):
    text = ", ".join(listed)
    assert bypassed(host, 443, text) is bool(proxy_bypass_environment(f"{host}:443", {"no": text}))
