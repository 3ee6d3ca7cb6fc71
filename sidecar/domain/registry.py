"""The registries we listen to, as the configuration names them."""

import msgspec

from sidecar.domain.event import RegistryRef
from sidecar.domain.glob import ANYTHING, Globs
from sidecar.domain.secret import Secret
from sidecar.domain.transport import ClientTls


class ApiAccess(msgspec.Struct, frozen=True, kw_only=True):
    """A registry's own HTTP API. `url` is what stands before `/v2/`, without a slash; `username` "" = anonymous."""

    url: str
    username: str = ""
    password: Secret = Secret("")
    tls: ClientTls | None = None


class Registry(msgspec.Struct, frozen=True, kw_only=True):
    """One registry. `ref.name` is its identity; `public`, `ignored_*` name nothing when empty.

    `api` None = it is never asked anything.
    """

    ref: RegistryRef
    default_namespace: str = "library"
    public: Globs = ANYTHING
    ignored_actors: Globs = ANYTHING
    ignored_agents: Globs = ANYTHING
    api: ApiAccess | None = None

    @property
    def name(self) -> str:
        return self.ref.name

    def is_public(self, repository: str) -> bool:
        return self.public.names(repository)

    def ignores(self, actor: str, user_agent: str) -> bool:
        return self.ignored_actors.names(actor) or self.ignored_agents.names(user_agent)
