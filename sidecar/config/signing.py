"""Which secrets can sign. The same rules hold when a message is signed; here they are told with the line."""

import binascii
from typing import Final

from sidecar.domain.subscription import SignScheme

_SHORTEST: Final = 16  # bytes; Standard Webhooks says 24 to 64, but secrets that receivers hold may be shorter


def problem(scheme: SignScheme, secret: str) -> str:
    """The rest of a sentence that says why a secret cannot be used, "" when it can. Never repeats the secret."""
    if secret != secret.strip():
        return "must not begin or end with white space: a file often holds a line break too many"
    if scheme is not SignScheme.STANDARD:
        return ""
    if secret.startswith(("whsk_", "whpk_")):
        return "is half of an ed25519 key pair: use a symmetric secret, which begins with whsec_"
    coded = secret.removeprefix("whsec_")
    padding = "" if "=" in coded else "=" * (-len(coded) % 4)
    try:
        length = len(binascii.a2b_base64(coded + padding, strict_mode=True))
    except ValueError:
        return "must be base64, with or without whsec_ before it: scheme standard decodes it"
    if length < _SHORTEST:
        return f"holds only {length} bytes: use the base64 of 24 to 64 random bytes"
    return ""
