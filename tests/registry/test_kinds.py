"""What an artifact is: one case per rule, and which rule wins."""

import pytest

from sidecar.domain.event import Descriptor, Kind
from sidecar.registry.kinds import kind_of

DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
IMAGE_CONFIG = "application/vnd.oci.image.config.v1+json"
EMPTY = "application/vnd.oci.empty.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
HEX = "0123456789abcdef" * 4


def references(*media_types: str) -> tuple[Descriptor, ...]:
    return tuple(Descriptor(media_type=one, digest=f"sha256:{at}") for at, one in enumerate(media_types))


@pytest.mark.parametrize(
    ("media_type", "kind"),
    [
        (DOCKER, Kind.IMAGE),
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", Kind.IMAGE),
        ("application/vnd.docker.distribution.manifest.v1+json", Kind.IMAGE),
        ("application/vnd.docker.distribution.manifest.list.v2+json", Kind.INDEX),
        (OCI_INDEX, Kind.INDEX),
        ("application/vnd.acr.helm.chart", Kind.CHART),
        (OCI, Kind.UNKNOWN),
        ("", Kind.UNKNOWN),
        ("application/x-something", Kind.UNKNOWN),
    ],
)
def test_the_media_type_alone(media_type, kind):
    assert kind_of(media_type, "1.0", ()) is kind


@pytest.mark.parametrize(
    ("config", "kind"),
    [
        (IMAGE_CONFIG, Kind.IMAGE),
        ("application/vnd.docker.container.image.v1+json", Kind.IMAGE),
        ("application/vnd.cncf.helm.config.v1+json", Kind.CHART),
        ("application/vnd.cncf.notary.signature", Kind.SIGNATURE),
        (EMPTY, Kind.ARTIFACT),
        ("application/vnd.wasm.config.v0+json", Kind.ARTIFACT),
        ("", Kind.UNKNOWN),
    ],
)
def test_the_config_of_an_oci_manifest_decides(config, kind):
    assert kind_of(OCI, "1.0", references(config, LAYER)) is kind


@pytest.mark.parametrize(("suffix", "kind"), [("sig", Kind.SIGNATURE), ("att", Kind.ATTESTATION), ("sbom", Kind.SBOM)])
@pytest.mark.parametrize("media_type", [OCI, DOCKER])
def test_an_accessory_is_known_by_its_tag_even_as_a_docker_manifest(media_type, suffix, kind):
    """cosign can be told to write Docker manifests; its tags still say what they are."""
    assert kind_of(media_type, f"sha256-{HEX}.{suffix}", references(IMAGE_CONFIG, LAYER)) is kind
    assert kind_of(media_type, f"sha256-{HEX}.{suffix}", ()) is kind


@pytest.mark.parametrize(
    "tag",
    [
        f"sha256-{HEX}",
        f"sha256-{HEX}.sig2",
        f"sha256-{HEX[1:]}.sig",
        f"x-sha256-{HEX}.sig",
        "1.0.sig",
        f"sha256-{HEX}.sig\n",
    ],
)
def test_a_tag_that_only_looks_like_an_accessory_is_none(tag):
    """The bare `sha256-<hex>` is the index of referrers that older clients keep, not a signature."""
    assert kind_of(OCI_INDEX, tag, ()) is Kind.INDEX
    assert kind_of(OCI, tag, references(IMAGE_CONFIG, LAYER)) is Kind.IMAGE


@pytest.mark.parametrize(
    ("layer", "kind"),
    [
        ("application/vnd.dev.cosign.simplesigning.v1+json", Kind.SIGNATURE),
        ("application/vnd.dsse.envelope.v1+json", Kind.ATTESTATION),
        ("application/vnd.in-toto+json", Kind.ATTESTATION),
        ("application/vnd.in-toto.provenance+dsse", Kind.ATTESTATION),
        ("application/spdx+json", Kind.SBOM),
        ("text/spdx", Kind.SBOM),
        ("text/spdx+json", Kind.SBOM),
        ("spdx+json", Kind.SBOM),
        ("application/vnd.cyclonedx+json", Kind.SBOM),
        ("application/vnd.cyclonedx+json; version=1.6", Kind.SBOM),
        ("application/vnd.cyclonedx+xml", Kind.SBOM),
        ("application/vnd.syft+json", Kind.SBOM),
    ],
)
@pytest.mark.parametrize("config", [IMAGE_CONFIG, EMPTY])
def test_an_accessory_is_known_by_its_layers_whatever_its_config(config, layer, kind):
    """cosign and BuildKit give signatures and attestations an image's config."""
    assert kind_of(OCI, "", references(config, layer)) is kind
    assert kind_of(OCI, "", references(config, layer, layer)) is kind


def test_an_image_that_carries_an_sbom_among_its_layers_is_an_image():
    assert kind_of(OCI, "1.0", references(IMAGE_CONFIG, LAYER, "application/spdx+json")) is Kind.IMAGE


def test_the_children_of_an_index_do_not_change_what_it_is():
    children = references(OCI, "application/vnd.dsse.envelope.v1+json")
    assert kind_of(OCI_INDEX, "1.0", children) is Kind.INDEX


def test_an_oci_manifest_with_a_config_and_no_layers_is_what_its_config_says():
    assert kind_of(OCI, "1.0", references("application/vnd.cncf.helm.config.v1+json")) is Kind.CHART
