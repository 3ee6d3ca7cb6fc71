"""JFrog Artifactory's webhook of the domain `docker`: a tag was pushed, deleted or promoted; one message for each tag.

Keys are those of JFrog's reference of event types (2026), with the `image_type` that Artifactory sends and Kargo reads.
An image of Artifactory is `<host>/<repo_key>/<path of the image>`: here the first segment of a repository is the key,
so that receivers which put the three together name the image as it is pulled.
"""

from collections.abc import Sequence
from typing import Any, Literal

import msgspec

from sidecar.dialects.contract import Audience, Dialect, Word, compact
from sidecar.domain.enrichment import Fact
from sidecar.domain.event import Artifact, Event, EventType, Kind
from sidecar.domain.message import Message

_MOST = 2**31 - 1  # Keel refuses a body whose size is no Int32


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`repo_key` stands for the key; "" = the first segment of each repository's name.

    `image_name: whole` is the repository's name with all its segments, which Keel puts behind the registry that it was
    told; `within_key` leaves out the key, as Artifactory does.
    """

    repo_key: str = ""
    image_name: Literal["whole", "within_key"] = "whole"


class _Platform(msgspec.Struct, frozen=True):
    architecture: str
    os: str


class _Data(msgspec.Struct, frozen=True, kw_only=True):
    repo_key: str
    path: str
    name: str
    sha256: str
    size: int
    image_name: str
    image_type: str
    tag: str
    platforms: tuple[_Platform, ...]


class _Payload(msgspec.Struct, frozen=True, kw_only=True):
    domain: str
    event_type: str
    data: _Data
    subscription_key: str
    jpd_origin: str
    source: str


_READS = frozenset({Fact.KIND, Fact.PLATFORM})
_WORDS = (
    Word(name="pushed", types=frozenset({EventType.PUSHED}), fits=lambda event: bool(event.tags), reads=_READS),
    Word(name="deleted", types=frozenset({EventType.TAG_DELETED})),
    Word(name="promoted", types=frozenset({EventType.PROMOTED}), fits=lambda event: bool(event.tags)),
)


def check(options: Options) -> str:
    """The key is one segment of a path."""
    if "/" in options.repo_key:
        return "`repo_key` is one segment of a name, without a slash"
    return ""


def render(event: Event, word: str, options: Options, audience: Audience) -> Sequence[Message]:
    """One message for each tag."""
    registry, artifact, path = event.registry, event.artifact, event.repository.path
    key, within = options.repo_key, path
    if not key or f"{path}/".startswith(f"{key}/"):
        key, _, within = path.partition("/")
    name = "list.manifest.json" if artifact.kind is Kind.INDEX else "manifest.json"
    return tuple(
        Message(
            word=word,
            content_type="application/json",
            body=compact(
                _Payload(
                    domain="docker",
                    event_type=word,
                    data=_Data(
                        repo_key=key,
                        path="/".join(part for part in (within, tag, name) if part),
                        name=name,
                        sha256=artifact.digest.removeprefix("sha256:"),
                        size=artifact.size if artifact.size <= _MOST else 0,  # 0 is "not known", as in every event
                        image_name=path if options.image_name == "whole" else within or path,
                        # Kargo compares `oci` with subscriptions to charts, `docker` with those to images.
                        image_type="oci" if artifact.kind is Kind.CHART else "docker",
                        tag=tag,
                        platforms=_platforms(artifact),
                    ),
                    subscription_key=audience.subscription,
                    jpd_origin=f"{registry.scheme}://{registry.hostname}",
                    source=f"jfrog/{event.actor or 'anonymous'}",
                )
            ),
        )
        for tag in event.tags
    )


def _platforms(artifact: Artifact) -> tuple[_Platform, ...]:
    """Of an image its own, of an index those of what it lists; none where nobody told."""
    if artifact.kind is Kind.INDEX:
        told = [one.platform for one in artifact.references if one.platform]
        found = [_Platform(_text(one.get("architecture")), _text(one.get("os"))) for one in told]
        # An attestation in an index has the platform unknown/unknown.
        return tuple(one for one in found if one.architecture != "unknown")
    return (_Platform(artifact.architecture, artifact.os),) if artifact.architecture or artifact.os else ()


def _text(raw: msgspec.Raw | None) -> str:
    value: Any = None if raw is None else msgspec.json.decode(raw)
    return value if isinstance(value, str) else ""


DIALECT = Dialect(
    name="jfrog",
    title="JFrog Artifactory webhooks (domain docker)",
    options=Options,
    example=Options(),
    vocabulary=lambda _options: _WORDS,
    render=render,
    check=check,
    scoped=lambda _options, _word: True,
)
