"""What manifests, indexes and configs tell: documents as docker, buildx, helm, ORAS and cosign write them."""

import json

import pytest

from sidecar.domain.enrichment import asks_config, missing
from sidecar.domain.event import Artifact, Kind
from sidecar.registry.manifests import MAX_TEXTS, with_config, with_manifest

OCI = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
BARE = Artifact(digest="sha256:d", media_type=OCI, size=500)
BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json"


def descriptor(media_type, digest="sha256:x", size=1, **more):
    return {"mediaType": media_type, "digest": digest, "size": size, **more}


def document(config=IMAGE_CONFIG, layers=("application/vnd.oci.image.layer.v1.tar+gzip",), **more):
    listed = [descriptor(one, f"sha256:l{at}", 100) for at, one in enumerate(layers)]
    return json.dumps(
        {"schemaVersion": 2, "config": descriptor(config, "sha256:c", 7), "layers": listed, **more}
    ).encode()


def index(*platforms, **more):
    children = [
        descriptor(OCI, f"sha256:m{at}", 5, platform={"os": os, "architecture": architecture})
        for at, (os, architecture) in enumerate(platforms)
    ]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": children, **more}).encode()


def read(body, artifact=BARE, media_type=OCI):
    return with_manifest(artifact, media_type, body)


def test_an_image_tells_config_layers_annotations_and_subject():
    told = read(document(annotations={"org.opencontainers.image.title": "x"}, subject=descriptor(OCI, "sha256:s")))
    assert told.kind is Kind.IMAGE
    assert [(one.digest, one.size) for one in told.references] == [("sha256:c", 7), ("sha256:l0", 100)]
    assert (told.annotations, told.subject, told.artifact_type) == (
        {"org.opencontainers.image.title": "x"},
        "sha256:s",
        "",
    )
    assert (told.digest, told.media_type, told.size) == ("sha256:d", OCI, 500)
    assert told.manifest_read
    assert asks_config(told, missing(told)) == "sha256:c"


def test_what_the_notification_did_not_say_is_taken_from_the_answer():
    body = document()
    told = read(body, Artifact(digest="sha256:d"))
    assert (told.media_type, told.size) == (OCI, len(body))


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (document("application/vnd.docker.container.image.v1+json"), Kind.IMAGE),
        (document("application/vnd.cncf.helm.config.v1+json"), Kind.CHART),
        (document(EMPTY, ["application/octet-stream"]), Kind.ARTIFACT),
        (document(EMPTY, ["text/plain"], artifactType="application/vnd.cyclonedx+json"), Kind.SBOM),
        (document(EMPTY, ["text/plain"], artifactType="application/spdx+json"), Kind.SBOM),
        (document(EMPTY, ["text/plain"], artifactType="application/vnd.in-toto+json"), Kind.ATTESTATION),
        (document(EMPTY, ["text/plain"], artifactType="application/vnd.cncf.notary.signature"), Kind.SIGNATURE),
        (document(artifactType="application/vnd.dev.cosign.artifact.sig.v1+json"), Kind.SIGNATURE),
        (document(EMPTY, [BUNDLE], artifactType=BUNDLE), Kind.SIGNATURE),
        (
            document(
                EMPTY,
                [BUNDLE],
                artifactType=BUNDLE,
                annotations={"dev.sigstore.bundle.predicateType": "https://sigstore.dev/cosign/sign/v1"},
            ),
            Kind.SIGNATURE,
        ),
        (
            document(
                EMPTY,
                [BUNDLE],
                artifactType=BUNDLE,
                annotations={"dev.sigstore.bundle.predicateType": "https://slsa.dev/provenance/v1"},
            ),
            Kind.ATTESTATION,
        ),
        (document(EMPTY, ["application/wasm"], artifactType="application/vnd.example.plugin"), Kind.ARTIFACT),
    ],
)
def test_the_kind_is_read_from_config_layers_and_artifact_type(body, kind):
    assert read(body).kind is kind


def test_only_an_image_has_a_config_that_is_worth_reading():
    assert missing(read(document("application/vnd.cncf.helm.config.v1+json"))) == set()
    assert missing(read(index(("linux", "amd64")), Artifact(media_type=INDEX, kind=Kind.INDEX), INDEX)) == set()


@pytest.mark.parametrize(
    ("platforms", "found"),
    [
        ([("linux", "amd64"), ("linux", "arm64")], ("", "")),
        ([("linux", "amd64"), ("unknown", "unknown")], ("linux", "amd64")),
        ([("linux", "arm64")], ("linux", "arm64")),
        ([("unknown", "unknown")], ("", "")),
        ([], ("", "")),
    ],
    ids=["several", "one and its attestation", "one", "an attestation", "none"],
)
def test_an_index_has_a_platform_when_it_is_for_one_only(platforms, found):
    """buildx writes an index for a single platform too, with an attestation of platform unknown/unknown beside it."""
    told = read(index(*platforms), Artifact(digest="sha256:d", media_type=INDEX, kind=Kind.INDEX), INDEX)
    assert (told.os, told.architecture) == found
    assert told.kind is Kind.INDEX
    assert len(told.references) == len(platforms)


def test_a_child_without_a_platform_or_with_a_strange_one_has_none():
    body = json.dumps({"manifests": [descriptor(OCI), descriptor(OCI, platform={"os": 1, "architecture": None})]})
    told = read(body.encode(), Artifact(media_type=INDEX, kind=Kind.INDEX), INDEX)
    assert (told.os, told.architecture) == ("", "")


def test_an_index_with_an_artifact_type_stays_an_index():
    body = index(("linux", "amd64"), artifactType="application/vnd.example")
    told = read(body, Artifact(media_type=INDEX, kind=Kind.INDEX), INDEX)
    assert (told.kind, told.artifact_type) == (Kind.INDEX, "application/vnd.example")


@pytest.mark.parametrize("body", [b"", b"[]", b"no json", b'{"config": 1}', b'{"annotations": {"a": 1}}', b"\xff"])
def test_what_cannot_be_read_tells_nothing_and_is_not_asked_for_again(body):
    """Its digest was right, so it would say the same the next time."""
    told = read(body)
    assert (told.kind, told.references, told.annotations) == (Kind.UNKNOWN, (), None)
    assert missing(told) == set()


def test_a_config_tells_platform_and_labels():
    body = {"os": "linux", "architecture": "arm64", "config": {"Labels": {"a": "b"}}, "rootfs": {}, "history": []}
    told = with_config(read(document()), json.dumps(body).encode())
    assert (told.os, told.architecture, told.labels) == ("linux", "arm64", {"a": "b"})
    assert missing(told) == set()


@pytest.mark.parametrize(
    "body",
    [
        None,
        b"",
        b"[]",
        b'{"os": 1}',
        b'{"config": {"Labels": null}}',
        b'{"config": null}',
        b'{"os": "' + b"x" * 101 + b'"}',
    ],
)
def test_a_config_that_tells_nothing_is_final_too(body):
    told = with_config(read(document()), body)
    assert (told.os, told.architecture, told.labels) == ("", "", None)
    assert missing(told) == set()


def test_texts_that_would_swell_every_event_are_left_out_whole():
    fits = {"a": "x" * (MAX_TEXTS - 8)}  # with {"a":""} around it
    assert read(document(annotations=fits)).annotations == fits
    assert read(document(annotations={"a": fits["a"] + "x"})).annotations is None
    labelled = json.dumps({"config": {"Labels": {"a": fits["a"] + "x"}}}).encode()
    assert with_config(read(document()), labelled).labels is None
