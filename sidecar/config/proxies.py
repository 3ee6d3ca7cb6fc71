"""Proxies: what a text names, and what the environment says for a URL.

The environment is read much as urllib reads it: `https_proxy` or `http_proxy` by the URL's scheme, else `all_proxy`,
lower case before upper case, and one that is set but empty means none. `no_proxy` lists hosts that are reached
directly: `example.com` and `.example.com` mean it and everything below, a port narrows, `*` is every host; and as in
curl and Go a range such as 10.0.0.0/8 takes literal addresses. Nothing else is bypassed, not even localhost.
"""

import base64
import ipaddress
from collections.abc import Mapping as Environment
from urllib.parse import unquote_to_bytes, urlsplit

from sidecar.config import places
from sidecar.domain.host import literal
from sidecar.domain.secret import Secret
from sidecar.domain.transport import Proxy

_PORTS = {"http": 80, "https": 443}


def proxy(text: str) -> Proxy:
    """The proxy of a URL that `places.proxy_url` admitted."""
    parts = urlsplit(text)
    user, at, host = parts.netloc.rpartition("@")
    if not at:
        return Proxy(url=f"http://{host}")
    name, _, password = user.partition(":")
    pair = unquote_to_bytes(name) + b":" + unquote_to_bytes(password)
    return Proxy(url=f"http://{host}", authorization=Secret("Basic " + base64.b64encode(pair).decode("ascii")))


def from_environment(url: str, environ: Environment[str, str]) -> Proxy | None:
    """The proxy for a URL, None for none. Raises ValueError with the rest of a sentence, without the value."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or _PORTS[parts.scheme]
    variable = _variable(environ, f"{parts.scheme}_proxy") or _variable(environ, "all_proxy")
    value = environ.get(variable, "").strip()
    if not value or bypassed(host, port, environ.get(_variable(environ, "no_proxy"), "")):
        return None
    try:
        return proxy(places.proxy_url(value if "://" in value else f"http://{value}"))
    except ValueError as error:
        raise ValueError(f"takes the proxy from {variable}, which {error}") from None


def bypassed(host: str, port: int, listed: str) -> bool:
    """Whether `no_proxy` names the host, which has no brackets."""
    host = host.lower().rstrip(".")
    address = literal(host)
    for one in listed.lower().split(","):
        name = one.strip()
        if name == "*":
            return True
        if name and (_in_range(address, name) if "/" in name else _named(host, port, name)):
            return True
    return False


def _named(host: str, port: int, name: str) -> bool:
    name, colon, number = name.rpartition(":") if name.count(":") == 1 or "]:" in name else (name, "", "")
    if colon and number != str(port):
        return False
    name = name.strip("[]").removeprefix("*").lstrip(".").rstrip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _in_range(address: object, name: str) -> bool:
    try:
        return address is not None and address in ipaddress.ip_network(name, strict=False)
    except ValueError:
        return False


def _variable(environ: Environment[str, str], name: str) -> str:
    """The spelling of a variable that counts, "" when it is not set."""
    return next((one for one in (name, name.upper()) if one in environ), "")
