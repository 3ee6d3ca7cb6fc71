"""Manifests, indexes and config blobs as a registry's API sends them, said as an Artifact. Pure.

Shapes: OCI image-spec 1.1 (manifest, index, config) and Docker schema 2, which has the same fields under the same
names. What cannot be read tells nothing; since its digest was right, it would tell nothing the next time either.
"""

import msgspec

from sidecar.domain.enrichment import IMAGE_CONFIGS, merged
from sidecar.domain.event import Artifact, Descriptor, Kind
from sidecar.registry.envelope import WireReference
from sidecar.registry.kinds import kind_of_manifest
from sidecar.registry.normalise import descriptor

MAX_TEXTS = 16 * 1024  # bytes of a manifest's annotations, or of an image's labels; larger ones are left out whole
_MAX_WORD = 100  # characters of os, architecture
_NO_PLATFORM = "unknown"  # BuildKit's attestations stand in an index with the platform unknown/unknown


class _Manifest(msgspec.Struct, frozen=True, rename="camel"):
    media_type: str | None = None
    artifact_type: str | None = None
    config: WireReference | None = None
    layers: list[WireReference | None] | None = None
    manifests: list[WireReference | None] | None = None
    subject: WireReference | None = None
    annotations: dict[str, str] | None = None


class _Inner(msgspec.Struct, frozen=True):
    labels: dict[str, str] | None = msgspec.field(default=None, name="Labels")


class _Config(msgspec.Struct, frozen=True):
    os: str | None = None
    architecture: str | None = None
    config: _Inner | None = None


_manifest = msgspec.json.Decoder(_Manifest).decode
_config = msgspec.json.Decoder(_Config).decode
_text = msgspec.json.Decoder(str).decode
_encode = msgspec.json.encode


def with_manifest(artifact: Artifact, media_type: str, body: bytes) -> Artifact:
    """The artifact with what its manifest or index tells. `media_type` is what the registry sent it as."""
    wire = _read_manifest(body)
    media_type = artifact.media_type or media_type or wire.media_type or ""
    listed = wire.manifests if wire.manifests is not None else [wire.config, *(wire.layers or ())]
    references = tuple(descriptor(one) for one in listed or () if one is not None)
    annotations = _bounded(wire.annotations)
    kind = kind_of_manifest(media_type, references, wire.artifact_type or "", wire.annotations or {})
    os, architecture = _only_platform(references) if kind is Kind.INDEX else ("", "")
    read = Artifact(
        digest=artifact.digest,
        media_type=media_type,
        size=artifact.size or len(body),
        kind=kind,
        references=references,
        os=os,
        architecture=architecture,
        artifact_type=wire.artifact_type or "",
        subject=(wire.subject.digest or "") if wire.subject is not None else "",
        annotations=annotations,
        manifest_read=True,
        config_read=wire.config is None or wire.config.media_type not in IMAGE_CONFIGS,
    )
    return msgspec.structs.replace(merged(artifact, read), media_type=media_type, size=read.size)


def with_config(artifact: Artifact, body: bytes | None) -> Artifact:
    """The artifact with what its image config tells; None = there is none to be had, which is final too."""
    wire = _read_config(body) if body is not None else _Config()
    return msgspec.structs.replace(
        artifact,
        os=_word(wire.os),
        architecture=_word(wire.architecture),
        labels=_bounded(wire.config.labels) if wire.config is not None else None,
        config_read=True,
    )


def _read_manifest(body: bytes) -> _Manifest:
    try:
        return _manifest(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Manifest()


def _read_config(body: bytes) -> _Config:
    try:
        return _config(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return _Config()


def _only_platform(children: tuple[Descriptor, ...]) -> tuple[str, str]:
    """The platform of an index that has only one, attestations aside; what is for several has none."""
    found = {_platform(one) for one in children}
    found -= {(_NO_PLATFORM, _NO_PLATFORM), ("", "")}
    return found.pop() if len(found) == 1 else ("", "")


def _platform(child: Descriptor) -> tuple[str, str]:
    given = child.platform or {}
    return _raw(given.get("os")), _raw(given.get("architecture"))


def _raw(value: msgspec.Raw | None) -> str:
    try:
        return _word(_text(value)) if value is not None else ""
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def _word(text: str | None) -> str:
    return text if text is not None and len(text) <= _MAX_WORD else ""


def _bounded(texts: dict[str, str] | None) -> dict[str, str] | None:
    """None for an empty map, too, and for one that would make every event of the artifact large."""
    return texts if texts and len(_encode(texts)) <= MAX_TEXTS else None
