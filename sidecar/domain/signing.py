"""Which secrets can sign, and the key bytes they stand for. Told by the configuration, relied on by the signer."""

import binascii
from typing import Final

from sidecar.domain.subscription import SignScheme

_PREFIX: Final = "whsec_"
_SHORTEST: Final = 16  # bytes; Standard Webhooks says 24 to 64, but secrets that receivers hold may be shorter


def problem(scheme: SignScheme, secret: str) -> str:
    """The rest of a sentence that says why a secret cannot be used, "" when it can. Never repeats the secret."""
    if not secret:
        return "must not be empty"
    if secret != secret.strip():
        return "must not begin or end with white space: a file often holds a line break too many"
    if scheme is not SignScheme.STANDARD:
        return ""
    if secret.startswith(("whsk_", "whpk_")):
        return "is half of an ed25519 key pair: use a symmetric secret, which begins with whsec_"
    try:
        length = len(_decode(secret))
    except ValueError:
        return "must be base64, with or without whsec_ before it: scheme standard decodes it"
    if length < _SHORTEST:
        return f"holds only {length} bytes: use the base64 of 24 to 64 random bytes"
    return ""


def key(scheme: SignScheme, secret: str) -> bytes:
    """The bytes that sign. Raises ValueError with a sentence for a secret that cannot be used."""
    why = problem(scheme, secret)
    if why:
        raise ValueError(f"The signing secret {why}.")
    return _decode(secret) if scheme is SignScheme.STANDARD else secret.encode()


def _decode(secret: str) -> bytes:
    """The key of a standard secret, padded or not. Raises ValueError when it is not base64."""
    coded = secret.removeprefix(_PREFIX)
    padding = "" if "=" in coded else "=" * (-len(coded) % 4)
    return binascii.a2b_base64(coded + padding, strict_mode=True)
