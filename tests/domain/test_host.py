"""What a URL's host is, by the WHATWG URL standard and by what inet_aton takes for a number."""

import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidecar.domain.host import literal


@pytest.mark.parametrize(
    "host",
    ["localhost", "hooks.example.com", "hooks.example.com.", "a_b", "xn--bcher-kva.example", "1.example", "0x7f.a"],
)
def test_names_are_names(host):
    assert literal(host) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "255.255.255.255", "::1", "fe80::1", "::ffff:127.0.0.1"])
def test_addresses_are_addresses(host):
    assert literal(host) == ipaddress.ip_address(host)


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "127.0.0.1.",
        "1.2.3.4.5",
        "256.1.1.1",
        "a.1",
        "a.0x",
        "0x",
        "1.",
        "010.1.1.1",
    ],
)
def test_numbers_in_other_forms_are_neither(host):
    with pytest.raises(ValueError, match="unusual form of a number"):
        literal(host)


@pytest.mark.parametrize(
    "host", ["", ".", "a..b", "a b", "a%2eb", "a@b", "a/b", "a\\b", "a#b", "-" * 64, "b\u00fccher"]
)
def test_what_is_no_name_is_refused(host):
    with pytest.raises(ValueError, match="neither a name nor an address"):
        literal(host)


@pytest.mark.parametrize("host", ["fe80::1%eth0", "::1%25lo"])
def test_zones_are_refused(host):
    with pytest.raises(ValueError, match="with a zone"):
        literal(host)


@given(st.text(st.sampled_from("0123456789abcdefx."), min_size=1, max_size=16))
def test_nothing_that_the_c_library_takes_for_an_address_passes_for_a_name(host):
    """What inet_aton reads, getaddrinfo dials without asking any name server."""
    try:
        packed = socket.inet_aton(host)
    except OSError:
        return
    try:
        found = literal(host)
    except ValueError:
        return
    assert found is not None
    assert found.packed == packed
