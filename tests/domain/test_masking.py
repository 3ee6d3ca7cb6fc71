"""What is secret in a subscription is not shown, and what was shown can be sent back."""

import pytest

from sidecar.domain.errors import Unusable
from sidecar.domain.masking import MASK, masked, unmasked

TREE = {
    "format": "dtr",
    "url": "https://hooks.example",
    "headers": {"Authorization": "Bearer hunter2", "X-Key": "hunter2"},
    "sign": {"scheme": "standard", "secrets": ["hunter2", "hunter3"]},
}


def test_headers_and_signing_secrets_are_masked_and_nothing_else():
    assert masked(TREE) == {
        "format": "dtr",
        "url": "https://hooks.example",
        "headers": {"Authorization": MASK, "X-Key": MASK},
        "sign": {"scheme": "standard", "secrets": [MASK, MASK]},
    }


def test_the_headers_that_a_template_makes_are_masked_and_kept_as_the_subscriptions_own():
    """They go to the same receiver, so they hold the same kinds of secrets. Body and URL stay to be read."""
    options = {
        "body": "{}",
        "url": "https://hooks.example/{{ tag }}",
        "headers": {"X-Key": "hunter2", "X-Tag": "{{ tag }}"},
    }
    tree = {"format": "template", "url": "https://hooks.example", "options": options}
    assert masked(tree)["options"] == {**options, "headers": {"X-Key": MASK, "X-Tag": MASK}}
    assert unmasked(masked(tree), tree) == tree
    changed = {**masked(tree), "options": {"body": "x", "headers": {"X-Key": MASK, "X-Tag": "v{{ tag }}"}}}
    assert unmasked(changed, tree)["options"] == {"body": "x", "headers": {"X-Key": "hunter2", "X-Tag": "v{{ tag }}"}}
    for given in ({**masked(tree), "url": "https://eve.example"}, {"options": {"headers": {"X-New": MASK}}}):
        with pytest.raises(Unusable) as told:
            unmasked(given, tree)
        assert told.value.problems[0].path.startswith("options.headers.X-")


def test_a_secret_of_a_mail_is_not_sent_to_others_by_those_who_cannot_read_it():
    """A header that is masked goes to the addresses that it was written for, and to no others."""
    tree = {"url": "mailto:ops@example.com", "headers": {"X-Key": "s3cret"}}
    assert unmasked(masked(tree), tree) == tree
    with pytest.raises(Unusable):
        unmasked({**masked(tree), "url": "mailto:eve@example.com"}, tree)


@pytest.mark.parametrize(
    "tree",
    [
        {},
        {"headers": None, "sign": 7},
        {"options": 7},
        {"options": {"headers": ["a"]}},
        {"sign": {"secrets": "x"}},
        {"headers": ["a"]},
    ],
)
def test_what_has_another_shape_is_left_for_the_tables_to_refuse(tree):
    assert masked(tree) == tree
    assert unmasked(tree, TREE) == tree


def test_what_was_shown_and_is_sent_back_is_as_it_was():
    assert unmasked(masked(TREE), TREE) == TREE


def test_what_is_written_anew_replaces_what_was_there():
    given = {**masked(TREE), "headers": {"Authorization": "Bearer new", "X-Key": MASK}}
    assert unmasked(given, TREE)["headers"] == {"Authorization": "Bearer new", "X-Key": "hunter2"}


def test_a_mask_of_nothing_is_told_with_its_place():
    given = {"url": TREE["url"], "headers": {"X-New": MASK}, "sign": {"secrets": [MASK, MASK, MASK]}}
    with pytest.raises(Unusable) as told:
        unmasked(given, TREE)
    assert [one.path for one in told.value.problems] == ["headers.X-New", "sign.secrets[2]"]


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://hooks.example/elsewhere?a=1", True),
        ("https://HOOKS.example", True),
        ("https://me:pw@hooks.example/", True),
        ("https://evil.example", False),
        ("http://hooks.example", False),
        ("https://hooks.example:8443", False),
        ("https://hooks.example@evil.example", False),
        ("https://[", False),
        (None, False),
    ],
)
def test_a_secret_is_not_sent_to_another_host_by_those_who_cannot_read_it(url, kept):
    given = {**masked(TREE), "url": url}
    if kept:
        assert unmasked(given, TREE) == {**TREE, "url": url}
        return
    with pytest.raises(Unusable) as told:
        unmasked(given, TREE)
    assert [one.path for one in told.value.problems] == [
        "headers.Authorization",
        "headers.X-Key",
        "sign.secrets[0]",
        "sign.secrets[1]",
    ]
