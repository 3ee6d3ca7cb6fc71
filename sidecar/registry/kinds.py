"""What an artifact is, as far as one record tells.

A registry says a manifest's media type, and with `includereferences: true` its descriptors: first the config, then
the layers (for an index: the children). `subject` and `artifactType` of a manifest are never sent.
"""

import re
from collections.abc import Sequence

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
    layers = {_kind_of_layer(one.media_type) for one in references[1:]}
    if len(layers) == 1:
        (common,) = layers
        if common is not None:
            return common
    if known is not None or media_type != _OCI_MANIFEST:
        return known or Kind.UNKNOWN
    config = _bare(references[0].media_type)
    return _BY_CONFIG.get(config, Kind.ARTIFACT) if config else Kind.UNKNOWN


def _bare(media_type: str) -> str:
    """Without parameters: `application/vnd.cyclonedx+json; version=1.4` and the like."""
    return media_type.partition(";")[0].strip().lower()


def _kind_of_layer(media_type: str) -> Kind | None:
    subtype = _bare(media_type).rpartition("/")[2]
    for beginning, kind in _LAYER_OF:
        if subtype.startswith(beginning):
            return kind
    return None
