"""Signatures, against a published vector, the specification's own library and receivers' documented forms."""

import base64
import hashlib
import hmac
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from sidecar.domain.secret import Secret
from sidecar.domain.subscription import Signing, SignScheme
from sidecar.outbound.signing import Signer, ed25519, signature_headers

# Published with the Standard Webhooks reference implementation.
SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = 1614265330
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def signing(scheme, *secrets):
    return Signing(scheme=scheme, secrets=tuple(Secret(text) for text in secrets))


def now():
    return int(datetime.now(UTC).timestamp())


@pytest.mark.parametrize("secret", [SECRET, "whsec_" + SECRET])
def test_the_published_vector(secret):
    assert signature_headers(signing(SignScheme.STANDARD, secret), ID, TIMESTAMP, BODY) == (
        ("webhook-id", ID),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", SIGNATURE),
    )


@given(
    body=st.dictionaries(st.text(), st.integers()).map(lambda value: __import__("json").dumps(value).encode()),
    key=st.binary(min_size=24, max_size=64),
)
def test_the_specifications_own_library_accepts_what_is_signed(body, key):
    secret = "whsec_" + base64.b64encode(key).decode()
    headers = signature_headers(signing(SignScheme.STANDARD, secret), "0190c1d0-id", now(), body)
    Webhook(secret).verify(body, dict(headers))


def test_the_specifications_own_library_refuses_another_body():
    headers = signature_headers(signing(SignScheme.STANDARD, SECRET), ID, now(), BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY + b" ", dict(headers))


def test_during_a_rotation_a_receiver_with_either_secret_accepts():
    old, new = "whsec_" + base64.b64encode(b"o" * 32).decode(), "whsec_" + base64.b64encode(b"n" * 32).decode()
    headers = dict(signature_headers(signing(SignScheme.STANDARD, new, old), ID, now(), BODY))
    assert headers["webhook-signature"].count(" ") == 1
    Webhook(old).verify(BODY, headers)
    Webhook(new).verify(BODY, headers)


# The example of GitHub's documentation, "Validating webhook deliveries".
HELLO = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


@pytest.mark.parametrize(
    ("scheme", "name", "expected"),
    [
        (SignScheme.GITHUB, "X-Hub-Signature-256", f"sha256={HELLO}"),
        (SignScheme.X_SIGNATURE, "X-Signature", f"sha256={HELLO}"),
        (SignScheme.JFROG, "X-Jfrog-Event-Auth", HELLO),
    ],
)
def test_hex_schemes_sign_the_body_alone_in_lower_case_with_their_first_secret(scheme, name, expected):
    headers = signature_headers(signing(scheme, "It's a Secret to Everybody", "older"), ID, TIMESTAMP, b"Hello, World!")
    assert headers == (("webhook-id", ID), ("webhook-timestamp", "1614265330"), (name, expected))


