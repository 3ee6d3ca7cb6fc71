"""The JSON Schema says the same as the loader, and the example shows everything."""

import re
from pathlib import Path

import jsonschema
import msgspec
import pytest
import yaml

from sidecar import dialects
from sidecar.config import keys
from sidecar.config.loading import load
from sidecar.config.schema import schema
from sidecar.config.shapes import Or
from sidecar.config.tables import ListOf, Table

EXAMPLE = Path(__file__).parents[2] / "config.example.yml"
BAD = sorted(Path(__file__).parent.joinpath("bad").glob("*.yml"))
VALIDATOR = jsonschema.Draft202012Validator(schema())


def uncommented():
    """The example with every optional key in use: they are the lines that begin with `#key:`."""
    return re.sub(r"(?m)^( *)#(?=[A-Za-z_]+:)", r"\1", EXAMPLE.read_text())


def supported(table):
    """The names of all keys of a table and of those below it."""
    for name, field in table.fields.items():
        yield name
        shape = field.shape
        while isinstance(shape, ListOf | Or):
            shape = shape.item if isinstance(shape, ListOf) else shape.that
        if isinstance(shape, Table):
            yield from supported(shape)


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema())


def test_the_example_loads_without_a_warning_and_fits_the_schema():
    settings = load(EXAMPLE, {})
    assert settings.warnings == ()
    assert [bound.voice.format for bound in settings.subscriptions] == ["harbor", "dtr", "quay"]
    VALIDATOR.validate(yaml.safe_load(EXAMPLE.read_text()))


def test_the_example_with_every_optional_key_loads_too(tmp_path):
    text = uncommented().replace("/etc/registry-sidecar", str(tmp_path))
    for name in ("tls.crt", "tls.key", "ca.crt", "old-token", "mail-password", "htpasswd"):
        tmp_path.joinpath(name).write_text("old\n")
    path = tmp_path / "config.yml"
    path.write_text(text)
    environ = {
        "INGEST_TOKEN": "new",
        "INTAKE_TOKEN": "teller",
        "HARBOR_SECRET": "h",
        "MARIA_TOKEN": "m" * 32,
        "SIGNING_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    }
    assert load(path, environ).subscriptions[0].subscription.signing is not None
    VALIDATOR.validate(yaml.safe_load(text))


def test_the_example_shows_every_key():
    shown = set(re.findall(r"([A-Za-z_]+):", uncommented()))
    assert set(supported(keys.root())) - shown == set()


@pytest.mark.parametrize("name", list(dialects.load()))
def test_the_schema_knows_each_formats_options(name):
    dialect = dialects.load()[name]
    subscription = {"name": "one", "format": name, "url": "https://hooks.example.com/"}
    good = msgspec.to_builtins(dialect.example)
    document = {"registries": [{"name": "main", "hostname": "r.example.com"}], "subscriptions": [subscription]}
    subscription["options"] = good
    assert VALIDATOR.is_valid(document)
    document["defaults"] = {"formats": {name: {"options": good}}}
    assert VALIDATOR.is_valid(document)
    subscription["options"] = {**good, "surely_not_an_option": 1}
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    "path", [one for one in BAD if one.stem.startswith(("key-unknown", "section-")) or "unknown-key" in one.stem]
)
def test_the_schema_refuses_unknown_keys_too(path):
    assert not VALIDATOR.is_valid(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    "value", ["${env:T:-10s}", "10s", "500ms", "${file:/run/timeout}"], ids=["env", "s", "ms", "file"]
)
def test_a_reference_may_stand_wherever_text_may(value):
    document = {
        "registries": [{"name": "main", "hostname": "r.example.com"}],
        "defaults": {"delivery": {"timeout": value}},
        "management": {"listen": "${env:LISTEN}"},
    }
    assert VALIDATOR.is_valid(document)
    document["defaults"]["delivery"]["timeout"] = "10 seconds"
    assert not VALIDATOR.is_valid(document)


def test_the_documented_defaults_are_the_real_ones(loaded):
    """Whoever writes out a default gets what they would have got without it."""
    bare = {"registries": [{"name": "main", "hostname": "r.example.com"}]}
    told = schema()["properties"]
    one = {"name": "one", "format": "cloudevents", "url": "https://hooks.example.com/"}
    full = {
        "store": told["store"]["default"],
        "ingest": _defaults(told["ingest"]),
        "management": _defaults(told["management"]),
        "retention": _defaults(told["retention"]),
        "tracing": _defaults(told["tracing"]),
        "guard": _defaults(told["guard"]),
        "registries": [bare["registries"][0] | _defaults(told["registries"]["items"])],
    }
    subscription = told["subscriptions"]["items"]
    delivery = _defaults(subscription["properties"]["delivery"])
    delivery["retry"] = _defaults(subscription["properties"]["delivery"]["properties"]["retry"])
    written = one | _defaults(subscription) | {"match": _defaults(subscription["properties"]["match"])}
    assert loaded({**bare, "tracing": {}, "subscriptions": [one]}) == loaded(
        {**full, "subscriptions": [written | {"delivery": delivery}]}
    )


def _defaults(table):
    return {key: one["default"] for key, one in table["properties"].items() if "default" in one}


@pytest.fixture
def loaded(tmp_path):
    """What a document comes to, in values that can be compared."""

    def _loaded(document):
        path = tmp_path / "config.yml"
        path.write_text(yaml.safe_dump(document))
        settings = load(path, {})
        bound = [(one.subscription, one.voice.key, one.voice.types) for one in settings.subscriptions]
        return msgspec.structs.replace(settings, subscriptions=(), stamps={}), bound

    return _loaded
