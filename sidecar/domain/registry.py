"""The registries we listen to, as the configuration names them."""

import msgspec

from sidecar.domain import instant
from sidecar.domain.event import RegistryRef
from sidecar.domain.glob import ANYTHING, Globs

PULL_WINDOW = 30 * instant.SECOND


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    """One registry. `ref.name` is its identity; `public`, `ignored_*` name nothing when empty.

    `pull_window` is how long a client's manifest requests may be one pull, in nanoseconds; with 0 each GET is a pull.
    """

    ref: RegistryRef
    default_namespace: str = "library"
    public: Globs = ANYTHING
    ignored_actors: Globs = ANYTHING
    ignored_agents: Globs = ANYTHING
    pull_window: int = PULL_WINDOW

    @property
    def name(self) -> str:
        return self.ref.name

    def is_public(self, repository: str) -> bool:
        return self.public.names(repository)

    def ignores(self, actor: str, user_agent: str) -> bool:
        return self.ignored_actors.names(actor) or self.ignored_agents.names(user_agent)
