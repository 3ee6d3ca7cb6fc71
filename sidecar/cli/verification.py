"""Checking a webhook's signature as a receiver does. Pure, and written apart from what signs, so that it can disagree.

scheme         header                 what is signed              key
-----------    -------------------    ------------------------    -----------------------------------------------
standard       webhook-signature      `<id>.<timestamp>.<body>`   `v1`: the decoded base64 after `whsec_`
                                                                  `v1a`: ed25519, the one after `whpk_`
github         X-Hub-Signature-256    `<body>`                    the secret's bytes
x-signature    X-Signature            `<body>`                    the secret's bytes
jfrog          X-Jfrog-Event-Auth     `<body>`                    the secret's bytes
nexus          X-Nexus-Webhook-       `<body>`, by HMAC-SHA1      the secret's bytes
               Signature
"""

import base64
import binascii
import enum
import hashlib
import hmac
from collections.abc import Callable, Mapping

import msgspec

SIGNATURES = frozenset(
    {"webhook-signature", "x-hub-signature-256", "x-signature", "x-jfrog-event-auth", "x-nexus-webhook-signature"}
)
TOLERANCE = 300  # seconds that a signed timestamp may lie from our clock


class Verdict(enum.StrEnum):
    """What the signature proves."""

    VERIFIED = "verified"
    FAILED = "failed"
    STALE = "stale"  # right, but its timestamp is too far away
    ABSENT = "absent"
    UNCHECKED = "unchecked"  # there is one, but no secret was given for it


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """The secrets as given on the command line, each scheme's own; several while they are changed.

    `public` are the public keys of the standard scheme.
    """

    standard: tuple[str, ...] = ()
    public: tuple[str, ...] = ()
    github: tuple[str, ...] = ()
    x_signature: tuple[str, ...] = ()
    jfrog: tuple[str, ...] = ()
    nexus: tuple[str, ...] = ()


def decode_standard(secret: str) -> bytes:
    """The key of a Standard Webhooks secret. Raises ValueError when it is none."""
    text = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("it is not base64") from None
    if not key:
        raise ValueError("it is empty")
    return key


def decode_public(key: str) -> bytes:
    """The 32 bytes of a `whpk_` public key. Raises ValueError when it is none."""
    if not key.startswith("whpk_"):
        raise ValueError("it does not begin with whpk_")
    try:
        raw = base64.b64decode(key.removeprefix("whpk_"), validate=True)
    except binascii.Error:
        raise ValueError("it is not base64") from None
    if len(raw) != 32:
        raise ValueError(f"it holds {len(raw)} bytes instead of 32")
    return raw


def verify(headers: Mapping[str, str], body: bytes, keys: Keys, now: int) -> Verdict:
    """The verdict on one request; `now` in seconds. Header names in `headers` are lower case.

    Every signature that a secret was given for must be there and be right.
    """
    verdicts = []
    if keys.standard:
        verdicts.append(_standard(headers, body, "v1", _shared(keys.standard), now))
    if keys.public:
        verdicts.append(_standard(headers, body, "v1a", _asymmetric(keys.public), now))
    if keys.github:
        verdicts.append(_hex(headers.get("x-hub-signature-256"), body, keys.github))
    if keys.x_signature:
        verdicts.append(_hex(headers.get("x-signature"), body, keys.x_signature))
    if keys.jfrog:
        verdicts.append(_hex(headers.get("x-jfrog-event-auth"), body, keys.jfrog, prefix=""))
    if keys.nexus:
        verdicts.append(_hex(headers.get("x-nexus-webhook-signature"), body, keys.nexus, prefix="", digest="sha1"))
    for worst in (Verdict.FAILED, Verdict.ABSENT, Verdict.STALE):
        if worst in verdicts:
            return worst
    if verdicts:
        return Verdict.VERIFIED
    signed = SIGNATURES & headers.keys()
    return Verdict.UNCHECKED if signed else Verdict.ABSENT


Check = Callable[[bytes, bytes], bool]  # of what was signed, and the signature


def _standard(headers: Mapping[str, str], body: bytes, version: str, right: Check, now: int) -> Verdict:
    given = headers.get("webhook-signature")
    if given is None:
        return Verdict.ABSENT
    timestamp = headers.get("webhook-timestamp", "")
    content = b".".join((headers.get("webhook-id", "").encode(), timestamp.encode(), body))
    offered = [one.partition(",")[2] for one in given.split() if one.startswith(f"{version},")]
    if not any(right(content, one.encode()) for one in offered):
        return Verdict.FAILED
    if not (timestamp.isascii() and timestamp.isdigit()):
        return Verdict.FAILED
    return Verdict.VERIFIED if abs(now - int(timestamp)) <= TOLERANCE else Verdict.STALE


def _shared(secrets: tuple[str, ...]) -> Check:
    keys = [decode_standard(one) for one in secrets]

    def right(content: bytes, signature: bytes) -> bool:
        expected = [base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()) for key in keys]
        return any(hmac.compare_digest(signature, one) for one in expected)

    return right


def _asymmetric(given: tuple[str, ...]) -> Check:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    keys = [Ed25519PublicKey.from_public_bytes(decode_public(one)) for one in given]

    def right(content: bytes, signature: bytes) -> bool:
        for key in keys:
            try:
                key.verify(base64.b64decode(signature, validate=True), content)
            except (InvalidSignature, binascii.Error):
                continue
            return True
        return False

    return right


def _hex(
    given: str | None, body: bytes, secrets: tuple[str, ...], *, prefix: str = "sha256=", digest: str = "sha256"
) -> Verdict:
    if given is None:
        return Verdict.ABSENT
    expected = [prefix + hmac.new(one.encode(), body, digest).hexdigest() for one in secrets]
    right = any(hmac.compare_digest(given.encode(), one.encode()) for one in expected)
    return Verdict.VERIFIED if right else Verdict.FAILED
