"""Subscriptions: which events, in which format, where to, under which delivery policy."""

import enum

import msgspec

from sidecar.domain import instant
from sidecar.domain.event import OF_ARTIFACTS, OF_NAMESPACES, Event, EventType, Kind, Repository
from sidecar.domain.glob import ANYTHING, Globs
from sidecar.domain.mailbox import SCHEME, domains
from sidecar.domain.secret import Secret
from sidecar.domain.statuses import DEFAULT_GIVE_UP_ON, DEFAULT_SUCCESS
from sidecar.domain.transport import Transport

DEFAULT_EVENTS = (EventType.PUSHED, EventType.DELETED, EventType.TAG_DELETED)
DEFAULT_KINDS = frozenset({Kind.IMAGE, Kind.INDEX, Kind.CHART, Kind.ARTIFACT, Kind.UNKNOWN})

DEFAULT_BACKLOG = 200_000


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """Which events a subscription wants. Empty `registries` means all.

    `namespace`, and `repository` (a full path) within it, are bounds that no other filter widens, "" = none: whoever
    made the subscription may not hear of more. A repository of a single segment, `solo`, is `library/solo` as well.
    """

    registries: frozenset[str] = frozenset()
    repositories: Globs = ANYTHING
    tags: Globs = ANYTHING
    actors: Globs = ANYTHING
    kinds: frozenset[Kind] = DEFAULT_KINDS
    untagged: bool = False
    namespace: str = ""
    repository: str = ""

    def refusal(self, event: Event) -> str:
        """The first filter that refuses the event (`registries`, `repositories`, ...), "" when all admit it.

        What did not happen to an artifact has neither tags nor a kind, so those two filters do not apply to it. What
        happened to a whole namespace is admitted where a repository of it may be, whichever made it happen, and what
        happened to the whole registry where no repository is named. `untagged` is not judged here: a vendor word that
        was asked for by name may waive it.
        """
        if self.registries and event.registry.name not in self.registries:
            return "registries"
        place = event.repository
        path = place.path
        wide = not path or event.type in OF_NAMESPACES
        if self.namespace and not self._bounds(place, wide=wide):
            return "repositories"
        if not ((path and self.repositories.admits(path)) or (wide and self._reaches(place))):
            return "repositories"
        if not self.actors.admits(event.actor):
            return "actors"
        if event.type not in OF_ARTIFACTS:
            return ""
        kind = event.artifact.kind
        if kind not in self.kinds and not (kind is Kind.UNKNOWN and Kind.IMAGE in self.kinds):
            return "kinds"
        if self.tags.patterns and not any(self.tags.admits(tag) for tag in event.tags):
            return "tags"
        return ""

    def _bounds(self, place: Repository, *, wide: bool) -> bool:
        """Whether a place is within; `wide` = all of its namespace is meant, which no single repository holds."""
        if place.namespace != self.namespace:
            return False
        if not self.repository:
            return True
        return not wide and self.repository in (place.path, f"{place.namespace}/{place.name}")

    def _reaches(self, place: Repository) -> bool:
        if not place.namespace:
            return not self.repositories.patterns
        return self.repositories.reaches(place.namespace, holds_single=place.holds_single)


class Retry(msgspec.Struct, frozen=True, kw_only=True):
    """Exponential back-off with full jitter. Times in nanoseconds; nothing is tried after `horizon`."""

    initial: int = instant.SECOND
    factor: float = 3.0
    max_delay: int = instant.HOUR
    horizon: int = 3 * instant.DAY


class Rate(msgspec.Struct, frozen=True):
    """At most `count` attempts in `per` nanoseconds."""

    count: int
    per: int = instant.SECOND


class Order(enum.StrEnum):
    """What waits for what: a delivery is made once every earlier one of the same key is finished."""

    NONE = "none"
    REPOSITORY = "repository"
    SUBSCRIPTION = "subscription"

    def key(self, event: Event) -> str:
        """The key of a delivery about this event, "" when it waits for none.

        A registry's name holds no slash, so a repository's key is no other repository's, nor the subscription's.
        """
        if self is Order.NONE:
            return ""
        return "*" if self is Order.SUBSCRIPTION else f"{event.registry.name}/{event.repository.path}"


class Grouping(msgspec.Struct, frozen=True):
    """What happens within `window` nanoseconds of a first event is told with it in one message: what happens to the
    same repository, or with `whole` all that the subscription hears of.
    """

    window: int
    whole: bool = False

    def key(self, event: Event) -> str:
        """Of the group that an event is told with: "" for the only one there is."""
        return "" if self.whole else f"{event.registry.name}/{event.repository.path}"


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """How deliveries of a subscription are made. `timeout` in nanoseconds, for the whole exchange.

    Beyond `backlog` pending deliveries new ones are dead at once.
    """

    timeout: int = 10 * instant.SECOND
    concurrency: int = 4
    rate: Rate | None = None
    order: Order = Order.NONE
    backlog: int = DEFAULT_BACKLOG
    success: frozenset[int] = DEFAULT_SUCCESS
    give_up_on: frozenset[int] = DEFAULT_GIVE_UP_ON
    retry: Retry = Retry()


class SignScheme(enum.StrEnum):
    """How a message is signed."""

    STANDARD = "standard"  # Standard Webhooks: webhook-signature: v1,<base64> v1a,<base64> ...
    GITHUB = "github"  # X-Hub-Signature-256: sha256=<hex>
    X_SIGNATURE = "x-signature"  # X-Signature: sha256=<hex>, as Flux's generic-hmac reads it
    JFROG = "jfrog"  # X-Jfrog-Event-Auth: <hex>, as Artifactory signs
    NEXUS = "nexus"  # X-Nexus-Webhook-Signature: <hex of HMAC-SHA1>, as Nexus Repository signs


class Signing(msgspec.Struct, frozen=True, kw_only=True):
    """Scheme and secrets; several secrets at once let a receiver rotate (only `standard` can show them all)."""

    scheme: SignScheme
    secrets: tuple[Secret, ...]


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """One subscription. `events` are the names as configured; their meaning is the dialect's.

    `transport` None = connected to as usual: no proxy, the system's CAs. `group` None = each event by itself.
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
    group: Grouping | None = None
    enabled: bool = True
    formerly: str = ""

    @property
    def destination(self) -> str:
        """Scheme and host of the URL: all that logs and lists may show. Of mail addresses, their domains."""
        scheme, absolute, rest = self.url.partition("://")
        if not absolute:
            return domains(self.url) if self.url.startswith(SCHEME) else self.url
        host = rest.split("/", 1)[0].split("?", 1)[0].rpartition("@")[2]
        return f"{scheme}://{host}"
