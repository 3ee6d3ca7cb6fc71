"""What a template knows: the same names for every event, plain values of the stated kind, nothing missing."""

import msgspec
import pytest

from sidecar.dialects.contract import sample, samples
from sidecar.dialects.templating import variables
from sidecar.dialects.templating.variables import FAMILIES, SHAPES, FreeKeys, place, values
from sidecar.domain.details import Details
from sidecar.domain.event import HAPPENINGS, Artifact, Descriptor, EventType, Kind
from sidecar.domain.statement import DETAILS


def poor(event):
    """The event when nobody told anything of it beyond what happened where."""
    return msgspec.structs.replace(event, artifact=Artifact(), tags=(), actor="", details=None, changed=None)


EVENTS = [one for kind in HAPPENINGS for plain in samples([kind]) for one in (plain, poor(plain))]


def check(value, shape, path):
    """That a value is what its shape says."""
    if shape.what == "text":
        assert isinstance(value, str) or (value is None and path == "event.previous_digest"), path
    elif shape.what == "number":
        assert value is None or (isinstance(value, int | float) and not isinstance(value, bool)), path
    elif shape.what == "flag":
        assert value is None or isinstance(value, bool), path
    elif shape.what == "list":
        assert isinstance(value, list | tuple), path
        for one in value:
            check(one, shape.item, f"{path}[]")
    elif shape.what == "map":
        assert type(value) is FreeKeys, path
        for one in value.values():
            check(one, shape.item, f"{path}.*")
    elif shape.what == "record":
        if value is None:
            assert shape.null, path
            return
        assert type(value) is dict, path
        assert value.keys() == shape.fields.keys(), path
        for name, field in shape.fields.items():
            check(value[name], field, f"{path}.{name}")


def test_every_name_has_what_it_is_said_to_have_for_every_event():
    for event in EVENTS:
        known = values(event, SHAPES)
        assert known.keys() == SHAPES.keys()
        for name, shape in SHAPES.items():
            check(known[name], shape, name)


def test_each_family_is_told_of_its_events_alone_and_whole():
    """Whether it is null follows from the event's type, so that samples of the types find who forgets that."""
    for event in EVENTS:
        known = values(event, FAMILIES)
        told = [name for name, one in known.items() if one is not None and name in FAMILIES]
        expected = [name for name, (kind, _) in FAMILIES.items() if DETAILS.get(event.type) is kind]
        assert told == expected


def test_every_family_of_details_has_a_variable():
    assert {kind for kind, _ in FAMILIES.values()} == set(Details.__args__)
    for name, (kind, _) in FAMILIES.items():
        assert SHAPES[name].fields.keys() == {one.name for one in msgspec.structs.fields(kind)}


def test_only_what_is_used_is_made():
    assert values(sample(), ["actor", "no variable"]).keys() == {"actor", "tag", "reference"}


@pytest.mark.parametrize(
    ("kind", "tag", "reference"),
    [
        (EventType.PUSHED, "1.4.2", "registry.example.com/prj/web/app:1.4.2"),
        (EventType.PUSHED, "", f"registry.example.com/prj/web/app@{sample().artifact.digest}"),
        (EventType.REPOSITORY_CREATED, "", ""),
        (EventType.QUOTA_EXCEEDED, "", ""),
        (EventType.SCANNER_UPDATED, "", ""),
    ],
)
def test_the_reference_is_what_docker_pull_takes(kind, tag, reference):
    assert place(sample(kind), tag) == {"tag": tag, "reference": reference}


def test_an_artifact_is_told_whole():
    layers = (
        Descriptor(media_type="application/vnd.oci.image.config.v1+json", digest="sha256:c0", size=100),
        Descriptor(media_type="application/vnd.oci.image.layer.v1.tar+gzip", digest="sha256:1a", size=2000),
    )
    artifact = Artifact(
        digest="sha256:d1", kind=Kind.IMAGE, references=layers, os="linux", architecture="arm64",
        annotations={"org.example.a": "1"}, labels={"team": "web"},
    )  # fmt: skip
    told = values(msgspec.structs.replace(sample(), artifact=artifact), ["artifact"])["artifact"]
    assert told["image_size"] == 2100
    assert (told["config_digest"], told["os"], told["architecture"]) == ("sha256:c0", "linux", "arm64")
    assert told["annotations"] == {"org.example.a": "1"}
    assert told["labels"] == {"team": "web"}
    assert [one["digest"] for one in told["references"]] == ["sha256:c0", "sha256:1a"]
    assert told["size"] is None


def test_a_repository_s_page_is_by_the_registry_s_template():
    event = sample()
    registry = msgspec.structs.replace(
        event.registry, homepage="https://ui.example.com/{namespace}/-/{name}?r={repository}"
    )
    told = values(msgspec.structs.replace(event, registry=registry), ["repository"])["repository"]
    assert told["page"] == "https://ui.example.com/prj/-/web/app?r=prj/web/app"
    assert values(sample(EventType.SCANNER_UPDATED), ["repository"])["repository"]["page"] == ""


def test_times_and_flags_of_an_event():
    told = values(sample(), ["event"])["event"]
    assert told["time"] == "2026-11-21T00:00:00.123456789Z"
    assert told["epoch"] == 1_795_219_200
    assert (told["type"], told["changed"], told["previous_digest"]) == ("artifact.pushed", True, "")


def test_what_is_written_freely_is_made_awkward_and_nothing_else():
    event = sample(EventType.SCAN_COMPLETED)
    known = values(event, SHAPES)
    awkward = variables.awkward(known["scan"], SHAPES["scan"])
    assert awkward["scanner"]["name"] == 'Trivy"\\\n'
    assert awkward["status"] == known["scan"]["status"]
    assert awkward["vulnerabilities"][0]["id"].endswith('"\\\n')
    assert awkward["severities"] == known["scan"]["severities"]
    assert variables.awkward(known["repository"], SHAPES["repository"]) == known["repository"]
    assert variables.awkward(FreeKeys({"a": "b"}), SHAPES["artifact"].fields["labels"]) == {"a": 'b"\\\n'}
