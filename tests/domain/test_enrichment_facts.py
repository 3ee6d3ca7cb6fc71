"""Which facts are missing, which document they stand in, and what is kept when two tellings of one digest meet."""

import msgspec
import pytest

from sidecar.domain.enrichment import Fact, asks_config, asks_manifest, learned, merged, missing
from sidecar.domain.event import Artifact, Descriptor, Kind

OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
DIGEST = "sha256:" + "a" * 64


def config(media_type):
    return Descriptor(media_type=media_type, digest="sha256:c", size=10)


LAYER = Descriptor(media_type="application/vnd.oci.image.layer.v1.tar+gzip", digest="sha256:l", size=300)
IMAGE_CONFIG = config("application/vnd.oci.image.config.v1+json")
DOCKER_CONFIG = config("application/vnd.docker.container.image.v1+json")
HELM = config("application/vnd.cncf.helm.config.v1+json")
EMPTY = config("application/vnd.oci.empty.v1+json")
BARE = Artifact(digest=DIGEST, media_type=OCI)
TOLD = Artifact(digest=DIGEST, media_type=OCI, kind=Kind.IMAGE, references=(IMAGE_CONFIG, LAYER))
EVERY = frozenset(Fact)


@pytest.mark.parametrize(
    ("artifact", "facts"),
    [
        (BARE, EVERY),
        (TOLD, {Fact.MANIFEST, Fact.PLATFORM, Fact.LABELS}),
        (msgspec.structs.replace(TOLD, references=(DOCKER_CONFIG,)), {Fact.MANIFEST, Fact.PLATFORM, Fact.LABELS}),
        (msgspec.structs.replace(TOLD, manifest_read=True), {Fact.PLATFORM, Fact.LABELS}),
        (msgspec.structs.replace(TOLD, config_read=True), {Fact.MANIFEST}),
        (msgspec.structs.replace(TOLD, manifest_read=True, config_read=True), set()),
        (Artifact(media_type=OCI, kind=Kind.CHART, references=(HELM,)), {Fact.MANIFEST}),
        (Artifact(media_type=OCI, kind=Kind.ARTIFACT, references=(EMPTY, LAYER)), {Fact.MANIFEST, Fact.KIND}),
        (Artifact(media_type=INDEX, kind=Kind.INDEX), {Fact.MANIFEST, Fact.REFERENCES, Fact.PLATFORM}),
        (Artifact(media_type=INDEX, kind=Kind.INDEX, references=(LAYER,)), {Fact.MANIFEST, Fact.PLATFORM}),
        (
            Artifact(media_type="application/vnd.docker.distribution.manifest.v1+prettyjws", kind=Kind.IMAGE),
            set(),
        ),
    ],
    ids=[
        "an OCI manifest without references",
        "an image",
        "a Docker image",
        "its manifest is read",
        "its config is read",
        "both are read",
        "a chart has no platform",
        "an artifact with the empty config may be anything",
        "an index",
        "an index with its children",
        "schema 1",
    ],
)
def test_what_is_missing(artifact, facts):
    assert missing(artifact) == facts


@pytest.mark.parametrize(
    ("artifact", "wanted", "manifest", "blob"),
    [
        (TOLD, {Fact.PLATFORM}, False, "sha256:c"),
        (TOLD, {Fact.LABELS, Fact.MANIFEST}, True, "sha256:c"),
        (TOLD, {Fact.REFERENCES, Fact.KIND}, False, ""),
        (BARE, {Fact.PLATFORM}, True, ""),
        (BARE, {Fact.KIND}, True, ""),
        (msgspec.structs.replace(TOLD, manifest_read=True, config_read=True), EVERY, False, ""),
        (Artifact(media_type=INDEX, kind=Kind.INDEX, references=(LAYER,)), {Fact.PLATFORM}, True, ""),
        (Artifact(media_type=OCI, kind=Kind.CHART, references=(HELM,)), {Fact.PLATFORM}, False, ""),
        (TOLD, set(), False, ""),
    ],
    ids=[
        "the platform of an image stands in its config",
        "annotations in the manifest",
        "what is told is not asked for",
        "where the config is, only the manifest tells",
        "the kind",
        "nothing is read twice",
        "the platform of an index stands in itself",
        "a chart has none",
        "nothing wanted",
    ],
)
def test_only_the_documents_are_read_that_tell_what_is_wanted(artifact, wanted, manifest, blob):
    assert asks_manifest(artifact, frozenset(wanted)) is manifest
    assert asks_config(artifact, frozenset(wanted)) == blob


READ = Artifact(
    digest=DIGEST,
    media_type=OCI,
    kind=Kind.IMAGE,
    references=(IMAGE_CONFIG, LAYER),
    os="linux",
    architecture="amd64",
    artifact_type="application/x",
    subject="sha256:s",
    annotations={"a": "b"},
    labels={"c": "d"},
    manifest_read=True,
    config_read=True,
)


def test_a_bare_telling_is_completed_with_all_that_was_read():
    assert merged(BARE, READ) == READ
    assert merged(READ, BARE) == READ
    assert merged(READ, READ) == READ


def test_what_nobody_read_leaves_everything_as_it_is():
    assert merged(TOLD, BARE) is TOLD
    assert merged(BARE, BARE) is BARE


def test_references_that_were_read_replace_those_that_were_told():
    """A notification of 2.8 leaves platforms out."""
    child = Descriptor(media_type=OCI, digest="sha256:m", size=5)
    told = Artifact(digest=DIGEST, media_type=INDEX, kind=Kind.INDEX, references=(child,))
    full = msgspec.structs.replace(child, platform={"os": msgspec.Raw(b'"linux"')})
    read = msgspec.structs.replace(told, references=(full,), manifest_read=True)
    assert merged(told, read).references == (full,)


def test_references_that_could_not_be_read_leave_those_that_were_told():
    read = Artifact(digest=DIGEST, manifest_read=True, config_read=True)
    assert merged(TOLD, read).references == TOLD.references


@pytest.mark.parametrize(
    ("told", "known", "kind"),
    [
        (Kind.UNKNOWN, Kind.IMAGE, Kind.IMAGE),
        (Kind.UNKNOWN, Kind.UNKNOWN, Kind.UNKNOWN),
        (Kind.ARTIFACT, Kind.SBOM, Kind.SBOM),
        (Kind.ARTIFACT, Kind.UNKNOWN, Kind.ARTIFACT),
        (Kind.SIGNATURE, Kind.IMAGE, Kind.SIGNATURE),
    ],
)
def test_a_kind_that_was_read_is_better_than_a_vague_one(told, known, kind):
    """cosign's tag says signature where the manifest looks like an image: the more special word stays."""
    read = Artifact(digest=DIGEST, kind=known, manifest_read=True, config_read=True)
    assert merged(Artifact(digest=DIGEST, kind=told), read).kind is kind


def test_a_kind_that_was_only_told_does_not_change_another():
    assert merged(Artifact(kind=Kind.ARTIFACT), Artifact(kind=Kind.SIGNATURE)).kind is Kind.ARTIFACT


def test_learned_is_what_is_not_known_yet():
    assert learned(READ, None)
    assert learned(READ, TOLD)
    assert not learned(READ, READ)
    assert not learned(TOLD, None)
    assert learned(READ, msgspec.structs.replace(READ, config_read=False))


def test_an_image_is_as_large_as_config_and_layers_together():
    assert TOLD.image_size == 310
    assert BARE.image_size == 0
    assert Artifact(kind=Kind.INDEX, references=(LAYER,)).image_size == 0
