"""Subscriptions: which events, in which format, where to, under which delivery policy."""

import enum

import msgspec

from sidecar.domain import instant
from sidecar.domain.event import Event, EventType, Kind
from sidecar.domain.glob import ANYTHING, Globs
from sidecar.domain.secret import Secret
from sidecar.domain.transport import Transport

DEFAULT_EVENTS = (EventType.PUSHED, EventType.DELETED, EventType.TAG_DELETED)
DEFAULT_KINDS = frozenset({Kind.IMAGE, Kind.INDEX, Kind.CHART, Kind.ARTIFACT, Kind.UNKNOWN})

RETRIED_4XX = frozenset({401, 403, 404, 408, 409, 423, 425, 429})
DEFAULT_SUCCESS = frozenset(range(200, 300))
DEFAULT_GIVE_UP_ON = frozenset(range(400, 500)) - RETRIED_4XX | {501}


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a subscription wants. Empty `registries` means all."""

    registries: frozenset[str] = frozenset()
    repositories: Globs = ANYTHING
    tags: Globs = ANYTHING
    actors: Globs = ANYTHING
    kinds: frozenset[Kind] = DEFAULT_KINDS
    untagged: bool = False

    def refusal(self, event: Event) -> str:
        """The first filter that refuses the event (`registries`, `repositories`, ...), "" when all admit it.

        Repository events have neither tags nor a kind, so those two filters do not apply to them. `untagged` is not
        judged here: a vendor word that was asked for by name may waive it.
        """
        if self.registries and event.registry.name not in self.registries:
            return "registries"
        if not self.repositories.admits(event.repository.path):
            return "repositories"
        if not self.actors.admits(event.actor):
            return "actors"
        if event.type in {EventType.REPOSITORY_CREATED, EventType.REPOSITORY_DELETED}:
            return ""
        kind = event.artifact.kind
        if kind not in self.kinds and not (kind is Kind.UNKNOWN and Kind.IMAGE in self.kinds):
            return "kinds"
        if self.tags.patterns and not any(self.tags.admits(tag) for tag in event.tags):
            return "tags"
        return ""


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """Exponential back-off with full jitter. Times in nanoseconds; nothing is tried after `horizon`."""

    initial: int = instant.SECOND
    factor: float = 3.0
    max_delay: int = instant.HOUR
    horizon: int = 3 * instant.DAY


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How deliveries of a subscription are made. `timeout` in nanoseconds, for the whole exchange."""

    timeout: int = 10 * instant.SECOND
    concurrency: int = 4
    success: frozenset[int] = DEFAULT_SUCCESS
    give_up_on: frozenset[int] = DEFAULT_GIVE_UP_ON
    retry: Retry = Retry()


class SignScheme(enum.StrEnum):
    """How a message is signed."""

    STANDARD = "standard"  # Standard Webhooks: webhook-signature: v1,<base64> v1a,<base64> ...
    GITHUB = "github"  # X-Hub-Signature-256: sha256=<hex>
    X_SIGNATURE = "x-signature"  # X-Signature: sha256=<hex>, as Flux's generic-hmac reads it


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """Scheme and secrets; several secrets at once let a receiver rotate (only `standard` can show them all)."""

    scheme: SignScheme
    secrets: tuple[Secret, ...]


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription. `events` are the names as configured; their meaning is the dialect's.

    `transport` None = connected to as usual: no proxy, the system's CAs.
    """

    name: str
    format: str
    url: str
    events: tuple[str, ...] = DEFAULT_EVENTS
    match: Match = Match()
    headers: tuple[tuple[str, Secret], ...] = ()
    signing: Signing | None = None
    transport: Transport | None = None
    policy: Policy = Policy()
    enabled: bool = True
    formerly: str = ""

    @property
    def destination(self) -> str:
        """Scheme and host of the URL: all that logs and lists may show."""
        scheme, _, rest = self.url.partition("://")
        host = rest.split("/", 1)[0].split("?", 1)[0].rpartition("@")[2]
        return f"{scheme}://{host}"
