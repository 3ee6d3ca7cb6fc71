"""Which addresses may be dialled."""

import ipaddress

import pytest

from sidecar.domain.errors import AddressRefused
from sidecar.outbound.guard import Guard


def networks(*texts):
    return tuple(ipaddress.ip_network(text) for text in texts)


NEVER = [
    "169.254.169.254",
    "169.254.0.1",
    "100.100.100.200",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "0.0.0.0",
    "0.1.2.3",
    "::",
    "fe80::1",
    "fe80::1%eth0",
    "febf::1",
    "ff02::1",
    "fd00:ec2::254",
    "fd20:ce::254",
    # the same in IPv6 clothes
    "::ffff:169.254.169.254",
    "::169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    # Teredo: the client's address is stored inverted (RFC 4380), a9fe:a9fe ^ ffff:ffff = 5601:5601
    "2001:0:4136:e378:8000:63bf:5601:5601",
    "2001:0:a9fe:a9fe::1",
]
INTERNAL = [
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "100.64.0.1",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "192.0.2.1",
    "198.18.0.1",
    "240.0.0.1",
    "2001:db8::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::127.0.0.1",
    "64:ff9b::a00:1",
    "2002:c0a8:101::1",
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808", "2002:808:808::1"]


@pytest.mark.parametrize("address", NEVER)
def test_some_addresses_are_refused_whatever_is_allowed(address):
    for guard in (Guard(), Guard(strict=True), Guard(allow=networks("0.0.0.0/0", "::/0", f"{address.split('%')[0]}"))):
        with pytest.raises(AddressRefused, match="no setting allows it"):
            guard.check(address)


@pytest.mark.parametrize("address", INTERNAL)
def test_internal_addresses_are_open_to_the_file_and_closed_to_the_strict_guard(address):
    Guard().check(address)
    with pytest.raises(AddressRefused, match=r"guard\.allow"):
        Guard(strict=True).check(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass_the_strict_guard(address):
    Guard(strict=True).check(address)


def test_allow_opens_an_internal_network_to_the_strict_guard_and_no_other():
    guard = Guard(allow=networks("10.1.0.0/16"), strict=True)
    guard.check("10.1.2.3")
    guard.check("::ffff:10.1.2.3")
    with pytest.raises(AddressRefused):
        guard.check("10.2.0.1")
    with pytest.raises(AddressRefused):
        guard.check("127.0.0.1")


def test_a_wrapped_private_address_needs_its_ipv4_address_allowed():
    with pytest.raises(AddressRefused):
        Guard(allow=networks("64:ff9b::/96"), strict=True).check("64:ff9b::a00:1")
    Guard(allow=networks("10.0.0.0/8"), strict=True).check("64:ff9b::a00:1")


def test_deny_closes_what_is_otherwise_open_in_every_spelling():
    guard = Guard(deny=networks("10.0.0.0/8", "2606:4700::/32"))
    for address in ("10.9.9.9", "::ffff:10.9.9.9", "64:ff9b::a09:909", "2606:4700::1"):
        with pytest.raises(AddressRefused, match=r"guard\.deny"):
            guard.check(address)
    guard.check("11.0.0.1")


def test_the_longest_prefix_decides_between_allow_and_deny_and_deny_wins_a_tie():
    only_ours = Guard(allow=networks("10.1.0.0/16"), deny=networks("0.0.0.0/0", "::/0"))
    only_ours.check("10.1.2.3")
    with pytest.raises(AddressRefused):
        only_ours.check("8.8.8.8")
    but_one = Guard(allow=networks("10.0.0.0/8"), deny=networks("10.0.0.5/32"))
    but_one.check("10.0.0.4")
    with pytest.raises(AddressRefused):
        but_one.check("10.0.0.5")
    with pytest.raises(AddressRefused):
        Guard(allow=networks("10.0.0.0/8"), deny=networks("10.0.0.0/8")).check("10.0.0.1")


@pytest.mark.parametrize("text", ["example.com", "", "0x7f.1", "127.1", "2130706433", "1.2.3.4/32"])
def test_what_is_not_a_numeric_address_is_refused(text):
    with pytest.raises(AddressRefused):
        Guard().check(text)


def test_the_sentence_names_the_address_and_what_it_reaches():
    with pytest.raises(AddressRefused) as refused:
        Guard().check("64:ff9b::a9fe:a9fe")
    assert "64:ff9b::a9fe:a9fe" in str(refused.value)
    assert "169.254.169.254" in str(refused.value)
