"""The JSON Schema that is given away says what the reader does: judged by a validator that others wrote."""

import json

import jsonschema
import msgspec
import pytest

from sidecar.dialects.plausible import DETAILS as SAMPLES
from sidecar.domain.errors import Misstated
from sidecar.domain.event import EventType
from sidecar.intake.cloudevents import read
from sidecar.intake.posted import Posted
from sidecar.intake.shapes import PREFIX, schema

VALIDATOR = jsonschema.Draft202012Validator(schema())
PLACES = {
    EventType.SCANNER_UPDATED: {},
    EventType.RETENTION_FINISHED: {"namespace": "prj"},
}


def event(kind, **changes):
    """An event with the sample's details, and other keys of `data` where `changes` say so (None = left out)."""
    place = PLACES.get(kind, {"repository": "prj/web/app", "tag": "1.4.2"})
    data = {**place, "details": json.loads(msgspec.json.encode(SAMPLES[kind])), **changes}
    return {"type": f"{PREFIX}{kind}", "data": {name: one for name, one in data.items() if one is not None}}


def taken(given):
    try:
        read(Posted(media_type="application/json", body=json.dumps(given).encode()))
    except Misstated:
        return False
    return True


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(schema())


@pytest.mark.parametrize("kind", SAMPLES)
def test_the_samples_are_taken_by_both(kind):
    given = event(kind)
    VALIDATOR.validate(given)
    assert taken(given)
    whole = {**given, "specversion": "1.0", "id": "1", "source": "/ci", "time": "2026-11-22T08:00:00Z", "subject": "x"}
    VALIDATOR.validate(whole)
    assert taken(whole)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"type": "artifact.pushed"},
        {"type": "build.queued"},
        {"type": "build.queued", "specversion": "1.0", "data": {"repository": "prj/app"}},
        event(EventType.BUILD_QUEUED, repository="Prj/App"),
        event(EventType.BUILD_QUEUED, repository="registry.example.com:5000/app"),
        event(EventType.BUILD_QUEUED, repository="app\n"),
        event(EventType.BUILD_QUEUED, repository=None),
        event(EventType.BUILD_QUEUED, tag="a b"),
        event(EventType.BUILD_QUEUED, tags=["ok", "-"]),
        event(EventType.BUILD_QUEUED, nonsense=1),
        event(EventType.BUILD_QUEUED, details={"nonsense": 1}),
        event(EventType.BUILD_QUEUED, details={"about": "scan"}),
        event(EventType.SCAN_COMPLETED, digest="sha256"),
        event(EventType.SCAN_COMPLETED, details={"vulnerabilities": [{"severity": "High"}]}),
        event(EventType.SCAN_COMPLETED, details={"vulnerabilities": [{"id": "A", "cvss": 11}]}),
        event(EventType.QUOTA_WARNING, details={"used": 1, "limit": 0}),
        event(EventType.QUOTA_WARNING, details=None),
        event(EventType.PROMOTED, details={"targetTag": "v1"}),
        event(EventType.RETENTION_FINISHED, namespace="a/b"),
        event(EventType.SCANNER_UPDATED, repository="prj/app"),
    ],
)
def test_what_is_refused_is_refused_by_both(given):
    assert not VALIDATOR.is_valid(given)
    assert not taken(given)
