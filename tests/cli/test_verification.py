"""The receiver's check, against published vectors and somebody else's signer."""

from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from sidecar.cli.verification import Keys, Verdict, decode_public, decode_standard, verify

# The vector of the reference implementations' tests.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
NOW = 1_614_265_330
BODY = b'{"test": 2432232314}'
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(NOW),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
KEYS = Keys(standard=(SECRET,))
OTHER = "whsec_" + "A" * 32

# The example of GitHub's documentation on validating deliveries.
GITHUB = Keys(github=("It's a Secret to Everybody",))
GITHUB_BODY = b"Hello, World!"
GITHUB_SIGNATURE = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"


@pytest.mark.parametrize(
    ("changes", "verdict"),
    [
        ({}, Verdict.VERIFIED),
        ({"webhook-signature": "v1,AAAA v1a,zzz " + HEADERS["webhook-signature"]}, Verdict.VERIFIED),
        ({"webhook-signature": HEADERS["webhook-signature"].replace("v1,", "v2,")}, Verdict.FAILED),
        ({"webhook-signature": "nonsense"}, Verdict.FAILED),
        ({"webhook-signature": "v1,\N{LATIN SMALL LETTER E WITH ACUTE}"}, Verdict.FAILED),
        ({"webhook-id": "msg_other"}, Verdict.FAILED),
        ({"webhook-timestamp": str(NOW + 1)}, Verdict.FAILED),
        ({"webhook-timestamp": "soon"}, Verdict.FAILED),
    ],
)
def test_the_published_vector_of_standard_webhooks(changes, verdict):
    assert verify({**HEADERS, **changes}, BODY, KEYS, NOW) is verdict


def test_a_changed_body_fails():
    assert verify(HEADERS, BODY + b" ", KEYS, NOW) is Verdict.FAILED


@pytest.mark.parametrize(("skew", "verdict"), [(300, Verdict.VERIFIED), (-300, Verdict.VERIFIED), (301, Verdict.STALE)])
def test_a_right_signature_is_stale_after_five_minutes(skew, verdict):
    assert verify(HEADERS, BODY, KEYS, NOW + skew) is verdict


def test_one_of_several_secrets_is_enough():
    assert verify(HEADERS, BODY, Keys(standard=(OTHER, SECRET)), NOW) is Verdict.VERIFIED
    assert verify(HEADERS, BODY, Keys(standard=(OTHER,)), NOW) is Verdict.FAILED


def test_what_the_standard_library_of_the_scheme_signs_is_verified():
    when = datetime.fromtimestamp(NOW, UTC)
    body = '{"a": "\N{SNOWMAN}"}'
    headers = {**HEADERS, "webhook-signature": Webhook(SECRET).sign(HEADERS["webhook-id"], when, body)}
    assert verify(headers, body.encode(), KEYS, NOW) is Verdict.VERIFIED


def test_the_documented_example_of_github():
    headers = {"x-hub-signature-256": GITHUB_SIGNATURE}
    assert verify(headers, GITHUB_BODY, GITHUB, NOW) is Verdict.VERIFIED
    assert verify(headers, b"Hello, World?", GITHUB, NOW) is Verdict.FAILED
    assert verify({"x-hub-signature-256": "sha256=\N{SNOWMAN}"}, GITHUB_BODY, GITHUB, NOW) is Verdict.FAILED


def test_artifactory_s_signature_is_the_same_digits_alone():
    keys = Keys(jfrog=GITHUB.github)
    digits = GITHUB_SIGNATURE.removeprefix("sha256=")
    assert verify({"x-jfrog-event-auth": digits}, GITHUB_BODY, keys, NOW) is Verdict.VERIFIED
    assert verify({"x-jfrog-event-auth": GITHUB_SIGNATURE}, GITHUB_BODY, keys, NOW) is Verdict.FAILED


