"""The public halves of ed25519 keys: what receivers verify with."""

import base64

from sidecar.domain import signing
from sidecar.domain.subscription import SignScheme


def public_key(secret: str) -> tuple[str, str]:
    """The `whpk_...` of a private key that `domain.signing` admits, and what is wrong with it ("" = nothing).

    What is wrong is the rest of a sentence about the key.
    """
    # Only here, so that a process without such keys never loads it.
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    whole = signing.key(SignScheme.STANDARD, secret)
    private, given = whole[: signing.SEED], whole[signing.SEED :]
    public = Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()
    shown = signing.PUBLIC + base64.b64encode(public).decode("ascii")
    if given not in {b"", public}:
        return shown, "holds a public key that is not the private one's: use the key pair as it was made"
    return shown, ""
