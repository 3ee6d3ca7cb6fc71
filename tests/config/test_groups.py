"""Subscriptions that are told of several events in one message: by their own key, or by the digest of their format."""

import pytest

from chatting import chatting
from sidecar.config.binding import ConfigBinder
from sidecar.config.loading import load
from sidecar.domain import instant
from sidecar.domain.errors import ConfigError, Unusable
from sidecar.domain.subscription import Grouping

FILE = """
registries:
  - {name: main, hostname: registry.example.com}
subscriptions:
  - {name: one, format: chatty, events: [artifact.pushed], url: "http://127.0.0.1:1/", %s}
"""


@pytest.fixture(autouse=True)
def _chatty():
    with chatting():
        yield


@pytest.fixture
def read(tmp_path):
    def reading(keys):
        path = tmp_path / "config.yml"
        path.write_text(FILE % keys)
        return load(path, {}).subscriptions[0].subscription.group

    return reading


@pytest.mark.parametrize(
    ("keys", "group"),
    [
        ("enabled: true", None),
        ("group: {window: 10s}", Grouping(10 * instant.SECOND)),
        ("group: {window: 1h}", Grouping(instant.HOUR)),
        ("options: {digest: 86400}", Grouping(instant.DAY, whole=True)),
    ],
)
def test_what_is_told_together(read, keys, group):
    assert read(keys) == group


def test_a_digest_leaves_nothing_to_group(read):
    with pytest.raises(ConfigError) as caught:
        read("options: {digest: 60}, group: {window: 10s}")
    assert str(caught.value).endswith(
        "config.yml:5: subscriptions[0].group and the digest in subscriptions[0].options both gather events: remove "
        "one of the two"
    )


def test_subscriptions_made_through_apis_may_group_too():
    tree = {"format": "chatty", "events": ["artifact.pushed"], "url": "https://chat.example.com/"}
    binder = ConfigBinder([])
    (bound,) = binder.bind([("api:native/1", {**tree, "group": {"window": "30s"}})])
    assert bound.subscription.group == Grouping(30 * instant.SECOND)
    with pytest.raises(Unusable) as caught:
        binder.bind([("api:native/1", {**tree, "format": "harbor", "group": {"window": "30s"}})])
    (problem,) = caught.value.problems
    assert (problem.path, problem.sentence) == (
        "group",
        "group is not for format harbor, which says one event in a message: remove it",
    )