def test_nexus_signs_with_sha1():
    """By the published vector for HMAC-SHA1: RFC 2202, case 2."""
    headers = signature_headers(signing(SignScheme.NEXUS, "Jefe"), ID, TIMESTAMP, b"what do ya want for nothing?")
    assert headers[-1] == ("X-Nexus-Webhook-Signature", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79")


def test_a_hex_secret_is_its_utf8_bytes():
    headers = dict(signature_headers(signing(SignScheme.GITHUB, "schlüssel"), ID, TIMESTAMP, BODY))
    expected = hmac.new("schlüssel".encode(), BODY, hashlib.sha256).hexdigest()
    assert headers["X-Hub-Signature-256"] == f"sha256={expected}"


def test_without_signing_a_delivery_still_carries_its_id_and_time():
    assert signature_headers(None, ID, TIMESTAMP, BODY) == (("webhook-id", ID), ("webhook-timestamp", "1614265330"))
    assert Signer.of(None).headers(ID, 7, b"") == (("webhook-id", ID), ("webhook-timestamp", "7"))


def test_a_signer_is_not_made_from_a_secret_that_cannot_be_used():
    with pytest.raises(ValueError, match="must be base64"):
        Signer.of(signing(SignScheme.STANDARD, SECRET, "plain text!"))
    with pytest.raises(ValueError, match="at least one"):
        Signer.of(signing(SignScheme.STANDARD))


# --- ed25519 ----------------------------------------------------------------------------------------------------------

# Published with the server that the specification's authors run: key pair, message as above, signature.
PAIR = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="
ASYMMETRIC = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="


@pytest.mark.parametrize("length", [32, 64])
def test_the_published_ed25519_vector_with_and_without_its_public_half(length):
    secret = "whsk_" + base64.b64encode(base64.b64decode(PAIR.removeprefix("whsk_"))[:length]).decode()
    assert signature_headers(signing(SignScheme.STANDARD, secret), ID, TIMESTAMP, BODY) == (
        ("webhook-id", ID),
        ("webhook-timestamp", "1614265330"),
        ("webhook-signature", ASYMMETRIC),
    )


@pytest.mark.parametrize(
    ("private", "message", "signature"),
    [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ],
)
def test_the_vectors_of_rfc_8032(private, message, signature):
    """Section 7.1, tests 1 to 3."""
    assert ed25519(bytes.fromhex(private))(bytes.fromhex(message)).hex() == signature


def test_shared_secrets_and_private_keys_sign_side_by_side_in_their_order():
    """A receiver that knows only shared secrets passes over what it does not know, as the specification asks."""
    other = "whsec_" + base64.b64encode(b"n" * 32).decode()
    secrets = (other, PAIR, "whsec_" + SECRET)
    (_, _, (name, value)) = signature_headers(signing(SignScheme.STANDARD, *secrets), ID, TIMESTAMP, BODY)
    mine = hmac.new(b"n" * 32, f"{ID}.{TIMESTAMP}.".encode() + BODY, hashlib.sha256).digest()
    assert (name, value.split(" ")) == (
        "webhook-signature",
        ["v1," + base64.b64encode(mine).decode(), ASYMMETRIC, SIGNATURE],
    )
    headers = dict(signature_headers(signing(SignScheme.STANDARD, *secrets), ID, now(), BODY))
    Webhook(other).verify(BODY, headers)
    Webhook(SECRET).verify(BODY, headers)


@pytest.mark.parametrize(("secret", "loaded"), [("whsec_" + SECRET, "False"), (PAIR, "True")])
def test_only_an_ed25519_key_loads_the_library_for_it(secret, loaded):
    """A process with everything else imported, and a signer with one secret."""
    program = (
        "import sys, sidecar.app\n"
        "from sidecar.domain.secret import Secret\n"
        "from sidecar.domain.subscription import Signing, SignScheme\n"
        "from sidecar.outbound.signing import Signer\n"
        "signer = Signer.of(Signing(scheme=SignScheme.STANDARD, secrets=(Secret(sys.argv[1]),)))\n"
        "signer.headers('msg_1', 1, b'')\n"
        "print('cryptography' in sys.modules)\n"
    )
    said = subprocess.run([sys.executable, "-c", program, secret], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == loaded


# --- rotation where one signature is all there is ---------------------------------------------------------------------


def by_hand(key, message):
    """HMAC-SHA256 as RFC 2104 defines it, from nothing but the hash."""
    key = (hashlib.sha256(key).digest() if len(key) > 64 else key).ljust(64, b"\0")
    inner = hashlib.sha256(bytes(one ^ 0x36 for one in key) + message).digest()
    return hashlib.sha256(bytes(one ^ 0x5C for one in key) + inner).hexdigest()


@given(key=st.text(st.characters(codec="utf-8"), min_size=1, max_size=100).filter(lambda text: text == text.strip()))
def test_hex_schemes_are_the_hmac_of_the_first_secret_alone(key):
    for scheme, name in ((SignScheme.GITHUB, "X-Hub-Signature-256"), (SignScheme.X_SIGNATURE, "X-Signature")):
        headers = dict(signature_headers(signing(scheme, key, "the next one"), ID, TIMESTAMP, BODY))
        assert headers[name] == "sha256=" + by_hand(key.encode(), BODY)
