"""Signatures over the exact bytes that are sent. Pure: the caller gives the time.

scheme         header                  value                                           signed content
-----------    --------------------    --------------------------------------------    -----------------------
standard       webhook-signature       `v1,<base64>` for each shared secret and        `<id>.<timestamp>.<body>`
                                       `v1a,<base64>` for each private key, in
                                       their order, by a space
github         X-Hub-Signature-256     `sha256=<lower-case hex>`, the first secret     `<body>`
x-signature    X-Signature             `sha256=<lower-case hex>`, the first secret     `<body>`
jfrog          X-Jfrog-Event-Auth      `<lower-case hex>`, the first secret            `<body>`
nexus          X-Nexus-Webhook-        `<lower-case hex>`, the first secret            `<body>`
               Signature

`v1a` is ed25519 (RFC 8032), `nexus` HMAC-SHA1, all else HMAC-SHA256. `standard` is Standard Webhooks: a shared secret
is base64 with or without `whsec_` before it, and the key is the decoded bytes; the others use the secret's UTF-8 bytes.
`webhook-id` and `webhook-timestamp` (seconds) are sent whether signed or not: a receiver tells repeats by the first.
"""

import binascii
import hmac
from collections.abc import Callable
from functools import lru_cache

from sidecar.domain.signing import SEED, asymmetric, key
from sidecar.domain.subscription import Signing, SignScheme

Headers = tuple[tuple[str, str], ...]

_HEX = {  # header, what stands before the digits, digest
    SignScheme.GITHUB: ("X-Hub-Signature-256", "sha256=", "sha256"),
    SignScheme.X_SIGNATURE: ("X-Signature", "sha256=", "sha256"),
    SignScheme.JFROG: ("X-Jfrog-Event-Auth", "", "sha256"),
    SignScheme.NEXUS: ("X-Nexus-Webhook-Signature", "", "sha1"),
}


class Signer:
    """A subscription's signing, ready for use: checked, and the keys decoded once."""

    __slots__ = ("_digest", "_header", "_keys", "_prefix")

    def __init__(self, keys: tuple[bytes, ...], header: str = "", prefix: str = "", digest: str = "sha256") -> None:
        self._keys = keys
        self._header = header  # "" = the standard scheme
        self._prefix = prefix
        self._digest = digest

    @classmethod
    def of(cls, signing: Signing | None) -> "Signer":
        """Raises ValueError with a sentence when a secret cannot be used."""
        if signing is None:
            return Signer(())
        if not signing.secrets:
            raise ValueError("Signing needs at least one secret; give one or remove `sign`.")
        secrets = [secret.reveal() for secret in signing.secrets]
        keys = tuple(key(signing.scheme, secret) for secret in secrets)
        kinds = tuple(asymmetric(signing.scheme, secret) for secret in secrets)
        if any(kinds):
            return _MixedSigner(keys, kinds)
        if signing.scheme is SignScheme.STANDARD:
            return Signer(keys)
        return Signer(keys[:1], *_HEX[signing.scheme])

    def headers(self, webhook_id: str, timestamp: int, body: bytes) -> Headers:
        """The headers that every delivery carries, and its signature where there is one."""
        seconds = str(timestamp)
        always = (("webhook-id", webhook_id), ("webhook-timestamp", seconds))
        if not self._keys:
            return always
        if self._header:
            return (*always, (self._header, self._prefix + hmac.digest(self._keys[0], body, self._digest).hex()))
        content = f"{webhook_id}.{seconds}.".encode() + body
        signatures = " ".join(
            [
                "v1," + binascii.b2a_base64(hmac.digest(one, content, "sha256"), newline=False).decode("ascii")
                for one in self._keys
            ]
        )
        return (*always, ("webhook-signature", signatures))


class _MixedSigner(Signer):
    """The standard scheme with private keys among its secrets. Apart, so that those without pay nothing for it."""

    __slots__ = ("_signs",)

    def __init__(self, keys: tuple[bytes, ...], private: tuple[bool, ...]) -> None:
        super().__init__(keys)
        self._signs = tuple(
            ("v1a,", ed25519(one[:SEED])) if is_private else ("v1,", _hmac(one))
            for one, is_private in zip(keys, private, strict=True)
        )

    def headers(self, webhook_id: str, timestamp: int, body: bytes) -> Headers:
        seconds = str(timestamp)
        content = f"{webhook_id}.{seconds}.".encode() + body
        signatures = " ".join(
            [
                version + binascii.b2a_base64(sign(content), newline=False).decode("ascii")
                for version, sign in self._signs
            ]
        )
        return ("webhook-id", webhook_id), ("webhook-timestamp", seconds), ("webhook-signature", signatures)


def ed25519(seed: bytes) -> Callable[[bytes], bytes]:
    """What signs with a private key of 32 bytes."""
    # Only here, so that a process without such keys never loads it.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    return Ed25519PrivateKey.from_private_bytes(seed).sign


def _hmac(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda content: hmac.digest(secret, content, "sha256")


def signature_headers(signing: Signing | None, webhook_id: str, timestamp: int, body: bytes) -> Headers:
    """What `Signer.of(signing).headers(...)` gives, for callers that keep no signer."""
    return _signer(signing).headers(webhook_id, timestamp, body)


@lru_cache(maxsize=256)
def _signer(signing: Signing | None) -> Signer:
    return Signer.of(signing)
