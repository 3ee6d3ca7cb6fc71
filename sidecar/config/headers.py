"""The headers that an operator may add to deliveries."""

import re
from typing import Final

from sidecar.config.shapes import Text, not_empty

NAME: Final = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # RFC 9110 token

FRAMING: Final = frozenset(
    {
        "connection",
        "content-encoding",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
OWN: Final = frozenset({"webhook-id", "webhook-timestamp", "webhook-signature"})

_NAME: Final = re.compile(NAME)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def _value(text: str) -> str:
    if _CONTROL.search(not_empty(text)):
        raise ValueError("must be one line without control characters")
    if text != text.strip():
        raise ValueError("must not begin or end with a space")
    return text


VALUE: Final = Text(parse=_value, secret=True)


def known(name: str) -> Text:
    """The shape of a header's value. Raises ValueError with the rest of a sentence about a name that is not allowed."""
    if _NAME.fullmatch(name) is None:
        raise ValueError("is not a header name: use letters, digits and dashes")
    if name.lower() in FRAMING:
        raise ValueError("cannot be set, it belongs to the connection: remove it")
    if name.lower() in OWN:
        raise ValueError("cannot be set, every delivery carries its own: remove it")
    if name.lower() == "content-type":
        raise ValueError("cannot be set, the format decides it: remove it")
    return VALUE
