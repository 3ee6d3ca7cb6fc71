"""Whatever the file holds, the answer is settings or a ConfigError."""

import contextlib
import string

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from effort import examples
from sidecar.config import keys, listeners
from sidecar.config.loading import load
from sidecar.domain.errors import ConfigError

WORDS = st.sampled_from(
    [
        "main",
        "harbor",
        "quay",
        "2xx",
        "10s",
        "8MiB",
        ":8080",
        "[::1]:1",
        "https://h.example.com",
        "${env:T}",
        "!",
        "",
        "*",
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.dates(),
    st.text(string.printable, max_size=12),
    st.text(max_size=4),
    WORDS,
)
NAMES = st.sampled_from(
    sorted(
        {*keys.root().fields, *keys.subscription().fields, *keys.REGISTRY.fields, *keys.DELIVERY.fields}
        | {
            *keys.MATCH.fields,
            *listeners.INGEST.fields,
            *listeners.MANAGEMENT.fields,
            *keys.DEFAULTS.fields,
            "flavour",
            "harbor",
        }
    )
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.one_of(NAMES, st.text(max_size=3)), inner)),
    max_leaves=12,
)
FILES = st.dictionaries(NAMES, VALUES, max_size=6).flatmap(
    lambda some: st.fixed_dictionaries(
        {
            "registries": st.lists(st.dictionaries(NAMES, VALUES, max_size=5), max_size=2),
            "subscriptions": st.lists(st.dictionaries(NAMES, VALUES, max_size=6), max_size=2),
        }
    ).map(lambda known: {**some, **known})
)

QUIET = settings(max_examples=examples(150), deadline=None, suppress_health_check=list(HealthCheck))


def told(path, environ):
    """What is said of a file that cannot be used, "" of one that can."""
    try:
        load(path, environ)
    except ConfigError as error:
        return str(error)
    return ""


@pytest.fixture
def path(tmp_path):
    return tmp_path / "config.yml"


@QUIET
@given(document=st.one_of(FILES, VALUES))
def test_any_yaml_is_settings_or_a_mistake(path, document):
    path.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    with contextlib.suppress(ConfigError):
        load(path, {"T": "t"})


@QUIET
@given(raw=st.one_of(st.binary(max_size=60), st.text("{}[]:,-&*!|>'\"#%@`\n\t ab", max_size=60).map(str.encode)))
def test_any_bytes_are_settings_or_a_mistake(path, raw):
    path.write_bytes(raw)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    for line in str(caught.value).splitlines():
        assert line.startswith(f"{path}:")


@QUIET
@given(document=FILES)
def test_what_came_from_the_environment_is_never_shown(path, document):
    path.write_text(yaml.safe_dump(document), encoding="utf-8")
    assert "Qx7Secret7xQ" not in told(path, {"T": "Qx7Secret7xQ"})


def _places(table_or_text, at=()):
    """Every place in a document where text stands."""
    if isinstance(table_or_text, dict):
        for key, value in table_or_text.items():
            yield from _places(value, (*at, key))
    elif isinstance(table_or_text, list):
        for index, value in enumerate(table_or_text):
            yield from _places(value, (*at, index))
    else:
        yield at


FULL = {
    "ingest": {"listen": ["127.0.0.1:1"], "max_body": "1MiB", "anonymous": True},
    "management": {"listen": ":2", "socket": "s.sock"},
    "store": "sqlite:///x.db",
    "registries": [
        {
            "name": "main",
            "hostname": "r.example.com",
            "scheme": "http",
            "homepage": "https://ui.example.com",
            "tokens": ["t"],
            "default_namespace": "library",
            "public": ["*"],
            "ignore": {"actors": ["a"], "user_agents": ["b"]},
        }
    ],
    "subscriptions": [
        {
            "name": "one",
            "format": "harbor",
            "url": "https://h.example.com",
            "options": {"flavour": "default", "chart_events": False},
            "events": ["artifact.pushed"],
            "match": {
                "registries": ["main"],
                "repositories": ["*"],
                "tags": ["*"],
                "actors": ["*"],
                "kinds": ["image"],
            },
            "headers": {"X-A": "b"},
            "sign": {"scheme": "github", "secrets": ["abc"]},
            "delivery": {
                "timeout": "1s",
                "concurrency": 1,
                "rate": "50/s",
                "order": "none",
                "backlog": 1000,
                "success": ["2xx"],
                "give_up_on": [400],
                "retry": {"initial": "1s", "factor": 2, "max_delay": "1h", "horizon": "1d"},
            },
            "enabled": True,
            "formerly": "old",
        }
    ],
    "guard": {"allow": ["10.0.0.0/8"], "deny": ["10.0.0.0/8"]},
    "retention": {"delivered": "1d", "max_size": "2GiB"},
    "tracing": {"propagate": True, "endpoint": "http://127.0.0.1:4318", "sample": 0.5},
}


@pytest.mark.parametrize("at", list(_places(FULL)), ids=lambda at: ".".join(map(str, at)))
def test_a_reference_that_does_not_fit_is_never_shown(path, at):
    """At every place of a full file, one after the other, stands text from the environment that cannot be right."""
    document = yaml.safe_load(yaml.safe_dump(FULL))
    target = document
    for step in at[:-1]:
        target = target[step]
    target[at[-1]] = "${env:T}"
    path.write_text(yaml.safe_dump(document))
    sentences = told(path, {"T": "Qx7 Secret\n7xQ"})
    assert "Qx7" not in sentences
    assert "7xQ" not in sentences
    free = {"repositories", "tags", "actors", "user_agents", "public", "secrets"}
    assert sentences or at[-2] in free or at[-1] in {"socket", "store"}
