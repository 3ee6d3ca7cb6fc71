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

from sidecar.domain.signing import key
from sidecar.domain.subscription import Signing, SignScheme

Headers = tuple[tuple[str, str], ...]

_HEX_HEADERS = {SignScheme.GITHUB: "X-Hub-Signature-256", SignScheme.X_SIGNATURE: "X-Signature"}


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
        keys = tuple(key(signing.scheme, secret.reveal()) for secret in signing.secrets)
        if signing.scheme is SignScheme.STANDARD:
            return cls(keys, "")
        return cls(keys[:1], _HEX_HEADERS[signing.scheme])

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
                "v1," + binascii.b2a_base64(hmac.digest(one, content, "sha256"), newline=False).decode("ascii")
                for one in self._keys
            ]
        )
        return (*always, ("webhook-signature", signatures))


def signature_headers(signing: Signing | None, webhook_id: str, timestamp: int, body: bytes) -> Headers:
    """What `Signer.of(signing).headers(...)` gives, for callers that keep no signer."""
    return _signer(signing).headers(webhook_id, timestamp, body)


@lru_cache(maxsize=256)
def _signer(signing: Signing | None) -> Signer:
    return Signer.of(signing)
