"""Which secrets can sign."""

import base64

import pytest

from sidecar.domain.signing import asymmetric, problem
from sidecar.domain.subscription import SignScheme

SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


@pytest.mark.parametrize(
    "text",
    [SECRET, "whsec_" + SECRET, base64.b64encode(b"k" * 16).decode(), base64.b64encode(b"k" * 32).decode().rstrip("=")],
)
def test_secrets_that_the_standard_scheme_takes(text):
    assert problem(SignScheme.STANDARD, text) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        (SECRET + "\n", "white space"),
        ("correct horse battery staple", "must be base64"),
        ("whsec_not!base64", "must be base64"),
        ("whsec_", "0 bytes"),
        (base64.b64encode(b"k" * 15).decode(), "15 bytes"),
        (base64.urlsafe_b64encode(b"\xff" * 32).decode(), "must be base64"),
        ("whsk_" + SECRET, "ed25519 private key has 32"),
        ("whsk_" + base64.b64encode(b"k" * 33).decode(), "33 bytes"),
        ("whsk_not!base64", "must be base64, after whsk_"),
        ("whpk_" + SECRET, "ed25519"),
    ],
)
def test_secrets_that_the_standard_scheme_refuses(text, why):
    sentence = problem(SignScheme.STANDARD, text)
    assert why in sentence
    assert not text.strip() or text.strip() not in sentence


def test_hex_schemes_take_any_text_without_white_space_around_it():
    assert problem(SignScheme.GITHUB, "correct horse battery staple") == ""
    assert "white space" in problem(SignScheme.X_SIGNATURE, "secret\n")
    assert "empty" in problem(SignScheme.X_SIGNATURE, "")


def test_an_ed25519_key_is_32_bytes_or_64_with_its_public_half_and_for_the_standard_scheme_alone():
    for length in (32, 64):
        secret = "whsk_" + base64.b64encode(b"k" * length).decode()
        assert problem(SignScheme.STANDARD, secret) == ""
        assert asymmetric(SignScheme.STANDARD, secret)
        assert not asymmetric(SignScheme.GITHUB, secret)
    assert not asymmetric(SignScheme.STANDARD, "whsec_" + SECRET)
