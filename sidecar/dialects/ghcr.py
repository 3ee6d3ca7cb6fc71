"""GitHub's webhook of a container that was published: the event `package`, or `registry_package` as GitHub Apps get it.

Keys are those of GitHub's descriptions of both events (2026), as far as a registry can fill them. `package_url` has
the registry's own host, which Kargo and Dokploy read; Keel, Argo CD and its Image Updater take every body for one of
ghcr.io. Only what is tagged is told, always as `published`: those receivers take nothing else, and GitHub has no event
for a deletion. The signature is the subscription's: `sign: {scheme: github}`.
"""

import hashlib
from collections.abc import Sequence
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from sidecar.dialects.contract import Audience, Dialect, Word, compact
from sidecar.domain import instant
from sidecar.domain.event import Artifact, Descriptor, Event, EventType, Kind, stable_uuid
from sidecar.domain.message import Message


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`event` is GitHub's name of the event, in X-GitHub-Event and in the body."""

    event: Literal["package", "registry_package"] = "package"


class _Owner(msgspec.Struct, frozen=True, kw_only=True):
    login: str
    id: int
    html_url: str
    type: str = "Organization"
    site_admin: bool = False


class _Tag(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    digest: str


class _Config(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    media_type: str
    size: int


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    media_type: str
    size: int
    config: _Config | UnsetType


class _Container(msgspec.Struct, frozen=True, kw_only=True):
    tag: _Tag
    labels: dict[str, str]
    manifest: _Manifest


class _Version(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    version: str
    summary: str = ""
    name: str
    description: str = ""
    html_url: str
    created_at: str
    updated_at: str
    metadata: tuple[()] = ()
    container_metadata: _Container
    package_files: tuple[()] = ()
    installation_command: str
    package_url: str


class _Registry(msgspec.Struct, frozen=True, kw_only=True):
    about_url: str
    name: str
    type: str = "containers"
    url: str
    vendor: str


class _Package(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    namespace: str
    description: str = ""
    ecosystem: str = "CONTAINER"
    package_type: str = "CONTAINER"
    html_url: str
    created_at: str
    updated_at: str
    owner: _Owner
    package_version: _Version
    registry: _Registry


class _Repository(msgspec.Struct, frozen=True, kw_only=True):
    id: int
    name: str
    full_name: str
    private: bool
    owner: _Owner
    html_url: str


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    action: str
    package: _Package | UnsetType = UNSET
    registry_package: _Package | UnsetType = UNSET
    repository: _Repository
    sender: _Owner


_CHART_CONFIG = "application/vnd.cncf.helm.config.v1+json"
_WORDS = (Word(name="published", types=frozenset({EventType.PUSHED}), fits=lambda event: bool(event.tags)),)


def render(event: Event, word: str, options: Options, _audience: Audience) -> Sequence[Message]:
    """One message for each tag."""
    return tuple(_said(event, word, tag, options.event) for tag in event.tags)


def _said(event: Event, word: str, tag: str, name: str) -> Message:
    place, package = event.repository, _package(event, tag, name)
    # Keel puts `full_name` before the name of a registry_package, and GitHub's own has two segments at most.
    source = package.namespace if name == "registry_package" else f"{package.namespace}/{package.name}"
    payload = _Payload(
        action=word,
        package=package if name == "package" else UNSET,
        registry_package=package if name == "registry_package" else UNSET,
        repository=_Repository(
            id=_number("repository", event.registry.name, place.path),
            name=source.rpartition("/")[2],
            full_name=source,
            private=not place.public,
            owner=package.owner,
            html_url=package.html_url,
        ),
        sender=_person(event, event.actor or "anonymous", "User"),
    )
    headers = (("X-GitHub-Event", name), ("X-GitHub-Delivery", stable_uuid(event.id, word, tag)))
    return Message(word=word, content_type="application/json", body=compact(payload), headers=headers)


def _package(event: Event, tag: str, event_name: str) -> _Package:
    registry, place, digest = event.registry, event.repository, event.artifact.digest
    namespace, name = place.namespace, place.name
    version = digest
    if event_name == "registry_package":
        namespace, _, name = f"{namespace}/{name}".rpartition("/")
        version = tag  # Keel reads the tag here; Dokploy then takes it from the end of `package_url`
    page = f"{registry.scheme}://{registry.hostname}"
    image = f"{registry.hostname}/{place.path}:{tag}"
    pushed = instant.rfc3339_seconds(event.time)
    return _Package(
        id=_number("package", registry.name, place.path),
        name=name,
        namespace=namespace,
        html_url=f"{page}/{place.path}",
        created_at=pushed if place.created is None else instant.rfc3339_seconds(place.created),
        updated_at=pushed,
        owner=_person(event, place.namespace, "Organization"),
        package_version=_Version(
            id=_number("version", registry.name, place.path, digest),
            version=version,
            name=digest,
            html_url=f"{page}/{place.path}",
            created_at=pushed,
            updated_at=pushed,
            container_metadata=_Container(
                tag=_Tag(name=tag, digest=digest),
                labels=event.artifact.labels or {},
                manifest=_manifest(event.artifact),
            ),
            installation_command=f"docker pull {image}",
            package_url=image,
        ),
        registry=_Registry(about_url=page, name=registry.name, url=page, vendor=registry.hostname),
    )


def _manifest(artifact: Artifact) -> _Manifest:
    """Kargo tells charts from images by the config's media type, and takes an image for either where it is unknown."""
    config = artifact.config
    if config is None and artifact.kind is Kind.CHART:
        config = Descriptor(media_type=_CHART_CONFIG)
    return _Manifest(
        digest=artifact.digest,
        media_type=artifact.media_type,
        size=artifact.size,
        config=UNSET
        if config is None or not config.media_type
        else _Config(digest=config.digest, media_type=config.media_type, size=config.size),
    )


def _person(event: Event, login: str, kind: str) -> _Owner:
    registry = event.registry
    page = f"{registry.scheme}://{registry.hostname}/{login}"
    return _Owner(login=login, id=_number("owner", registry.name, login), html_url=page, type=kind)


def _number(*parts: str) -> int:
    """A number that is always the same for the same parts, as GitHub's ids are; decoders may give it 32 bits."""
    return int(hashlib.sha1("\n".join(parts).encode(), usedforsecurity=False).hexdigest()[:7], 16)


DIALECT = Dialect(
    name="ghcr",
    title="GitHub container packages",
    options=Options,
    example=Options(),
    vocabulary=lambda _options: _WORDS,
    render=render,
)
