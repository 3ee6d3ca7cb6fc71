"""Which secrets can sign, and the key bytes they stand for. Told by the configuration, relied on by the signer.

Standard Webhooks knows two kinds: `whsec_` (or nothing) before a shared secret, and `whsk_` before an ed25519 private
key, which is its 32 bytes alone or followed by the 32 bytes of the public one.
"""

import binascii
from typing import Final

from sidecar.domain.subscription import SignScheme

PRIVATE: Final = "whsk_"
PUBLIC: Final = "whpk_"
SEED: Final = 32  # bytes of an ed25519 private key, and of a public one
_PREFIX: Final = "whsec_"
_SHORTEST: Final = 16  # bytes; Standard Webhooks says 24 to 64, but secrets that receivers hold may be shorter


def asymmetric(scheme: SignScheme, secret: str) -> bool:
    """Whether a secret is an ed25519 private key."""
    return scheme is SignScheme.STANDARD and secret.startswith(PRIVATE)


def problem(scheme: SignScheme, secret: str) -> str:
    """The rest of a sentence that says why a secret cannot be used, "" when it can. Never repeats the secret."""
    if not secret:
        return "must not be empty"
    if secret != secret.strip():
        return "must not begin or end with white space: a file often holds a line break too many"
    if scheme is not SignScheme.STANDARD:
        return ""
    if secret.startswith(PUBLIC):
        return "is an ed25519 public key, which receivers verify with: use the private one, which begins with whsk_"
    try:
        length = len(_decode(secret))
    except ValueError:
        kind = "after whsk_" if secret.startswith(PRIVATE) else "with or without whsec_ before it"
        return f"must be base64, {kind}: scheme standard decodes it"
    if secret.startswith(PRIVATE):
        if length not in {SEED, 2 * SEED}:
            return f"holds {length} bytes: an ed25519 private key has 32, or 64 with its public key behind it"
        return ""
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
    coded = secret.removeprefix(PRIVATE if secret.startswith(PRIVATE) else _PREFIX)
    padding = "" if "=" in coded else "=" * (-len(coded) % 4)
    return binascii.a2b_base64(coded + padding, strict_mode=True)
