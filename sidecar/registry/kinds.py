"""What an artifact is, as far as one record or its manifest tells.

A registry says a manifest's media type, and with `includereferences: true` its descriptors: first the config, then
the layers (for an index: the children). `artifactType` and annotations of a manifest are never sent: only who reads
the manifest itself knows them.
"""

import re
from collections.abc import Mapping, Sequence

from sidecar.domain.event import Descriptor, Kind

_OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"

_BY_MEDIA_TYPE = {
    "application/vnd.docker.distribution.manifest.v2+json": Kind.IMAGE,
    "application/vnd.docker.distribution.manifest.v1+json": Kind.IMAGE,
    "application/vnd.docker.distribution.manifest.v1+prettyjws": Kind.IMAGE,
    "application/vnd.docker.distribution.manifest.list.v2+json": Kind.INDEX,
    "application/vnd.oci.image.index.v1+json": Kind.INDEX,
    "application/vnd.acr.helm.chart": Kind.CHART,
}
_BY_CONFIG = {
    "application/vnd.oci.image.config.v1+json": Kind.IMAGE,
    "application/vnd.docker.container.image.v1+json": Kind.IMAGE,
    "application/vnd.cncf.helm.config.v1+json": Kind.CHART,
    "application/vnd.cncf.notary.signature": Kind.SIGNATURE,
}
_BY_SUFFIX = {"sig": Kind.SIGNATURE, "att": Kind.ATTESTATION, "sbom": Kind.SBOM}
_ACCESSORY_TAG = re.compile(r"sha256-[0-9a-f]{64}\.(sig|att|sbom)", re.ASCII)

# Beginnings of a layer's media type without what stands before the slash: the same document goes by
# `application/spdx+json`, `text/spdx+json` and cosign's bare `spdx+json`.
_LAYER_OF = (
    ("vnd.dev.cosign.simplesigning", Kind.SIGNATURE),
    ("vnd.dsse.envelope", Kind.ATTESTATION),
    ("vnd.in-toto", Kind.ATTESTATION),
    ("spdx", Kind.SBOM),
    ("vnd.cyclonedx", Kind.SBOM),
    ("vnd.syft", Kind.SBOM),
)
# The same for `artifactType`, which also says what the layer's own type leaves open.
_ARTIFACT_OF = (
    *_LAYER_OF,
    ("vnd.cncf.notary.signature", Kind.SIGNATURE),
    ("vnd.dev.cosign.artifact.sig", Kind.SIGNATURE),
    ("vnd.dev.cosign.artifact.att", Kind.ATTESTATION),
    ("vnd.dev.cosign.artifact.sbom", Kind.SBOM),
)
# cosign 3 and GitHub keep signatures and attestations alike in bundles; the annotation tells them apart.
_BUNDLE = "vnd.dev.sigstore.bundle"
_PREDICATE = "dev.sigstore.bundle.predicateType"
_SIGNED = "https://sigstore.dev/cosign/sign/v1"


def kind_of(media_type: str, tag: str, references: Sequence[Descriptor]) -> Kind:
    """The kind of a manifest or index.

    Accessories come first: cosign gives its signatures an image's config, and a Docker manifest when asked to.
    """
    accessory = _ACCESSORY_TAG.fullmatch(tag)
    if accessory is not None:
        return _BY_SUFFIX[accessory[1]]
    media_type = _bare(media_type)
    known = _BY_MEDIA_TYPE.get(media_type)
    if known is Kind.INDEX or not references:
        return known or Kind.UNKNOWN
    layers = {_kind_of_layer(one) for one in {one.media_type for one in references[1:]}}  # mostly all alike
    if len(layers) == 1:
        (common,) = layers
        if common is not None:
            return common
    if known is not None or media_type != _OCI_MANIFEST:
        return known or Kind.UNKNOWN
    config = _bare(references[0].media_type)
    return _BY_CONFIG.get(config, Kind.ARTIFACT) if config else Kind.UNKNOWN


def kind_of_manifest(
    media_type: str, references: Sequence[Descriptor], artifact_type: str, annotations: Mapping[str, str]
) -> Kind:
    """The kind of a manifest or index that was read: by its artifact type first, else as `kind_of` without a tag."""
    subtype = _bare(artifact_type).rpartition("/")[2]
    if subtype.startswith(_BUNDLE):
        return Kind.SIGNATURE if annotations.get(_PREDICATE, _SIGNED) == _SIGNED else Kind.ATTESTATION
    kind = kind_of(media_type, "", references)
    return (_begins(subtype, _ARTIFACT_OF) or kind) if kind is not Kind.INDEX else kind


def _bare(media_type: str) -> str:
    """Without parameters: `application/vnd.cyclonedx+json; version=1.4` and the like."""
    return media_type.partition(";")[0].strip().lower()


def _kind_of_layer(media_type: str) -> Kind | None:
    return _begins(_bare(media_type).rpartition("/")[2], _LAYER_OF)


def _begins(subtype: str, table: Sequence[tuple[str, Kind]]) -> Kind | None:
    for beginning, kind in table:
        if subtype.startswith(beginning):
            return kind
    return None
