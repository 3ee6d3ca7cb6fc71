"""Signatures over the exact bytes that are sent. Pure: the caller gives the time.

scheme         header                  value                                           signed content
-----------    --------------------    --------------------------------------------    -----------------------
standard       webhook-signature       `v1,<base64>`, one per secret, by a space       `<id>.<timestamp>.<body>`
github         X-Hub-Signature-256     `sha256=<lower-case hex>`, the first secret     `<body>`
x-signature    X-Signature             `sha256=<lower-case hex>`, the first secret     `<body>`

All are HMAC-SHA256. `standard` is Standard Webhooks: its secret is base64 with or without `whsec_` before it, and the
key is the decoded bytes; the others use the secret's UTF-8 bytes. `webhook-id` and `webhook-timestamp` (seconds) are
sent whether signed or not: a receiver tells repeats by the first.
"""

import binascii
import hmac
from functools import lru_cache
from typing import Self

from sidecar.domain.subscription import Signing, SignScheme

Headers = tuple[tuple[str, str], ...]

_PREFIX = "whsec_"
_SHORTEST = 16  # bytes; the specification says 24 to 64, but secrets that receivers already hold may be shorter
_HEX_HEADERS = {SignScheme.GITHUB: "X-Hub-Signature-256", SignScheme.X_SIGNATURE: "X-Signature"}


def check_secret(scheme: SignScheme, text: str) -> str:
    """A sentence that says why the text cannot be a secret of the scheme, "" when it can. Never repeats the text."""
    if not text:
        return "The signing secret is empty; give one."
    if text != text.strip():
        return "The signing secret begins or ends with white space; remove it (a file often ends with a line break)."
    if scheme is not SignScheme.STANDARD:
        return ""
    if text.startswith(("whsk_", "whpk_")):
        return "The signing secret is half of an ed25519 key pair; use a symmetric secret, which begins with whsec_."
    try:
        key = _decode(text)
    except ValueError:
        return "The signing secret is not base64; write whsec_ and the base64 of 24 to 64 random bytes."
    if len(key) < _SHORTEST:
        return f"The signing secret holds only {len(key)} bytes; use 24 to 64 random bytes in base64."
    return ""


class Signer:
    """A subscription's signing, ready for use: checked, and the keys decoded once."""

    __slots__ = ("_header", "_keys")

    def __init__(self, keys: tuple[bytes, ...], header: str) -> None:
        self._keys = keys
        self._header = header  # "" = the standard scheme

    @classmethod
    def of(cls, signing: Signing | None) -> Self:
        """Raises ValueError with a sentence when a secret cannot be used."""
        if signing is None:
            return cls((), "")
        if not signing.secrets:
            raise ValueError("Signing needs at least one secret; give one or remove `sign`.")
        texts = [secret.reveal() for secret in signing.secrets]
        for text in texts:
            problem = check_secret(signing.scheme, text)
            if problem:
                raise ValueError(problem)
        if signing.scheme is SignScheme.STANDARD:
            return cls(tuple(_decode(text) for text in texts), "")
        return cls((texts[0].encode(),), _HEX_HEADERS[signing.scheme])

    def headers(self, webhook_id: str, timestamp: int, body: bytes) -> Headers:
        """The headers that every delivery carries, and its signature where there is one."""
        seconds = str(timestamp)
        always = (("webhook-id", webhook_id), ("webhook-timestamp", seconds))
        if not self._keys:
            return always
        if self._header:
            return (*always, (self._header, "sha256=" + hmac.digest(self._keys[0], body, "sha256").hex()))
        content = f"{webhook_id}.{seconds}.".encode() + body
        signatures = " ".join(
            [
                "v1," + binascii.b2a_base64(hmac.digest(key, content, "sha256"), newline=False).decode("ascii")
                for key in self._keys
            ]
        )
        return (*always, ("webhook-signature", signatures))


def signature_headers(signing: Signing | None, webhook_id: str, timestamp: int, body: bytes) -> Headers:
    """What `Signer.of(signing).headers(...)` gives, for callers that keep no signer."""
    return _signer(signing).headers(webhook_id, timestamp, body)


@lru_cache(maxsize=256)
def _signer(signing: Signing | None) -> Signer:
    return Signer.of(signing)


def _decode(text: str) -> bytes:
    """The key bytes of a standard secret, padded or not. Raises ValueError when it is not base64."""
    coded = text.removeprefix(_PREFIX)
    missing = -len(coded) % 4
    return binascii.a2b_base64(coded + "=" * missing if "=" not in coded else coded, strict_mode=True)
