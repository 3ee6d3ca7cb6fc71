"""The exact requests that a preset makes of events: through the configuration, the router and the destination.

`heard` gives them as they arrive at a receiver.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import yaml
from judging import Heard

from sidecar.config import presets
from sidecar.config.loading import load
from sidecar.config.settings import Bound
from sidecar.dialects.contract import Audience, sample
from sidecar.domain.event import Event, EventType, Kind, Repository
from sidecar.domain.instant import parse_rfc3339
from sidecar.outbound.signing import Signer
from sidecar.pipeline.courier import Destination
from sidecar.pipeline.routing import Route, Router

SECRET = "correct horse battery staple"
NOW = parse_rfc3339("2026-11-22T08:00:00Z")
DIGEST = "sha256:" + "0123456789abcdef" * 4
DOCKER = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"


def subscription(name: str, **own: Any) -> dict[str, Any]:
    """The least subscription with a preset, and what else is said of it."""
    return {**presets.example(name), **own}


def bound(tmp_path: Path, entry: dict[str, Any], **more: Any) -> Bound:
    """A subscription as the loader reads it; every variable that it names holds the secret."""
    text = yaml.safe_dump(
        {"registries": [{"name": "main", "hostname": "registry.example.com"}], "subscriptions": [entry], **more}
    )
    path = tmp_path / "config.yml"
    path.write_text(text)
    (found,) = load(path, dict.fromkeys(re.findall(r"\$\{env:(\w+)\}", text), SECRET)).subscriptions
    return found


def destination(one: Bound) -> Destination:
    return Destination.of(one.subscription, one.voice, Signer.of(one.subscription.signing), "registry-sidecar/1.0")


def heard(one: Bound, event: Event) -> list[Heard]:
    """What arrives of an event."""
    to = destination(one)
    audience = Audience("one", 1, url=one.subscription.url)
    plan = Router([Route(one.subscription, one.voice, 1, audience)]).plan(event)
    assert all(owed.message is not None for owed in plan.deliveries), [owed.detail for owed in plan.deliveries]
    return list(_arrived(to.request(owed.webhook_id, plan.messages[owed.message], NOW) for owed in plan.deliveries))


def _arrived(requests: Iterator[Any]) -> Iterator[Heard]:
    for one in requests:
        names = [name.lower() for name, _ in one.headers]
        assert len(names) == len(set(names)), f"a header is sent twice: {names}"
        yield Heard(one.url, {name.lower(): value for name, value in one.headers}, one.body)


def push(
    path: str = "prj/web/app",
    *,
    host: str = "registry.example.com",
    tag: str = "1.4.2",
    kind: Kind = Kind.IMAGE,
    media_type: str = OCI,
    what: EventType = EventType.PUSHED,
) -> Event:
    """A push as a registry of that host tells of it, with its own URL and the host that its client named."""
    event = sample(what)
    namespace, slash, name = path.partition("/")
    if not slash:
        namespace, name = "library", path
    return msgspec.structs.replace(
        event,
        registry=msgspec.structs.replace(event.registry, hostname=host),
        repository=msgspec.structs.replace(
            Repository(path=path, namespace=namespace, name=name),
            namespace_id=2,
            created=event.repository.created,
        ),
        artifact=msgspec.structs.replace(event.artifact, digest=DIGEST, kind=kind, media_type=media_type),
        tags=(tag,) if tag else (),
        request=msgspec.structs.replace(event.request, host=host),
        origin=msgspec.structs.replace(event.origin, url=f"https://{host}/v2/{path}/manifests/{DIGEST}"),
    )


PUSHES = {
    "an image": push(),
    "an image of Docker's": push(media_type=DOCKER),
    "an index": push(kind=Kind.INDEX, media_type=OCI_INDEX),
    "a deep name": push("a/b/c/d"),
    "one segment": push("app"),
    "a port": push(host="registry.example.com:5000"),
    "localhost": push(host="localhost:5000"),
    "localhost, one segment": push("app", host="localhost:5000"),
}
