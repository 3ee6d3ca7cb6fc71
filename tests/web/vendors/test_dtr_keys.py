"""What DTR's webhooks are bound to: ids that can be reckoned by hand, keys, types."""

import uuid

import pytest

from sidecar.dialects import dtr_samples
from sidecar.web.vendors import dtr_keys
from sidecar.web.vendors.dtr_errors import Code, Refusal
from sidecar.web.vendors.dtr_keys import Key

# The reference of DTR 2.6 and 2.7: the enumeration of `type`, in its order.
SWAGGER = [
    "TAG_PUSH", "TAG_PULL", "TAG_DELETE", "PROMOTION", "PUSH_MIRRORING", "POLL_MIRRORING", "MANIFEST_PUSH",
    "MANIFEST_PULL", "MANIFEST_DELETE", "REPO_EVENT", "SCAN_COMPLETED", "SCAN_FAILED", "SCANNER_UPDATE_COMPLETED",
]  # fmt: skip


def test_the_id_is_the_published_one():
    """The manual's one response: DTR made this id, of this type, key and endpoint."""
    endpoint = "https://webhook.site/441b1584-949d-4608-a7f3-f240bdd31019"
    id_ = "b7bf702c31601efb4796da59900ddc1b7c72eb8ca80fdfb1b9fecdbad5418155"
    assert dtr_keys.identity("TAG_PULL", "maria-testorg/lab-words", endpoint) == id_


def test_a_webhook_without_a_key_has_an_id_too():
    """`printf TAG_PUSH::https://example.com | sha256sum`."""
    id_ = "06cf593bb73b24d00097052e8fa1bf94052773a57d96ccc3ae7fe8be01ec034b"
    assert dtr_keys.identity("TAG_PUSH", "", "https://example.com") == id_


def test_every_published_type_is_taken_and_has_a_payload():
    assert list(dtr_keys.TYPES[: len(SWAGGER)]) == SWAGGER
    assert set(dtr_keys.TYPES) == {*SWAGGER, "REPO_CREATED", "REPO_UPDATED", "REPO_DELETED"} == dtr_samples.WORDS


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("", Key()),
        ("foo", Key("foo")),
        ("foo/bar", Key("foo", "bar")),
        ("foo/bar/baz", Key("foo", "bar/baz")),  # a plain registry has deeper names than DTR
        ("maria-testorg/lab-words", Key("maria-testorg", "lab-words")),
        ("a__b/c.d--e", Key("a__b", "c.d--e")),
    ],
)
def test_a_key_names_everything_a_namespace_or_a_repository(text, key):
    assert dtr_keys.key_of(text) == key
    assert str(key) == text
    assert key.everything == (text == "")


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Foo", Code.NO_SUCH_ACCOUNT),
        ("*", Code.NO_SUCH_ACCOUNT),  # a key is no glob: nobody gets more than he may by one
        ("**/bar", Code.NO_SUCH_ACCOUNT),
        ("!foo", Code.NO_SUCH_ACCOUNT),
        ("/bar", Code.NO_SUCH_ACCOUNT),
        (" ", Code.NO_SUCH_ACCOUNT),
        ("a" * 256, Code.NO_SUCH_ACCOUNT),
        ("foo\n", Code.NO_SUCH_ACCOUNT),
        ("foo/", Code.NO_SUCH_REPOSITORY),
        ("foo/*", Code.NO_SUCH_REPOSITORY),
        ("foo//bar", Code.NO_SUCH_REPOSITORY),
        ("foo/bar\n", Code.NO_SUCH_REPOSITORY),
        ("foo/../bar", Code.NO_SUCH_REPOSITORY),
    ],
)
def test_what_can_be_no_name_is_not_there(text, code):
    """A registry's grammar of names decides: what does not fit it can never be pushed."""
    with pytest.raises(Refusal) as caught:
        dtr_keys.key_of(text)
    assert caught.value.code is code
    assert len(caught.value.detail) < 200


def test_a_type_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(Refusal, match=r"type 'PUSH' is none of TAG_PUSH, TAG_PULL, ") as caught:
        dtr_keys.type_of("PUSH")
    assert caught.value.code is Code.INVALID_JSON
    with pytest.raises(Refusal, match="type is missing: TAG_PUSH, "):
        dtr_keys.type_of("")


def test_an_account_has_one_id_for_ever():
    """A UUID, as DTR's account ids are; another name has another."""
    one = uuid.UUID(dtr_keys.author_id("maria"))
    assert one.version == 5
    assert str(one) == dtr_keys.author_id("maria") != dtr_keys.author_id("mario")
