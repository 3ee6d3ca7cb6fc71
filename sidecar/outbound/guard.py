"""Which addresses deliveries may dial. Pure: it judges an address, not a name.

address                                                       refused
----------------------------------------------------------    ------------------------------------------------------
link-local, multicast, unspecified, broadcast, metadata        always
in `deny`                                                      unless a longer prefix of `allow` holds it
loopback, private, shared and other special purpose            only when `strict`, unless `allow` holds it
anything else                                                  no

An IPv6 address that carries an IPv4 address (mapped, compatible, translated, NAT64, 6to4, Teredo) is judged as both.
"""

import ipaddress
from collections.abc import Iterable, Iterator, Sequence

from sidecar.domain.errors import AddressRefused

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def _networks(*texts: str) -> tuple[Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


# Looked at in this order: the metadata addresses lie in other ranges, and their name says more.
_ALWAYS: tuple[tuple[str, tuple[Network, ...]], ...] = (
    (
        "a cloud's metadata address",
        _networks(
            "169.254.169.254/32",  # AWS, Azure, Google, OpenStack, DigitalOcean, ...
            "169.254.170.2/32",  # AWS: credentials of an ECS task
            "169.254.170.23/32",  # AWS: credentials of an EKS pod
            "100.100.100.200/32",  # Alibaba
            "168.63.129.16/32",  # Azure: the host's own services
            "192.0.0.192/32",  # Oracle
            "fd00:ec2::254/128",  # AWS
            "fd00:ec2::23/128",  # AWS: credentials of an EKS pod
            "fd20:ce::254/128",  # Google
        ),
    ),
    ("a link-local address", _networks("169.254.0.0/16", "fe80::/10")),
    ("a multicast address", _networks("224.0.0.0/4", "ff00::/8")),
    ("the unspecified address", _networks("0.0.0.0/8", "::/128")),  # Linux dials the machine itself
    ("the broadcast address", _networks("255.255.255.255/32")),
)

_LOOPBACK = _networks("127.0.0.0/8", "::1/128")
_PRIVATE = _networks("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7", "fec0::/10")
# IANA's special-purpose registries: what no destination on the internet uses.
_SPECIAL = _networks(
    "192.0.0.0/24",
    "192.0.2.0/24",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "240.0.0.0/4",
    "64:ff9b:1::/48",
    "100::/64",
    "2001:2::/48",
    "2001:db8::/32",
    "3fff::/20",
    "5f00::/16",
)
_INTERNAL: tuple[tuple[str, tuple[Network, ...]], ...] = (
    ("a loopback address", _LOOPBACK),
    ("a private address", _PRIVATE),
    ("a special-purpose address", _SPECIAL),
)

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.IPv6Network("64:ff9b:1::/48")
# Where RFC 6052 (2.2) puts the IPv4 address behind prefixes of 48, 56, 64 and 96 bits: it leaves octet 8 out.
_EMBEDDED = ((6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12), (12, 13, 14, 15))
_COMPATIBLE = ipaddress.IPv6Network("::/96")
_TRANSLATED = ipaddress.IPv6Network("::ffff:0:0:0/96")
_THIS_NETWORK = ipaddress.IPv4Network("0.0.0.0/8")
_NOT_COMPATIBLE = frozenset({ipaddress.IPv6Address("::"), ipaddress.IPv6Address("::1")})


class Guard:
    """Judges addresses by two lists of networks; the longest prefix that holds an address decides, on a tie `deny`."""

    __slots__ = ("_allow", "_deny", "_strict")

    def __init__(self, allow: Iterable[Network] = (), deny: Iterable[Network] = (), *, strict: bool = False) -> None:
        self._allow = tuple(allow)
        self._deny = tuple(deny)
        self._strict = strict

    def __eq__(self, other: object) -> bool:
        """Whether the two judge alike as far as their lists tell."""
        mine = (self._allow, self._deny, self._strict)
        return isinstance(other, Guard) and mine == (other._allow, other._deny, other._strict)

    def __hash__(self) -> int:
        return hash((self._allow, self._deny, self._strict))

    def strictly(self) -> "Guard":
        """The same lists for destinations that were not chosen by the operator."""
        return Guard(self._allow, self._deny, strict=True)

    def check(self, ip: str | Address) -> None:
        """Return if the address may be dialled; raise AddressRefused with a sentence if not.

        A text must be a numeric address as the operating system prints it; anything else is refused.
        """
        try:
            address = ipaddress.ip_address(ip)
        except ValueError:
            raise AddressRefused("The guard refuses what is not an IP address.") from None
        layers = tuple(_layers(address))
        for judge in (_never, self._refusal):  # first what no setting changes, so that the remedy is the right one
            for one in layers:
                reason = judge(one)
                if reason:
                    shown = str(address) if one == address else f"{address} (which reaches {one})"
                    raise AddressRefused(f"The guard refuses {shown}, {reason}.")

    def _refusal(self, address: Address) -> str:
        """Why the settings refuse the address, with the remedy; "" when they do not."""
        allowed = _prefix(self._allow, address)
        denied = _prefix(self._deny, address)
        if denied >= 0 and denied >= allowed:
            return "which guard.deny names; change the destination, or let guard.allow name it more closely"
        if self._strict and allowed < 0:
            for what, networks in _INTERNAL:
                if _prefix(networks, address) >= 0:
                    return f"{what}; an administrator can add it to guard.allow"
        return ""


def _never(address: Address) -> str:
    """Why the address is refused whatever the settings say; "" when they decide."""
    for what, networks in _ALWAYS:
        if _prefix(networks, address) >= 0:
            return f"{what}; no setting allows it, so name another destination"
    return ""


def _prefix(networks: Sequence[Network], address: Address) -> int:
    """The length of the longest prefix that holds the address, -1 when none does."""
    return max((net.prefixlen for net in networks if net.version == address.version and address in net), default=-1)


def _layers(address: Address) -> Iterator[Address]:
    """What is reached by dialling the address: itself, and the IPv4 addresses that it carries.

    A mapped address is only another spelling of its IPv4 address, so that is yielded alone.
    """
    if isinstance(address, ipaddress.IPv4Address):
        yield address
        return
    if address.ipv4_mapped is not None:
        yield address.ipv4_mapped
        return
    yield address
    low = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in _NAT64 or address in _TRANSLATED or (address in _COMPATIBLE and address not in _NOT_COMPATIBLE):
        yield low
    if address in _NAT64_LOCAL:
        octets = address.packed
        for places in _EMBEDDED:
            other = ipaddress.IPv4Address(bytes(octets[place] for place in places))
            if other not in _THIS_NETWORK:  # zeros are the filling of another length, and no translator sends there
                yield other
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