def test_nexus_s_signature_is_by_sha1():
    """RFC 2202, case 2."""
    body, digits = b"what do ya want for nothing?", "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
    assert verify({"x-nexus-webhook-signature": digits}, body, Keys(nexus=("Jefe",)), NOW) is Verdict.VERIFIED
    assert verify({"x-nexus-webhook-signature": digits}, body + b"?", Keys(nexus=("Jefe",)), NOW) is Verdict.FAILED


def test_x_signature_is_the_same_under_another_name():
    keys = Keys(x_signature=GITHUB.github)
    assert verify({"x-signature": GITHUB_SIGNATURE}, GITHUB_BODY, keys, NOW) is Verdict.VERIFIED


def test_every_scheme_with_a_secret_must_be_there_and_right():
    both = Keys(standard=(SECRET,), github=GITHUB.github)
    assert verify(HEADERS, BODY, both, NOW) is Verdict.ABSENT
    assert verify({**HEADERS, "x-hub-signature-256": "sha256=00"}, BODY, both, NOW) is Verdict.FAILED


def test_without_secrets_a_signature_is_unchecked_and_none_is_absent():
    assert verify(HEADERS, BODY, Keys(), NOW) is Verdict.UNCHECKED
    assert verify({}, BODY, Keys(), NOW) is Verdict.ABSENT
    assert verify({}, BODY, KEYS, NOW) is Verdict.ABSENT


@pytest.mark.parametrize("secret", ["whsec_", "", "whsec_!!", "not base64"])
def test_what_is_no_secret_is_refused(secret):
    with pytest.raises(ValueError, match="it is"):
        decode_standard(secret)


# --- ed25519 ----------------------------------------------------------------------------------------------------------

# Published with the server that the authors of Standard Webhooks run, for the same message.
PUBLIC = "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="
ASYMMETRIC = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
# RFC 8032, 7.1, test 1
OTHER_PUBLIC = "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


@pytest.mark.parametrize(
    ("signature", "verdict"),
    [
        (ASYMMETRIC, Verdict.VERIFIED),
        ("v1,AAAA v1a,AAAA " + ASYMMETRIC, Verdict.VERIFIED),
        (ASYMMETRIC.replace("v1a,", "v1,"), Verdict.FAILED),
        (HEADERS["webhook-signature"], Verdict.FAILED),
        ("v1a,not base64", Verdict.FAILED),
        ("v1a", Verdict.FAILED),
    ],
)
def test_the_published_vector_of_ed25519(signature, verdict):
    headers = {**HEADERS, "webhook-signature": signature}
    assert verify(headers, BODY, Keys(public=(PUBLIC,)), NOW) is verdict
    assert verify(headers, BODY + b" ", Keys(public=(PUBLIC,)), NOW) is Verdict.FAILED


def test_one_of_several_public_keys_is_enough_and_an_old_signature_is_stale():
    headers = {**HEADERS, "webhook-signature": ASYMMETRIC}
    assert verify(headers, BODY, Keys(public=(OTHER_PUBLIC, PUBLIC)), NOW) is Verdict.VERIFIED
    assert verify(headers, BODY, Keys(public=(OTHER_PUBLIC,)), NOW) is Verdict.FAILED
    assert verify(headers, BODY, Keys(public=(PUBLIC,)), NOW + 301) is Verdict.STALE


def test_a_secret_and_a_public_key_both_have_to_be_satisfied():
    both = Keys(standard=(SECRET,), public=(PUBLIC,))
    assert verify(HEADERS, BODY, both, NOW) is Verdict.FAILED
    mixed = {**HEADERS, "webhook-signature": f"{HEADERS['webhook-signature']} {ASYMMETRIC}"}
    assert verify(mixed, BODY, both, NOW) is Verdict.VERIFIED


@pytest.mark.parametrize("key", ["", "whpk_", "whpk_!!", "whpk_AAAA", PUBLIC.removeprefix("whpk_"), SECRET])
def test_what_is_no_public_key_is_refused(key):
    with pytest.raises(ValueError, match=r"^it "):
        decode_public(key)
