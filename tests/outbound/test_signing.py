"""Signatures, against a published vector, the specification's own library and receivers' documented forms."""

import base64
import hashlib
import hmac
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from sidecar.domain.secret import Secret
from sidecar.domain.subscription import Signing, SignScheme
from sidecar.outbound.signing import Signer, signature_headers

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


@pytest.mark.parametrize(
    ("scheme", "name"), [(SignScheme.GITHUB, "X-Hub-Signature-256"), (SignScheme.X_SIGNATURE, "X-Signature")]
)
def test_hex_schemes_sign_the_body_alone_in_lower_case_with_their_first_secret(scheme, name):
    headers = signature_headers(signing(scheme, "It's a Secret to Everybody", "older"), ID, TIMESTAMP, b"Hello, World!")
    # The example of GitHub's documentation, "Validating webhook deliveries".
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert headers == (("webhook-id", ID), ("webhook-timestamp", "1614265330"), (name, expected))


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
