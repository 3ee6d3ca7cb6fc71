"""A configured URL as what is dialled and asked for. Pure."""

import base64
from functools import lru_cache
from urllib.parse import unquote_to_bytes

import msgspec
from yarl import URL

from sidecar.domain.host import Address, literal

_SCHEMES = frozenset({"http", "https"})


class Destination(msgspec.Struct, frozen=True):
    """`url` goes out exactly as it was written, without its user; `shown` is scheme://host, for people.

    `authorization` is the Basic credential that the URL named, percent-decoded, or "". `address` is the host where that
    is no name.
    """

    url: URL
    shown: str
    authorization: str
    address: Address | None = None


@lru_cache(maxsize=4096)
def destination(text: str) -> Destination:
    """Raises ValueError with a sentence, without the URL, when it cannot be dialled."""
    if any(character <= " " or character == "\x7f" for character in text):
        # yarl drops line breaks as browsers do, and a space would end the request line early
        raise ValueError("The URL holds a space or a control character; write it percent-encoded.")
    try:
        url = URL(text, encoded=True)
        host = url.raw_host or ""
        if not host.isascii():
            url = url.with_host(host)  # international names are dialled and named in their ASCII form
            host = url.raw_host or ""
        user, password = url.raw_user, url.raw_password
        url = url.with_user(None) if url.absolute else url
    except ValueError:
        # yarl's own words may repeat the URL
        raise ValueError("The URL cannot be read; check its host and port.") from None
    if url.scheme not in _SCHEMES or not host:
        raise ValueError("The URL is not http://host/... or https://host/...; write it whole.")
    try:
        address = literal(host)
    except ValueError as error:
        raise ValueError(f"The URL {error}.") from None
    authorization = ""
    if user is not None or password is not None:
        pair = unquote_to_bytes(user or "") + b":" + unquote_to_bytes(password or "")
        authorization = "Basic " + base64.b64encode(pair).decode("ascii")
    return Destination(url, f"{url.scheme}://{url.host_port_subcomponent}", authorization, address)
