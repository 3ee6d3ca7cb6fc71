"""Manifests as a registry serves them, as far as an Artifact needs them.

Shapes (OCI image-spec 1.1, Docker manifest v2 schema 2, and schema 1, which has neither config nor descriptors):

    {"config": Descriptor, "layers": [Descriptor, ...]}   an image, a chart, any artifact
    {"manifests": [Descriptor, ...]}                      an index, a Docker manifest list
"""

from typing import Annotated

import msgspec

from sidecar.domain.event import Artifact, Descriptor
from sidecar.ports import ManifestDocument
from sidecar.registry.kinds import kind_of

_Size = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class _Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str | None = None
    digest: str | None = None
    size: _Size | None = None
    artifact_type: str | None = None
    annotations: dict[str, str] | None = None
    platform: dict[str, msgspec.Raw] | None = None


class _Manifest(msgspec.Struct, frozen=True, rename="camel"):
    config: _Descriptor | None = None
    layers: list[_Descriptor] | None = None
    manifests: list[_Descriptor] | None = None


_read = msgspec.json.Decoder(_Manifest).decode


def artifact_of(document: ManifestDocument, tag: str) -> Artifact:
    """What a manifest is. One that cannot be read keeps its digest, media type and size, and refers to nothing."""
    try:
        manifest = _read(document.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        manifest = _Manifest()
    found = list(manifest.manifests or ())
    if manifest.config is not None:
        found = [manifest.config, *(manifest.layers or ())]
    references = tuple(_descriptor(one) for one in found)
    return Artifact(
        digest=document.digest,
        media_type=document.media_type,
        size=len(document.body),
        kind=kind_of(document.media_type, tag, references),
        references=references,
    )


def _descriptor(wire: _Descriptor) -> Descriptor:
    return Descriptor(
        media_type=wire.media_type or "",
        digest=wire.digest or "",
        size=wire.size or 0,
        artifact_type=wire.artifact_type or "",
        annotations=wire.annotations or None,
        # Copied: what was read points into the whole document and would keep it in memory.
        platform={key: value.copy() for key, value in wire.platform.items()} if wire.platform else None,
    )
