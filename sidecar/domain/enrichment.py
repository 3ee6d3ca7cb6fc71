"""What a registry's own API can add to an artifact: which facts are missing, and how answers change it.

A notification tells a manifest's media type and, where the registry is told to, its references. Facts are found in the
manifest itself, or in the config blob of an image:

fact           found in                       what it is
-----------    ---------------------------    ---------------------------------------------------------
kind           manifest                       what an OCI manifest is, by its config, layers and type
references     manifest                       config and layers (so also the image's size), or children
manifest       manifest                       annotations, artifact type, subject
platform       config; of an index, itself    os and architecture
labels         config                         the image's labels

What is the same digest is the same content, so an answer is asked for once and holds for ever.
"""

import enum
from typing import Any, Final

import msgspec

from sidecar.domain.event import Artifact, Descriptor, Kind


class Fact(enum.StrEnum):
    """What a dialect's word may read of an artifact."""

    KIND = "kind"
    REFERENCES = "references"
    MANIFEST = "manifest"
    PLATFORM = "platform"
    LABELS = "labels"


NOTHING: Final[frozenset[Fact]] = frozenset()
# By which a tag ends (domain/expiry.py). The manifests of an index are read although they have no tag that could end.
FOR_ENDS: Final = frozenset({Fact.KIND, Fact.LABELS, Fact.REFERENCES, Fact.MANIFEST})
IMAGE_CONFIGS = frozenset(
    {"application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json"}
)
_EMPTY_CONFIG = "application/vnd.oci.empty.v1+json"  # of an artifact whose manifest says what it is
_SIGNED_SCHEMA_1 = frozenset(
    {
        "application/vnd.docker.distribution.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v1+prettyjws",
    }
)
_IN_CONFIG = frozenset({Fact.PLATFORM, Fact.LABELS})


def missing(artifact: Artifact) -> frozenset[Fact]:
    """The facts that are not known and that an API may know."""
    if (artifact.manifest_read and artifact.config_read) or artifact.media_type in _SIGNED_SCHEMA_1:
        return NOTHING
    facts: set[Fact] = set()
    if not artifact.manifest_read:
        facts.add(Fact.MANIFEST)
        if not artifact.references:
            facts.add(Fact.REFERENCES)
        if artifact.kind is Kind.UNKNOWN or (artifact.kind is Kind.ARTIFACT and _says_nothing(artifact.config)):
            facts.add(Fact.KIND)
    if not artifact.config_read:
        config = artifact.config
        if artifact.kind is Kind.INDEX:
            facts.add(Fact.PLATFORM)
        elif config is None or config.media_type in IMAGE_CONFIGS:
            facts |= _IN_CONFIG
    return frozenset(facts)


def asks_manifest(artifact: Artifact, wanted: frozenset[Fact]) -> bool:
    """Whether the manifest must be read for what is wanted of the missing facts."""
    facts = wanted & missing(artifact)
    if artifact.manifest_read or not facts:
        return False
    return bool(facts - _IN_CONFIG) or artifact.config is None


def asks_config(artifact: Artifact, wanted: frozenset[Fact]) -> str:
    """The digest of the config blob that must be read, "" for none."""
    config = artifact.config
    if config is None or config.media_type not in IMAGE_CONFIGS or not (wanted & missing(artifact) & _IN_CONFIG):
        return ""
    return config.digest


def merged(artifact: Artifact, known: Artifact) -> Artifact:
    """The artifact, completed with what is known of the same digest: same digest, same content."""
    changes: dict[str, Any] = {}
    if known.kind is not artifact.kind and (
        artifact.kind is Kind.UNKNOWN or (artifact.kind is Kind.ARTIFACT and known.manifest_read)
    ):
        changes["kind"] = artifact.kind if known.kind is Kind.UNKNOWN else known.kind
    if known.references and not artifact.references:
        changes["references"] = known.references
    if known.manifest_read and not artifact.manifest_read:
        changes["manifest_read"] = True
        # References read from the manifest have what a notification may leave out, such as platforms.
        changes["references"] = known.references or artifact.references
        changes["artifact_type"] = known.artifact_type
        changes["subject"] = known.subject
        changes["annotations"] = known.annotations
    if known.config_read and not artifact.config_read:
        changes["config_read"] = True
        changes["os"] = known.os
        changes["architecture"] = known.architecture
        changes["labels"] = known.labels
    return msgspec.structs.replace(artifact, **changes) if changes else artifact


def learned(artifact: Artifact, known: Artifact | None) -> bool:
    """Whether more was read of the artifact than is known."""
    if known is None:
        return artifact.manifest_read or artifact.config_read
    return (artifact.manifest_read and not known.manifest_read) or (artifact.config_read and not known.config_read)


def _says_nothing(config: Descriptor | None) -> bool:
    return config is None or config.media_type == _EMPTY_CONFIG
