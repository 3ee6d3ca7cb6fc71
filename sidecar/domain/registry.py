"""The registries we listen to, as the configuration names them."""

import enum

import msgspec

from sidecar.domain import instant
from sidecar.domain.event import RegistryRef
from sidecar.domain.glob import ANYTHING, Globs
from sidecar.domain.secret import Secret
from sidecar.domain.subscription import Rate
from sidecar.domain.transport import ClientTls


class Asked(enum.StrEnum):
    """What a question to a registry's API came to. Closed: a metric label."""

    OK = "ok"  # answered; also with an empty page
    UNCHANGED = "unchanged"  # 304
    NOT_FOUND = "not_found"
    UNAUTHORIZED = "unauthorized"  # 401, 403, or no token
    THROTTLED = "throttled"  # 429
    REFUSED = "refused"  # any other status that is no success
    SERVER_ERROR = "server_error"
    UNREACHABLE = "unreachable"  # no connection, or it broke
    TIMED_OUT = "timed_out"
    INVALID = "invalid"  # what came is not what was asked for, or its digest is wrong
    SKIPPED = "skipped"  # not asked: the breaker is open, or the registry wants to be left alone


class ApiAccess(msgspec.Struct, frozen=True, kw_only=True):
    """A registry's own HTTP API. `url` is what stands before `/v2/`, without a slash; `username` "" = anonymous."""

    url: str
    username: str = ""
    password: Secret = Secret("")
    tls: ClientTls | None = None


PULL_WINDOW = 30 * instant.SECOND


class Reconcile(msgspec.Struct, frozen=True, kw_only=True):
    """How often a registry is walked by itself, nanoseconds, and how many requests a walk makes in which time."""

    every: int = instant.DAY
    rate: Rate = Rate(20)


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    """One registry. `ref.name` is its identity; `public`, `ignored_*` name nothing when empty.

    `pull_window` is how long a client's manifest requests may be one pull, in nanoseconds; with 0 each GET is a pull.
    `api` None = it is never asked anything. Without `reconcile` it is walked only when an operator says so.
    """

    ref: RegistryRef
    default_namespace: str = "library"
    public: Globs = ANYTHING
    ignored_actors: Globs = ANYTHING
    ignored_agents: Globs = ANYTHING
    pull_window: int = PULL_WINDOW
    api: ApiAccess | None = None
    reconcile: Reconcile | None = None

    @property
    def name(self) -> str:
        return self.ref.name

    def is_public(self, repository: str) -> bool:
        return self.public.names(repository)

    def ignores(self, actor: str, user_agent: str) -> bool:
        return self.ignored_actors.names(actor) or self.ignored_agents.names(user_agent)
