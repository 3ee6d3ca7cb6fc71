"""The registries we listen to, as the configuration names them."""

import msgspec

from sidecar.domain import instant
from sidecar.domain.event import RegistryRef
from sidecar.domain.glob import ANYTHING, Globs


class Reconcile(msgspec.Struct, frozen=True, kw_only=True):
    """How often a registry is walked by itself, nanoseconds, and at how many requests a second."""

    every: int = instant.DAY
    rate: float = 20.0


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    """One registry. `ref.name` is its identity; `public`, `ignored_*` name nothing when empty.

    Without `reconcile` it is walked only when an operator says so.
    """

    ref: RegistryRef
    default_namespace: str = "library"
    public: Globs = ANYTHING
    ignored_actors: Globs = ANYTHING
    ignored_agents: Globs = ANYTHING
    reconcile: Reconcile | None = None

    @property
    def name(self) -> str:
        return self.ref.name

    def is_public(self, repository: str) -> bool:
        return self.public.names(repository)

    def ignores(self, actor: str, user_agent: str) -> bool:
        return self.ignored_actors.names(actor) or self.ignored_agents.names(user_agent)
