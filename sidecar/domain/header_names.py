"""Names of request headers, and which of them nobody may set: they belong to the connection, or to every delivery."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sidecar.domain.subscription import SignScheme

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
# What each scheme signs in, beside the headers that every delivery carries.
SIGNED_BY: Final[Mapping[SignScheme, str]] = MappingProxyType(
    {
        SignScheme.GITHUB: "x-hub-signature-256",
        SignScheme.X_SIGNATURE: "x-signature",
        SignScheme.JFROG: "x-jfrog-event-auth",
        SignScheme.NEXUS: "x-nexus-webhook-signature",
    }
)

_NAME: Final = re.compile(NAME)
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def refusal(name: str) -> str:
    """Why a header may not be set, as the rest of a sentence about it; "" when it may."""
    lowered = name.lower()
    if _NAME.fullmatch(name) is None:
        return "is not a header name: use letters, digits and dashes"
    if lowered in FRAMING:
        return "cannot be set, it belongs to the connection: remove it"
    if lowered in OWN:
        return "cannot be set, every delivery carries its own: remove it"
    if lowered == "content-type":
        return "cannot be set, the format decides it: remove it"
    return ""


def is_line(value: str) -> bool:
    """Whether a value has no control characters, and so cannot end its line."""
    return _CONTROL.search(value) is None
