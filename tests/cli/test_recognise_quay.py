"""What Quay's chat methods send is told by its shape, and its word by the summary that Quay writes."""

import pytest

from sidecar.cli.recognise import recognise
from sidecar.dialects import quay
from sidecar.dialects.quay import DIALECT, Options
from sidecar.domain.event import RegistryRef, Repository

WORDS = sorted(one.name for one in DIALECT.vocabulary(Options()))
REGISTRY = RegistryRef(name="main", hostname="quay.example.com", scheme="https")
PLACE = Repository(path="devtable/simple", namespace="devtable", name="simple")


def body(method, word):
    return quay.sample(
        word, REGISTRY, PLACE, settings={"level": 1, "days": 7}, now=0, options=Options(method=method)
    ).body


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("method", ["slack", "flowdock"])
def test_a_summary_tells_the_word_and_the_repository(method, word):
    found = recognise(body(method, word))
    named = "" if word.startswith(("quota", "repo_mirror")) else "devtable/simple"
    assert (found.format, found.word, found.repository) == (f"quay {method}", word, named)


def test_hipchat_s_message_alone_would_tell():
    found = recognise(body("hipchat", "repo_push"))
    assert (found.format, found.word) == ("quay hipchat", "")


@pytest.mark.parametrize(
    "given",
    [
        b'{"username": "quayiobot", "attachments": [], "text": 7}',
        b'{"source": "Quay", "from_address": 1, "tags": [1], "subject": []}',
        b'{"message_format": 1, "color": 2, "notify": 3}',
    ],
)
def test_wrong_types_never_raise(given):
    found = recognise(given)
    assert (found.format.partition(" ")[0], found.word, found.repository) == ("quay", "", "")
