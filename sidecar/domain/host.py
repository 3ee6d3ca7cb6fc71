"""What the host of a URL is: a name, or an address. Pure, and stricter than resolvers are.

Resolvers and browsers also take `2130706433`, `0x7f.1`, `0177.0.0.1` and `127.1` for 127.0.0.1. Whoever else looks at
such a host, a proxy above all, may read another address than we did, so these forms are refused: a host whose last
label is a number has to be an address, as in the WHATWG URL standard, and one in its usual form.
"""

import ipaddress
import re
from typing import Final

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*", re.ASCII)
_NAME: Final = re.compile(r"(?:[A-Za-z0-9_-]{1,63}\.)*[A-Za-z0-9_-]{1,63}\.?", re.ASCII)


def literal(host: str) -> Address | None:
    """The address that an ASCII host without brackets is, None when it is a name.

    Raises ValueError with the rest of a sentence about the URL when it is neither.
    """
    if ":" in host:
        try:
            address = ipaddress.IPv6Address(host)
        except ValueError:
            raise ValueError("names no IPv6 address within its brackets") from None
        if address.scope_id is not None:
            raise ValueError("names an IPv6 address with a zone, which only this machine understands")
        return address
    if _NAME.fullmatch(host) is None:
        raise ValueError("names a host that is neither a name nor an address")
    if _NUMBER.fullmatch(host.removesuffix(".").rpartition(".")[2]) is None:
        return None
    try:
        return ipaddress.IPv4Address(host)
    except ValueError:
        raise ValueError("names its host by an unusual form of a number: write the address as 192.0.2.1") from None
